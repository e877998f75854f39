//! `batch_size="auto"`: a size from the noise of a short pilot run and from what steps cost, without a clock.

use std::ops::ControlFlow;

use super::{Config, Record, State, StopReason, fit};
use crate::error::{Error, Result};
use crate::gradient::Problem;
use crate::scalar::Scalar;
use crate::shuffle::{Batches, BatchesConfig};

/// Rows of a pilot run, drawn by the seed, each seen once: to every gradient its rows are new, so that what it says of
/// |G|^2 is about rows in general, and not about how well these are known by heart.
const ROWS_OF_PILOT: usize = 1 << 14;
/// Rows of the data from which on a pilot pays: a quarter of an epoch, of the ten there are by default.
pub const FEWEST_ROWS: usize = 4 * ROWS_OF_PILOT;
/// Rows of its batches.
const BATCH_OF_PILOT: usize = 64;
/// The epoch whose draws the rows are: the last there is, which no training comes to.
const EPOCH_OF_PILOT: u64 = u32::MAX as u64;
/// Sizes to choose from, as powers of two.
const POWERS: std::ops::RangeInclusive<u32> = 4..=13;
/// How much more time than the best a size may take and still be chosen for being larger: it has fewer steps, less
/// noise, and more to share among threads.
const FLAT: f64 = 1.1;

/// What was chosen, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AutoBatchSize {
    /// Rows of a batch.
    pub batch_size: usize,
    /// tr(Sigma) / |G|^2 in the second half of the pilot, or, where |G|^2 is lost in its noise, the least that it may be.
    pub noise_scale: f64,
    /// tau_f / tau_d: rows that cost as much as the fixed part of a step.
    pub cost_ratio: f64,
}

/// Chooses the batch size of a run: of the powers of two whose predicted time to a target, `(1 + B / b) (tau_f + b
/// tau_d)`, is within 10 % of the least, the largest. None if the pilot has nothing to say: it diverged, or all its
/// gradients were the same.
///
/// # Errors
/// If a buffer cannot be had, or the pilot is interrupted.
pub fn auto_batch_size<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    params: &[T],
    seed: u64,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<Option<AutoBatchSize>> {
    let n_rows = problem.n_rows();
    let drawn = BatchesConfig { replacement: true, seed, ..BatchesConfig::new(n_rows, ROWS_OF_PILOT) };
    let drawn = Batches::new(drawn)?.batch(EPOCH_OF_PILOT, 0)?;
    let Ok(pilot) = problem.among_own(drawn) else { return Ok(None) }; // nearly all weights are zero
    let batches = BatchesConfig { seed, ..BatchesConfig::new(ROWS_OF_PILOT, BATCH_OF_PILOT) };
    let config = Config {
        batches: Batches::new(batches)?,
        accumulate: std::num::NonZeroUsize::MIN,
        average: None,
        n_epochs: 1,
        record: Record { noise: true, ..Record::default() },
        ..config.clone()
    };
    let state = State::new(params.to_vec(), config.optimizer.init(problem.layout().len())?);
    let run = fit(&pilot, &config, state, interrupted, &mut |_| ControlFlow::Continue(()))?;
    match run.stop_reason {
        StopReason::Interrupted => return Err(Error::Interrupted),
        StopReason::Diverged { .. } => return Ok(None),
        _ => {}
    }
    let noise = &run.history.noise;
    let half = noise.trace.len() / 2;
    let Some(noise_scale) = noise_scale(&noise.trace[half..], &noise.squared_norm[half..]) else {
        return Ok(None);
    };
    let cost_ratio = cost_ratio(problem);
    Ok(Some(AutoBatchSize { batch_size: choose(noise_scale, cost_ratio), noise_scale, cost_ratio }))
}

/// The ratio of the means, the second not taken to be less than its standard error.
fn noise_scale(trace: &[f64], squared_norm: &[f64]) -> Option<f64> {
    let n = trace.len() as f64;
    let mean = |x: &[f64]| x.iter().sum::<f64>() / n;
    let (trace, mean_norm) = (mean(trace), mean(squared_norm));
    let spread = squared_norm.iter().map(|x| (x - mean_norm).powi(2)).sum::<f64>() / (n - 1.0);
    let scale = trace / mean_norm.max((spread / n).sqrt());
    (scale.is_finite() && scale > 0.0).then_some(scale)
}

/// tau_f / tau_d by what steps and rows have been measured to cost on processors of 2020 to 2025, in nanoseconds: a
/// step 150 and what passes over the parameters take, a row in random order 20 and what its bytes take to come.
fn cost_ratio<T: Scalar>(problem: &Problem<'_, T>) -> f64 {
    let bytes_of_params = (problem.layout().len() * size_of::<T>()) as f64;
    let bytes_of_row = problem.rows.bytes_of_row() as f64;
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
        assert_eq!(choose(0.01, 1.0), 16);
        assert_eq!(choose(1e12, 10.0), 8192);
    }

    #[test]
    fn a_gradient_lost_in_its_noise_counts_as_its_standard_error() {
        let squared_norm = [1.0, -1.0, 1.0, -1.0];
        let scale = noise_scale(&[6.0; 4], &squared_norm).unwrap();
        assert!((scale - 6.0 / (4.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        assert_eq!(noise_scale(&[0.0; 4], &squared_norm), None);
        assert_eq!(noise_scale(&[f64::NAN; 4], &squared_norm), None);
    }
}
