//! Pilot runs: how many steps of plain gradient descent lead to a target, at which rate.

use super::stopping::{MaxSteps, StopRule};
use super::{Config, Record, State, StopReason, Validation, ValidationRows, fit_with};
use crate::data::Order;
use crate::error::{Error, Result, try_copied};
use crate::gradient::{Problem, Smoothness, n_workers_worth, with_evaluator};
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::shuffle::{Batches, BatchesConfig};
use crate::update::schedule::Constant;
use crate::update::{Optimizer, Rule, Schedule, Sgd};

/// Where pilot runs begin, their target, and the rows on which the loss is evaluated.
#[derive(Debug)]
pub struct Pilot<'a, T> {
    problem: &'a Problem<'a, T>,
    start: Vec<T>,
    n_judged: usize,
    start_loss: f64,
    target: f64,
    tier: Tier,
    n_threads: usize,
}

/// A rate and what it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// The constant rate, a power of two times the first one.
    pub rate: f64,
    /// Steps to the target, for each seed; infinite where it was not reached.
    pub steps: Vec<f64>,
}

/// The loss of a run is evaluated whenever the run has become this many times longer. Between two evaluations it is taken
/// for a line, which crosses the target at some step.
const LONGER: f64 = 1.25;
/// Between one rate and the next, and how often at most.
const FACTOR: f64 = 2.0;
const MOST_DOUBLINGS: f64 = 24.0;
/// How much longer than with the best rate so far a run may take before it is given up.
const PATIENCE: f64 = 1.5;

impl<'a, T: Scalar> Pilot<'a, T> {
    /// Runs from `start` to `target`, a value of the objective over `n_judged` rows, evenly spread.
    ///
    /// # Errors
    /// Unless the target is finite and below the objective at the start, or the work was interrupted.
    pub fn new(
        problem: &'a Problem<'a, T>,
        start: Vec<T>,
        target: f64,
        n_judged: usize,
        (tier, n_threads): (Tier, usize),
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let start_loss = sampled_loss(
            problem,
            try_copied("parameters", &start)?,
            n_judged,
            (tier, n_threads),
            interrupted,
        )?;
        if !(target.is_finite() && target < start_loss) {
            return Err(Error::OutOfRange {
                argument: "target",
                condition: "finite and below the loss at the start",
                value: format!("{target}, where the run begins at {start_loss}"),
            });
        }
        Ok(Self { problem, start, n_judged, start_loss, target, tier, n_threads })
    }

    /// The rate with the fewest steps, the mean of those of all seeds, that a climb by factors of two from
    /// `first_rate` comes to. No run makes more than `max_steps`. A rate with which only some runs are lucky is
    /// not preferred.
    ///
    /// # Errors
    /// If the rate is none, or the work was interrupted.
    pub fn tuned(
        &self,
        batch_size: usize,
        first_rate: f64,
        seeds: &[u64],
        max_steps: u64,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Tuned> {
        let costs = |rate: f64, max_steps: u64| -> Result<Vec<f64>> {
            seeds.iter().map(|&seed| self.cost(batch_size, rate, seed, max_steps, interrupted)).collect()
        };
        let mean = |costs: &[f64]| costs.iter().sum::<f64>() / costs.len().max(1) as f64;
        let (mut rate, mut best) = (first_rate, costs(first_rate, max_steps)?);
        // A rate that does not lead there is more often too high than too low.
        let is_there = mean(&best) <= max_steps as f64;
        let factors = if is_there { [FACTOR, 1.0 / FACTOR] } else { [1.0 / FACTOR, FACTOR] };
        for factor in factors {
            let (begin, mut next, mut n_worse) = (rate, rate, 0);
            // The steps are noisy: one rate that is worse does not yet say that those beyond it are.
            while n_worse < 2 && (next / first_rate).log2().abs() < MOST_DOUBLINGS {
                next *= factor;
                let least = mean(&best);
                if !next.is_normal() || (factor > 1.0 && least == f64::INFINITY) {
                    break; // what has diverged does so at higher rates too
                }
                let patience = ((least * PATIENCE).ceil() + 2.0).min(max_steps as f64) as u64;
                let mut found = costs(next, patience)?;
                if mean(&found) < least && found.iter().any(|&c| c > patience as f64) {
                    found = costs(next, max_steps)?;
                }
                if mean(&found) < least || (mean(&found) == least && !least.is_finite()) {
                    (rate, best, n_worse) = (next, found, 0);
                } else if mean(&found) == f64::INFINITY {
                    break;
                } else {
                    n_worse += 1;
                }
            }
            if rate != begin {
                break; // that was the way
            }
        }
        let steps = best.into_iter().map(|c| if c <= max_steps as f64 { c } else { f64::INFINITY });
        Ok(Tuned { rate, steps: steps.collect() })
    }

    /// Steps to the target. For a run that has not reached it, more than `max_steps`, the more the farther it still is;
    /// infinity if it diverged.
    fn cost(
        &self,
        batch_size: usize,
        rate: f64,
        seed: u64,
        max_steps: u64,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<f64> {
        let config = self.config(batch_size, rate, seed)?;
        let optimizer = config.optimizer.init(self.problem.layout().len())?;
        let mut state = State::new(try_copied("parameters", &self.start)?, optimizer);
        let (mut t, mut loss) = (0, self.start_loss);
        while t < max_steps {
            let n = (((t as f64 * (LONGER - 1.0)) as u64).max(1)).min(max_steps - t);
            let rules = vec![StopRule::MaxSteps(MaxSteps::new(n as i64)?)];
            let validation = Validation::new(ValidationRows::None, rules, Vec::new())?;
            let mut go_on = |_: super::Progress<'_, T>| std::ops::ControlFlow::Continue(());
            let run = fit_with(&validation, self.problem, &config, state, interrupted, &mut go_on)?;
            match run.stop_reason {
                StopReason::Interrupted => return Err(Error::Interrupted),
                StopReason::Diverged { .. } => return Ok(f64::INFINITY),
                _ => {}
            }
            state = run.state;
            let (last, t_last) = (loss, t as f64);
            loss = self.loss(try_copied("parameters", &state.params)?, interrupted)?;
            t += n;
            if loss <= self.target {
                return Ok(t_last + n as f64 * (last - self.target) / (last - loss));
            }
            if loss.is_nan() || loss - self.start_loss > FAR * (self.start_loss - self.target) {
                return Ok(f64::INFINITY);
            }
        }
        Ok(max_steps as f64 * (1.0 + (loss - self.target) / (self.start_loss - self.target)) + 1.0)
    }

    fn loss(&self, params: Vec<T>, interrupted: &(dyn Fn() -> bool + Sync)) -> Result<f64> {
        sampled_loss(self.problem, params, self.n_judged, (self.tier, self.n_threads), interrupted)
    }

    fn config(&self, batch_size: usize, rate: f64, seed: u64) -> Result<Config> {
        let n_rows = self.problem.n_rows();
        let batches = BatchesConfig { seed, ..BatchesConfig::new(n_rows, batch_size.min(n_rows)) };
        Ok(Config {
            batches: Batches::new(batches)?,
            optimizer: Optimizer {
                rule: Rule::Sgd(Sgd::default()),
                learning_rate: Schedule::Constant(Constant::new(rate)?),
            },
            accumulate: std::num::NonZeroUsize::MIN,
            average: None,
            clip: None,
            n_epochs: u64::MAX,
            record: Record::default(),
            n_threads: self.n_threads,
            tier: self.tier,
            sync_every: None,
            columns_for_entry: super::COLUMNS_FOR_ENTRY,
            window: None,
        })
    }
}

/// A run that has risen by so many times what it was to fall by is taken to diverge.
const FAR: f64 = 100.0;

/// 1 / L(b), a rate that is safe and often too short; of a loss whose curvature has no bound it may be too long.
///
/// # Errors
/// If the work was interrupted.
pub fn safe_rate<T: Scalar>(
    problem: &Problem<'_, T>,
    batch_size: usize,
    (tier, n_threads): (Tier, usize),
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<f64> {
    let smoothness = Smoothness::of(problem, None, tier, n_threads, interrupted)?;
    let smoothness = smoothness.of_batches(problem.n_rows(), batch_size, false);
    Ok(if smoothness.is_normal() { 1.0 / smoothness } else { 1.0 })
}

/// The objective over `n_judged` rows, evenly spread, or over all.
///
/// # Errors
/// If the parameters are another problem's, or the work was interrupted.
pub fn sampled_loss<T: Scalar>(
    problem: &Problem<'_, T>,
    params: Vec<T>,
    n_judged: usize,
    (tier, n_threads): (Tier, usize),
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<f64> {
    let n_rows = n_judged.min(problem.n_rows());
    let n_workers = n_workers_worth(problem, n_rows, n_rows < problem.n_rows(), n_threads);
    with_evaluator(problem, params, (tier, n_workers), interrupted, |mut evaluator| {
        *evaluator.order() = Order::spread(problem.n_rows(), n_rows)?;
        evaluator.value(0..n_rows)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dense, Rows, TargetKind, Targets, Weights};
    use crate::gradient::loss::SquaredError;
    use crate::gradient::{Loss, Penalty};

    fn steps(n_threads: usize, target: f64, max_steps: u64) -> Result<Tuned> {
        let (n_rows, n_columns) = (500, 3);
        let noise = |i: usize| ((i * 7919) % 1009) as f64 / 504.5 - 1.0;
        let x: Vec<f64> = (0..n_rows * n_columns).map(noise).collect();
        let y: Vec<f64> = x.chunks(n_columns).map(|x| x[0] - 2.0 * x[1] + 0.1 * x[2]).collect();
        let tier = Tier::current()?;
        let problem = Problem::new(
            Rows::Dense(Dense::new(tier, &x, n_rows, n_columns)?),
            Targets::new(&y, n_rows, 1, TargetKind::Real)?,
            Weights::equal(),
            Loss::SquaredError(SquaredError),
            Penalty::none(),
            true,
        )?;
        let start = vec![0.0; problem.layout().len()];
        let pilot = Pilot::new(&problem, start, target, 200, (tier, n_threads), &|| false)?;
        let rate = safe_rate(&problem, 8, (tier, n_threads), &|| false)?;
        pilot.tuned(8, rate, &[0, 1, 2], max_steps, &|| false)
    }

    #[test]
    fn steps_do_not_depend_on_the_number_of_threads() {
        let tuned = steps(1, 1e-3, 10_000).unwrap();
        assert!(tuned.steps.iter().all(|&s| s > 1.0 && s < 1000.0), "{tuned:?}");
        assert_eq!(tuned, steps(3, 1e-3, 10_000).unwrap());
    }

    #[test]
    fn what_is_not_reached_has_no_steps() {
        assert!(steps(1, -1.0, 50).unwrap().steps.iter().all(|s| s.is_infinite()));
        let error = steps(1, 1e9, 50).unwrap_err().to_string();
        assert!(error.starts_with("target must be finite and below the loss at the start"), "{error}");
    }
}
