//! What a step costs: a fixed part and a part per row.

use super::robust_line::{RobustFit, median};
use crate::error::Result;

/// `t(b) = tau_f + b tau_d`, in seconds, fitted to measured times.
///
/// ```
/// use mbgd_rs::diagnose::StepCost;
///
/// let seconds = |b: f64| vec![2e-7 + 5e-9 * b; 3];
/// let cost = StepCost::of(&[1, 8, 64], &[seconds(1.0), seconds(8.0), seconds(64.0)])?;
/// assert!((cost.tau_f - 2e-7).abs() < 1e-15 && (cost.tau_d - 5e-9).abs() < 1e-17);
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StepCost {
    /// Median seconds of a step, by batch size.
    pub seconds: Vec<f64>,
    /// Seconds of a step that do not depend on the batch size.
    pub tau_f: f64,
    /// Seconds added by each row.
    pub tau_d: f64,
    /// The range of 95 % of the resampled values of `tau_f`.
    pub tau_f_interval: (f64, f64),
    /// The range of 95 % of the resampled values of `tau_d`.
    pub tau_d_interval: (f64, f64),
}

impl StepCost {
    /// The cost, from several measured seconds per step for each batch size. The line of least absolute
    /// relative errors is fitted to their medians, so that neither a disturbed measurement nor the large
    /// batches dominate.
    ///
    /// # Errors
    /// If there are fewer than two batch sizes, or one has no times or one that is not positive.
    pub fn of(batch_sizes: &[usize], seconds: &[Vec<f64>]) -> Result<Self> {
        let sizes: Vec<f64> = batch_sizes.iter().map(|&b| b as f64).collect();
        let RobustFit { line, middles, at_zero_interval, slope_interval } =
            RobustFit::of("seconds", &sizes, seconds, median)?;
        Ok(Self {
            seconds: middles,
            tau_f: line.at_zero,
            tau_d: line.slope,
            tau_f_interval: at_zero_interval,
            tau_d_interval: slope_interval,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_busy_now_and_then_is_seen_through() {
        // Of 7 repeats 2 took up to 20 times as long, and at two batch sizes all did.
        let sizes: Vec<usize> = (0..14).map(|j| 1 << j).collect();
        let busy = |j: usize, r: usize| match (j, r) {
            (4 | 9, _) => 3.0,
            (_, 2 | 5) => 4.0 + j as f64,
            _ => 1.0 + 0.01 * ((3 * r + j) % 5) as f64,
        };
        let seconds: Vec<Vec<f64>> = (0..14)
            .map(|j| (0..7).map(|r| (1.5e-7 + 2e-8 * sizes[j] as f64) * busy(j, r)).collect())
            .collect();
        let cost = StepCost::of(&sizes, &seconds).unwrap();
        assert!((cost.tau_f / 1.5e-7 - 1.0).abs() < 0.1, "{cost:?}");
        assert!((cost.tau_d / 2e-8 - 1.0).abs() < 0.1, "{cost:?}");
        assert!(cost.tau_f_interval.0 <= cost.tau_f && cost.tau_f <= cost.tau_f_interval.1);
    }
}
