//! `Sample`: rows that stand for all where the curvature of the objective is looked at.

use super::SparseRows;
use crate::error::{Result, try_copied, try_filled};
use crate::kernel::outputs::{OutputAccumulate, OutputScores};
use crate::kernel::rows::{Accumulate, Scores};
use crate::kernel::{Add, Prefetch, SquareMatrix, Tier};
use crate::pool::each_chunk;
use crate::scalar::Scalar;

/// Rows of a tile.
const TILE: usize = 64;
/// Rows that are summed up at a time.
const RUN: usize = 4 * TILE;
/// Multiply-adds that a second thread is worth being woken for: some hundred microseconds.
const WORK_TO_SHARE: usize = 1 << 22;

/// Who does the work: the result does not depend on it.
#[derive(Debug, Clone, Copy)]
pub struct Workers {
    /// Instructions to compute with.
    pub tier: Tier,
    /// Threads, at most.
    pub n_threads: usize,
}

impl Workers {
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

/// Vectors of the length of the rows of a sample, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors<T> {
    /// Entries.
    pub values: Vec<T>,
    /// Entries of a vector.
    pub width: usize,
}

impl<T: Scalar> Vectors<T> {
    /// So many vectors of zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn zeros(n: usize, width: usize) -> Result<Self> {
        Ok(Self { values: try_filled("the metric", n.saturating_mul(width), T::ZERO)?, width })
    }

    /// A copy.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn copied(&self) -> Result<Self> {
        Ok(Self { values: try_copied("the metric", &self.values)?, width: self.width })
    }

    /// How many.
    pub fn n(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Vector i.
    pub fn row(&self, i: usize) -> &[T] {
        &self.values[i * self.width..][..self.width]
    }

    /// Vector i.
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        &mut self.values[i * self.width..][..self.width]
    }
}

/// The room that products with rows are made in.
#[derive(Debug)]
pub(super) struct SampleRoom<T> {
    numbers: [usize; TILE],
    scores: Vec<T>,
    zeros: Vec<T>,
}

impl<T: Scalar> SampleRoom<T> {
    /// For products with so many vectors.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn new(n_vectors: usize) -> Result<Self> {
        Ok(Self {
            numbers: std::array::from_fn(|i| i),
            scores: try_filled("products with a sample", n_vectors.saturating_mul(TILE), T::ZERO)?,
            zeros: try_filled("products with a sample", n_vectors, T::ZERO)?,
        })
    }

    /// The products of up to 64 rows with the vectors, one row of a multiple of the lanes per vector.
    fn products(&mut self, tier: Tier, rows: &[T], with: &Vectors<T>) -> &mut [T] {
        let (n_rows, k) = (rows.len() / with.width, with.n());
        let scores = &mut self.scores[..k * n_rows.next_multiple_of(T::LANES)];
        let scores_of = Scores {
            values: rows,
            n_columns: with.width,
            rows: &self.numbers[..n_rows],
            ahead: &[],
            prefetch: Prefetch::NONE,
            coef: &with.values,
            intercept: &self.zeros[..k],
            scores: &mut *scores,
        };
        if k == 1 {
            tier.run(scores_of)
        } else {
            tier.run(OutputScores(scores_of))
        }
        scores
    }

    /// Adds to every vector the rows times its slopes, which are in the room.
    fn accumulate(&mut self, tier: Tier, rows: &[T], to: &mut Vectors<T>) {
        let (n_rows, k) = (rows.len() / to.width, to.n());
        let n_columns = to.width;
        let accumulate = Accumulate {
            values: rows,
            n_columns,
            rows: &self.numbers[..n_rows],
            slopes: &self.scores[..k * n_rows.next_multiple_of(T::LANES)],
            coef: &mut to.values,
            intercept: &mut self.zeros[..k],
        };
        if k == 1 {
            tier.run(accumulate)
        } else {
            tier.run(OutputAccumulate(accumulate))
        }
        self.zeros.fill(T::ZERO);
    }
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
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn hessian_times(&self, by: Workers, with: &Vectors<T>) -> Result<Vectors<T>> {
        if let Some(sparse) = &self.sparse {
            return sparse.weighted_gram_times(self.shares(), with);
        }
        self.summed(by, with.n(), |room, rows, factors| {
            let stride = factors.len().next_multiple_of(T::LANES);
            for products in room.products(by.tier, rows, with).chunks_exact_mut(stride) {
                products.iter_mut().zip(factors).for_each(|(product, &factor)| *product *= factor);
                products[factors.len()..].fill(T::ZERO);
            }
        })
    }

    /// `1/m sum_i h_i x_i x_i^T`, by its first `n` rows.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn hessian(&self, by: Workers, n: usize) -> Result<Vectors<T>> {
        self.summed(by, n, |room, rows, factors| {
            let stride = factors.len().next_multiple_of(T::LANES);
            let slopes = &mut room.scores[..n * stride];
            for (i, &factor) in factors.iter().enumerate() {
                let row = &rows[i * self.width..][..n];
                row.iter().enumerate().for_each(|(c, &x)| slopes[c * stride + i] = x * factor);
            }
            for slopes in slopes.chunks_exact_mut(stride) {
                slopes[factors.len()..].fill(T::ZERO);
            }
        })
    }

    /// The sum over all rows of row times slope, for `k` vectors of slopes, which `slopes` writes to the room for up to 64
    /// rows and their curvatures over m. Runs of rows are summed on their own and then in sequence, whoever does them.
    fn summed(
        &self,
        by: Workers,
        k: usize,
        slopes: impl Fn(&mut SampleRoom<T>, &[T], &[T]) + Sync + Send,
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
            &|| false,
            || SampleRoom::new(k),
            |room, run, sum, _| {
                let curvatures = &self.curvatures[run * RUN..self.n_rows().min((run + 1) * RUN)];
                let rows = &self.rows[run * RUN * self.width..][..curvatures.len() * self.width];
                for (rows, curvatures) in rows.chunks(TILE * self.width).zip(curvatures.chunks(TILE)) {
                    let mut factors = [T::ZERO; TILE];
                    factors.iter_mut().zip(curvatures).for_each(|(to, h)| *to = T::from_f64(h * share));
                    slopes(room, rows, &factors[..curvatures.len()]);
                    room.accumulate(by.tier, rows, &mut sum[0]);
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
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
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
    pub(super) fn weighted_squares<'s>(&'s self, d: &'s [T]) -> Box<dyn Iterator<Item = f64> + 's> {
        match &self.sparse {
            Some(sparse) => Box::new(sparse.weighted_squares(d)),
            None => Box::new(self.rows.chunks_exact(self.width).map(move |x| {
                x.iter().zip(d).map(|(x, d)| x.to_f64() * x.to_f64() * d.to_f64()).sum::<f64>()
            })),
        }
    }

    /// `sum_v (x_i . v)^2` over all vectors v, for every row i.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn squares_along(&self, by: Workers, with: &Vectors<T>) -> Result<Vec<f64>> {
        let mut sums = try_filled("products with a sample", self.n_rows(), 0.0)?;
        if with.n() == 0 {
            return Ok(sums);
        }
        let n_threads = by.n_threads(self.rows.len().saturating_mul(with.n()));
        each_chunk(
            n_threads,
            &mut sums,
            TILE,
            &|| false,
            || SampleRoom::new(with.n()),
            |room, tile, sums, _| {
                let rows = &self.rows[tile * TILE * self.width..][..sums.len() * self.width];
                let stride = sums.len().next_multiple_of(T::LANES);
                for products in room.products(by.tier, rows, with).chunks_exact(stride) {
                    sums.iter_mut().zip(products).for_each(|(sum, p)| *sum += p.to_f64() * p.to_f64());
                }
                Ok(())
            },
        )?;
        Ok(sums)
    }
}

impl<T: Scalar> Vectors<T> {
    /// The products of all vectors with all of another set.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn products_with(&self, other: &Self, tier: Tier) -> Result<SquareMatrix> {
        let mut matrix = SquareMatrix::zeros(self.n())?;
        let mut room = SampleRoom::new(other.n())?;
        for (tile, rows) in self.values.chunks(TILE * self.width).enumerate() {
            let n_rows = rows.len() / self.width;
            let stride = n_rows.next_multiple_of(T::LANES);
            for (c, products) in room.products(tier, rows, other).chunks_exact(stride).enumerate() {
                for (i, product) in products[..n_rows].iter().enumerate() {
                    matrix.row_mut(tile * TILE + i)[c] = product.to_f64();
                }
            }
        }
        Ok(matrix)
    }

    /// The rows of a matrix times these vectors.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn combined_by(&self, matrix: &SquareMatrix, tier: Tier) -> Result<Self> {
        let mut sums = Self::zeros(matrix.n(), self.width)?;
        let mut room = SampleRoom::new(matrix.n())?;
        for (tile, rows) in self.values.chunks(TILE * self.width).enumerate() {
            let n_rows = rows.len() / self.width;
            let stride = n_rows.next_multiple_of(T::LANES);
            for (c, slopes) in room.scores.chunks_exact_mut(stride).take(matrix.n()).enumerate() {
                let factors = &matrix.row(c)[tile * TILE..][..n_rows];
                slopes.iter_mut().zip(factors).for_each(|(to, &factor)| *to = T::from_f64(factor));
                slopes[n_rows..].fill(T::ZERO);
            }
            room.accumulate(tier, rows, &mut sums);
        }
        Ok(sums)
    }
}
