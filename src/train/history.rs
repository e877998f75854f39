//! What is written down during a run.

use super::NoiseHistory;
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::scalar::Scalar;

/// Records by epoch and by step. A vector that was not asked for is empty.
#[derive(Debug, Clone, Default)]
pub struct History<T> {
    /// Mean over the rows of an epoch of the objective, each batch's before its step.
    pub epoch_loss: Vec<f64>,
    /// Seconds of training up to the end of the epoch; looking at the full loss is not counted.
    pub epoch_elapsed: Vec<f64>,
    /// Steps of the whole run up to the end of the epoch.
    pub epoch_steps: Vec<i64>,
    /// Objective of the batch before the step.
    pub step_loss: Vec<f64>,
    /// Learning rate of the step.
    pub learning_rate: Vec<f64>,
    /// Rows of a batch in the epoch, or of the step if steps are recorded.
    pub batch_size: Vec<i64>,
    /// 2-norm of the batch gradient before clipping.
    pub gradient_norm: Vec<f64>,
    /// Seconds of training up to the end of the step.
    pub elapsed: Vec<f64>,
    /// Objective over all rows after the epoch, or after the step if steps are recorded.
    pub full_loss: Vec<f64>,
    /// Mean loss over the validation rows, without the penalty, after the epoch.
    pub validation_loss: Vec<f64>,
    /// Coefficients (k, d) and intercepts (k) after each step, one after the other.
    pub path: Vec<T>,
    /// What batches say about the noise of their gradients.
    pub noise: NoiseHistory,
}

impl<T: Scalar> History<T> {
    /// Makes room for `n_steps` more steps, so that none of them allocates.
    pub(super) fn reserve_steps(&mut self, n_steps: usize, full_loss: bool) -> Result<()> {
        let vectors =
            [&mut self.step_loss, &mut self.learning_rate, &mut self.gradient_norm, &mut self.elapsed];
        self.batch_size.try_reserve(n_steps).map_err(|_| out_of_memory::<i64>(n_steps))?;
        let full_loss = full_loss.then_some(&mut self.full_loss);
        for vector in vectors.into_iter().chain(full_loss) {
            vector.try_reserve(n_steps).map_err(|_| out_of_memory::<f64>(n_steps))?;
        }
        Ok(())
    }

    /// Makes room for the parameters after `n_steps` more steps.
    pub(super) fn reserve_path(&mut self, n_steps: usize, layout: Layout) -> Result<()> {
        let n = n_steps.saturating_mul(layout.n_entries());
        self.path.try_reserve(n).map_err(|_| out_of_memory::<T>(n))
    }

    pub(super) fn push_path(&mut self, layout: Layout, params: &[T]) {
        self.path.extend(layout.entries(params));
    }
}

pub(super) fn out_of_memory<T>(n: usize) -> Error {
    Error::OutOfMemory { what: "the history", bytes: n.saturating_mul(size_of::<T>()) }
}
