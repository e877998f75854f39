//! `batch_size="auto"`: a size from the noise of a short pilot run and from what steps cost, without a clock.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use super::{Config, Record, State, StopReason, fit};
use crate::error::{Error, Result, try_copied};
use crate::gradient::{BatchNoise, Problem, with_evaluator};
use crate::scalar::Scalar;
use crate::shuffle::{Batches, BatchesConfig};
use crate::update::{Average, Schedule};

/// Rows of a pilot run, drawn by the seed, of which each is seen once.
const ROWS_OF_PILOT: usize = 1 << 14;
/// Rows of its batches.
const BATCH_OF_PILOT: usize = 64;
/// Other rows, on which the gradient is probed where the pilot has led: the rows that it has learned by heart would say
/// that there is no gradient left.
const ROWS_OF_PROBE: usize = 1 << 12;
/// Rows of the data from which on a pilot pays: a third of an epoch, of the ten there are by default.
pub const FEWEST_ROWS: usize = 4 * ROWS_OF_PILOT;
/// The epoch whose draws the rows are: the last there is, which no training comes to.
const EPOCH_OF_PILOT: u64 = u32::MAX as u64;
/// Sizes to choose from, as powers of two.
const POWERS: std::ops::RangeInclusive<u32> = 5..=10;
/// How much more time than the best a size may take and still be chosen for being larger: it has fewer steps, less
/// noise, and more to share among threads.
const FLAT: f64 = 1.1;

/// What was chosen, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AutoBatchSize {
    /// Rows of a batch.
    pub batch_size: usize,
    /// B = tr(Sigma) / |G|^2 where the pilot has led, or, where |G|^2 is lost in its noise, the least that it may be.
    pub noise_scale: f64,
    /// tau_f / tau_d: rows that cost as much as the fixed part of a step.
    pub cost_ratio: f64,
}

/// Chooses the batch size of a run: of the powers of two whose predicted time to a target, `(1 + B / b) (tau_f + b
/// tau_d)`, is within 10 % of the least, the largest. None if the pilot has nothing to say: it diverged, or all
/// gradients are the same.
///
/// The gradient is probed at the mean of the parameters in the second half of the pilot, unless the optimizer has a model
/// of its own: the parameters are driven about by the noise of the pilot's batches, and the more so the larger its
/// rate, which is not what the batch size is to be chosen by.
///
/// # Errors
/// If the model is not linear, an allocation failed, or the pilot is interrupted.
pub fn auto_batch_size<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    params: &[T],
    seed: u64,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<Option<AutoBatchSize>> {
    problem.needs_linear("batch_size \"auto\"")?;
    let n_rows = problem.n_rows();
    let n_drawn = ROWS_OF_PILOT + ROWS_OF_PROBE;
    let drawn = BatchesConfig { replacement: true, seed, ..BatchesConfig::new(n_rows, n_drawn) };
    let mut drawn = Batches::new(drawn)?.batch(EPOCH_OF_PILOT, 0, interrupted)?;
    let others = drawn.split_off(ROWS_OF_PILOT);
    let (Ok(pilot), Ok(others)) = (problem.subset_of_own(drawn), problem.subset_of_own(others)) else {
        return Ok(None); // nearly all weights are zero
    };
    let batches = BatchesConfig { seed, ..BatchesConfig::new(ROWS_OF_PILOT, BATCH_OF_PILOT) };
    let half = (ROWS_OF_PILOT / BATCH_OF_PILOT / 2) as u64;
    // A automatic learning rate tries too long ones on the way, and gives back the best place it has seen.
    let has_model =
        config.optimizer.averages() || matches!(config.optimizer.learning_rate, Schedule::Auto(_));
    let config = Config {
        batches: Batches::new(batches)?,
        accumulate: NonZeroUsize::MIN,
        average: (!has_model).then(|| Average::polyak(half)),
        n_epochs: 1,
        record: Record::default(),
        ..config.clone()
    };
    let params = try_copied("parameters", params)?;
    let state = State::new(params, config.optimizer.init(problem.layout().len())?);
    let run = fit(&pilot, &config, state, interrupted, &mut |_| ControlFlow::Continue(()))?;
    match run.stop_reason {
        StopReason::Interrupted => return Err(Error::Interrupted),
        StopReason::Diverged { .. } => return Ok(None),
        _ => {}
    }
    let noise = with_evaluator(&others, run.params, (config.tier, 1), interrupted, |mut evaluator| {
        evaluator.gradient_with_noise(0..ROWS_OF_PROBE).map(|(_, noise)| noise)
    })?;
    let Some(noise_scale) = noise_scale(noise) else { return Ok(None) };
    let cost_ratio = cost_ratio(problem);
    Ok(Some(AutoBatchSize { batch_size: choose(noise_scale, cost_ratio), noise_scale, cost_ratio }))
}

/// tr(Sigma) over |G|^2, this not taken to be less than what noise alone adds to it.
fn noise_scale(noise: BatchNoise) -> Option<f64> {
    let scale = noise.trace / noise.squared_norm(None).max(noise.variance(None));
    (scale.is_finite() && scale > 0.0).then_some(scale)
}

/// tau_f / tau_d by what steps and rows have been measured to cost on processors of 2020 to 2025, in nanoseconds: a
/// step 150 and what passes over the parameters take, a row in random order 20 and what its bytes take to come.
fn cost_ratio<T: Scalar>(problem: &Problem<'_, T>) -> f64 {
    let bytes_of_params = (problem.layout().len() * size_of::<T>()) as f64;
    let bytes_of_row = problem.data.rows.bytes_of_row() as f64;
    let of_outputs = bytes_of_row * (problem.layout().n_outputs() - 1) as f64;
    (150.0 + bytes_of_params / 32.0) / (20.0 + 0.14 * bytes_of_row + of_outputs / 64.0)
}

fn choose(noise_scale: f64, cost_ratio: f64) -> usize {
    let time = |power: u32| {
        let b = f64::from(1 << power);
        (1.0 + noise_scale / b) * (cost_ratio + b)
    };
    let least = POWERS.map(time).fold(f64::INFINITY, f64::min);
    let largest = POWERS.rev().find(|&power| time(power) <= FLAT * least);
    1 << largest.unwrap_or(*POWERS.start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_the_good_sizes_is_chosen() {
        assert_eq!(choose(1000.0, 4.0), 128);
        assert_eq!(choose(1000.0, 100.0), 512);
        assert_eq!(choose(0.01, 1.0), 32);
        assert_eq!(choose(1e12, 10.0), 1024);
    }

    #[test]
    fn a_gradient_lost_in_its_noise_counts_as_its_noise() {
        let noise = |trace| BatchNoise { n_rows: 100, trace, batch_squared_norm: 0.5 };
        assert_eq!(noise_scale(noise(10.0)), Some(10.0 / 0.4));
        assert_eq!(noise_scale(noise(49.0)), Some(100.0));
        assert_eq!(noise_scale(noise(0.0)), None);
        assert_eq!(noise_scale(noise(f64::NAN)), None);
    }
}
