//! The textbook algorithm.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use super::apart::Apart;
use super::columns::Caught;
use super::history::seconds_since;
use super::model::{exchange_model, model_of};
use super::noise::steps_between_probes;
use super::orders::Orders;
use super::selection::Values;
use super::{AdaptiveBatchSize, Config, History, Selection, State, StopReason};
use crate::error::{Error, Result, try_filled};
use crate::gradient::{BatchGradient, BatchNoise, Layout, Problem, Work, n_workers_worth};
use crate::kernel::{first_not_finite, norm};
use crate::parallel::{Team, with_team};
use crate::scalar::Scalar;
use crate::shuffle::Shuffle;
use crate::update::{AverageState, Entries, Optimizer};

/// A finished run.
#[derive(Debug, Clone)]
pub struct Fit<T> {
    /// The model: the parameters to predict with.
    pub params: Vec<T>,
    /// Epochs the model was trained for, if a rule has chosen it as the best.
    pub best_epoch: Option<u64>,
    /// Where training is, and everything needed to go on.
    pub state: State<T>,
    /// What was written down.
    pub history: History<T>,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// Rows of a batch in the last epoch, or the one begun.
    pub batch_size: usize,
    /// Seconds of training.
    pub seconds: f64,
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
    /// Where the observer may leave the metrics that the selection names, for the rules that look at them.
    pub metrics: &'a mut Vec<f64>,
}

/// Trains on `problem` from `state` until `config.n_epochs` epochs more are done, or `after_epoch` breaks, or
/// the run diverges or is interrupted. An epoch that was begun counts as the first.
///
/// `interrupted` is asked about every millisecond whether to give up.
///
/// # Errors
/// If the state is another problem's, or an allocation failed.
pub fn fit<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    state: State<T>,
    interrupted: &(dyn Fn() -> bool + Sync),
    after_epoch: &mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>,
) -> Result<Fit<T>> {
    fit_with(&Selection::none(), problem, config, state, interrupted, after_epoch)
}

/// Trains as [`fit`] does, until a rule of `selection` ends the run, and gives back the model that one chose.
///
/// # Errors
/// As [`fit`], and if the validation rows have other columns or outputs.
pub fn fit_with<'a, T: Scalar>(
    selection: &'a Selection<'a, T>,
    problem: &'a Problem<'a, T>,
    config: &'a Config,
    mut state: State<T>,
    interrupted: &'a (dyn Fn() -> bool + Sync),
    after_epoch: &mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>,
) -> Result<Fit<T>> {
    let Config { ref batches, ref optimizer, .. } = *config;
    config.check()?;
    problem.penalty().check_step_sizes(optimizer.rule.has_uniform_step_size(), optimizer.rule.name())?;
    state.adaptive_batch_size = AdaptiveBatchSize::of_run(batches, state.adaptive_batch_size, state.step > 0);
    state.check(problem.layout(), state.batches(batches).n_steps())?;
    match config.average {
        None => state.average = AverageState::default(), // of a run that did average
        Some(_) if state.average.n == 0 => state.average = AverageState::new(problem.layout().len())?,
        Some(_) => {}
    }
    let largest_batch = batches.largest_batch(state.epoch.saturating_add(config.n_epochs));
    let rows_of_step = largest_batch.saturating_mul(config.accumulate.get());
    let most_rows = if config.record.full_loss { problem.n_rows() } else { rows_of_step };
    let n_validation = selection.n_rows_for(problem)?;
    let most_rows = most_rows.max(n_validation);
    let is_random = *batches.shuffle() != Shuffle::Sequential;
    let n_workers = n_workers_worth(problem, most_rows, is_random, config.n_threads);
    state.stopping = selection.remember(std::mem::take(&mut state.stopping));
    let apart = Apart::of(problem, config, &mut state)?;
    let params = std::mem::take(&mut state.params);
    let mut work = Work::new(problem, config.tier, params, n_workers, interrupted)?;
    if let Some(factors) = config.batches.importance_weights() {
        work.set_importance_weights(factors)?;
    }
    let batch_size = state.batches(batches).batch_size();
    with_team(n_workers, work, |team| {
        let mut run = Run {
            problem,
            config,
            optimizer: optimizer.clone(),
            selection,
            first_step: state.optimizer.n_steps,
            state,
            apart,
            gradient: BatchGradient::new(problem, config.tier)?,
            batch_size,
            last_finite: try_filled("parameters", problem.layout().len(), T::ZERO)?,
            reported: try_filled("parameters", problem.layout().len(), T::ZERO)?,
            history: History::default(),
            probe: None,
            begin: Instant::now(),
            start: Instant::now(),
        };
        let stop_reason = match run.epochs(team, interrupted, after_epoch) {
            Err(Error::Interrupted) => StopReason::Interrupted, // between two steps: nothing is lost
            ended => ended?,
        };
        let kept = run.state.stopping.iter().find_map(|seen| seen.kept.as_ref());
        let best_epoch = kept.map(|kept| kept.epoch);
        let params = match kept {
            Some(kept) => kept.params.clone(),
            None if stop_reason == StopReason::Interrupted => {
                model_of(&mut run.apart, config, &mut run.state, team)?.clone()
            }
            None => run.best_model(team)?,
        };
        run.state.params = std::mem::take(team.job().params());
        run.apart.put_together(&mut run.state);
        let Run { state, history, batch_size, start, .. } = run;
        Ok(Fit { params, best_epoch, state, history, stop_reason, batch_size, seconds: seconds_since(start) })
    })
}

pub(super) struct Run<'a, T> {
    pub(super) problem: &'a Problem<'a, T>,
    pub(super) config: &'a Config,
    /// The optimizer of this epoch: a learning rate given as a function has been evaluated, or of this step, if
    /// the learning rate is automatic.
    pub(super) optimizer: Optimizer,
    selection: &'a Selection<'a, T>,
    pub(super) state: State<T>,
    /// Of sparse rows, the parameters of which a step borrows some.
    pub(super) apart: Apart<'a, T>,
    /// Steps of the runs before.
    first_step: u64,
    pub(super) gradient: BatchGradient<T>,
    last_finite: Vec<T>,
    /// Rows of a batch of the epoch at hand.
    batch_size: usize,
    /// The model at the end of the last epoch.
    reported: Vec<T>,
    pub(super) history: History<T>,
    /// What was seen of the noise of the gradient of the step at hand, if it was probed: see [`super::NoiseHistory`].
    pub(super) probe: Option<(BatchNoise, f64)>,
    begin: Instant,
    /// Later than the beginning by the time that was spent looking.
    start: Instant,
}

impl<'a, T: Scalar> Run<'a, T> {
    fn epochs(
        &mut self,
        team: &mut Team<'_, Work<'a, T>>,
        interrupted: &(dyn Fn() -> bool + Sync),
        after_epoch: &mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>,
    ) -> Result<StopReason> {
        let Config { ref batches, n_threads, n_epochs, .. } = *self.config;
        self.begin_rate(team, interrupted)?;
        let mut orders = Orders::new(batches.clone(), n_threads);
        for i in 0..n_epochs {
            let (epoch, is_last) = (self.state.epoch, i + 1 == n_epochs);
            if i == 0 || batches.reorders() {
                let order = team.job().order();
                *order = orders.exchange(epoch, std::mem::take(order), interrupted)?;
            }
            let has_spare_thread =
                n_threads > team.n_workers() || (n_threads > 1 && !self.gradient.is_shared());
            let ended = if is_last || !has_spare_thread {
                self.epoch(team)?
            } else {
                orders.while_making(epoch + 1, || self.epoch(team))?
            };
            if let ControlFlow::Break(reason) = ended {
                return Ok(reason);
            }
            if let Some(reason) = self.evaluate(after_epoch)? {
                return Ok(reason);
            }
        }
        Ok(StopReason::Epochs)
    }

    /// Tells the observer and the rules of the epoch just done. Returns why the run is to end, if it is.
    fn evaluate(
        &mut self,
        after_epoch: &mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>,
    ) -> Result<Option<StopReason>> {
        let (epoch, n_steps) = (self.state.epoch, self.state.optimizer.n_steps);
        let (params, history) = (&self.reported, &self.history);
        let mut metrics = Vec::new();
        let told = after_epoch(Progress { params, epoch, n_steps, history, metrics: &mut metrics });
        let values = Values {
            loss: history.epoch_loss.last().copied().unwrap_or(f64::NAN),
            validation_loss: history.validation_loss.last().copied(),
            metrics: &metrics,
        };
        let reason = self.selection.evaluate(epoch, values, params, &mut self.state.stopping)?;
        let callback = told.is_break().then_some(StopReason::Callback);
        Ok(callback.or(reason).or_else(|| self.limit()))
    }

    fn limit(&self) -> Option<StopReason> {
        self.selection.limit(self.state.optimizer.n_steps - self.first_step, self.begin)
    }

    /// One pass over the data.
    fn epoch(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<ControlFlow<StopReason>> {
        let batches = self.state.batches(&self.config.batches);
        self.batch_size = batches.batch_size();
        let n_steps = batches.n_steps().saturating_sub(self.state.step);
        self.reserve_records(n_steps)?;
        let t = self.state.optimizer.n_steps;
        if let Some(optimizer) =
            self.config.optimizer.tabulate(t..t + n_steps.div_ceil(self.config.accumulate.get()) as u64)?
        {
            self.optimizer = optimizer;
        }
        while self.state.step < batches.n_steps() {
            let first = self.state.step;
            let last = batches.n_steps().min(first.saturating_add(self.config.accumulate.get())) - 1;
            let batch = batches.positions(first).start..batches.positions(last).end; // which rows
            let n_rows = batch.len();
            self.evaluate_rate(batches.n_steps(), team)?;
            let gathered = self.gather(&batch, team)?;
            let loss = self.loss_on(batch, team)?; // how wrong the model is on them
            let loss = self.observe_rate(loss, team)?;
            let norm = self.clip();
            let not_finite = self.update(loss, team)?;
            let (not_finite, loss) = self.accept_rate(not_finite, loss, team);
            let caught = gathered.and(self.scatter(last + 1 == batches.n_steps(), team)?);
            if let Some(quantity) = not_finite.or(caught.not_finite()) {
                let (epoch, step) = (self.state.epoch, self.state.optimizer.n_steps - 1);
                return Ok(ControlFlow::Break(StopReason::Diverged { epoch, step, quantity }));
            }
            self.state.step = last + 1;
            self.state.n_seen += n_rows as u64;
            self.state.loss_sum += loss * n_rows as f64 + caught.penalty;
            self.record_step(n_rows, loss + self.apart.inactive_column_penalty(), norm, team)?;
            if self.state.step < batches.n_steps()
                && let Some(reason) = self.limit()
            {
                return Ok(ControlFlow::Break(reason));
            }
        }
        self.end_epoch(team)?;
        Ok(ControlFlow::Continue(()))
    }

    /// The objective on a batch, and its gradient, which is kept. Of an interrupted step
    /// nothing is left.
    fn loss_on(&mut self, batch: Range<usize>, team: &mut Team<'_, Work<'a, T>>) -> Result<f64> {
        let loss = match self.is_probed() {
            false => self.gradient.of(batch, team),
            true => self.noisy_loss_on(batch, team),
        };
        if loss.is_err() {
            self.apart.give_up(team)?;
        }
        loss
    }

    /// Of sparse rows, lends the step what belongs to the columns of its batch.
    fn gather(&mut self, batch: &Range<usize>, team: &mut Team<'_, Work<'a, T>>) -> Result<Caught> {
        self.apart.gather(batch, self.config.record.steps, self.problem, &mut self.state, team)
    }

    /// Takes it back, moved.
    fn scatter(&mut self, is_last: bool, team: &mut Team<'_, Work<'a, T>>) -> Result<Caught> {
        if !self.apart.is_so() {
            return Ok(Caught::nothing());
        }
        let t = self.state.optimizer.n_steps.saturating_sub(1);
        let (_, l2) = self.problem.penalty.uniform().unwrap_or_default();
        let step = self.optimizer.lazy_update(t, &self.state.optimizer, l2);
        let caught = self.apart.scatter(is_last, step, &self.state, team)?;
        if let Some(average) = self.config.average
            && let Some(model) = self.apart.model()?
        {
            average.step(self.config.tier, t, &mut self.state.average, model);
        }
        Ok(caught)
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

    /// Moves the parameters, unless they or the loss would become non-finite: then says which.
    fn update(&mut self, loss: f64, team: &mut Team<'_, Work<'a, T>>) -> Result<Option<&'static str>> {
        let Config { tier, average, .. } = *self.config;
        let (penalty, layout) = (&self.problem.penalty, team.job().layout());
        let entries = entries_of(self.problem, layout);
        let params = team.job().params();
        self.last_finite.clear();
        self.last_finite.extend_from_slice(params);
        let wants_step_sizes = penalty.has_prox();
        let (state, gradient) = (&mut self.state.optimizer, self.gradient.last());
        let rate = self.optimizer.step(tier, entries, state, params, gradient, wants_step_sizes)?;
        if wants_step_sizes {
            penalty.prox(layout, &mut params[..layout.n_coef()], rate);
        }
        let quantity = if !loss.is_finite() {
            "the loss"
        } else if first_not_finite(tier, params).is_some() {
            "a parameter"
        } else {
            self.optimizer.post_prox(tier, &mut self.state.optimizer, params);
            if let Some(average) = average.filter(|_| !self.apart.is_so()) {
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
        if record.noise {
            let every = steps_between_probes(self.state.adaptive_batch_size.is_some()) as usize;
            self.history.noise.reserve(n_steps.div_ceil(every))?;
        }
        if record.path {
            self.history.reserve_path(n_steps, self.problem.layout())?;
        }
        Ok(())
    }

    fn record_step(
        &mut self,
        n_rows: usize,
        loss: f64,
        norm: f64,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> Result<()> {
        let record = self.config.record;
        let t = self.state.optimizer.n_steps - 1;
        if record.steps {
            self.history.step_loss.push(loss);
            self.history.batch_size.push(n_rows as i64);
            self.history.gradient_norm.push(norm);
            self.history.learning_rate.push(self.optimizer.learning_rate_at(t, &self.state.optimizer));
            self.history.elapsed.push(seconds_since(self.start));
        }
        if let Some((noise, along)) = self.probe.take() {
            self.record_noise(t, noise, along);
        }
        if record.path {
            let model = model_of(&mut self.apart, self.config, &mut self.state, team)?;
            self.history.push_path(self.problem.layout(), model);
        }
        if record.steps && record.full_loss {
            let full_loss = self.full_loss(team);
            // If it was interrupted, the step is made all the same.
            self.history.full_loss.push(full_loss.clone().unwrap_or(f64::NAN));
            full_loss?;
        }
        Ok(())
    }

    fn end_epoch(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<()> {
        let record = self.config.record;
        let elapsed = seconds_since(self.start);
        let mut reported = std::mem::take(&mut self.reported);
        reported.copy_from_slice(model_of(&mut self.apart, self.config, &mut self.state, team)?);
        self.reported = reported;
        // First what can be interrupted: then the epoch is ended when the run is resumed.
        let full_loss = (record.full_loss && !record.steps).then(|| self.full_loss(team)).transpose()?;
        let validation = self.selection.validation();
        let validation_loss = validation.map(|rows| self.validation_loss(rows, team)).transpose()?;
        let loss = self.state.loss_sum / self.state.n_seen as f64;
        self.history.epoch_loss.push(loss);
        self.history.epoch_elapsed.push(elapsed);
        self.history.full_loss.extend(full_loss);
        self.history.validation_loss.extend(validation_loss);
        if !record.steps {
            self.history.batch_size.push(self.batch_size as i64);
        }
        if let (Some(adaptive_batch_size), Some(test)) =
            (&mut self.state.adaptive_batch_size, self.config.batches.norm_test())
        {
            *adaptive_batch_size =
                adaptive_batch_size.next(test, &self.config.batches, self.config.accumulate.get());
        }
        self.optimizer.end_epoch(&mut self.state.optimizer, loss);
        self.state.epoch += 1;
        self.state.step = 0;
        self.state.n_seen = 0;
        self.state.loss_sum = 0.0;
        Ok(())
    }

    fn validation_loss(&mut self, rows: &'a Problem<'a, T>, team: &mut Team<'_, Work<'a, T>>) -> Result<f64> {
        let looked_since = Instant::now();
        let loss = self.gradient.loss_on(rows, &mut self.reported, team);
        self.start += looked_since.elapsed();
        loss
    }

    fn full_loss(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<f64> {
        let looked_since = Instant::now();
        exchange_model(&mut self.apart, self.config, &mut self.state, team)?;
        let loss = self.gradient.value_of_all(team);
        exchange_model(&mut self.apart, self.config, &mut self.state, team)?;
        self.start += looked_since.elapsed(); // looking is not training
        loss
    }
}

/// Which entries of parameters in this layout are some.
pub(super) fn entries_of<T: Scalar>(problem: &Problem<'_, T>, layout: Layout) -> Entries {
    let n_intercepts = if problem.fit_intercept { layout.n_outputs() } else { 0 };
    Entries::padded(layout.n_columns(), layout.stride(), layout.n_coef(), n_intercepts)
}
