//! `Metric`: what a preconditioner has learned of the curvature, and the steps it makes of gradients.

mod build;
mod columns;
mod preconditioner;
mod products;
mod proximal;
mod sample;
mod sparse_rows;
mod squares;
mod vectors;

pub use build::Geometry;
pub use columns::Columns;
pub use preconditioner::Preconditioner;
pub use proximal::Proximal;
pub use sample::{Sample, Workers};
pub use sparse_rows::SparseRows;
pub use vectors::Vectors;

use crate::error::{Result, try_filled};
use crate::kernel::rows::{Accumulate, Scores};
use crate::kernel::{Prefetch, Tier, prefetch_one};
use crate::scalar::Scalar;

/// A positive definite matrix P near the Hessian of the mean loss in [standardised columns](Columns), by its inverse. It is
/// the same for every output.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric<T> {
    /// The change of variables.
    pub columns: Columns<T>,
    /// The inverse of P.
    pub inverse: Inverse<T>,
    /// The largest eigenvalue of `P^-1 H`, H the Hessian of the objective over all rows.
    pub smoothness: f64,
    /// `h_i x_i^T P^-1 x_i` of a row for which it is large: the smoothness of that row alone.
    pub leverage: f64,
    /// What was added to the diagonal.
    pub damping: f64,
    room: MetricRoom<T>,
}

/// The inverse of the metric, in standardised columns and the intercept.
#[derive(Debug, Clone, PartialEq)]
pub enum Inverse<T> {
    /// `diag(d) - B^T B`, with few rows in B, or none.
    LowRank {
        /// d.
        diagonal: Vec<T>,
        /// The rows of B.
        factors: Vectors<T>,
    },
    /// Any matrix, by its rows.
    Full(Vectors<T>),
}

/// What a product with the inverse is made in.
#[derive(Debug, Clone, PartialEq)]
struct MetricRoom<T> {
    numbers: Vec<usize>,
    products: Vec<T>,
    from: Vec<T>,
    to: Vec<T>,
}

impl<T: Scalar> MetricRoom<T> {
    fn of(inverse: &Inverse<T>) -> Result<Self> {
        let (n, width) = match inverse {
            Inverse::LowRank { diagonal, factors } => (factors.n(), diagonal.len()),
            Inverse::Full(rows) => (rows.n(), rows.width),
        };
        let mut numbers = try_filled("the metric", n, 0)?;
        numbers.iter_mut().enumerate().for_each(|(i, number)| *number = i);
        let filled = |n: usize| try_filled("the metric", n, T::ZERO);
        Ok(Self {
            numbers,
            products: filled(n.next_multiple_of(T::LANES))?,
            from: filled(width)?,
            to: filled(width)?,
        })
    }
}

impl<T: Scalar> Inverse<T> {
    /// `P^-1 from`, to `room.to`.
    fn solve(&self, tier: Tier, room: &mut MetricRoom<T>) {
        let MetricRoom { numbers, products, from, to } = room;
        let scores = |values: &[T], n_columns: usize, coef: &[T], scores: &mut [T]| {
            let (ahead, prefetch): (&[usize], _) = (&[], Prefetch::NONE);
            tier.run(Scores {
                values,
                n_columns,
                rows: numbers,
                ahead,
                prefetch,
                coef,
                intercept: &[T::ZERO],
                scores,
            });
        };
        match self {
            Self::Full(rows) => {
                to.fill(T::ZERO);
                scores(&rows.values, rows.width, from, products);
                to[..rows.n()].copy_from_slice(&products[..rows.n()]);
            }
            Self::LowRank { diagonal, factors } => {
                for j in 0..diagonal.len() {
                    to[j] = diagonal[j] * from[j];
                }
                if factors.n() == 0 {
                    return;
                }
                scores(&factors.values, factors.width, from, products);
                products[..factors.n()].iter_mut().for_each(|a| *a = -*a);
                products[factors.n()..].fill(T::ZERO);
                let (values, n_columns) = (&*factors.values, factors.width);
                let (slopes, intercept) = (&*products, &mut [T::ZERO][..]);
                tier.run(Accumulate {
                    values,
                    n_columns,
                    rows: numbers,
                    slopes,
                    coef: to,
                    intercept,
                    ahead: &[],
                    prefetch: Prefetch::NONE,
                });
            }
        }
    }
}

impl<T: Scalar> Metric<T> {
    /// As it was saved.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn restored(
        columns: Columns<T>,
        inverse: Inverse<T>,
        [smoothness, leverage, damping]: [f64; 3],
    ) -> Result<Self> {
        let room = MetricRoom::of(&inverse)?;
        Ok(Self { columns, inverse, smoothness, leverage, damping, room })
    }

    /// The expected smoothness of batches of b of n rows, drawn without replacement, in this metric:
    /// `n (b - 1) / (b (n - 1)) L + (n - b) / (b (n - 1)) L_max`, with a large leverage in the place of the largest.
    ///
    /// Source: N. Gazagnadou, R. M. Gower, J. Salmon, Optimal mini-batch and step sizes for SAGA, ICML 2019.
    pub fn expected_smoothness(&self, n_rows: usize, batch_size: usize) -> f64 {
        let (n, b) = (n_rows as f64, batch_size.clamp(1, n_rows.max(1)) as f64);
        if b >= n {
            return self.smoothness;
        }
        let others = n - 1.0;
        (n * (b - 1.0) / others * self.smoothness + (n - b) / others * self.leverage) / b
    }

    /// Makes a direction of a gradient, in place: of every output, `P^-1` times it in the parameters as they are. `coef` has
    /// `stride` entries for every output.
    #[inline]
    pub fn precondition(&mut self, tier: Tier, stride: usize, coef: &mut [T], intercept: &mut [T]) {
        let Self { columns, inverse, room, .. } = self;
        for (coef, intercept) in coef.chunks_exact_mut(stride.max(1)).zip(intercept) {
            columns.pull(coef, *intercept, &mut room.from);
            inverse.solve(tier, room);
            columns.push(&room.to, coef, intercept);
        }
    }

    /// The same with the diagonal of the metric alone, which a [`Proximal`] begins with.
    #[inline]
    pub fn precondition_by_diagonal(&mut self, stride: usize, coef: &mut [T], intercept: &mut [T]) {
        let Self { columns, inverse, room, .. } = self;
        let Inverse::LowRank { diagonal, .. } = inverse else { return };
        for (coef, intercept) in coef.chunks_exact_mut(stride.max(1)).zip(intercept) {
            columns.pull(coef, *intercept, &mut room.from);
            let entries = room.to.iter_mut().zip(&*diagonal).zip(&room.from);
            entries.for_each(|((to, &d), &from)| *to = d * from);
            columns.push(&room.to, coef, intercept);
        }
    }

    /// The same with room of its own, once in a while.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn directions(&self, tier: Tier, stride: usize, coef: &mut [T], intercept: &mut [T]) -> Result<()> {
        let mut room = MetricRoom::of(&self.inverse)?;
        for (coef, intercept) in coef.chunks_exact_mut(stride.max(1)).zip(intercept) {
            self.columns.pull(coef, *intercept, &mut room.from);
            self.inverse.solve(tier, &mut room);
            self.columns.push(&room.to, coef, intercept);
        }
        Ok(())
    }

    /// `|x|_P^2` of a change of parameters of which so many are coefficients, in a metric that is not full.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn square(&self, stride: usize, n_coef: usize, n_outputs: usize, x: &[T], tier: Tier) -> Result<f64> {
        let proximal = Proximal::of(self, tier)?;
        let of_outputs = x[..n_coef].chunks_exact(stride.max(1)).zip(&x[n_coef..][..n_outputs]);
        Ok(of_outputs.map(|(coef, &intercept)| proximal.square(self, coef, intercept)).sum())
    }

    /// The step sizes of a diagonal metric by column, for a proximal map; 0 past the last column.
    pub fn step_sizes(&self, rate: f64, to: &mut [T]) {
        let Inverse::LowRank { diagonal, .. } = &self.inverse else { return };
        to.fill(T::ZERO);
        let scales = self.columns.inverse_scale.iter().zip(diagonal);
        for (to, (&inverse_scale, &d)) in to.iter_mut().zip(scales) {
            *to = T::from_f64(rate * inverse_scale.to_f64() * inverse_scale.to_f64() * d.to_f64());
        }
    }

    /// [`Self::precondition`] in a metric whose columns [are apart](Self::has_columns_apart), where the gradient is that of
    /// these columns alone.
    #[inline]
    pub fn precondition_columns(
        &self,
        columns: &[usize],
        stride: usize,
        coef: &mut [T],
        intercept: &mut [T],
    ) {
        let Inverse::LowRank { diagonal, .. } = &self.inverse else { return };
        let scales = &self.columns.inverse_scale;
        for (c, intercept) in intercept.iter_mut().enumerate() {
            for (g, &column) in coef[c * stride..].iter_mut().zip(columns) {
                *g = diagonal[column] * (*g * scales[column]) * scales[column];
            }
            *intercept *= diagonal[self.columns.n()];
        }
    }

    /// The step size of a coefficient of this column, whose learning rate is 1; in a metric whose columns are apart.
    #[inline]
    pub fn step_size(&self, column: usize) -> f64 {
        let Inverse::LowRank { diagonal, .. } = &self.inverse else { return 0.0 };
        let scale = self.columns.inverse_scale[column].to_f64();
        scale * scale * diagonal[column].to_f64()
    }

    /// Prefetches what [`Self::step_size`] reads.
    #[inline]
    pub fn prefetch(&self, column: usize) {
        if let Inverse::LowRank { diagonal, .. } = &self.inverse {
            prefetch_one(&diagonal[column]);
            prefetch_one(&self.columns.inverse_scale[column]);
        }
    }

    /// Whether the step of a column depends on its own gradient alone, and the intercept on no column.
    pub fn has_columns_apart(&self) -> bool {
        self.is_diagonal() && !self.columns.are_centred()
    }

    /// Whether columns are independent of each other.
    pub fn is_diagonal(&self) -> bool {
        matches!(&self.inverse, Inverse::LowRank { factors, .. } if factors.n() == 0)
    }
}
