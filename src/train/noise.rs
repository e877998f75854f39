//! Looking at the noise of gradients, and what is written down of it.

use std::ops::Range;

use super::epoch::Run;
use super::history::out_of_memory;
use crate::error::Result;
use crate::gradient::{BatchNoise, Work};
use crate::parallel::Team;
use crate::scalar::Scalar;

/// Steps from one noise probe to the next. A probe costs up to two fifths of a step where rows are in cache and
/// batches small, a tenth elsewhere, so that probes of every eighth step cost some per cent of the epoch. Batches that
/// grow are decided on by fewer steps, and probed more often.
pub(super) const fn steps_between_probes(is_growing: bool) -> u64 {
    if is_growing { 4 } else { 8 }
}

/// Steps from one second probe of the rows of a batch to the next: it costs about as much as the step itself.
const STEPS_BETWEEN_SECOND_PROBES: u64 = 64;

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

impl<'a, T: Scalar> Run<'a, T> {
    /// Whether the step at hand is probed.
    #[inline]
    pub(super) fn is_probed(&self) -> bool {
        let is_growing = self.state.adaptive_batch_size.is_some();
        (self.config.record.noise || is_growing)
            && self.state.optimizer.n_steps.is_multiple_of(steps_between_probes(is_growing))
    }

    /// The objective on a batch, and its gradient, which is kept, and how noisy that is.
    #[cold]
    #[inline(never)]
    pub(super) fn noisy_loss_on(
        &mut self,
        batch: Range<usize>,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> Result<f64> {
        let t = self.state.optimizer.n_steps;
        let (loss, noise) = self.gradient.of_with_noise(batch.clone(), team)?;
        let is_recorded = self.config.record.noise;
        let is_second_probe = is_recorded && t.is_multiple_of(STEPS_BETWEEN_SECOND_PROBES) && batch.len() > 1;
        let along = if is_second_probe { self.gradient.variance_along_last(batch, team)? } else { f64::NAN };
        self.probe = Some((noise, along));
        Ok(loss)
    }

    /// Writes down, of step t, what was seen.
    #[cold]
    pub(super) fn record_noise(&mut self, t: u64, noise: BatchNoise, variance_along: f64) {
        if let Some(adaptive_batch_size) = &mut self.state.adaptive_batch_size {
            adaptive_batch_size.see(noise);
        }
        if self.config.record.noise {
            let n_population = (!self.config.batches.draws()).then(|| self.problem.n_rows());
            let learning_rate = self.optimizer.learning_rate_at(t, &self.state.optimizer);
            self.history.noise.push(t, noise, n_population, variance_along, learning_rate);
        }
    }
}
