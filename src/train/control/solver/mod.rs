//! `Solver`: what SAGA, SVRG and preconditioned descent know beside the parameters: slopes, a metric, and a rate.
//!
//! The rate is a share of the longest that the expected smoothness of the batches allows in the metric, for any size of
//! batch. All decisions follow from the state, so that a resumed run makes the same.

mod build;
mod drift;
mod gap;
mod geometry;
mod prox;
mod safeguard;
mod samples;

use std::ops::Range;

pub(in crate::train) use self::drift::Drift;
pub use self::geometry::Standardisation;
pub use self::safeguard::Safeguard;
use crate::error::{Error, Result, try_copied};
use crate::gradient::{AtStep, Baseline, ControlVariate, Evaluator, Penalty, Problem};
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::train::Config;
use crate::update::metric::{Metric, Proximal};
use crate::update::schedule::Constant;
use crate::update::{Optimizer, Preconditioner, Rule, Schedule, VarianceReduction};

/// For fewer rows a metric is built anew in every epoch.
const FEW_ROWS: usize = 2000;

/// The metric, the rate in it, and what gradients are corrected by.
#[derive(Debug, Clone, PartialEq)]
pub struct Solver<T> {
    /// Epochs that the run had done when this began.
    pub first_epoch: u64,
    /// Centres and scales of the columns.
    pub standardisation: Standardisation<T>,
    /// The metric; none before the first step.
    pub metric: Option<Metric<T>>,
    /// How often it has been built.
    pub n_builds: u64,
    /// Epoch and step at which a metric was built last, or a snapshot taken, so that it is not done twice if the step is
    /// interrupted.
    pub prepared: Option<(u64, u64)>,
    /// What gradients are corrected by. While the run is under way the evaluator has it.
    pub variate: Option<ControlVariate<T>>,
    /// What keeps the rate from being too long.
    pub safeguard: Safeguard<T>,
    /// The rate of the step under way.
    rate: f64,
    /// Whether that step has all rows, and the epoch no other.
    has_all_rows: bool,
    /// The proximal map in a metric of low rank, if the penalty has one: made of the metric.
    proximal: Option<Proximal>,
    /// Step sizes of the coefficients in a diagonal metric: scratch.
    step_sizes: Vec<T>,
}

/// The place of a step: the epoch of the run, batches of it that are done and all that it has, and the positions of the step.
#[derive(Debug, Clone)]
pub(in crate::train) struct Place {
    pub(in crate::train) epoch: u64,
    pub(in crate::train) n_done: usize,
    pub(in crate::train) n_batches: usize,
    pub(in crate::train) positions: Range<usize>,
}

/// Whether steps of this rule are a solver's.
pub(in crate::train) fn is_solver(rule: &Rule) -> bool {
    rule.preconditioner().is_some() || rule.variance_reduction().is_some()
}

/// That model, batches, penalty, rules of stopping and preconditioner go together.
pub(in crate::train) fn check<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    awaits_convergence: bool,
) -> Result<()> {
    let (rule, penalty) = (&config.optimizer.rule, problem.penalty());
    if rule.variance_reduction().is_some() {
        problem.needs_linear(rule.name())?;
    }
    if rule.preconditioner().is_some() {
        problem.needs_linear("a preconditioner")?;
    }
    if matches!(config.optimizer.learning_rate, Schedule::Auto(_)) {
        problem.needs_linear("learning_rate \"auto\", which SGD() has: give a rate, as in SGD(0.01)")?;
    }
    if awaits_convergence && !is_solver(rule) {
        return Err(Error::Incompatible(format!(
            "stop must not have Converged with {} alone: only SAGA, SVRG and SGD with a preconditioner know how far the \
             optimum is",
            rule.name()
        )));
    }
    if rule.variance_reduction().is_some()
        && (config.batches.draws() || config.batches.importance_weights().is_some())
    {
        return Err(Error::Incompatible(format!(
            "shuffle must give every row once in an epoch with {}, which knows rows by when they were last seen, got \
             replacement or weights",
            rule.name()
        )));
    }
    match rule.preconditioner() {
        Some(Preconditioner::Newton) if penalty.has_prox() => Err(Error::Incompatible(
            "preconditioner must be 'nystrom', 'diagonal', 'auto' or None with an l1 part in the penalty, whose proximal map \
             needs a metric of low rank, got 'newton'"
                .into(),
        )),
        Some(Preconditioner::Nystrom { .. }) if penalty.has_prox() && matches!(penalty, Penalty::Group(_)) => {
            Err(Error::Incompatible(
                "preconditioner must be 'diagonal', 'auto' or None with a penalty of groups, whose proximal map is for columns \
                 that are apart, got 'nystrom'"
                    .into(),
            ))
        }
        _ => Ok(()),
    }
}

impl<T: Scalar> Solver<T> {
    /// One that knows nothing yet, to be filled from a saved state.
    pub fn unbegun() -> Self {
        Self {
            first_epoch: 0,
            standardisation: Standardisation::unknown(),
            metric: None,
            n_builds: 0,
            prepared: None,
            variate: None,
            safeguard: Safeguard::unbegun(),
            rate: 0.0,
            has_all_rows: false,
            proximal: None,
            step_sizes: Vec::new(),
        }
    }

    /// Whether a saved one is of this run: a table is kept, or not, and is of as many rows.
    pub(in crate::train) fn fits(&self, problem: &Problem<'_, T>, config: &Config) -> bool {
        if self.standardisation.columns.n() != problem.layout().n_columns() {
            return false;
        }
        let n_slopes = problem.data.rows.n_rows() * problem.layout().n_outputs();
        let baseline = self.variate.as_ref().map(|variate| &variate.baseline);
        match (config.optimizer.rule.variance_reduction(), baseline) {
            (Some(VarianceReduction::Saga), Some(Baseline::Table(table))) => table.len() == n_slopes,
            (Some(VarianceReduction::Svrg { .. }), None | Some(Baseline::Snapshot(_))) => true,
            (None, None) => true,
            _ => false,
        }
    }

    /// Before the first step, at the evaluator's parameters: looks at all columns.
    pub(in crate::train) fn begin(
        problem: &Problem<'_, T>,
        config: &Config,
        first_epoch: u64,
        evaluator: &mut Evaluator<'_, '_, T>,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let params = try_copied("parameters", evaluator.params())?;
        let first_loss = evaluator.value_on_spread(samples::N_SPREAD, &params)?;
        let standardisation = match config.optimizer.rule.preconditioner() {
            Some(_) => Standardisation::of(problem, &params, config, interrupted)?,
            None => Standardisation::none(problem)?,
        };
        let variate = match config.optimizer.rule.variance_reduction() {
            Some(VarianceReduction::Saga) => {
                Some(ControlVariate::table(problem.layout(), problem.data.rows.n_rows())?)
            }
            Some(VarianceReduction::Svrg { .. }) | None => None,
        };
        Ok(Self {
            first_epoch,
            standardisation,
            metric: None,
            n_builds: 0,
            prepared: None,
            variate,
            safeguard: Safeguard::new(params, first_loss)?,
            rate: 0.0,
            has_all_rows: false,
            proximal: None,
            step_sizes: Vec::new(),
        })
    }

    /// The metric that a run begins with.
    ///
    /// # Errors
    /// If no metric is to be had, or a buffer cannot be allocated.
    pub(in crate::train) fn first_metric(
        &mut self,
        problem: &Problem<'_, T>,
        config: &Config,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<Option<&mut Metric<T>>> {
        if self.metric.is_none() {
            self.build(problem, config, evaluator)?;
        }
        Ok(self.metric.as_mut())
    }

    /// Whether [`Self::prepare`] looks at all parameters before this step.
    #[inline]
    pub(in crate::train) fn looks_at_all(
        &self,
        problem: &Problem<'_, T>,
        config: &Config,
        place: &Place,
    ) -> bool {
        self.safeguard.is_due() || place.n_done == 0 || self.builds(problem, config, place)
    }

    /// Before a step, when nothing of it is done yet: judges the epoch before, builds a metric or takes a snapshot if that
    /// is due, and chooses the rate.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and then nothing has changed that would not be done again.
    pub(in crate::train) fn prepare(
        &mut self,
        problem: &Problem<'_, T>,
        config: &Config,
        place: &Place,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<()> {
        let age = place.epoch.saturating_sub(self.first_epoch);
        let reduction = config.optimizer.rule.variance_reduction();
        if self.safeguard.is_due() {
            self.safeguard.judge(age, evaluator)?;
        }
        let is_new = self.is_new(place);
        if self.builds(problem, config, place) {
            self.build(problem, config, evaluator)?;
        }
        if place.n_done == 0 && is_new {
            match reduction {
                Some(VarianceReduction::Saga) if age > 0 => {
                    if let Some(variate) = evaluator.control_variate() {
                        variate.uses_mean = true;
                    }
                }
                Some(VarianceReduction::Svrg { every }) if age.is_multiple_of(every) => {
                    let snapshot = ControlVariate::snapshot(problem.layout(), evaluator.params())?;
                    evaluator.know_all_slopes(snapshot)?;
                }
                _ => {}
            }
        }
        self.prepared = Some((place.epoch, place.n_done as u64));
        self.rate = self.rate_for(problem.n_rows(), place.positions.len());
        self.has_all_rows = place.positions.len() >= problem.n_rows();
        Ok(())
    }

    /// Whether nothing was prepared for this step yet.
    fn is_new(&self, place: &Place) -> bool {
        self.prepared != Some((place.epoch, place.n_done as u64))
    }

    /// Whether a metric is to be built before this step.
    fn builds(&self, problem: &Problem<'_, T>, config: &Config, place: &Place) -> bool {
        let Optimizer { rule, learning_rate } = &config.optimizer;
        // Curvatures of losses with a kink are all the same, and trials of a rate compare steps in one metric.
        let is_tried = rule.variance_reduction().is_none() && matches!(learning_rate, Schedule::Auto(_));
        let stays = self.metric.is_some() && (problem.objective.loss.has_kink() || is_tried);
        let age = place.epoch.saturating_sub(self.first_epoch);
        !stays && self.is_new(place) && self.is_due(age, place, problem.n_rows())
    }

    /// Whether a metric is due, by how many epochs there were.
    fn is_due(&self, age: u64, place: &Place, n_rows: usize) -> bool {
        let Place { n_done, n_batches, .. } = *place;
        match age {
            _ if self.metric.is_none() => true,
            0 => n_done == 0 || n_done == n_batches / 8 || n_done == n_batches / 3,
            _ => n_done == 0 && (age.is_power_of_two() || n_rows < FEW_ROWS),
        }
    }

    /// The rate of the step under way for the optimizer, if it is to be chosen.
    pub(in crate::train) fn schedule(&self, optimizer: &Optimizer) -> Result<Option<Schedule>> {
        match optimizer.learning_rate {
            Schedule::Auto(_) => schedule_of(self.rate).map(Some),
            _ => Ok(None),
        }
    }

    /// The rate of a step of so many of `n_rows` rows.
    pub(in crate::train) fn schedule_for(&self, n_rows: usize, rows_of_step: usize) -> Result<Schedule> {
        schedule_of(self.rate_for(n_rows, rows_of_step))
    }

    fn rate_for(&self, n_rows: usize, rows_of_step: usize) -> f64 {
        let smoothness = self.metric.as_ref().map(|metric| metric.expected_smoothness(n_rows, rows_of_step));
        smoothness.map_or(0.0, |smoothness| self.safeguard.share / smoothness)
    }

    /// Makes a direction of the gradient.
    #[inline]
    pub(in crate::train) fn precondition(&mut self, tier: Tier, step: AtStep<'_, T>) {
        let layout = step.model.layout();
        if let Some(metric) = self.metric.as_mut() {
            let (stride, (coef, intercept)) = (layout.stride(), step.gradient.split_at_mut(layout.n_coef()));
            let intercept = &mut intercept[..layout.n_outputs()];
            match (step.columns, step.penalty.has_prox() && !metric.is_diagonal()) {
                (Some(columns), _) => metric.precondition_columns(columns, stride, coef, intercept),
                (None, true) => metric.precondition_by_diagonal(stride, coef, intercept),
                (None, false) => metric.precondition(tier, stride, coef, intercept),
            }
        }
    }

    /// After the update: takes the slopes of the step in. A step that became non-finite was not made; then the steps will be
    /// shorter. Returns what is still non-finite, and the objective to be recorded.
    pub(in crate::train) fn accept(
        &mut self,
        non_finite: Option<&'static str>,
        loss: f64,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> (Option<&'static str>, f64) {
        if non_finite.is_none() {
            self.safeguard.go_on();
            evaluator.accept_slopes();
            return (None, loss);
        }
        match self.safeguard.backtrack() {
            Some(best) => (None, best),
            None => (non_finite, loss),
        }
    }

    /// Told of the mean objective of an epoch, and of the parameters at its end.
    pub(in crate::train) fn end_epoch(&mut self, loss: f64, params: &[T]) {
        self.safeguard.end_epoch(loss, params, self.has_all_rows);
    }
}

fn schedule_of(rate: f64) -> Result<Schedule> {
    Ok(Schedule::Constant(Constant::new(rate.clamp(f64::MIN_POSITIVE, f64::MAX))?))
}
