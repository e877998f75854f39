//! `Observers`: what sees a run and may end it: recorder, callback, checkpoints, rules of stopping.

use std::ops::ControlFlow;
use std::time::Instant;

use super::checkpoints::Checkpoints;
use super::recorder::{EpochRecord, Recorder};
use super::step::Step;
use super::stop::Stop;
use super::validation::Values;
use super::view::View;
use super::{EarlyStoppingState, Fingerprint, Fit, History, StopReason, Validation};
use crate::error::{Result, try_copied, try_filled};
use crate::ranks::Ranks;
use crate::scalar::Scalar;

/// What is known at the end of an epoch, or after a step within.
#[derive(Debug)]
pub struct Progress<'a, T> {
    /// The step, if it is not the end of an epoch.
    pub step: Option<StepProgress>,
    /// The run as it stands; empty after a step, unless [`StepsTold`](super::StepsTold) asks for it.
    pub params: &'a [T],
    /// Epochs done.
    pub epoch: u64,
    /// Steps done in all.
    pub n_steps: u64,
    /// What was written down so far.
    pub history: &'a History<T>,
    /// Where the callback may leave the metrics that the validation names, for the rules that monitor them.
    pub metrics: &'a mut Vec<f64>,
    /// Where the callback may leave the mean loss over validation rows that only it knows, if there are no others.
    pub validation_loss: &'a mut Option<f64>,
}

/// What is known of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepProgress {
    /// The objective on its rows before it.
    pub loss: f64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// The 2-norm of its gradient before clipping.
    pub gradient_norm: f64,
    /// Its rows.
    pub n_rows: usize,
    /// Seconds of training up to its end.
    pub elapsed: f64,
}

/// Told of every epoch, and of the steps that are to be told; breaks to end the run.
pub(super) type Callback<'o, T> = &'o mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>;

/// Recorder, callback, checkpoints and rules of stopping. They see a run through a [`View`], and change nothing in it.
pub(super) struct Observers<'o, 'a, T> {
    pub(super) recorder: Recorder<T>,
    validation: &'a Validation<'a, T>,
    /// What the rules of stopping have seen: saved with the run.
    pub(super) stopping: Vec<EarlyStoppingState<T>>,
    callback: Callback<'o, T>,
    checkpoints: Checkpoints<'o, T>,
    /// Steps of the runs before.
    first_step: u64,
    begin: Instant,
    /// The last [`Self::gap`].
    pub(super) gap: Option<(f64, f64)>,
}

/// An epoch that was seen to its end.
#[derive(Debug)]
pub(super) struct Epoch {
    /// Mean objective over its rows, each batch's before its step.
    pub(super) loss: f64,
    stop: Option<StopReason>,
}

impl Epoch {
    /// Whether the run is to end after it.
    pub(super) fn verdict(&self) -> Result<(), Stop> {
        self.stop.map_or(Ok(()), |reason| Err(reason.into()))
    }
}

impl<'o, 'a, T: Scalar> Observers<'o, 'a, T> {
    pub(super) fn new(
        recorder: Recorder<T>,
        validation: &'a Validation<'a, T>,
        stopping: Vec<EarlyStoppingState<T>>,
        (callback, checkpoints): (Callback<'o, T>, Checkpoints<'o, T>),
        first_step: u64,
    ) -> Self {
        let begin = Instant::now();
        Self { recorder, validation, stopping, callback, checkpoints, first_step, begin, gap: None }
    }

    /// Makes ready for the steps of an epoch, when the one before was seen to its end.
    pub(super) fn begin_epoch(&mut self, mut view: View<'_, '_, 'a, T>) -> Result<(), Stop> {
        if self.checkpoints.are_due() {
            self.save(&mut view)?;
        }
        Ok(self.recorder.reserve(&view)?)
    }

    /// Whether a step may be recorded or told, or end the run.
    pub(super) fn watch_steps(&self) -> bool {
        self.recorder.sees_steps() || self.validation.limits_steps()
    }

    /// Sees a step.
    #[inline]
    pub(super) fn step(&mut self, step: &Step, mut view: View<'_, '_, 'a, T>) -> Result<(), Stop> {
        self.recorder.step(step, &mut view)?;
        if view.config.record.tells(step.t) {
            self.tell(step, &mut view)?;
        }
        match self.limit(step.t + 1, view.evaluator.ranks()) {
            Some(reason) if !step.is_last => Err(reason.into()),
            _ => self.checkpoint(view),
        }
    }

    /// Sees some steps at once that processes have made on their own, with what can be said of all together.
    pub(super) fn steps(
        &mut self,
        all: &Step,
        n_made: u64,
        mut view: View<'_, '_, 'a, T>,
    ) -> Result<(), Stop> {
        if view.config.record.tells_of(all.t, n_made) {
            self.tell(all, &mut view)?;
        }
        let ranks = view.evaluator.ranks();
        self.checkpoints.see_steps(all.t + 1, n_made, ranks);
        match self.limit(all.t + 1, ranks) {
            Some(reason) if !all.is_last => Err(reason.into()),
            _ => self.save_if_due(view),
        }
    }

    /// Steps that can be made in a streak before a checkpoint is due.
    pub(super) fn steps_until_due(&self, n_steps: u64) -> u64 {
        self.checkpoints.steps_until_due(n_steps)
    }

    /// Whether a checkpoint is due after a step, or a streak of them.
    #[inline]
    pub(super) fn checkpoint(&mut self, view: View<'_, '_, 'a, T>) -> Result<(), Stop> {
        self.checkpoints.see_steps(view.state.optimizer.n_steps, 1, view.evaluator.ranks());
        self.save_if_due(view)
    }

    #[inline]
    fn save_if_due(&mut self, mut view: View<'_, '_, 'a, T>) -> Result<(), Stop> {
        match self.checkpoints.are_due() && view.state.step < view.batches.n_steps() {
            true => self.save(&mut view),
            false => Ok(()),
        }
    }

    /// Hands the run over, as it would be given back if it was interrupted here. That is not training.
    #[cold]
    fn save(&mut self, view: &mut View<'_, '_, 'a, T>) -> Result<(), Stop> {
        let began = Instant::now();
        let mut fit = self.fit(view)?;
        let is_over = self.checkpoints.save(&mut fit).is_break();
        self.recorder.history = fit.history;
        self.recorder.exclude(began.elapsed());
        match of_all(view.evaluator.ranks(), is_over, &mut [])? {
            false => Ok(()),
            true => Err(StopReason::Callback.into()),
        }
    }

    /// The run as it stands, with the history itself.
    fn fit(&mut self, view: &mut View<'_, '_, 'a, T>) -> Result<Fit<T>> {
        let mut state = view.copy_state()?;
        let tells = !self.stopping.is_empty() || state.remembers_objective(&view.config.optimizer);
        if tells && view.config.window.is_none() {
            let rows = self.validation.problem();
            state.fingerprint = Some(Fingerprint::of(&state.params, rows, view.evaluator)?);
        }
        state.stopping.clone_from(&self.stopping);
        let best = self.stopping.iter().find_map(|rule| rule.checkpoint.as_ref());
        let params = match best {
            Some(best) => try_copied("parameters", &best.params)?,
            None => {
                let mut model = try_filled("parameters", view.problem.layout().len(), T::ZERO)?;
                view.copy_model(&mut model);
                model
            }
        };
        let of_epoch_before = self.checkpoints.batch_size.filter(|_| state.step == 0);
        Ok(Fit {
            params,
            best_epoch: best.map(|best| best.epoch),
            state,
            history: std::mem::take(&mut self.recorder.history),
            stop_reason: StopReason::Interrupted,
            gap: self.gap,
            error: None,
            batch_size: of_epoch_before.unwrap_or_else(|| view.batches.batch_size()),
            seconds: self.recorder.seconds(),
        })
    }

    /// Tells the callback of a step. If it ends the run, that is at once: the end of an epoch, if it was the last of one, is
    /// seen when the run is resumed.
    #[cold]
    fn tell(&mut self, step: &Step, view: &mut View<'_, '_, 'a, T>) -> Result<(), Stop> {
        let (epoch, history, metrics) = (view.state.epoch, &History::default(), &mut Vec::new());
        let validation_loss = &mut None;
        let (told, params) = self.recorder.told(step, view);
        let progress = Progress {
            step: Some(told),
            params,
            epoch,
            n_steps: step.t + 1,
            history,
            metrics,
            validation_loss,
        };
        let is_over = (self.callback)(progress).is_break();
        match of_all(view.evaluator.ranks(), is_over, &mut [])? {
            false => Ok(()),
            true => Err(StopReason::Callback.into()),
        }
    }

    /// Sees the end of an epoch. If that is interrupted nothing is recorded, and the epoch ends when the run is resumed.
    pub(super) fn end_epoch(&mut self, mut view: View<'_, '_, 'a, T>) -> Result<Epoch, Stop> {
        let record = self.recorder.evaluate(&mut view, self.validation.problem())?;
        let (monitored, is_of_alternative) = self.monitored_loss(&record, &mut view)?;
        let gap = self.gap(record.loss, &mut view)?;
        self.recorder.end_epoch(&record, view.batches.batch_size());
        let (epoch, n_steps) = (view.state.epoch + 1, view.state.optimizer.n_steps);
        self.checkpoints.see_epoch(epoch, view.batches.batch_size());
        let (params, history) = (self.recorder.model(), &self.recorder.history);
        let (mut metrics, mut validation_loss) = (Vec::new(), None);
        let told = (self.callback)(Progress {
            step: None,
            params,
            epoch,
            n_steps,
            history,
            metrics: &mut metrics,
            validation_loss: &mut validation_loss,
        });
        let ranks = view.evaluator.ranks();
        if ranks.is_some() {
            metrics.resize(self.validation.n_metrics(), f64::NAN);
            self.limit(n_steps, ranks); // rank 0 looks at its clock before all agree
        }
        let is_over = of_all(ranks, told.is_break(), &mut metrics)?;
        let alternative = view.state.control.alternative().filter(|_| is_of_alternative);
        let values = Values {
            loss: (monitored, alternative.map_or(params, |(params, _)| params)),
            is_trying: view.state.control.is_trying(),
            gap: gap.map(|(gap, loss)| (gap, loss, view.state.control.rounding())),
            validation_loss: record.validation_loss.or(validation_loss),
            metrics: &metrics,
        };
        let reason = self.validation.evaluate(epoch, values, params, &mut self.stopping)?;
        self.recorder.history.validation_loss.extend(validation_loss);
        let callback = is_over.then_some(StopReason::Callback);
        let stop = callback.or(reason).or_else(|| self.limit(n_steps, ranks));
        Ok(Epoch { loss: record.loss, stop })
    }

    /// How far the objective is from its least value, about, and the objective, where a rule asks: first from slopes that are
    /// known already, and only if that is little enough from those at the model, by a pass over all rows.
    fn gap(&mut self, loss: f64, view: &mut View<'_, '_, 'a, T>) -> Result<Option<(f64, f64)>> {
        let Some(rule) = self.validation.converged() else { return Ok(None) };
        let Some(solver) = &view.state.control.solver else { return Ok(None) };
        let rounding = solver.rounding();
        let is_tried = view.state.control.auto_rate.is_some();
        self.gap = match solver.estimated_gap(view.problem, view.config, view.evaluator)? {
            Some(estimate) if !rule.is_met(estimate, loss, rounding) => {
                let extrapolated = Some(solver.extrapolated((loss, is_tried))).filter(|gap| gap.is_finite());
                Some((estimate.max(extrapolated.unwrap_or(0.0)), loss))
            }
            _ => {
                let training = try_copied("parameters", view.evaluator.params())?;
                view.evaluator.params().copy_from_slice(self.recorder.model());
                let gap = solver.gap(view.config, (loss, is_tried), view.evaluator);
                view.evaluator.params().copy_from_slice(&training);
                gap?
            }
        };
        Ok(self.gap)
    }

    /// The loss that rules of stopping monitor, of the model that would be given back now, and whether that is the
    /// alternative of an automatic rate. Where training stands at the model, the mean over the epoch is good enough,
    /// and costs nothing; and it is all there is where not all rows are at hand.
    fn monitored_loss(
        &mut self,
        record: &EpochRecord,
        view: &mut View<'_, '_, 'a, T>,
    ) -> Result<(f64, bool)> {
        let has_all_rows = view.config.window.is_none();
        if !self.validation.monitors_loss() || !view.is_model_elsewhere() || !has_all_rows {
            return Ok((record.loss, false));
        }
        let loss = match record.full_loss {
            Some(loss) => loss,
            None => self.recorder.full_loss(view)?,
        };
        match view.state.control.alternative().filter(|_| view.config.average.is_none()) {
            Some((_, best)) if loss > best || loss.is_nan() => Ok((best, true)),
            _ => Ok((loss, false)),
        }
    }

    /// Whether a limit is reached after `n_steps` steps in all.
    #[inline]
    fn limit(&self, n_steps: u64, ranks: Option<&Ranks>) -> Option<StopReason> {
        let is_over = |seconds| self.begin.elapsed().as_secs_f64() >= seconds;
        self.validation.limit(n_steps - self.first_step, |seconds| match ranks {
            None => is_over(seconds),
            Some(ranks) => ranks.time_is_up(|| is_over(seconds)),
        })
    }
}

/// Whether the run is to end, and the metrics by which it is judged: of several processes, what all agree on.
fn of_all(ranks: Option<&Ranks>, is_over: bool, metrics: &mut [f64]) -> Result<bool> {
    ranks.map_or(Ok(is_over), |ranks| ranks.agree(is_over, metrics))
}
