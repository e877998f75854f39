//! Batches that grow where the noise of their gradients asks for it.

use crate::gradient::BatchNoise;
use crate::shuffle::{Batches, NormTest};

/// The size of the batches of this epoch, and what its gradients have said so far of that of the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdaptiveBatchSize {
    /// Rows of a batch.
    pub batch_size: usize,
    /// Gradients probed in this epoch.
    pub n_probes: u64,
    /// Sum over them of the estimates of tr(Sigma), the variance of the gradient of a row.
    pub trace: f64,
    /// Sum over them of the squared norms.
    pub squared_norm: f64,
}

impl AdaptiveBatchSize {
    /// The beginning of an epoch.
    pub fn new(batch_size: usize) -> Self {
        Self { batch_size, n_probes: 0, trace: 0.0, squared_norm: 0.0 }
    }

    /// Where a run begins: at the first size, or where another has left off, unless that is more than is allowed now
    /// and the epoch has not begun. None if batches do not grow by their noise.
    pub(in crate::train) fn of_run(
        batches: &Batches,
        before: Option<Self>,
        is_within_epoch: bool,
    ) -> Option<Self> {
        let test = batches.norm_test()?;
        let growth = before.unwrap_or(Self::new(batches.of_epoch(0).batch_size()));
        let most = test.max_batch_size().min(batches.n_positions());
        let batch_size = if is_within_epoch { growth.batch_size } else { growth.batch_size.min(most) };
        Some(Self { batch_size, ..growth })
    }

    /// Takes in a gradient.
    pub(super) fn see(&mut self, noise: BatchNoise) {
        if noise.trace.is_finite() && noise.batch_squared_norm.is_finite() {
            self.n_probes += 1;
            self.trace += noise.trace;
            self.squared_norm += noise.batch_squared_norm;
        }
    }

    /// The next epoch: with batches so large that a step, of `accumulate` of them, would pass the test.
    pub(super) fn next(&self, test: NormTest, batches: &Batches, accumulate: usize) -> Self {
        let n_positions = batches.n_positions();
        // Of b of n rows drawn without replacement the variance is trace (1/b - 1/n).
        let of_population = if batches.draws() { 0.0 } else { 1.0 / n_positions as f64 };
        let rows = 1.0 / (test.theta().powi(2) * self.squared_norm / self.trace + of_population);
        let wanted = (rows / accumulate as f64).ceil();
        // Nothing seen, or neither noise nor gradient, is not a number: no reason to grow.
        let wanted = if wanted.is_nan() { 0.0 } else { wanted };
        let most = test.max_batch_size().min(n_positions);
        Self::new((wanted as usize).min(most).max(self.batch_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shuffle::BatchesConfig;

    fn next(trace: f64, squared_norm: f64, most: Option<i64>, accumulate: usize) -> usize {
        let test = NormTest::new(10, 0.5, most).unwrap();
        let batches = Batches::new(BatchesConfig::new(1000, 10)).unwrap();
        let mut growth = AdaptiveBatchSize::new(10);
        growth.see(BatchNoise { n_rows: 10, trace, batch_squared_norm: squared_norm });
        growth.next(test, &batches, accumulate).batch_size
    }

    #[test]
    fn batches_become_as_large_as_the_test_asks() {
        // trace (1/b - 1/1000) <= 0.25 |g|^2
        assert_eq!(next(100.0, 4.0, None, 1), 91);
        assert_eq!(next(100.0, 4.0, None, 4), 23);
        assert_eq!(next(100.0, 4.0, Some(50), 1), 50);
        assert_eq!(next(1.0, 4.0, None, 1), 10, "they never shrink");
        assert_eq!(next(1.0, 0.0, None, 1), 1000, "all is noise");
        assert_eq!(next(0.0, 0.0, None, 1), 10);
        assert_eq!(next(f64::NAN, 1.0, None, 1), 10);
    }
}
