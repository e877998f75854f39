//! What a run does beside the textbook with an automatic learning rate.

use super::{AutoRate, sgd};
use crate::error::Result;
use crate::gradient::{BatchGradient, Work};
use crate::parallel::Team;
use crate::scalar::Scalar;
use crate::train::Config;
use crate::train::epoch::Run;
use crate::train::model::model_of;
use crate::update::Schedule;

impl<'a, T: Scalar> Run<'a, T> {
    /// Looks at the data for a rate, if one is to be chosen and none goes on.
    pub(in crate::train) fn begin_rate(
        &mut self,
        team: &mut Team<'_, Work<'a, T>>,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        let (problem, config) = (self.problem, self.config);
        let is_auto = matches!(config.optimizer.learning_rate, Schedule::Auto(_));
        let saved = self.state.auto_rate.take();
        self.state.auto_rate = saved.filter(|rate| is_auto && rate.fits(problem, config));
        if is_auto && self.state.auto_rate.is_none() && config.n_epochs > 0 {
            let epoch = self.state.epoch;
            let rate = AutoRate::begin(problem, config, epoch, &mut self.gradient, team, interrupted)?;
            self.state.auto_rate = Some(rate);
        }
        Ok(())
    }

    /// Evaluates the rate, if that is due: here, where nothing of the next step is done yet, because looking at all
    /// rows can be interrupted.
    pub(in crate::train) fn evaluate_rate(
        &mut self,
        n_batches: usize,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> Result<()> {
        let Some(rate) = &mut self.state.auto_rate else { return Ok(()) };
        if rate.is_due() {
            let loss = value_at(rate.candidate(), self.config, &mut self.gradient, team)?;
            rate.evaluate(loss, team.job().params(), &mut self.state.optimizer.slots);
        }
        let n = self.config.accumulate.get();
        let (step, n_steps) = (self.state.step.div_ceil(n), n_batches.div_ceil(n));
        rate.begin_step(self.state.epoch, step as u64, n_steps as u64);
        Ok(())
    }

    /// Lets the rate see the gradient. Returns the objective where the step begins.
    pub(in crate::train) fn observe_rate(
        &mut self,
        loss: f64,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> Result<f64> {
        let Some(rate) = &mut self.state.auto_rate else { return Ok(loss) };
        let loss = rate.before_step(loss, team.job().params(), self.gradient.last());
        self.optimizer.learning_rate = rate.schedule(self.config)?;
        Ok(loss)
    }

    /// Lets the rate see where the step has led. Returns what is not finite and the objective to be recorded: a
    /// step that became non-finite is taken back, if the rate can be blamed.
    pub(in crate::train) fn accept_rate(
        &mut self,
        not_finite: Option<&'static str>,
        loss: f64,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> (Option<&'static str>, f64) {
        let Some(rate) = &mut self.state.auto_rate else { return (not_finite, loss) };
        let params = team.job().params();
        if not_finite.is_none() {
            rate.after_step(self.config.tier, params);
            return (None, loss);
        }
        match rate.backtrack(params, &mut self.state.optimizer.slots) {
            Some(loss_before) => (None, loss_before),
            None => (not_finite, loss),
        }
    }

    /// The model in the end: as it stands, or other parameters that the rate has seen, if they are better.
    pub(in crate::train) fn best_model(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<Vec<T>> {
        let model = model_of(&mut self.apart, self.config, &mut self.state, team)?.clone();
        let alternative = self.state.auto_rate.as_ref().and_then(AutoRate::alternative);
        let Some((other, loss_there)) = alternative.filter(|_| self.config.average.is_none()) else {
            return Ok(model);
        };
        let mut here = model;
        match value_at(Some(&mut here), self.config, &mut self.gradient, team) {
            Ok(loss) if loss > loss_there || loss.is_nan() => Ok(other.clone()),
            _ => Ok(here), // also if looking was interrupted
        }
    }
}

/// What training brings down, over all rows: the objective, and what weight decay pulls by. At `params`, or where the
/// team stands; both stay as they are.
pub(super) fn value_at<T: Scalar>(
    mut params: Option<&mut Vec<T>>,
    config: &Config,
    gradient: &mut BatchGradient<T>,
    team: &mut Team<'_, Work<'_, T>>,
) -> Result<f64> {
    if let Some(params) = &mut params {
        std::mem::swap(*params, team.job().params());
    }
    let loss = gradient.value_of_all(team);
    let decay = sgd(config).weight_decay();
    let n_coef = team.job().layout().n_coef();
    let pulled = match decay > 0.0 {
        true => team.job().params()[..n_coef].iter().map(|w| w.to_f64() * w.to_f64()).sum::<f64>(),
        false => 0.0,
    };
    if let Some(params) = &mut params {
        std::mem::swap(*params, team.job().params());
    }
    Ok(loss? + 0.5 * decay * pulled)
}
