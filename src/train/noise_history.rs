//! `NoiseHistory`: what is written down of the noise of gradients.

use super::history::out_of_memory;
use crate::error::Result;
use crate::gradient::BatchNoise;

/// The noise of the gradients that were probed, before clipping, see [`BatchNoise`]: those of every eighth
/// step, or of every fourth where batches grow.
#[derive(Debug, Clone, Default)]
pub struct NoiseHistory {
    /// Which step, counted from 0 over the whole run.
    pub step: Vec<i64>,
    /// Rows of the batch.
    pub batch_size: Vec<i64>,
    /// Learning rate of the step.
    pub learning_rate: Vec<f64>,
    /// Unbiased estimate of tr(Sigma), the variance of the gradient of a row; NaN for a batch of one row.
    pub trace: Vec<f64>,
    /// Unbiased estimate of |G|^2, the squared norm of the gradient over all rows.
    pub squared_norm: Vec<f64>,
    /// Squared norm of the gradient of the batch.
    pub batch_squared_norm: Vec<f64>,
    /// Variance of the batch's gradient around that over all rows.
    pub variance: Vec<f64>,
    /// Variance over the rows of the batch of the product of their gradients with the batch's, of every 64th step,
    /// and else NaN.
    pub variance_along: Vec<f64>,
}

impl NoiseHistory {
    /// Makes room for so many more probes.
    pub(super) fn reserve(&mut self, n_probes: usize) -> Result<()> {
        for vector in [&mut self.step, &mut self.batch_size] {
            vector.try_reserve(n_probes).map_err(|_| out_of_memory::<i64>(n_probes))?;
        }
        let vectors = [
            &mut self.learning_rate,
            &mut self.trace,
            &mut self.squared_norm,
            &mut self.batch_squared_norm,
            &mut self.variance,
            &mut self.variance_along,
        ];
        for vector in vectors {
            vector.try_reserve(n_probes).map_err(|_| out_of_memory::<f64>(n_probes))?;
        }
        Ok(())
    }

    /// Writes down a probe of step t.
    pub(super) fn push(
        &mut self,
        t: u64,
        noise: BatchNoise,
        n_population: Option<usize>,
        variance_along: f64,
        learning_rate: f64,
    ) {
        self.step.push(t as i64);
        self.batch_size.push(noise.n_rows as i64);
        self.learning_rate.push(learning_rate);
        self.trace.push(noise.trace);
        self.squared_norm.push(noise.squared_norm(n_population));
        self.batch_squared_norm.push(noise.batch_squared_norm);
        self.variance.push(noise.variance(n_population));
        self.variance_along.push(variance_along);
    }
}
