//! The textbook algorithm.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use super::columns::Columns;
use super::history::seconds_since;
use super::orders::Orders;
use super::{Config, History, State, StopReason};
use crate::data::{Csr, Rows};
use crate::error::{Error, Result, try_filled};
use crate::gradient::{BatchGradient, Problem, Work, n_seats_worth};
use crate::kernel::{first_not_finite, norm};
use crate::parallel::{Team, with_team};
use crate::scalar::Scalar;
use crate::shuffle::{Order, Shuffle};
use crate::update::idle::WhenIdle;
use crate::update::{AverageState, Entries};

/// Columns that may be moved without a gradient, in vectors, for every stored entry of a batch.
const COLUMNS_FOR_ENTRY: usize = 2;

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
    if config.average.is_none() {
        state.average = AverageState::default(); // of a run that did average
    }
    let rows_of_step = config.batches.batch_size().saturating_mul(config.accumulate.get());
    let most_rows = if config.record.full_loss { problem.n_rows() } else { rows_of_step };
    let is_random = config.batches.shuffle() != Shuffle::Sequential;
    let n_seats = n_seats_worth(problem, most_rows, is_random, config.n_threads);
    let (params, columns) = taken_apart(problem, config, &mut state)?;
    let work = Work::new(problem, config.tier, params, n_seats, interrupted)?;
    with_team(n_seats, work, |team| {
        let mut run = Run {
            problem,
            config,
            state,
            columns,
            elsewhere: 0.0,
            gradient: BatchGradient::new(problem, config.tier)?,
            last_finite: try_filled("parameters", problem.layout().len(), T::ZERO)?,
            history: History::default(),
            start: Instant::now(),
        };
        let stop_reason = run.epochs(team, interrupted, after_epoch)?;
        let params = model_of(&mut run.columns, config, &mut run.state, team)?.clone();
        run.put_together(team);
        Ok(Fit { params, state: run.state, history: run.history, stop_reason })
    })
}

/// The parameters that training moves in place, or of sparse rows what it takes them from.
fn taken_apart<'a, T: Scalar>(
    problem: &'a Problem<'_, T>,
    config: &'a Config,
    state: &mut State<T>,
) -> Result<(Vec<T>, Option<Columns<'a, T>>)> {
    let params = std::mem::take(&mut state.params);
    let Some(csr) = columns_apart(problem, config) else {
        if !state.touched.is_empty() {
            let condition = "on sparse rows, for it ended within an epoch over such";
            return Err(Error::OutOfRange { argument: "X", condition, value: "dense ones".into() });
        }
        return Ok((params, None));
    };
    let optimizer = &config.optimizer;
    optimizer.check(&state.optimizer, params.len())?;
    let n_vectors = state.optimizer.memory.len();
    let memory = std::mem::replace(&mut state.optimizer.memory, vec![Vec::new(); n_vectors]);
    let strengths = (problem.penalty.l1(), problem.penalty.l2());
    let mut columns = Columns::new(csr, problem.layout(), optimizer, strengths, params, memory)?;
    if state.step > 0 {
        let (batches, n) = (config.batches, config.accumulate.get());
        let rows_of_step = |s: usize| {
            let last = batches.n_steps().min((s + 1).saturating_mul(n)) - 1;
            batches.positions(s * n).start..batches.positions(last).end
        };
        let n_steps = state.optimizer.n_steps;
        columns.resume(state.step / n, n_steps, |s| rows_of_step(s).len(), &state.touched);
    }
    Ok((Vec::new(), Some(columns)))
}

/// Sparse rows, if steps are to be on the columns of a batch alone. That is not possible with rules and averages
/// that move all parameters in a way of their own; and with few columns it does not pay, if a step on all of
/// them is the same but for the norm of the gradient.
fn columns_apart<'a, T: Scalar>(problem: &Problem<'a, T>, config: &Config) -> Option<Csr<'a, T>> {
    let Rows::Csr(csr) = problem.rows else { return None };
    let l2 = problem.penalty.l2();
    let n_rows = config.batches.batch_size().saturating_mul(config.accumulate.get()).min(csr.n_rows());
    let n_entries = csr.n_entries() / csr.n_rows() * n_rows;
    let is_possible = match config.optimizer.when_idle(0, l2) {
        WhenIdle::Unknown => false,
        WhenIdle::Rests => true,
        WhenIdle::Moves(_) => {
            let is_same = l2 == 0.0 || config.clip.is_none();
            let pays = csr.n_columns() / COLUMNS_FOR_ENTRY > n_entries;
            config.average.is_none() && (pays || !is_same)
        }
    };
    is_possible.then_some(csr)
}

struct Run<'a, T> {
    problem: &'a Problem<'a, T>,
    config: &'a Config,
    state: State<T>,
    /// Of sparse rows, what steps take and give back.
    columns: Option<Columns<'a, T>>,
    /// The penalty of the columns that a batch does not have, if it is to be recorded.
    elsewhere: f64,
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
                params: model_of(&mut self.columns, self.config, &mut self.state, team)?,
                history: &self.history,
            };
            if after_epoch(progress).is_break() {
                return Ok(StopReason::Callback);
            }
        }
        Ok(StopReason::Epochs)
    }

    /// Puts the model in the place of the parameters, or back.
    fn exchange_model(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<()> {
        if let Some(average) = average_of(self.config, &mut self.state) {
            std::mem::swap(average, team.job().params());
        } else if let Some(columns) = &mut self.columns {
            columns.exchange_model(team.job().params())?;
        }
        Ok(())
    }

    /// Of sparse rows, brings what belongs to the columns of a batch up to date and gathers it. Returns whether
    /// it is finite.
    fn gather(&mut self, batch: &Range<usize>, team: &mut Team<'_, Work<'a, T>>) -> Result<bool> {
        let Some(columns) = &mut self.columns else { return Ok(true) };
        let penalty = self.problem.penalty;
        if self.config.record.steps {
            self.elsewhere = penalty.value(&columns.model()?[..self.problem.layout.n_coef()]);
        }
        let caught = columns.gather(batch.clone(), team.job(), &mut self.state.optimizer.memory)?;
        if self.config.record.steps {
            let n_coef = team.job().layout().n_coef();
            self.elsewhere -= penalty.value(&team.job().params()[..n_coef]);
        }
        self.state.loss_sum += caught.penalty;
        Ok(caught.is_finite)
    }

    /// Of sparse rows, puts back what [`Self::gather`] took. Returns whether all that was brought up to date
    /// meanwhile is finite.
    fn scatter(&mut self, is_last: bool, team: &mut Team<'_, Work<'a, T>>) -> Result<bool> {
        let Some(columns) = &mut self.columns else { return Ok(true) };
        let t = self.state.optimizer.n_steps.saturating_sub(1);
        columns.scatter(t, team.job(), &self.state.optimizer.memory)?;
        if let Some(average) = self.config.average {
            average.step(self.config.tier, t, &mut self.state.average, columns.model()?)?;
        }
        if !is_last && !columns.is_stretch_over() {
            return Ok(true);
        }
        let caught = columns.end_stretch();
        self.state.loss_sum += caught.penalty;
        Ok(caught.is_finite)
    }

    /// Gives the state its vectors back.
    fn put_together(&mut self, team: &mut Team<'_, Work<'a, T>>) {
        match self.columns.take() {
            None => self.state.params = std::mem::take(team.job().params()),
            Some(columns) => {
                self.state.touched = columns.touched();
                self.state.params = columns.params;
                self.state.optimizer.memory = columns.memory;
            }
        }
    }

    fn diverged(&self, quantity: &'static str) -> StopReason {
        let (epoch, step) = (self.state.epoch, self.state.optimizer.n_steps.saturating_sub(1));
        StopReason::Diverged { epoch, step, quantity }
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
            let is_finite = self.gather(&batch, team)?;
            let loss = self.gradient.of(batch, team)?; // how wrong the model is on them
            let norm = self.clip();
            let not_finite = self.update(loss, team)?;
            let is_last = last + 1 == batches.n_steps();
            let is_finite = self.scatter(is_last, team)? && is_finite;
            if let Some(quantity) = not_finite.or((!is_finite).then_some("a parameter")) {
                return Ok(ControlFlow::Break(self.diverged(quantity)));
            }
            self.state.step = last + 1;
            self.state.n_seen += n_rows as u64;
            self.state.loss_sum += loss * n_rows as f64;
            self.record_step(loss + self.elsewhere, norm, team)?;
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
        let penalty = self.problem.penalty;
        let layout = team.job().layout();
        let n_intercepts = if self.problem.fit_intercept { layout.n_outputs() } else { 0 };
        let entries = Entries::padded(layout.n_columns(), layout.n_outputs(), layout.n_coef(), n_intercepts);
        let params = team.job().params();
        self.last_finite.clear();
        self.last_finite.extend_from_slice(params);
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
            if let Some(average) = average.filter(|_| self.columns.is_none()) {
                average.step(tier, self.state.optimizer.n_steps - 1, &mut self.state.average, params)?;
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
            let model = model_of(&mut self.columns, self.config, &mut self.state, team)?;
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
        self.exchange_model(team)?;
        let loss = self.gradient.value(0..self.problem.n_rows(), team)?;
        self.exchange_model(team)?;
        self.start += looked_since.elapsed(); // looking is not training
        *team.job().order() = order;
        self.history.full_loss.push(loss);
        Ok(())
    }
}

/// The parameters to predict with, as they stand.
fn model_of<'m, T: Scalar>(
    columns: &'m mut Option<Columns<'_, T>>,
    config: &Config,
    state: &'m mut State<T>,
    team: &'m mut Team<'_, Work<'_, T>>,
) -> Result<&'m mut Vec<T>> {
    if let Some(average) = average_of(config, state) {
        return Ok(average);
    }
    match columns {
        Some(columns) => columns.model(),
        None => Ok(team.job().params()),
    }
}

/// What is averaged to predict with, if anything is: by the optimizer or apart from it.
fn average_of<'m, T: Scalar>(config: &Config, state: &'m mut State<T>) -> Option<&'m mut Vec<T>> {
    match config.average {
        Some(_) => Some(&mut state.average.params).filter(|average| !average.is_empty()),
        None => config.optimizer.model(&mut state.optimizer),
    }
}
