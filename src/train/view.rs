//! `View`: what observers see of a run.

use super::noise_probe::Probe;
use super::parameters::Parameters;
use super::{Config, State};
use crate::data::Order;
use crate::error::{Result, try_copied};
use crate::gradient::{ControlVariate, Evaluator, Problem};
use crate::scalar::Scalar;
use crate::shuffle::Batches;
use crate::update::{AverageState, Optimizer, OptimizerState, Schedule};

/// A run between two steps, as observers see it. The evaluator computes losses for them, and is left as it was.
pub(super) struct View<'v, 't, 'a, T> {
    pub(super) problem: &'a Problem<'a, T>,
    pub(super) config: &'a Config,
    pub(super) state: &'v State<T>,
    /// Those of the epoch.
    pub(super) batches: &'v Batches,
    pub(super) optimizer: &'v Optimizer,
    pub(super) params: &'v Parameters<'a, T>,
    /// What the gradient of the last step has said about its noise, if it was probed.
    pub(super) probe: Option<&'v Probe>,
    pub(super) evaluator: &'v mut Evaluator<'t, 'a, T>,
}

impl<'a, T: Scalar> View<'_, '_, 'a, T> {
    /// Copies the model: the parameters to predict with, as they stand.
    pub(super) fn copy_model(&mut self, to: &mut [T]) {
        match self.state.average(self.config) {
            Some(average) => to.copy_from_slice(average),
            None => self.params.copy_to(to, self.state.control.solver.as_deref(), self.evaluator),
        }
        self.evaluator.count_params(to.len());
    }

    /// A copy of everything needed to resume the run, but for what observers know.
    pub(super) fn copy_state(&mut self) -> Result<State<T>> {
        let State { optimizer, average, epoch, step, n_seen, loss_sum, control, .. } = self.state;
        let (params, variate) = self.evaluator.params_and_control_variate();
        let copied = self.params.copied(params, &optimizer.slots)?;
        let mut memory = OptimizerState::new(optimizer.n_steps, copied.slots, optimizer.scalars.clone());
        memory.plateau = optimizer.plateau;
        let mut control = control.clone();
        if let Some(solver) = &mut control.solver {
            let (layout, among) = (self.problem.layout(), self.problem.data.among());
            let copied = variate.map(ControlVariate::try_clone).transpose()?;
            solver.variate = copied.map(|variate| variate.of_all(layout, among)).transpose()?;
        }
        Ok(State {
            average: AverageState { params: try_copied("the average", &average.params)?, n: average.n },
            epoch: *epoch,
            step: *step,
            n_seen: *n_seen,
            loss_sum: *loss_sum,
            last_update_steps: copied.last_update_steps,
            control,
            ..State::new(copied.params, memory)
        })
    }

    /// Whether the model is another than where training stands: an average, or the best of several points.
    pub(super) fn is_model_elsewhere(&self) -> bool {
        let is_automatic = matches!(self.config.optimizer.learning_rate, Schedule::Auto(_));
        let has_rate_of_its_own = self.config.optimizer.rule.variance_reduction().is_some();
        (is_automatic && !has_rate_of_its_own) || self.state.average(self.config).is_some()
    }

    /// The objective over all rows at a model.
    pub(super) fn full_loss(&mut self, model: &[T]) -> Result<f64> {
        self.evaluator.value_at(model)
    }

    /// The mean loss, without the penalty, over all rows of `validation` at a model.
    pub(super) fn validation_loss(&mut self, validation: &'a Problem<'a, T>, model: &[T]) -> Result<f64> {
        self.evaluator.loss_on(validation, (Order::Sequential, validation.n_rows()), model)
    }

    /// The learning rate of a step of this epoch.
    pub(super) fn learning_rate(&self, t: u64) -> f64 {
        self.optimizer.learning_rate_at(t, &self.state.optimizer)
    }
}
