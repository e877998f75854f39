//! The textbook algorithm.

use std::ops::ControlFlow;
use std::time::Instant;

use super::history::seconds_since;
use super::orders::Orders;
use super::{AutoRate, Config, History, State, StopReason};
use crate::error::{Result, try_filled};
use crate::gradient::{BatchGradient, Problem, Work, n_seats_worth};
use crate::kernel::{first_not_finite, norm};
use crate::parallel::{Team, with_team};
use crate::scalar::Scalar;
use crate::shuffle::{Order, Shuffle};
use crate::update::{Optimizer, Schedule};

/// A finished run.
#[derive(Debug, Clone)]
pub struct Fit<T> {
    /// The model: the parameters to predict with.
    pub params: Vec<T>,
    /// Where training is, and everything needed to go on.
    pub state: State<T>,
    /// What was written down.
    pub history: History<T>,
    /// Why it ended.
    pub stop_reason: StopReason,
}

/// What is known at the end of an epoch.
#[derive(Debug)]
pub struct Progress<'a, T> {
    /// The run as it stands.
    pub params: &'a [T],
    /// Epochs done.
    pub epoch: u64,
    /// Steps done in all.
    pub n_steps: u64,
    /// What was written down so far.
    pub history: &'a History<T>,
}

/// Trains on `problem` from `state` until `config.n_epochs` epochs more are done, or `after_epoch` breaks, or
/// the run diverges.
///
/// `interrupted` is asked about every millisecond whether to give up.
///
/// # Errors
/// If the state is another problem's, a buffer cannot be had, or the run was interrupted.
pub fn fit<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    mut state: State<T>,
    interrupted: &(dyn Fn() -> bool + Sync),
    after_epoch: &mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>,
) -> Result<Fit<T>> {
    state.check(problem.layout(), config.batches.n_steps())?;
    let is_auto = matches!(config.optimizer.learning_rate, Schedule::Auto(_));
    let most_rows =
        if config.record.full_loss || is_auto { problem.n_rows() } else { config.batches.batch_size() };
    let is_random = config.batches.shuffle() != Shuffle::Sequential;
    let n_seats = n_seats_worth(problem, most_rows, is_random, config.n_threads);
    let params = std::mem::take(&mut state.params);
    let work = Work::new(problem, config.tier, params, n_seats, interrupted)?;
    with_team(n_seats, work, |team| {
        let mut run = Run {
            problem,
            config,
            optimizer: config.optimizer.clone(),
            state,
            chosen: None,
            gradient: BatchGradient::new(problem, config.tier)?,
            last_finite: try_filled("parameters", problem.layout().len(), T::ZERO)?,
            history: History::default(),
            start: Instant::now(),
        };
        run.begin_rate(is_auto, team, interrupted)?;
        let stop_reason = run.epochs(team, interrupted, after_epoch)?;
        let params = match run.chosen.take() {
            Some(model) => model,
            None => run.best_model(team)?,
        };
        run.state.params = std::mem::take(team.job().params());
        Ok(Fit { params, state: run.state, history: run.history, stop_reason })
    })
}

struct Run<'a, T> {
    problem: &'a Problem<'a, T>,
    config: &'a Config,
    /// The optimizer with the rate of the next step, where the rate chooses itself.
    optimizer: Optimizer,
    state: State<T>,
    /// The model, once the last epoch is done.
    chosen: Option<Vec<T>>,
    gradient: BatchGradient<T>,
    last_finite: Vec<T>,
    history: History<T>,
    start: Instant,
}

impl<'a, T: Scalar> Run<'a, T> {
    fn epochs(
        &mut self,
        team: &mut Team<'_, Work<'a, T>>,
        interrupted: &dyn Fn() -> bool,
        after_epoch: &mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>,
    ) -> Result<StopReason> {
        let Config { batches, n_threads, n_epochs, .. } = *self.config;
        let mut orders = Orders::new(batches, n_threads > team.n_seats());
        for i in 0..n_epochs {
            let (epoch, is_last) = (self.state.epoch, i + 1 == n_epochs);
            if i == 0 || batches.shuffle() == Shuffle::Full {
                let order = team.job().order();
                *order = orders.exchange(epoch, std::mem::take(order), interrupted)?;
            }
            let ended = if is_last {
                self.epoch(team)?
            } else {
                orders.while_making(epoch + 1, || self.epoch(team))?
            };
            if let ControlFlow::Break(reason) = ended {
                return Ok(reason);
            }
            if is_last {
                self.chosen = Some(self.best_model(team)?);
            }
            let progress = Progress {
                epoch: self.state.epoch,
                n_steps: self.state.optimizer.n_steps,
                params: match &self.chosen {
                    Some(model) => model,
                    None => model_of(&mut self.state, team),
                },
                history: &self.history,
            };
            if after_epoch(progress).is_break() {
                return Ok(StopReason::Callback);
            }
        }
        Ok(StopReason::Epochs)
    }

    /// One pass over the data.
    fn epoch(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<ControlFlow<StopReason>> {
        let batches = self.config.batches;
        self.reserve_records(batches.n_steps().saturating_sub(self.state.step))?;
        while self.state.step < batches.n_steps() {
            let batch = batches.positions(self.state.step); // which rows
            let n_rows = batch.len();
            let loss = self.gradient.of(batch, team)?; // how wrong the model is on them
            let mut loss = self.before_step(loss, team)?;
            let norm = self.clip();
            if let Some(quantity) = self.update(loss, team)? {
                let (epoch, step) = (self.state.epoch, self.state.optimizer.n_steps - 1);
                match self.retreat(team) {
                    Some(loss_before) => loss = loss_before,
                    None => return Ok(ControlFlow::Break(StopReason::Diverged { epoch, step, quantity })),
                }
            } else {
                self.after_step(team)?;
            }
            self.state.step += 1;
            self.state.n_seen += n_rows as u64;
            self.state.loss_sum += loss * n_rows as f64;
            self.record_step(loss, norm, team)?;
        }
        self.end_epoch(team)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Shortens the gradient if it is to be. Returns its norm before, where somebody wants to know it.
    fn clip(&mut self) -> f64 {
        if self.config.clip.is_none() && !self.config.record.steps {
            return f64::NAN;
        }
        let gradient = self.gradient.last();
        let norm = norm(self.config.tier, gradient);
        if let Some(clip) = self.config.clip {
            clip.apply(gradient, norm);
        }
        norm
    }

    /// Moves the parameters, unless they or the loss would leave the finite numbers: then says which.
    fn update(&mut self, loss: f64, team: &mut Team<'_, Work<'a, T>>) -> Result<Option<&'static str>> {
        let tier = self.config.tier;
        let Problem { penalty, layout, .. } = *self.problem;
        let params = team.job().params();
        self.last_finite.copy_from_slice(params);
        let wants_rates = penalty.l1() > 0.0;
        let rate = self.optimizer.step(
            tier,
            &mut self.state.optimizer,
            params,
            self.gradient.last(),
            wants_rates,
        )?;
        if wants_rates {
            penalty.prox(&mut params[..layout.n_coef()], rate);
        }
        let quantity = if !loss.is_finite() {
            "the loss"
        } else if first_not_finite(tier, params).is_some() {
            "a parameter"
        } else {
            return Ok(None);
        };
        params.copy_from_slice(&self.last_finite);
        Ok(Some(quantity))
    }

    fn reserve_records(&mut self, n_steps: usize) -> Result<()> {
        let record = self.config.record;
        if record.steps {
            self.history.reserve_steps(n_steps, record.full_loss)?;
        }
        if record.path {
            self.history.reserve_path(n_steps, self.problem.layout())?;
        }
        Ok(())
    }

    fn record_step(&mut self, loss: f64, norm: f64, team: &mut Team<'_, Work<'a, T>>) -> Result<()> {
        let record = self.config.record;
        if record.steps {
            let t = self.state.optimizer.n_steps - 1;
            self.history.step_loss.push(loss);
            self.history.gradient_norm.push(norm);
            self.history.learning_rate.push(self.optimizer.learning_rate.at(t));
            self.history.elapsed.push(seconds_since(self.start));
            if record.full_loss {
                self.record_full_loss(team)?;
            }
        }
        if record.path {
            let layout = self.problem.layout();
            self.history.push_path(layout, model_of(&mut self.state, team));
        }
        Ok(())
    }

    fn end_epoch(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<()> {
        self.history.epoch_loss.push(self.state.loss_sum / self.state.n_seen as f64);
        self.history.epoch_elapsed.push(seconds_since(self.start));
        if self.config.record.full_loss && !self.config.record.steps {
            self.record_full_loss(team)?;
        }
        self.state.epoch += 1;
        self.state.step = 0;
        self.state.n_seen = 0;
        self.state.loss_sum = 0.0;
        Ok(())
    }

    fn record_full_loss(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<()> {
        let looked_since = Instant::now();
        let model = self.state.auto_rate.as_mut().and_then(|rate| rate.model());
        let loss = full_loss(&mut self.gradient, model, team)?;
        self.start += looked_since.elapsed(); // looking is not training
        self.history.full_loss.push(loss);
        Ok(())
    }

    /// Looks at the data for a rate, if one is to be chosen and none goes on.
    fn begin_rate(
        &mut self,
        is_auto: bool,
        team: &mut Team<'_, Work<'a, T>>,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        let (problem, config) = (self.problem, self.config);
        self.state.auto_rate =
            self.state.auto_rate.take().filter(|rate| is_auto && rate.fits(problem, config));
        if is_auto && self.state.auto_rate.is_none() && config.n_epochs > 0 {
            let rate = AutoRate::begin(problem, config, &mut self.gradient, team, interrupted)?;
            self.state.auto_rate = Some(rate);
        }
        Ok(())
    }

    fn follow_rate(&mut self) -> Result<()> {
        if let Some(rate) = &self.state.auto_rate {
            self.optimizer.learning_rate = rate.schedule(self.config)?;
        }
        Ok(())
    }

    /// Lets the rate see the gradient. Returns the objective where the step begins.
    fn before_step(&mut self, loss: f64, team: &mut Team<'_, Work<'a, T>>) -> Result<f64> {
        let Some(rate) = &mut self.state.auto_rate else { return Ok(loss) };
        let loss = rate.before_step(loss, team.job().params(), self.gradient.last());
        self.follow_rate()?;
        Ok(loss)
    }

    /// Lets the rate see where the step has led.
    fn after_step(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<()> {
        let Some(rate) = &mut self.state.auto_rate else { return Ok(()) };
        if rate.after_step(self.config.tier, team.job().params(), self.config.batches.n_steps()) {
            let loss = full_loss(&mut self.gradient, rate.candidate(), team)?;
            rate.judge(loss, team.job().params(), &mut self.state.optimizer.memory);
        }
        Ok(()) // the optimizer follows before the next step: this one is still to be recorded
    }

    /// Goes back after a step that left the finite numbers, if the rate can be blamed. Returns the objective there.
    fn retreat(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Option<f64> {
        let rate = self.state.auto_rate.as_mut()?;
        rate.retreat(team.job().params(), &mut self.state.optimizer.memory)
    }

    /// The model in the end: or other parameters the rate has seen, if they are better.
    fn best_model(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<Vec<T>> {
        let model = model_of(&mut self.state, team).clone();
        let Some((other, loss_there)) = self.state.auto_rate.as_ref().and_then(|rate| rate.alternative())
        else {
            return Ok(model);
        };
        let (other, mut here) = (other.clone(), model.clone());
        let loss = full_loss(&mut self.gradient, Some(&mut here), team)?;
        Ok(if loss <= loss_there { model } else { other })
    }
}

/// The parameters to predict with, as they stand.
fn model_of<'m, T: Scalar>(state: &'m mut State<T>, team: &'m mut Team<'_, Work<'_, T>>) -> &'m mut Vec<T> {
    match state.auto_rate.as_mut().and_then(|rate| rate.model()) {
        Some(model) => model,
        None => team.job().params(),
    }
}

/// The objective over all rows at `params`, or where the team stands. Both stay as they are.
fn full_loss<T: Scalar>(
    gradient: &mut BatchGradient<T>,
    mut params: Option<&mut Vec<T>>,
    team: &mut Team<'_, Work<'_, T>>,
) -> Result<f64> {
    let order = std::mem::replace(team.job().order(), Order::Sequential);
    if let Some(params) = &mut params {
        std::mem::swap(*params, team.job().params());
    }
    let n_rows = team.job().n_rows();
    let loss = gradient.value(0..n_rows, team);
    if let Some(params) = &mut params {
        std::mem::swap(*params, team.job().params());
    }
    *team.job().order() = order;
    loss
}
