//! The textbook algorithm.

use std::ops::ControlFlow;
use std::time::Instant;

use super::history::seconds_since;
use super::orders::Orders;
use super::{Config, History, State, StopReason};
use crate::error::{Result, try_filled};
use crate::gradient::{BatchGradient, Problem, Work, n_seats_worth};
use crate::kernel::{first_not_finite, norm};
use crate::parallel::{Team, with_team};
use crate::scalar::Scalar;
use crate::shuffle::{Order, Shuffle};
use crate::update::{AverageState, Entries};

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
    config.check()?;
    match config.average {
        None => state.average = AverageState::default(), // of a run that did average
        Some(_) if state.average.n == 0 => state.average = AverageState::new(problem.layout().len())?,
        Some(_) => {}
    }
    let rows_of_step = config.batches.batch_size().saturating_mul(config.accumulate.get());
    let most_rows = if config.record.full_loss { problem.n_rows() } else { rows_of_step };
    let is_random = config.batches.shuffle() != Shuffle::Sequential;
    let n_seats = n_seats_worth(problem, most_rows, is_random, config.n_threads);
    let params = std::mem::take(&mut state.params);
    let work = Work::new(problem, config.tier, params, n_seats, interrupted)?;
    with_team(n_seats, work, |team| {
        let mut run = Run {
            problem,
            config,
            state,
            gradient: BatchGradient::new(problem, config.tier)?,
            last_finite: try_filled("parameters", problem.layout().len(), T::ZERO)?,
            history: History::default(),
            start: Instant::now(),
        };
        let stop_reason = run.epochs(team, interrupted, after_epoch)?;
        let params = model_of(config, &mut run.state, team).clone();
        run.state.params = std::mem::take(team.job().params());
        Ok(Fit { params, state: run.state, history: run.history, stop_reason })
    })
}

struct Run<'a, T> {
    problem: &'a Problem<'a, T>,
    config: &'a Config,
    state: State<T>,
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
            let progress = Progress {
                epoch: self.state.epoch,
                n_steps: self.state.optimizer.n_steps,
                params: model_of(self.config, &mut self.state, team),
                history: &self.history,
            };
            if after_epoch(progress).is_break() {
                return Ok(StopReason::Callback);
            }
        }
        Ok(StopReason::Epochs)
    }

    /// Puts the model in the place of the parameters, or back.
    fn exchange_model(&mut self, team: &mut Team<'_, Work<'a, T>>) {
        if let Some(average) = average_of(self.config, &mut self.state) {
            std::mem::swap(average, team.job().params());
        }
    }

    /// One pass over the data.
    fn epoch(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<ControlFlow<StopReason>> {
        let batches = self.config.batches;
        self.reserve_records(batches.n_steps().saturating_sub(self.state.step))?;
        while self.state.step < batches.n_steps() {
            let first = self.state.step;
            let last = batches.n_steps().min(first.saturating_add(self.config.accumulate.get())) - 1;
            let batch = batches.positions(first).start..batches.positions(last).end; // which rows
            let n_rows = batch.len();
            let loss = self.gradient.of(batch, team)?; // how wrong the model is on them
            let norm = self.clip();
            if let Some(quantity) = self.update(loss, team)? {
                let (epoch, step) = (self.state.epoch, self.state.optimizer.n_steps - 1);
                return Ok(ControlFlow::Break(StopReason::Diverged { epoch, step, quantity }));
            }
            self.state.step = last + 1;
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
        let Config { tier, ref optimizer, average, .. } = *self.config;
        let Problem { penalty, layout, .. } = *self.problem;
        let n_intercepts = if self.problem.fit_intercept { layout.n_outputs() } else { 0 };
        let entries = Entries::padded(layout.n_columns(), layout.n_outputs(), layout.n_coef(), n_intercepts);
        let params = team.job().params();
        self.last_finite.copy_from_slice(params);
        let wants_rates = penalty.l1() > 0.0;
        let (state, gradient) = (&mut self.state.optimizer, self.gradient.last());
        let rate = optimizer.step(tier, entries, state, params, gradient, wants_rates)?;
        if wants_rates {
            penalty.prox(&mut params[..layout.n_coef()], rate);
        }
        let quantity = if !loss.is_finite() {
            "the loss"
        } else if first_not_finite(tier, params).is_some() {
            "a parameter"
        } else {
            optimizer.settle(tier, &mut self.state.optimizer, params);
            if let Some(average) = average {
                average.step(tier, self.state.optimizer.n_steps - 1, &mut self.state.average, params);
            }
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
            self.history.learning_rate.push(self.config.optimizer.learning_rate.at(t));
            self.history.elapsed.push(seconds_since(self.start));
            if record.full_loss {
                self.record_full_loss(team)?;
            }
        }
        if record.path {
            let model = model_of(self.config, &mut self.state, team);
            self.history.push_path(self.problem.layout(), model);
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
        let order = std::mem::replace(team.job().order(), Order::Sequential);
        let looked_since = Instant::now();
        self.exchange_model(team);
        let loss = self.gradient.value(0..self.problem.n_rows(), team)?;
        self.exchange_model(team);
        self.start += looked_since.elapsed(); // looking is not training
        *team.job().order() = order;
        self.history.full_loss.push(loss);
        Ok(())
    }
}

/// The parameters to predict with, as they stand.
fn model_of<'m, T: Scalar>(
    config: &Config,
    state: &'m mut State<T>,
    team: &'m mut Team<'_, Work<'_, T>>,
) -> &'m mut Vec<T> {
    match average_of(config, state) {
        Some(average) => average,
        None => team.job().params(),
    }
}

/// What is averaged to predict with, if anything is: by the optimizer or apart from it.
fn average_of<'m, T: Scalar>(config: &Config, state: &'m mut State<T>) -> Option<&'m mut Vec<T>> {
    match config.average {
        Some(_) => (state.average.n > 0).then_some(&mut state.average.params),
        None => config.optimizer.model(&mut state.optimizer),
    }
}
