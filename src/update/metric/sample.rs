//! `Sample`: rows that stand for all where the curvature of the objective is looked at.

use crate::error::{Result, try_filled};
use crate::kernel::outputs::{OutputAccumulate, OutputScores};
use crate::kernel::rows::{Accumulate, Scores};
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

/// Rows of a tile.
const TILE: usize = 64;

/// Standardised rows, each `width` entries long: columns, the intercept's 1, zeros up to whole vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<T> {
    /// All rows, one after the other.
    pub rows: Vec<T>,
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
pub struct Room<T> {
    numbers: [usize; TILE],
    scores: Vec<T>,
    zeros: Vec<T>,
}

impl<T: Scalar> Room<T> {
    /// For products with so many vectors.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn new(n_vectors: usize) -> Result<Self> {
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
        if k == 1 { tier.run(scores_of) } else { tier.run(OutputScores(scores_of)) }
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
        if k == 1 { tier.run(accumulate) } else { tier.run(OutputAccumulate(accumulate)) }
        self.zeros.fill(T::ZERO);
    }
}

impl<T: Scalar> Room<T> {
    /// Adds to vector c of `to` the sum of all vectors i times `factor(c, i)`.
    pub(super) fn combine(
        &mut self,
        tier: Tier,
        factor: impl Fn(usize, usize) -> T,
        vectors: &Vectors<T>,
        to: &mut Vectors<T>,
    ) {
        for (t, rows) in vectors.values.chunks(TILE * vectors.width).enumerate() {
            let n_rows = rows.len() / vectors.width;
            let stride = n_rows.next_multiple_of(T::LANES);
            for c in 0..to.n() {
                let slopes = &mut self.scores[c * stride..][..stride];
                slopes.iter_mut().enumerate().for_each(|(i, slope)| {
                    *slope = if i < n_rows { factor(c, t * TILE + i) } else { T::ZERO };
                });
            }
            self.accumulate(tier, rows, to);
        }
    }
}

impl<T: Scalar> Sample<T> {
    /// Number of rows, m.
    pub fn n_rows(&self) -> usize {
        self.curvatures.len()
    }

    fn tiles(&self) -> impl Iterator<Item = (&[T], &[f64])> {
        self.rows.chunks(TILE * self.width).zip(self.curvatures.chunks(TILE))
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
    pub fn hessian_times(&self, tier: Tier, with: &Vectors<T>) -> Result<Vectors<T>> {
        let mut room = Room::new(with.n())?;
        let mut sum = Vectors::zeros(with.n(), self.width)?;
        let share = 1.0 / self.n_rows() as f64;
        for (rows, curvatures) in self.tiles() {
            let stride = curvatures.len().next_multiple_of(T::LANES);
            for products in room.products(tier, rows, with).chunks_exact_mut(stride) {
                for (product, h) in products.iter_mut().zip(curvatures) {
                    *product *= T::from_f64(h * share);
                }
                products[curvatures.len()..].fill(T::ZERO);
            }
            room.accumulate(tier, rows, &mut sum);
        }
        Ok(sum)
    }

    /// `1/m sum_i h_i x_i x_i^T`, by its first `n` rows.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn hessian(&self, tier: Tier, n: usize) -> Result<Vectors<T>> {
        let mut room = Room::new(n)?;
        let mut sum = Vectors::zeros(n, self.width)?;
        let share = 1.0 / self.n_rows() as f64;
        for (rows, curvatures) in self.tiles() {
            let stride = curvatures.len().next_multiple_of(T::LANES);
            for (i, h) in curvatures.iter().enumerate() {
                let factor = T::from_f64(h * share);
                let row = &rows[i * self.width..][..n];
                row.iter().enumerate().for_each(|(c, &x)| room.scores[c * stride + i] = x * factor);
            }
            for c in 0..n {
                room.scores[c * stride + curvatures.len()..][..stride - curvatures.len()].fill(T::ZERO);
            }
            room.accumulate(tier, rows, &mut sum);
        }
        Ok(sum)
    }

    /// The diagonal of [`Self::hessian`].
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn hessian_diagonal(&self) -> Result<Vec<f64>> {
        let mut sum = try_filled("the metric", self.width, 0.0)?;
        let share = 1.0 / self.n_rows() as f64;
        for (row, h) in self.rows.chunks_exact(self.width).zip(&self.curvatures) {
            for (sum, x) in sum.iter_mut().zip(row) {
                *sum += h * share * x.to_f64() * x.to_f64();
            }
        }
        Ok(sum)
    }

    /// For each row i, `h_i f(x_i, (x_i . v for every vector v))`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn by_row(
        &self,
        tier: Tier,
        with: &Vectors<T>,
        mut f: impl FnMut(&[T], &mut dyn Iterator<Item = T>) -> f64,
    ) -> Result<Vec<f64>> {
        let mut room = Room::new(with.n().max(1))?;
        let mut values = try_filled("products with a sample", self.n_rows(), 0.0)?;
        for ((rows, curvatures), values) in self.tiles().zip(values.chunks_mut(TILE)) {
            let stride = curvatures.len().next_multiple_of(T::LANES);
            let products = if with.n() > 0 { &*room.products(tier, rows, with) } else { &[] };
            for (i, (h, value)) in curvatures.iter().zip(values).enumerate() {
                let row = &rows[i * self.width..][..self.width];
                *value = h * f(row, &mut products.iter().skip(i).step_by(stride).copied());
            }
        }
        Ok(values)
    }
}
