//! `Validation`: validation rows, metrics and rules: when a run ends, and which of its models it gives back.

use super::stopping::{BestCheckpoint, Converged, EarlyStoppingState, StopRule};
use super::{Monitor, StopReason};
use crate::error::{Error, Result, try_filled};
use crate::gradient::Problem;
use crate::scalar::Scalar;

/// Validation rows, and rules that end a run.
#[derive(Debug, Clone)]
pub struct Validation<'a, T> {
    problem: Option<&'a Problem<'a, T>>,
    rules: Vec<StopRule>,
    metrics: Vec<String>,
}

/// Who knows the mean loss over validation rows.
#[derive(Debug, Clone, Copy)]
pub enum ValidationRows<'a, T> {
    /// Nobody: there are none.
    None,
    /// The run, which has them.
    AtHand(&'a Problem<'a, T>),
    /// The callback, which [leaves it](super::Progress::validation_loss) after every epoch.
    Elsewhere,
}

/// The values of an epoch that a rule may monitor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'v, T> {
    /// The objective that rules monitor, and the model that has it.
    pub(super) loss: (f64, &'v [T]),
    /// Whether a rate is being tried, so that an objective that has not come down is no reason to end.
    pub(super) is_trying: bool,
    /// How far the objective is from its least value, about, the objective, and its rounding at the start; where a rule asks.
    pub(super) gap: Option<(f64, f64, f64)>,
    pub(super) validation_loss: Option<f64>,
    pub(super) metrics: &'v [f64],
}

impl<T> Validation<'_, T> {
    /// All epochs, and the last model.
    pub fn none() -> Self {
        Self { problem: None, rules: Vec::new(), metrics: Vec::new() }
    }
}

impl<'a, T: Scalar> Validation<'a, T> {
    /// Monitors the mean loss over validation rows, if any, the objective of the epochs and
    /// `metrics`, names of numbers that [`Progress::metrics`](super::Progress::metrics) will have in this
    /// order.
    ///
    /// # Errors
    /// If a rule looks at something that is not there, or two are to restore the best model.
    pub fn new(rows: ValidationRows<'a, T>, rules: Vec<StopRule>, metrics: Vec<String>) -> Result<Self> {
        let has_rows = !matches!(rows, ValidationRows::None);
        for monitor in rules.iter().filter_map(StopRule::monitor) {
            let is_there = match monitor {
                Monitor::Loss => true,
                Monitor::ValidationLoss => has_rows,
                Monitor::Metric(name) => metrics.contains(name),
            };
            if !is_there {
                let mut known = vec!["\"loss\"".to_owned()];
                known.extend(has_rows.then(|| "\"validation_loss\"".to_owned()));
                known.extend(metrics.iter().map(|name| format!("{name:?}")));
                return Err(Error::Incompatible(format!(
                    "monitor must be one of {}, got {:?}: \"validation_loss\" needs validation=, a metric its name in metrics=",
                    known.join(", "),
                    monitor.name(),
                )));
            }
        }
        let restores =
            |rule: &&StopRule| matches!(rule, StopRule::NoImprovement(rule) if rule.restores_best());
        let n_restoring = rules.iter().filter(restores).count();
        if n_restoring > 1 {
            return Err(Error::Incompatible(format!(
                "restore_best must be True for at most one rule, got {n_restoring}"
            )));
        }
        let problem = match rows {
            ValidationRows::AtHand(problem) => Some(problem),
            ValidationRows::None | ValidationRows::Elsewhere => None,
        };
        Ok(Self { problem, rules, metrics })
    }

    /// How many validation rows there are for a model of `problem`.
    ///
    /// # Errors
    /// If they are another problem's.
    pub(super) fn n_rows_for(&self, problem: &Problem<'_, T>) -> Result<usize> {
        let Some(validation) = self.problem else { return Ok(0) };
        let (ours, theirs) = (problem.layout(), validation.layout());
        let is_of_one_kind = problem.data.targets.kind() == validation.data.targets.kind();
        if !is_of_one_kind || (ours.n_outputs(), ours.n_columns()) != (theirs.n_outputs(), theirs.n_columns())
        {
            return Err(Error::Shape {
                argument: "validation",
                expected: format!("{} columns and {} outputs", ours.n_columns(), ours.n_outputs()),
                got: format!("{} and {}", theirs.n_columns(), theirs.n_outputs()),
            });
        }
        Ok(validation.n_rows())
    }

    /// How many metrics there are.
    pub(super) fn n_metrics(&self) -> usize {
        self.metrics.len()
    }

    /// The validation rows.
    pub(super) fn problem(&self) -> Option<&'a Problem<'a, T>> {
        self.problem
    }

    /// Whether a rule looks at the objective.
    pub(super) fn monitors_loss(&self) -> bool {
        self.rules.iter().any(|rule| rule.monitor() == Some(&Monitor::Loss))
    }

    /// What the rules begin with, given what those of the run before have seen.
    pub(super) fn remember(&self, mut seen: Vec<EarlyStoppingState<T>>) -> Vec<EarlyStoppingState<T>> {
        let patient = self.rules.iter().filter_map(|rule| match rule {
            StopRule::NoImprovement(rule) => Some(rule),
            _ => None,
        });
        patient.map(|rule| rule.remember(&mut seen)).collect()
    }

    /// Tells every rule of an epoch. Returns the reason of the first that wants to end the run.
    pub(super) fn evaluate(
        &self,
        epoch: u64,
        values: Values<'_, T>,
        model: &[T],
        seen: &mut [EarlyStoppingState<T>],
    ) -> Result<Option<StopReason>> {
        let mut reason = None;
        let mut seen = seen.iter_mut();
        for rule in &self.rules {
            let value = rule.monitor().map_or(f64::NAN, |monitor| self.value(monitor, values));
            let over = match rule {
                StopRule::NoImprovement(rule) => {
                    let Some(seen) = seen.next() else { continue };
                    let is_trying = values.is_trying && *rule.monitor() == Monitor::Loss;
                    let verdict = rule.observe(value, is_trying, seen);
                    if verdict.is_best && rule.restores_best() {
                        let model = if *rule.monitor() == Monitor::Loss { values.loss.1 } else { model };
                        keep(epoch, model, &mut seen.checkpoint)?;
                    }
                    verdict.is_over.then_some(StopReason::NoImprovement)
                }
                StopRule::TargetLoss(rule) => rule.is_met(value).then_some(StopReason::Target),
                StopRule::Converged(rule) => {
                    let is_met =
                        values.gap.is_some_and(|(gap, loss, rounding)| rule.is_met(gap, loss, rounding));
                    is_met.then_some(StopReason::Converged)
                }
                StopRule::MaxSteps(_) | StopRule::MaxSeconds(_) => None,
            };
            reason = reason.or(over);
        }
        Ok(reason)
    }

    fn value(&self, monitor: &Monitor, values: Values<'_, T>) -> f64 {
        let found = match monitor {
            Monitor::Loss => Some(values.loss.0),
            Monitor::ValidationLoss => values.validation_loss,
            Monitor::Metric(name) => {
                let i = self.metrics.iter().position(|known| known == name);
                i.and_then(|i| values.metrics.get(i).copied())
            }
        };
        found.unwrap_or(f64::NAN)
    }

    /// The rule that ends a run at the optimum, of several the one that is content first.
    pub(super) fn converged(&self) -> Option<Converged> {
        let converged = self.rules.iter().filter_map(|rule| match rule {
            StopRule::Converged(rule) => Some(*rule),
            _ => None,
        });
        converged.max_by(|a, b| a.tol().total_cmp(&b.tol()))
    }

    /// Whether a rule may end the run within an epoch.
    pub(super) fn limits_steps(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, StopRule::MaxSteps(_) | StopRule::MaxSeconds(_)))
    }

    /// Whether a limit is reached after `n_steps` steps since the beginning. `is_over` is asked about seconds.
    pub(super) fn limit(&self, n_steps: u64, is_over: impl Fn(f64) -> bool) -> Option<StopReason> {
        self.rules.iter().find_map(|rule| match rule {
            StopRule::MaxSteps(rule) => (n_steps >= rule.n()).then_some(StopReason::MaxSteps),
            StopRule::MaxSeconds(rule) => is_over(rule.seconds()).then_some(StopReason::MaxSeconds),
            _ => None,
        })
    }
}

/// Puts a model aside, in the place of the one before.
fn keep<T: Scalar>(epoch: u64, model: &[T], checkpoint: &mut Option<BestCheckpoint<T>>) -> Result<()> {
    match checkpoint {
        Some(checkpoint) => {
            checkpoint.epoch = epoch;
            checkpoint.params.copy_from_slice(model);
        }
        None => {
            let mut params = try_filled("the best parameters", model.len(), T::ZERO)?;
            params.copy_from_slice(model);
            *checkpoint = Some(BestCheckpoint { epoch, params });
        }
    }
    Ok(())
}
