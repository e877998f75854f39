//! `Control`: what may change the next step.

mod adaptive_batch_size;
mod auto_rate;
mod solver;

pub use adaptive_batch_size::AdaptiveBatchSize;
pub(super) use auto_rate::value_at;
pub use auto_rate::{AutoRate, Method, Spectral, Trials};
pub(super) use solver::{Drift, Place, check as check_solver, is_solver};
pub use solver::{Safeguard, Solver, Standardisation};

use super::{Config, State};
use crate::error::Result;
use crate::gradient::{AtStep, BatchNoise, Evaluator, Problem};
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::shuffle::Batches;
use crate::update::{Optimizer, OptimizerState, Schedule};

/// What may change the next step: whatever can change bits, the plateau of a schedule aside, which is part of the
/// optimizer's state. All of it is saved with the run.
///
/// A step asks `prepare`, `observe` and `accept`, in this order, and an epoch ends with `end_epoch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Control<T> {
    /// The state of an automatic learning rate.
    pub auto_rate: Option<AutoRate<T>>,
    /// The size of the batches, where it follows from the noise.
    pub batch_size: Option<AdaptiveBatchSize>,
    /// What steps whose noise dies away, or in a metric, are made with.
    pub solver: Option<Box<Solver<T>>>,
}

impl<T> Default for Control<T> {
    fn default() -> Self {
        Self { auto_rate: None, batch_size: None, solver: None }
    }
}

impl<T: Scalar> Control<T> {
    /// Whether a solver that is resumed is of this problem. The evaluator has what it corrects gradients by from here on.
    ///
    /// # Errors
    /// If a buffer cannot be allocated, or the work was interrupted.
    pub(super) fn knows(
        &mut self,
        problem: &Problem<'_, T>,
        config: &Config,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<bool> {
        let Some(solver) = &mut self.solver else { return Ok(true) };
        if !is_solver(&config.optimizer.rule) || !solver.fits(problem, config) {
            return Ok(false);
        }
        evaluator.set_control_variate(solver.variate.take());
        // A fingerprint of few rows may have missed a change of others.
        evaluator.knows_these_rows()
    }

    /// Begins an automatic rate, if one is asked for and none is resumed: looks at the data.
    ///
    /// # Errors
    /// If a buffer cannot be allocated, or the work was interrupted.
    pub(super) fn begin(
        &mut self,
        problem: &Problem<'_, T>,
        config: &Config,
        epoch: u64,
        evaluator: &mut Evaluator<'_, '_, T>,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        let is_automatic = matches!(config.optimizer.learning_rate, Schedule::Auto(_));
        let has_solver = is_solver(&config.optimizer.rule);
        if has_solver {
            if self.solver.is_none() && config.n_epochs > 0 {
                self.solver = Some(Box::new(Solver::begin(problem, config, epoch, evaluator, interrupted)?));
            }
            if let Some(solver) = self.solver.as_mut().filter(|solver| solver.variate.is_some()) {
                evaluator.set_control_variate(solver.variate.take());
            }
        } else {
            self.solver = None;
        }
        // SAGA and SVRG know their rate: the noise that trials and averages are for dies away.
        let is_auto = is_automatic && !(has_solver && config.optimizer.rule.variance_reduction().is_some());
        let saved = self.auto_rate.take();
        self.auto_rate = saved.filter(|rate| is_auto && rate.fits(problem, config));
        if is_auto && self.auto_rate.is_none() && config.n_epochs > 0 {
            let metric = match &mut self.solver {
                Some(solver) => solver.first_metric(problem, config, evaluator)?,
                None => None,
            };
            self.auto_rate = Some(AutoRate::begin(problem, config, epoch, metric, evaluator, interrupted)?);
        }
        Ok(())
    }

    /// The batches of an epoch.
    pub(super) fn batches(&self, batches: &Batches, epoch: u64) -> Batches {
        match self.batch_size {
            Some(adaptive) => batches.clone().resized(adaptive.batch_size),
            None => batches.of_epoch(epoch),
        }
    }

    /// Whether [`Self::prepare`] looks at all parameters before this step.
    #[inline]
    pub(super) fn looks_at_all(&self, problem: &Problem<'_, T>, config: &Config, place: &Place) -> bool {
        self.solver.as_ref().is_some_and(|solver| solver.looks_at_all(problem, config, place))
    }

    /// Before a step, when nothing of it is done yet: here a control may evaluate all rows, and only here be interrupted.
    #[inline]
    pub(super) fn prepare(
        &mut self,
        problem: &Problem<'_, T>,
        config: &Config,
        place: Place,
        optimizer: &mut OptimizerState<T>,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<()> {
        if let Some(solver) = &mut self.solver {
            solver.prepare(problem, config, &place, evaluator)?;
        }
        let Place { epoch, n_done, n_batches, .. } = place;
        let Some(rate) = &mut self.auto_rate else { return Ok(()) };
        if rate.is_due() {
            rate.evaluate(config, evaluator, &mut optimizer.slots)?;
        }
        let n = config.accumulate.get();
        let (step, n_steps) = (n_done.div_ceil(n), n_batches.div_ceil(n));
        rate.begin_step(epoch, step as u64, n_steps as u64);
        Ok(())
    }

    /// Between gradient and update: sees the objective and the gradient, and sets the learning rate. Returns the objective
    /// where the step begins.
    #[inline]
    pub(super) fn observe(
        &mut self,
        config: &Config,
        loss: f64,
        optimizer: &mut Optimizer,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<f64> {
        if let (Some(solver), None) = (&self.solver, &self.auto_rate) {
            if let Some(schedule) = solver.schedule(&config.optimizer)? {
                optimizer.learning_rate = schedule;
            }
            return Ok(loss);
        }
        let Some(rate) = &mut self.auto_rate else { return Ok(loss) };
        let AtStep { params, gradient, .. } = evaluator.at_step();
        let loss = rate.observe(loss, params, gradient);
        optimizer.learning_rate = rate.schedule(config)?;
        Ok(loss)
    }

    /// After the update: sees where it has led. A step that became non-finite is taken back if that can be blamed on the
    /// rate. Returns what is still non-finite, and the objective to be recorded.
    #[inline]
    pub(super) fn accept(
        &mut self,
        tier: Tier,
        non_finite: Option<&'static str>,
        loss: f64,
        optimizer: &mut OptimizerState<T>,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> (Option<&'static str>, f64) {
        if let (Some(solver), None) = (&mut self.solver, &self.auto_rate) {
            return solver.accept(non_finite, loss, evaluator);
        }
        let Some(rate) = &mut self.auto_rate else { return (non_finite, loss) };
        if non_finite.is_none() {
            rate.after_step(tier, evaluator.params());
            return (None, loss);
        }
        match rate.backtrack(evaluator.params(), &mut optimizer.slots) {
            Some(loss_before) => (None, loss_before),
            None => (non_finite, loss),
        }
    }

    /// Told of what has become non-finite when parameters made up for steps. Returns it, if it cannot be blamed on the rate.
    #[inline]
    pub(super) fn reject(&mut self, non_finite: Option<&'static str>) -> Option<&'static str> {
        let solver = self.solver.as_mut().filter(|_| non_finite.is_some());
        match solver.and_then(|solver| solver.safeguard.backtrack()) {
            Some(_) => None,
            None => non_finite,
        }
    }

    /// Whether a step may change the next one otherwise than by moving the parameters.
    pub(super) fn is_active(&self) -> bool {
        self.auto_rate.is_some() || self.batch_size.is_some() || self.solver.is_some()
    }

    /// Whether an automatic rate is in the middle of a trial: what the objective does meanwhile says nothing yet.
    pub(super) fn is_trying(&self) -> bool {
        self.auto_rate.as_ref().is_some_and(AutoRate::is_trying)
    }

    /// Whether gradients are to be probed for their noise.
    #[inline]
    pub(super) fn wants_noise(&self) -> bool {
        self.batch_size.is_some()
    }

    /// What rounding makes of the objective at the start, if there is a solver.
    pub(super) fn rounding(&self) -> f64 {
        self.solver.as_ref().map_or(0.0, |solver| solver.rounding())
    }

    /// Sees the noise of a gradient.
    pub(super) fn see(&mut self, noise: BatchNoise) {
        if let Some(batch_size) = &mut self.batch_size {
            batch_size.see(noise);
        }
    }

    /// Sees the mean objective of an epoch: the schedule may fall, and the batches grow.
    pub(super) fn end_epoch(
        &mut self,
        config: &Config,
        optimizer: &Optimizer,
        state: &mut OptimizerState<T>,
        loss: f64,
        params: &[T],
    ) {
        match (&mut self.auto_rate, &mut self.solver) {
            (Some(rate), _) => rate.end_epoch(loss, params),
            (None, Some(solver)) => solver.end_epoch(loss, params),
            (None, None) => {}
        }
        if let (Some(batch_size), Some(test)) = (&mut self.batch_size, config.batches.norm_test()) {
            *batch_size = batch_size.next(test, &config.batches, config.accumulate.get());
        }
        optimizer.end_epoch(state, loss);
    }

    /// The average to predict with, if an automatic rate keeps one.
    pub(super) fn model(&self) -> Option<&Vec<T>> {
        self.auto_rate.as_ref().and_then(AutoRate::model)
    }

    /// Other parameters to predict with, should they be better, and the objective there.
    pub(super) fn alternative(&self) -> Option<(&[T], f64)> {
        let of_solver = self.solver.as_ref().and_then(|solver| solver.safeguard.alternative());
        of_solver.or_else(|| self.auto_rate.as_ref().and_then(AutoRate::alternative))
    }
}

impl<T: Scalar> State<T> {
    /// What of the model is an average, if it is one: the user's, the optimizer's own, or that of an automatic rate.
    pub(super) fn average(&self, config: &Config) -> Option<&Vec<T>> {
        match config.average {
            Some(_) if self.average.n > 0 => Some(&self.average.params),
            _ => config.optimizer.model(&self.optimizer).or_else(|| self.control.model()),
        }
    }
}
