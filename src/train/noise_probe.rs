//! `Probe`: what a batch says about the noise of its gradient, and which batches are asked.

use super::step::Batch;
use crate::error::Result;
use crate::gradient::{BatchNoise, Evaluator};
use crate::scalar::Scalar;

/// Steps from one probe to the next. A probe costs up to two fifths of a step where rows are in cache and batches
/// small, a tenth elsewhere, so that one at every eighth step costs some per cent of the epoch. Batches that grow are
/// decided on by fewer steps, and probed more often.
pub(super) const fn steps_between_probes(is_growing: bool) -> u64 {
    if is_growing { 4 } else { 8 }
}

/// Steps from one second pass over the rows of a batch to the next: it costs about as much as the step itself.
const STEPS_BETWEEN_SECOND_PASSES: u64 = 64;

/// The noise of the gradient of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) noise: BatchNoise,
    /// Variance over the rows of the product of their gradients with the batch's; NaN if it was not asked for.
    pub(super) variance_along: f64,
}

/// Whether step `t` is probed, where the noise is recorded or batches grow by it.
#[inline]
pub(super) fn is_due(t: u64, is_recorded: bool, is_growing: bool) -> bool {
    (is_recorded || is_growing) && t.is_multiple_of(steps_between_probes(is_growing))
}

impl Probe {
    /// The objective on a batch, its gradient, which the evaluator keeps, and how noisy that is.
    #[cold]
    #[inline(never)]
    pub(super) fn of<T: Scalar>(
        batch: &Batch,
        t: u64,
        is_recorded: bool,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<(f64, Self)> {
        let positions = &batch.positions;
        let (loss, noise) = evaluator.gradient_with_noise(positions.clone())?;
        let has_second = is_recorded && t.is_multiple_of(STEPS_BETWEEN_SECOND_PASSES) && positions.len() > 1;
        let variance_along =
            if has_second { evaluator.variance_along_last(positions.clone())? } else { f64::NAN };
        Ok((loss, Self { noise, variance_along }))
    }
}
