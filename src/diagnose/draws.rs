//! Gradients of many batches at one point, computed as training computes them.

use std::fmt;
use std::ops::Range;

use crate::data::Order;
use crate::error::{Error, Result, try_filled, try_reserved};
use crate::gradient::{Evaluator, Problem, n_workers_worth, with_evaluator};
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::shuffle::{Batches, BatchesConfig, Shuffle, Workspace};

/// How many draws may come from one full shuffle: so many that together they have at most one in this many of
/// the rows of the epoch.
///
/// Batches of one permutation have no row in common. Any two deviate in opposite directions, with correlation
/// `-b / (n - b)`, and the deviations of a whole epoch cancel: the variance of the mean of some batches is
/// smaller than that of as many independent ones, by the fraction of the epoch that they have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependence {
    /// Where batches are used one by one, or in pairs.
    Weak = 16,
    /// Where their mean is used: in many dimensions its length is precise enough to show a weak dependence.
    Negligible = 256,
}

/// The point at which gradients are computed.
#[derive(Clone)]
pub struct Point<'a, T> {
    /// The objective.
    pub problem: &'a Problem<'a, T>,
    /// The parameters, in the layout of the problem.
    pub params: Vec<T>,
    /// The instruction set.
    pub tier: Tier,
    /// Threads to use; no result depends on it.
    pub n_threads: usize,
    /// Polled often: whether to stop the work.
    pub interrupted: &'a (dyn Fn() -> bool + Sync),
}

impl<T: fmt::Debug> fmt::Debug for Point<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Point").field("params", &self.params).finish_non_exhaustive()
    }
}

impl<'a, T: Scalar> Point<'a, T> {
    /// Calls `lead` with the means to compute gradients at this point.
    pub(super) fn with_gradients<R>(
        &'a self,
        lead: impl FnOnce(&mut Gradients<'_, 'a, T>) -> Result<R>,
    ) -> Result<R> {
        let Self { problem, tier, interrupted, .. } = *self;
        let n_workers = n_workers_worth(problem, problem.n_rows(), false, self.n_threads);
        let mut params = try_reserved("parameters", self.params.len())?;
        params.extend_from_slice(&self.params);
        with_evaluator(problem, params, (tier, n_workers), interrupted, |evaluator| {
            lead(&mut Gradients { point: self, evaluator, n_rows: 0 })
        })
    }

    /// [`Error::Interrupted`] if the caller wants to stop the work.
    pub(super) fn poll(&self) -> Result<()> {
        if (self.interrupted)() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// How batches of any size are drawn.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// How the rows of an epoch are ordered: anew every epoch.
    pub shuffle: Shuffle,
    /// Whether every row is drawn from all rows.
    pub replacement: bool,
    /// Seed of all draws.
    pub seed: u64,
}

impl Sampling {
    /// The draws of batches of one size, beginning with epoch `first_epoch`.
    ///
    /// # Errors
    /// If the size is not in [1, n], or every epoch has the same order and would repeat the same draws.
    pub(super) fn of_size(&self, n_rows: usize, batch_size: usize, first_epoch: u64) -> Result<Draws> {
        let Self { ref shuffle, replacement, seed } = *self;
        let refused = || Error::OutOfRange {
            argument: "batch_sizes",
            condition: "in [1, n]",
            value: batch_size.to_string(),
        };
        if batch_size == 0 {
            return Err(refused());
        }
        let config = BatchesConfig {
            n_rows,
            batch_size,
            shuffle: shuffle.clone(),
            replacement,
            drop_last: false,
            seed,
        };
        let batches = Batches::new(config)?;
        if batch_size > batches.n_positions() {
            return Err(refused());
        }
        if !batches.reorders() {
            return Err(Error::Incompatible(format!(
                "shuffle must give every epoch an order of its own for batches to be draws, got shuffle={}",
                shuffle.name()
            )));
        }
        Ok(Draws { batches, epoch: first_epoch, workspace: Workspace::default() })
    }
}

/// Draws of full batches. They are runs of consecutive steps from each of many epochs: see [`Dependence`].
#[derive(Debug)]
pub(super) struct Draws {
    batches: Batches,
    /// The next epoch.
    pub(super) epoch: u64,
    workspace: Workspace,
}

impl Draws {
    /// Rows of a batch.
    pub(super) fn batch_size(&self) -> usize {
        self.batches.batch_size()
    }

    /// The importance weights of the rows, if the sampling has any.
    pub(super) fn importance_weights(&self) -> Option<&[f64]> {
        self.batches.importance_weights()
    }

    /// How many consecutive batches are taken from an epoch: a multiple of `n_together` if it has that many,
    /// else one. Only a full shuffle gives more than `n_together`: it alone costs as much for a part of the
    /// order as for all of it, and its neighbouring batches are not similar.
    fn n_of_epoch(&self, n_together: usize, dependence: Dependence) -> usize {
        let n_full = self.batches.n_positions() / self.batch_size();
        if n_full < n_together {
            return 1;
        }
        if *self.batches.shuffle() != Shuffle::Full || self.batches.draws() {
            return n_together;
        }
        (n_full / dependence as usize / n_together * n_together).max(n_together)
    }

    /// The steps that are taken from the next epoch. From epoch to epoch they move through all full steps, so
    /// that an order whose first rows are special is covered as a whole.
    fn next_steps(&mut self, n_together: usize, dependence: Dependence) -> (u64, Range<usize>) {
        let n = self.n_of_epoch(n_together, dependence);
        let n_full = self.batches.n_positions() / self.batch_size();
        let run = (self.epoch % (n_full / n) as u64) as usize;
        self.epoch += 1;
        (self.epoch - 1, run * n..(run + 1) * n)
    }
}

/// The gradients of batches, one after the other.
pub(super) struct Gradients<'t, 'a, T> {
    point: &'a Point<'a, T>,
    evaluator: Evaluator<'t, 'a, T>,
    /// Rows of the last gradient computed.
    n_rows: usize,
}

impl<T: Scalar> Gradients<'_, '_, T> {
    /// The gradient over all rows, each counting once: before [`Self::set_importance_weights`].
    pub(super) fn of_all(&mut self) -> Result<&mut Vec<T>> {
        self.n_rows = self.point.problem.n_rows();
        self.evaluator.gradient_of_all()?;
        self.last()
    }

    /// Sets the importance weights of the rows for all gradients that follow.
    pub(super) fn set_importance_weights(&mut self, factors: Option<&[f64]>) -> Result<()> {
        factors.map_or(Ok(()), |factors| self.evaluator.set_importance_weights(factors))
    }

    /// The gradient of the batch of these rows.
    pub(super) fn of(&mut self, rows: Vec<usize>) -> Result<&mut Vec<T>> {
        let n_rows = rows.len();
        *self.evaluator.order() = Order::ListedWide(rows);
        self.at(0..n_rows)
    }

    fn at(&mut self, positions: Range<usize>) -> Result<&mut Vec<T>> {
        self.point.poll()?;
        self.n_rows = positions.len();
        self.evaluator.gradient(positions)?;
        self.last()
    }

    fn last(&mut self) -> Result<&mut Vec<T>> {
        let gradient = self.evaluator.last();
        match gradient.iter().find(|g| !g.is_finite()) {
            None => Ok(gradient),
            Some(g) => Err(Error::OutOfRange {
                argument: "at",
                condition: "a point where gradients are finite",
                value: format!("an entry {g} in the gradient of {} rows", self.n_rows),
            }),
        }
    }

    /// Calls `visit` with the gradients of `n` batches and their numbers. Each group of `n_together` is from
    /// one epoch, if an epoch has that many, and then has no rows in common unless drawn with replacement.
    pub(super) fn of_draws(
        &mut self,
        draws: &mut Draws,
        (n, n_together, dependence): (usize, usize, Dependence),
        mut visit: impl FnMut(usize, &mut Vec<T>) -> Result<()>,
    ) -> Result<()> {
        if n == 0 {
            let (argument, condition) = ("n_draws", ">= 1");
            return Err(Error::OutOfRange { argument, condition, value: n.to_string() });
        }
        let b = draws.batch_size();
        let is_one_order = *draws.batches.shuffle() == Shuffle::Full && !draws.batches.draws();
        let mut n_drawn = 0;
        while n_drawn < n {
            let (epoch, steps) = draws.next_steps(n_together, dependence);
            if is_one_order {
                let order = std::mem::take(self.evaluator.order());
                let interrupted = self.point.interrupted;
                let order = draws.batches.order(epoch, order, &mut draws.workspace, interrupted)?;
                *self.evaluator.order() = order;
            }
            for step in steps.take(n - n_drawn) {
                let gradient = match is_one_order {
                    true => self.at(step * b..(step + 1) * b)?,
                    false => self.of(draws.batches.batch(epoch, step, self.point.interrupted)?)?,
                };
                visit(n_drawn, gradient)?;
                n_drawn += 1;
            }
        }
        Ok(())
    }
}

/// Deviations of gradients from that of all rows, in a unit near the size of the gradients of rows, so that
/// their squares stay in the range of a double.
#[derive(Debug)]
pub(super) struct Deviation<T> {
    full: Vec<T>,
    unit: f64,
}

impl<T: Scalar> Deviation<T> {
    /// Deviations from `full`, in units of [`unit_for`] `size`.
    pub(super) fn from_full(full: &[T], size: f64) -> Result<Self> {
        let mut own = try_reserved("gradients", full.len())?;
        own.extend_from_slice(full);
        Ok(Self { full: own, unit: unit_for(size) })
    }

    /// The unit, a power of two.
    pub(super) fn unit(&self) -> f64 {
        self.unit
    }

    /// A buffer for a deviation.
    pub(super) fn zeros(&self) -> Result<Vec<f64>> {
        try_filled("deviations of gradients", self.full.len(), 0.0)
    }

    /// Writes `(g - full) / unit`.
    pub(super) fn write(&self, g: &[T], out: &mut [f64]) {
        let scale = 1.0 / self.unit;
        for ((out, &g), &full) in out.iter_mut().zip(g).zip(&self.full) {
            *out = g.to_f64() * scale - full.to_f64() * scale;
        }
    }
}

/// The power of two at or below `size`, limited so that it and its inverse are in range.
pub(super) fn unit_for(size: f64) -> f64 {
    const SMALLEST: f64 = 1e-300;
    const LARGEST: f64 = 1e300;
    match size == 0.0 || size.is_nan() {
        true => 1.0,
        false => f64::from_bits(size.clamp(SMALLEST, LARGEST).to_bits() & 0x7FF0_0000_0000_0000),
    }
}

/// The product of two vectors, summed in eight chains.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}
