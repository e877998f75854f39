//! Estimates of the noise of a batch gradient from the rows of that batch.

use std::ops::Range;

use super::Evaluator;
use super::pass::Wanted;
use super::work::Work;
use crate::error::Result;
use crate::kernel::norm;
use crate::scalar::Scalar;

/// Measured on the b rows of a batch: g_i is the gradient of row i, including its weight, and g is their
/// mean.
///
/// Source: S. McCandlish, J. Kaplan, D. Amodei, An empirical model of large-batch training, arXiv:1812.06162,
/// appendix A, which compares two batches; here the rows of one batch are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNoise {
    /// Rows of the batch, b.
    pub n_rows: usize,
    /// `sum_i |g_i - g|^2 / (b - 1)`, an unbiased estimate of tr(Sigma), the variance of the gradient of a
    /// row; NaN for a batch of one row.
    pub trace: f64,
    /// `|g + penalty's|^2`, the squared norm of the gradient of the batch.
    pub batch_squared_norm: f64,
}

impl BatchNoise {
    /// From `squares = sum_i |g_i|^2` and `data_norm = |sum_i g_i|`.
    pub(super) fn of(n_rows: usize, squares: f64, data_norm: f64, batch_norm: f64) -> Self {
        let b = n_rows as f64;
        let mean_norm = data_norm / b;
        // A value that rounding made negative is zero: all rows have the same gradient.
        let spread = (squares / b - mean_norm * mean_norm).max(0.0);
        let trace = if n_rows > 1 { spread * (b / (b - 1.0)) } else { f64::NAN };
        let trace = if squares.is_finite() { trace } else { f64::NAN };
        Self { n_rows, trace, batch_squared_norm: batch_norm * batch_norm }
    }

    /// The variance of the batch's gradient around that of all rows, tr(Sigma) / b, or where the b rows are
    /// drawn without replacement from `n_population`, `(1 - b / n)` times that.
    pub fn variance(&self, n_population: Option<usize>) -> f64 {
        let b = self.n_rows as f64;
        let left = n_population.map_or(1.0, |n| 1.0 - b / n as f64);
        match left <= 0.0 {
            true => 0.0, // the batch has all rows
            false => self.trace / b * left,
        }
    }

    /// An unbiased estimate of |G|^2, the squared norm of the gradient over all rows: that of the batch minus
    /// what noise adds to it on average. It may be negative where noise dominates.
    pub fn squared_norm(&self, n_population: Option<usize>) -> f64 {
        self.batch_squared_norm - self.variance(n_population)
    }
}

/// What a step says about its noise.
impl<T: Scalar> Evaluator<'_, '_, T> {
    /// [`Self::gradient`], and what the batch says about the noise of its gradient.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if the caller wants the work to end.
    #[cold]
    #[inline(never)]
    pub fn gradient_with_noise(&mut self, positions: Range<usize>) -> Result<(f64, BatchNoise)> {
        let n_rows = positions.len();
        self.sum(positions, Wanted::GradientAndSquares)?;
        let Work { pass, .. } = self.team.job();
        let (tier, sum) = (pass.tier, self.total.finish());
        let squares = sum.of_rows[0];
        let blocks = pass.model.blocks().into_iter();
        let n_trained =
            blocks.filter(|block| block.is_trained).map(|block| block.range.end).max().unwrap_or(0);
        let data_norm = norm(tier, &sum.gradient[..n_trained]);
        let loss = self.finish(n_rows);
        let batch_norm = norm(tier, self.last());
        Ok((loss, BatchNoise::of(n_rows, squares, data_norm, batch_norm)))
    }

    /// The variance over the rows i at `positions` of the product of their gradients with the gradient computed
    /// last, `var_i(g_i . g)`: a second pass over these rows.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if the caller wants the work to end.
    #[cold]
    #[inline(never)]
    pub fn variance_along_last(&mut self, positions: Range<usize>) -> Result<f64> {
        let b = positions.len() as f64;
        self.team.job().pass.direction.clone_from(&self.total.finish().gradient);
        std::mem::swap(&mut self.total, &mut self.products);
        let summed = self.sum(positions, Wanted::Products);
        // What was interrupted may have no sums yet.
        let of_rows = summed.map(|()| self.total.finish().of_rows);
        std::mem::swap(&mut self.total, &mut self.products);
        let [sum, squares] = of_rows?;
        let mean = sum / b;
        Ok((squares / b - mean * mean).max(0.0) * (b / (b - 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_by_hand() {
        // Gradients (3, 0) and (0, 4): mean (1.5, 2), spread 2 (1.5^2 + 2^2).
        let noise = BatchNoise::of(2, 25.0, 5.0, 2.5);
        assert!((noise.trace - 12.5).abs() < 1e-12);
        assert!((noise.squared_norm(None) - 0.0).abs() < 1e-12);
        assert!((noise.squared_norm(Some(4)) - 3.125).abs() < 1e-12);
        assert_eq!(noise.squared_norm(Some(2)), 6.25);
    }

    #[test]
    fn one_row_has_no_variance_unless_it_is_all() {
        let noise = BatchNoise::of(1, 4.0, 2.0, 2.0);
        assert!(noise.trace.is_nan() && noise.squared_norm(Some(9)).is_nan());
        assert_eq!(noise.squared_norm(Some(1)), 4.0);
    }
}
