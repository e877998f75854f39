//! Which batch size reaches a target soonest.

use std::fmt;

use super::StepCost;
use super::robust_line::{RobustFit, RobustLine, mean};
use crate::error::{Error, Result, checked};

/// `sqrt(c_var tau_f / (n_iter tau_d))`, the b at which `T(b) = (n_iter + c_var / b)(tau_f + b tau_d)` is
/// least.
///
/// `c_var / n_iter` is the gradient-noise scale.
///
/// Source: S. McCandlish, J. Kaplan, D. Amodei et al., An empirical model of large-batch training, 2018,
/// arXiv:1812.06162, for the number of steps; the time of a step is linear in b.
///
/// ```
/// use mbgd_rs::diagnose::optimal_batch_size;
///
/// assert!((optimal_batch_size(900.0, 2e-6, 50.0, 1e-8)? - 60.0).abs() < 1e-9);
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
///
/// # Errors
/// If an argument is not finite, `c_var` or `tau_f` is negative, or `n_iter` or `tau_d` is not positive.
pub fn optimal_batch_size(c_var: f64, tau_f: f64, n_iter: f64, tau_d: f64) -> Result<f64> {
    for (argument, value) in [("c_var", c_var), ("tau_f", tau_f)] {
        checked(argument, "finite and >= 0", value, |v| v.is_finite() && v >= 0.0)?;
    }
    for (argument, value) in [("n_iter", n_iter), ("tau_d", tau_d)] {
        checked(argument, "finite and > 0", value, |v| v.is_finite() && v > 0.0)?;
    }
    // Roots first, so that no product overflows or underflows.
    Ok((c_var.sqrt() / n_iter.sqrt()) * (tau_f.sqrt() / tau_d.sqrt()))
}

/// Which cost dominates the training time.
///
/// T(b) falls as 1 / b up to the smaller of the noise scale `B = c_var / n_iter` and `tau_f / tau_d`, and
/// rises as b beyond the larger of the two. Between the two it is flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// `tau_f / tau_d` is well below B: the time is that of processing `c_var` rows.
    NoiseLimited,
    /// B is well below `tau_f / tau_d`: the time is that of the fixed cost of `n_iter` steps.
    OverheadLimited,
    /// The two are similar: T(b) has no flat part.
    Balanced,
    /// A batch of all rows is best.
    CurvatureLimited,
}

/// The ratio of B and `tau_f / tau_d` from which T(b) counts as flat between them.
const APART: f64 = 4.0;

impl Regime {
    fn of(noise_scale: f64, rows_of_overhead: f64, batch_size: usize, n_rows: usize) -> Self {
        if batch_size >= n_rows {
            Self::CurvatureLimited
        } else if noise_scale > APART * rows_of_overhead {
            Self::NoiseLimited
        } else if rows_of_overhead > APART * noise_scale {
            Self::OverheadLimited
        } else {
            Self::Balanced
        }
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoiseLimited => {
                "noise-limited: the rows to be seen decide, larger batches need fewer steps in proportion, and \
                 between tau_f / tau_d and the noise scale the time hardly depends on the batch size"
            }
            Self::OverheadLimited => {
                "overhead-limited: the fixed cost of the steps decides, more rows a step are nearly free, and \
                 between the noise scale and tau_f / tau_d the time hardly depends on the batch size"
            }
            Self::Balanced => {
                "balanced: the noise scale and tau_f / tau_d are alike; smaller batches waste the fixed cost of \
                 a step, larger ones waste rows"
            }
            Self::CurvatureLimited => {
                "curvature-limited: even all rows at once are not too many, for the noise of batches costs \
                 more steps than rows cost time"
            }
        })
    }
}

/// A recommended batch size, and the estimates that it follows from.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// Of the batch sizes predicted within 10 % of the shortest time, the one with the fastest pilot runs.
    pub batch_size: usize,
    /// The smallest and the largest size predicted within 10 % of the shortest time.
    pub interval: (usize, usize),
    /// Predicted seconds to the target, by batch size.
    pub predicted_seconds: Vec<f64>,
    /// Rows that are processed because of the noise: the steps to the target are `n_iter + c_var / b`.
    pub c_var: f64,
    /// The range of 95 % of the resampled values.
    pub c_var_interval: (f64, f64),
    /// Steps that are needed without noise.
    pub n_iter: f64,
    /// The range of 95 % of the resampled values.
    pub n_iter_interval: (f64, f64),
    /// `c_var / n_iter`, infinite if larger batches need fewer steps without limit.
    pub noise_scale: f64,
    /// What dominates the time.
    pub regime: Regime,
}

/// Times up to this factor of the shortest time count as good.
const GOOD: f64 = 1.1;

impl Advice {
    /// The advice for data of `n_rows` from the measurements of a pilot: `steps` to the target, several for
    /// each of `pilot_batch_sizes`, infinite for a run that did not reach it, and the cost of a step at
    /// `batch_sizes`.
    ///
    /// `b N(b) = c_var + n_iter b` is linear in b, like `t(b)`, and is fitted in the same way, to the means
    /// of the runs, because the average training time is what matters.
    ///
    /// # Errors
    /// If all runs reached the target at fewer than two batch sizes, or there are no times.
    pub fn of(
        n_rows: usize,
        pilot_batch_sizes: &[usize],
        steps: &[Vec<f64>],
        batch_sizes: &[usize],
        cost: &StepCost,
    ) -> Result<Self> {
        let law = Self::law(pilot_batch_sizes, steps)?;
        let RobustLine { at_zero: c_var, slope: n_iter } = law.line;
        if batch_sizes.len() != cost.seconds.len() || batch_sizes.is_empty() {
            let expected = format!("{} sizes, one for each time", cost.seconds.len());
            return Err(Error::Shape {
                argument: "batch_sizes",
                expected,
                got: batch_sizes.len().to_string(),
            });
        }
        let predicted_seconds: Vec<f64> = batch_sizes
            .iter()
            .zip(&cost.seconds)
            .map(|(&b, &measured)| law.line.at(b as f64) / b as f64 * smoothed(cost, b, measured))
            .collect();
        let best = (0..batch_sizes.len())
            .min_by(|&i, &j| predicted_seconds[i].total_cmp(&predicted_seconds[j]))
            .unwrap_or(0);
        let is_good = |&i: &usize| predicted_seconds[i] <= GOOD * predicted_seconds[best];
        let good: Vec<usize> = (0..batch_sizes.len()).filter(is_good).collect();
        let counted = |&i: &usize| {
            let at = pilot_batch_sizes.iter().position(|&b| b == batch_sizes[i])?;
            let seconds = mean(&steps[at]) * smoothed(cost, batch_sizes[i], cost.seconds[i]);
            Some((i, seconds)).filter(|_| seconds.is_finite())
        };
        let fastest = good.iter().filter_map(counted).min_by(|(_, s), (_, t)| s.total_cmp(t));
        let batch_size = batch_sizes[fastest.map_or(best, |(i, _)| i)];
        let good = || good.iter().map(|&i| batch_sizes[i]);
        let noise_scale = if n_iter > 0.0 { c_var / n_iter } else { f64::INFINITY };
        let rows_of_overhead = if cost.tau_d > 0.0 { cost.tau_f / cost.tau_d } else { f64::INFINITY };
        Ok(Self {
            batch_size,
            interval: (good().min().unwrap_or(batch_size), good().max().unwrap_or(batch_size)),
            predicted_seconds,
            c_var,
            c_var_interval: law.at_zero_interval,
            n_iter,
            n_iter_interval: law.slope_interval,
            noise_scale,
            regime: Regime::of(noise_scale, rows_of_overhead, batch_size, n_rows),
        })
    }

    /// The line `b N(b) = c_var + n_iter b`, fitted to the batch sizes at which every run reached the target.
    fn law(pilot_batch_sizes: &[usize], steps: &[Vec<f64>]) -> Result<RobustFit> {
        let (mut sizes, mut rows) = (Vec::new(), Vec::<Vec<f64>>::new());
        for (&b, steps) in pilot_batch_sizes.iter().zip(steps) {
            // If some runs did not reach the target, those that did were the lucky ones.
            if steps.iter().all(|s| s.is_finite()) {
                sizes.push(b as f64);
                rows.push(steps.iter().map(|s| s * b as f64).collect());
            }
        }
        if sizes.len() < 2 {
            let expected = "runs that reached the target at two batch sizes at least".to_owned();
            return Err(Error::Shape { argument: "steps", expected, got: sizes.len().to_string() });
        }
        RobustFit::of("steps", &sizes, &rows, mean)
    }
}

/// Seconds of a step: the geometric mean of the measurement and the line. The line carries what was measured
/// at the other batch sizes, and the measurement carries what is not linear.
fn smoothed(cost: &StepCost, batch_size: usize, measured: f64) -> f64 {
    let line = RobustLine { at_zero: cost.tau_f, slope: cost.tau_d }.at(batch_size as f64);
    (line * measured).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_is_where_the_time_is_least() {
        for (c_var, tau_f, n_iter, tau_d) in
            [(1e4, 2e-7, 30.0, 1e-8), (5.0, 5e-5, 1e3, 1e-7), (1e9, 1e-7, 1.0, 1e-6)]
        {
            let best = optimal_batch_size(c_var, tau_f, n_iter, tau_d).unwrap();
            let time = |b: f64| (n_iter + c_var / b) * (tau_f + b * tau_d);
            for factor in [0.9, 0.99, 1.01, 1.1] {
                assert!(time(best) <= time(best * factor), "{best} {factor}");
            }
            // The broken formula, without the root, is caught by the same test.
            let broken = best * best;
            assert!(broken == best || time(best) < time(broken));
        }
    }

    #[test]
    fn arguments_are_checked() {
        let error = optimal_batch_size(1.0, -1.0, 1.0, 1.0).unwrap_err().to_string();
        assert_eq!(error, "tau_f must be finite and >= 0, got -1");
        let error = optimal_batch_size(1.0, 1.0, 0.0, 1.0).unwrap_err().to_string();
        assert_eq!(error, "n_iter must be finite and > 0, got 0");
        assert_eq!(optimal_batch_size(0.0, 1.0, 1.0, 1.0), Ok(0.0));
        let huge = optimal_batch_size(1e200, 1e200, 1e-100, 1e200).unwrap(); // the products overflow
        assert!((huge / 1e150 - 1.0).abs() < 1e-12);
    }

    fn advice(c_var: f64, tau_f: f64, n_iter: f64, tau_d: f64) -> Advice {
        let sizes: Vec<usize> = (0..15).map(|j| 1 << j).collect();
        let seconds: Vec<Vec<f64>> = sizes.iter().map(|&b| vec![tau_f + tau_d * b as f64]).collect();
        let cost = StepCost::of(&sizes, &seconds).unwrap();
        let steps: Vec<Vec<f64>> = sizes.iter().map(|&b| vec![n_iter + c_var / b as f64; 3]).collect();
        Advice::of(1 << 14, &sizes, &steps, &sizes, &cost).unwrap()
    }

    #[test]
    fn advice_is_the_power_of_two_nearest_to_the_formula() {
        for (c_var, tau_f, n_iter, tau_d) in [(1e4, 2e-7, 30.0, 1e-8), (5e3, 5e-5, 1e2, 1e-7)] {
            let advice = advice(c_var, tau_f, n_iter, tau_d);
            let best = optimal_batch_size(c_var, tau_f, n_iter, tau_d).unwrap();
            let factor = advice.batch_size as f64 / best;
            assert!((0.7..1.42).contains(&factor), "{} for {best}", advice.batch_size);
            assert!(advice.interval.0 <= advice.batch_size && advice.batch_size <= advice.interval.1);
            assert!((advice.c_var / c_var - 1.0).abs() < 1e-6 && (advice.n_iter / n_iter - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn among_good_sizes_the_fastest_runs_decide() {
        let sizes = [1, 2, 4, 8, 16, 32];
        let seconds: Vec<Vec<f64>> = sizes.iter().map(|&b| vec![4.0 + f64::from(b as u8)]).collect();
        let cost = StepCost::of(&sizes, &seconds).unwrap();
        let steps = |factor: f64| {
            [2, 4, 8].map(|b| vec![(10.0 + 40.0 / b as f64) * if b == 8 { factor } else { 1.0 }])
        };
        let chosen = |factor| Advice::of(100, &[2, 4, 8], &steps(factor), &sizes, &cost).unwrap().batch_size;
        assert_eq!((chosen(1.0), chosen(0.97), chosen(0.8)), (4, 4, 8));
    }

    #[test]
    fn regimes_are_told_apart() {
        assert_eq!(advice(1e6, 1e-7, 10.0, 1e-8).regime, Regime::NoiseLimited);
        assert_eq!(advice(1e3, 1e-4, 100.0, 1e-8).regime, Regime::OverheadLimited);
        assert_eq!(advice(1e4, 1e-6, 100.0, 1e-8).regime, Regime::Balanced);
        assert_eq!(advice(1e9, 1e-2, 10.0, 1e-8).regime, Regime::CurvatureLimited);
    }

    #[test]
    fn runs_that_did_not_come_are_no_steps() {
        let sizes = [1, 2];
        let cost = StepCost::of(&sizes, &[vec![1.0], vec![1.5]]).unwrap();
        let steps = [vec![3.0, f64::INFINITY, 3.0], vec![3.0; 3]];
        let error = Advice::of(10, &sizes, &steps, &sizes, &cost).unwrap_err().to_string();
        assert!(error.contains("two batch sizes at least, got 1"), "{error}");
    }
}
