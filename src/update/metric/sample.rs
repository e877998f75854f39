//! `Sample`: rows that stand for all where the curvature of the objective is looked at.

use super::products::{Products, TILE, Transposed};
use super::squares::{sum_of_squares, sum_of_weighted_squares};
use super::{SparseRows, Vectors};
use crate::error::{Error, Result, try_filled};
use crate::kernel::{Add, Tier};
use crate::pool::each_chunk;
use crate::scalar::Scalar;

/// Rows that are summed up at a time.
const RUN: usize = 4 * TILE;
/// Multiply-adds that a second thread is worth being woken for: some ten microseconds.
const WORK_TO_SHARE: usize = 1 << 21;

/// Who does the work: the result does not depend on it.
#[derive(Clone, Copy)]
pub struct Workers<'a> {
    /// Instructions to compute with.
    pub tier: Tier,
    /// Threads, at most.
    pub n_threads: usize,
    /// Asked by the calling thread, now and then, whether to give up.
    pub interrupted: &'a dyn Fn() -> bool,
}

impl std::fmt::Debug for Workers<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { tier, n_threads, .. } = self;
        f.debug_struct("Workers").field("tier", tier).field("n_threads", n_threads).finish_non_exhaustive()
    }
}

impl Workers<'_> {
    fn n_threads(self, work: usize) -> usize {
        if work < WORK_TO_SHARE { 1 } else { self.n_threads }
    }
}

/// Standardised rows, each `width` entries long: columns, the intercept's 1, zeros up to whole vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<T> {
    /// All rows, one after the other; none if they are sparse.
    pub rows: Vec<T>,
    /// Sparse rows, of which a metric of columns that are apart can be made.
    pub sparse: Option<SparseRows<T>>,
    /// Entries of a row.
    pub width: usize,
    /// The second derivative of the weighted loss of each row.
    pub curvatures: Vec<f64>,
}

impl<T: Scalar> Sample<T> {
    /// Number of rows, m.
    pub fn n_rows(&self) -> usize {
        self.curvatures.len()
    }

    /// The mean of the curvatures.
    pub fn mean_curvature(&self) -> f64 {
        self.curvatures.iter().sum::<f64>() / self.n_rows() as f64
    }

    /// The largest curvature.
    pub fn largest_curvature(&self) -> f64 {
        self.curvatures.iter().fold(0.0, |largest, &h| h.max(largest))
    }

    /// `1/m sum_i h_i x_i (x_i . v)` for every vector v.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], and [`Error::Interrupted`].
    pub fn hessian_times(&self, by: Workers<'_>, with: &Vectors<T>) -> Result<Vectors<T>> {
        if let Some(sparse) = &self.sparse {
            return sparse.weighted_gram_times(self.shares(), with);
        }
        let with = Transposed::of(with, by.tier)?;
        self.summed(by, with.n(), |room, rows, factors| {
            for (products, &factor) in room.of_rows(by.tier, rows, &with).zip(factors) {
                products.iter_mut().for_each(|product| *product *= factor);
            }
        })
    }

    /// `1/m sum_i h_i x_i x_i^T`, by its first `n` rows.
    ///
    /// # Errors
    /// As [`Self::hessian_times`].
    pub fn hessian(&self, by: Workers<'_>, n: usize) -> Result<Vectors<T>> {
        self.summed(by, n, |room, rows, factors| {
            let scaled = room.rows(factors.len());
            for ((to, row), &factor) in scaled.zip(rows.chunks_exact(self.width)).zip(factors) {
                to.iter_mut().zip(row).for_each(|(to, &x)| *to = x * factor);
            }
        })
    }

    /// The sum over all rows of row times slope, for `k` slopes a row, which `slopes` writes to the room for up to 64 rows and
    /// their curvatures over m. Runs of rows are summed on their own and then in sequence, whoever does them.
    fn summed(
        &self,
        by: Workers<'_>,
        k: usize,
        slopes: impl Fn(&mut Products<T>, &[T], &[T]) + Sync + Send,
    ) -> Result<Vectors<T>> {
        let share = 1.0 / self.n_rows() as f64;
        let mut sums = Vec::new();
        for _ in 0..self.n_rows().div_ceil(RUN) {
            sums.push(Vectors::zeros(k, self.width)?);
        }
        let n_threads = by.n_threads(self.rows.len().saturating_mul(k));
        each_chunk(
            n_threads,
            &mut sums,
            1,
            by.interrupted,
            || Products::room(k),
            |room, run, sum, interrupted| {
                let curvatures = &self.curvatures[run * RUN..self.n_rows().min((run + 1) * RUN)];
                let rows = &self.rows[run * RUN * self.width..][..curvatures.len() * self.width];
                for (rows, curvatures) in rows.chunks(TILE * self.width).zip(curvatures.chunks(TILE)) {
                    if interrupted() {
                        return Err(Error::Interrupted);
                    }
                    let mut factors = [T::ZERO; TILE];
                    factors.iter_mut().zip(curvatures).for_each(|(to, h)| *to = T::from_f64(h * share));
                    slopes(room, rows, &factors[..curvatures.len()]);
                    room.add_rows(by.tier, rows, &mut sum[0]);
                }
                Ok(())
            },
        )?;
        let mut all = sums.into_iter();
        let mut total = all.next().unwrap_or(Vectors { values: Vec::new(), width: self.width });
        all.for_each(|sum| by.tier.run(Add { y: &mut total.values, x: &sum.values }));
        Ok(total)
    }

    /// The diagonal of [`Self::hessian`].
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn hessian_diagonal(&self) -> Result<Vec<f64>> {
        let mut sum = try_filled("the metric", self.width, 0.0)?;
        if let Some(sparse) = &self.sparse {
            sparse.add_squares(self.shares(), &mut sum);
            return Ok(sum);
        }
        for (row, share) in self.rows.chunks_exact(self.width).zip(self.shares()) {
            for (sum, x) in sum.iter_mut().zip(row) {
                *sum += share * x.to_f64() * x.to_f64();
            }
        }
        Ok(sum)
    }

    /// The curvature of every row over m.
    fn shares(&self) -> impl Iterator<Item = f64> + Clone {
        let share = 1.0 / self.n_rows() as f64;
        self.curvatures.iter().map(move |h| h * share)
    }

    /// `sum_j x_ij^2 d_j` for every row i.
    pub(super) fn weighted_squares<'s>(
        &'s self,
        tier: Tier,
        d: &'s [T],
    ) -> Box<dyn Iterator<Item = f64> + 's> {
        match &self.sparse {
            Some(sparse) => Box::new(sparse.weighted_squares(d)),
            None => {
                Box::new(self.rows.chunks_exact(self.width).map(move |x| sum_of_weighted_squares(tier, x, d)))
            }
        }
    }

    /// `sum_v (x_i . v)^2` over all vectors v, for every row i.
    ///
    /// # Errors
    /// As [`Self::hessian_times`].
    pub fn squares_along(&self, by: Workers<'_>, with: &Vectors<T>) -> Result<Vec<f64>> {
        let mut sums = try_filled("products with a sample", self.n_rows(), 0.0)?;
        if with.n() == 0 {
            return Ok(sums);
        }
        let n_threads = by.n_threads(self.rows.len().saturating_mul(with.n()));
        let with = Transposed::of(with, by.tier)?;
        each_chunk(
            n_threads,
            &mut sums,
            TILE,
            by.interrupted,
            || Products::room(with.n()),
            |room, tile, sums, _| {
                let rows = &self.rows[tile * TILE * self.width..][..sums.len() * self.width];
                for (sum, products) in sums.iter_mut().zip(room.of_rows(by.tier, rows, &with)) {
                    *sum = sum_of_squares(by.tier, products);
                }
                Ok(())
            },
        )?;
        Ok(sums)
    }
}
