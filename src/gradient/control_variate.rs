//! `ControlVariate`: what the slopes of a batch are compared with, so that the noise of its gradient dies away.
//!
//! The gradient of a batch is `X_B^T (r - r') / b + m`, with r the slopes now, r' slopes of the same rows that are known,
//! and `m = X^T r' / n` over all rows. Its mean is the gradient over all rows, whatever r' is; and its variance vanishes
//! where r' approaches r, as it does when the parameters come to rest.

use super::model::ParameterBlock;
use super::{Layout, Model};
use crate::data::{Active, Sharding};
use crate::error::{Error, Result, try_copied, try_filled};
use crate::kernel::{bytes_of, bytes_of_mut, gather, prefetch, prefetch_one};
use crate::scalar::Scalar;

/// The slopes that are known, and the gradient they make over all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlVariate<T> {
    /// Where the slopes come from.
    pub baseline: Baseline<T>,
    /// `X^T r' / n` in the layout of the parameters, without the penalty: in double, since what a step adds to it is
    /// small beside it.
    pub mean: Vec<f64>,
    /// Whether `mean` is part of the gradient. Not while the first epoch of SAGA fills the table: then the gradient is that
    /// of the batch alone, and the table of a row that was not seen yet is 0.
    pub uses_mean: bool,
    /// What the step under way changes the sum `X^T r'` by, of all columns or those of the batch.
    change: Vec<T>,
}

/// The columns that a gradient has: some of all.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnColumns<'c> {
    pub(super) columns: &'c [usize],
    /// The layout of the gradient.
    pub(super) few: Layout,
    /// The layout of the problem.
    pub(super) all: Layout,
}

/// Where slopes are known from.
#[derive(Debug, Clone, PartialEq)]
pub enum Baseline<T> {
    /// SAGA: from when the row was last seen. The weighted slopes of stored row i are at `k i`, one for each output.
    ///
    /// Source: A. Defazio, F. Bach, S. Lacoste-Julien, SAGA: a fast incremental gradient method with support for
    /// non-strongly convex composite objectives, NIPS 2014.
    Table(Vec<T>),
    /// SVRG: computed anew at these parameters, in the layout of the problem.
    ///
    /// Source: R. Johnson, T. Zhang, Accelerating stochastic gradient descent using predictive variance reduction,
    /// NIPS 2013.
    Snapshot(Vec<T>),
}

impl<T: Scalar> ControlVariate<T> {
    /// A table of zeros for so many stored rows, which the first epoch fills.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn table(layout: Layout, n_stored_rows: usize) -> Result<Self> {
        let n_slopes = n_stored_rows.saturating_mul(layout.n_outputs());
        let slopes = try_filled("the table of slopes", n_slopes, T::ZERO)?;
        Self::of(Baseline::Table(slopes), layout)
    }

    /// Slopes at these parameters. The mean is to be computed before it is used.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn snapshot(layout: Layout, params: &[T]) -> Result<Self> {
        Self::of(Baseline::Snapshot(try_copied("parameters", params)?), layout)
    }

    fn of(baseline: Baseline<T>, layout: Layout) -> Result<Self> {
        let mean = try_filled("the mean gradient", layout.len(), 0.0)?;
        Self::restored(baseline, mean, false)
    }

    /// As it was saved.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn restored(baseline: Baseline<T>, mean: Vec<f64>, uses_mean: bool) -> Result<Self> {
        let change = try_filled("the mean gradient", mean.len(), T::ZERO)?;
        Ok(Self { baseline, mean, uses_mean, change })
    }

    /// A copy.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn try_clone(&self) -> Result<Self> {
        let baseline = match &self.baseline {
            Baseline::Table(slopes) => Baseline::Table(try_copied("the table of slopes", slopes)?),
            Baseline::Snapshot(params) => Baseline::Snapshot(try_copied("parameters", params)?),
        };
        Self::restored(baseline, try_copied("the mean gradient", &self.mean)?, self.uses_mean)
    }

    /// The same with the slopes of all rows in its table, of which each process has those of its own rows.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], and what the exchange says.
    pub fn of_all(mut self, layout: Layout, sharding: Option<Sharding<'_>>) -> Result<Self> {
        if let (Baseline::Table(table), Some(sharding)) = (&mut self.baseline, sharding) {
            table.truncate(sharding.shards.own_rows().len() * layout.n_outputs());
            *table = sharding.of_all(std::mem::take(table))?;
        }
        Ok(self)
    }

    /// Of a table of all rows keeps that of this process's own, which it stores so many of. Of one of other rows nothing is kept.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn keep_own(&mut self, layout: Layout, sharding: Sharding<'_>, n_stored: usize) -> Result<()> {
        let (k, own_rows) = (layout.n_outputs(), sharding.shards.own_rows());
        let Baseline::Table(table) = &mut self.baseline else { return Ok(()) };
        let is_of_these = table.len() == sharding.shards.n_rows() * k;
        let own = if is_of_these { own_rows.start * k..own_rows.end * k } else { 0..0 };
        let mut own = try_copied("the table of slopes", &table[own])?;
        if is_of_these {
            own.resize(n_stored * k, T::ZERO);
        }
        *table = own;
        Ok(())
    }

    /// Knows nothing: a table of zeros, or a snapshot of these parameters whose mean is still to be computed.
    pub(super) fn forget(&mut self, params: &[T]) {
        match &mut self.baseline {
            Baseline::Table(table) => table.fill(T::ZERO),
            Baseline::Snapshot(snapshot) => snapshot.copy_from_slice(params),
        }
        self.mean.fill(0.0);
    }

    /// Writes the table's slopes of these rows, one row of `stride` entries per output, and zeros past the last row.
    #[inline(always)]
    pub(super) fn gather(table: &[T], rows: &[usize], n_outputs: usize, stride: usize, to: &mut [T]) {
        for (c, to) in to.chunks_exact_mut(stride).enumerate() {
            match n_outputs {
                1 => gather(table, rows, to),
                _ => to.iter_mut().zip(rows).for_each(|(to, &row)| *to = table[row * n_outputs + c]),
            }
            to[rows.len()..].fill(T::ZERO);
        }
    }

    /// Prefetches the table's slopes of these rows.
    #[inline(always)]
    pub(super) fn prefetch(&self, rows: &[usize], n_outputs: usize) {
        if let Baseline::Table(table) = &self.baseline {
            for &row in rows {
                match n_outputs {
                    1 => prefetch_one(&table[row]),
                    _ => prefetch(&table[row * n_outputs..][..n_outputs]),
                }
            }
        }
    }

    /// Told `X_B^T (r - r')` of a step.
    #[inline]
    pub(super) fn keep_change(&mut self, sum: &[T]) {
        self.change.clear();
        self.change.extend_from_slice(sum);
    }

    /// Adds the mean to a block of the gradient, if it is used.
    #[inline]
    pub(super) fn add_mean(&self, on: Option<OnColumns<'_>>, block: &ParameterBlock, gradient: &mut [T]) {
        if !self.uses_mean {
            return;
        }
        let add = |g: &mut T, mean: f64| *g = T::from_f64(g.to_f64() + mean);
        match on {
            None => {
                gradient.iter_mut().zip(&self.mean[block.range.clone()]).for_each(|(g, &mean)| add(g, mean))
            }
            Some(on) if block.is_penalised => {
                for (few, all) in on.coefficients() {
                    let (gradient, mean) = (&mut gradient[few..], &self.mean[all..]);
                    on.columns.iter().zip(gradient).for_each(|(&column, g)| add(g, mean[column]));
                }
            }
            Some(on) => {
                let mean = &self.mean[on.all.n_coef()..];
                gradient.iter_mut().zip(mean).for_each(|(g, &mean)| add(g, mean));
            }
        }
    }

    /// Takes the slopes of rows that were seen into the table. A snapshot stays what it is.
    pub(super) fn take_in(&mut self, seen: &Seen<T>) {
        let Baseline::Table(table) = &mut self.baseline else { return };
        let n_outputs = seen.slopes.len() / seen.rows.len().max(1);
        match n_outputs {
            1 => seen.rows.iter().zip(&seen.slopes).for_each(|(&row, &slope)| table[row] = slope),
            k => {
                for (&row, slopes) in seen.rows.iter().zip(seen.slopes.chunks_exact(k.max(1))) {
                    table[row * k..][..k].copy_from_slice(slopes);
                }
            }
        }
    }

    /// Takes the [kept change](Self::keep_change) into the mean over `n_rows` rows; of a table only.
    pub(super) fn take_change(&mut self, on: Option<OnColumns<'_>>, n_rows: usize) {
        let Self { baseline: Baseline::Table(_), mean, change, .. } = self else { return };
        let share = 1.0 / n_rows as f64;
        let add = |mean: &mut f64, change: &T| *mean += change.to_f64() * share;
        let Some(on) = on else {
            mean.iter_mut().zip(&*change).for_each(|(mean, change)| add(mean, change));
            return;
        };
        for (few, all) in on.coefficients() {
            let (change, mean) = (&change[few..], &mut mean[all..]);
            on.columns.iter().zip(change).for_each(|(&column, change)| add(&mut mean[column], change));
        }
        let (mean, change) = (&mut mean[on.all.n_coef()..], &change[on.few.n_coef()..]);
        mean.iter_mut().zip(change).for_each(|(mean, change)| add(mean, change));
    }
}

impl<'c> OnColumns<'c> {
    /// Of a gradient by `model`, on the columns of a batch if some are active.
    #[inline(always)]
    pub(super) fn of<T: Scalar>(active: Option<&'c Active<T>>, model: &Model, all: Layout) -> Option<Self> {
        active.map(|active| Self { columns: active.columns(), few: model.layout(), all })
    }

    /// Where the coefficients of each output begin, in the gradient and among all.
    fn coefficients(self) -> impl Iterator<Item = (usize, usize)> {
        let Self { few, all, .. } = self;
        (0..few.n_outputs()).map(move |c| (c * few.stride(), c * all.stride()))
    }
}

/// Rows whose slopes a worker has computed in a pass: they are put into the table when the step is made, since a step that
/// becomes non-finite is not.
#[derive(Debug, Default)]
pub(super) struct Seen<T> {
    rows: Vec<usize>,
    /// The slopes of each row one after the other.
    slopes: Vec<T>,
}

impl<T: Scalar> Seen<T> {
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.slopes.clear();
    }

    /// Makes room for so many rows.
    pub(super) fn reserve(&mut self, n_rows: usize, n_outputs: usize) -> Result<()> {
        let n_slopes = n_rows.saturating_mul(n_outputs);
        let bytes =
            n_rows.saturating_mul(size_of::<usize>()).saturating_add(n_slopes.saturating_mul(size_of::<T>()));
        let reserved = self.rows.try_reserve(n_rows).and_then(|()| self.slopes.try_reserve(n_slopes));
        reserved.map_err(|_| Error::OutOfMemory { what: "the slopes of a batch", bytes })
    }

    /// Appends the rows that were noted, as another process is told of them.
    pub(super) fn write_rows(&self, to: &mut Vec<u8>) {
        self.rows.iter().for_each(|&row| to.extend_from_slice(&(row as u64).to_le_bytes()));
    }

    /// Appends their slopes.
    pub(super) fn write_slopes(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(bytes_of(&self.slopes));
    }

    /// Notes `n_rows` rows and their slopes of which another process has told.
    pub(super) fn read(&mut self, bytes: &[u8], n_rows: usize, n_outputs: usize) -> Result<()> {
        let (rows, slopes) = bytes.split_at(n_rows * size_of::<u64>());
        self.reserve(n_rows, n_outputs)?;
        let number = |bytes: &[u8]| u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| bytes[i]));
        self.rows.extend(rows.chunks_exact(size_of::<u64>()).map(|bytes| number(bytes) as usize));
        let begin = self.slopes.len();
        self.slopes.resize(begin + n_rows * n_outputs, T::ZERO);
        let room = bytes_of_mut(&mut self.slopes[begin..]);
        room.copy_from_slice(&slopes[..room.len()]);
        Ok(())
    }

    /// Notes the slopes of these rows, one row of `stride` entries per output.
    #[inline(always)]
    pub(super) fn note(&mut self, rows: &[usize], stride: usize, slopes: &[T]) {
        self.rows.extend_from_slice(rows);
        match slopes.len() / stride {
            1 => self.slopes.extend_from_slice(&slopes[..rows.len()]),
            n_outputs => {
                for i in 0..rows.len() {
                    for c in 0..n_outputs {
                        self.slopes.push(slopes[c * stride + i]);
                    }
                }
            }
        }
    }
}
