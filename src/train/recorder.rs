//! `Recorder`: records steps and epochs in the history.

use std::time::{Duration, Instant};

use super::noise_probe::steps_between_probes;
use super::step::Step;
use super::view::View;
use super::{History, Record, StepProgress, Window};
use crate::error::{Result, try_filled};
use crate::scalar::Scalar;

/// The observer that fills the history.
#[derive(Debug)]
pub(super) struct Recorder<T> {
    record: Record,
    pub(super) history: History<T>,
    /// The model, as last copied.
    model: Vec<T>,
    /// Later than the start of the run by the time spent on evaluation, which is not training.
    start: Instant,
}

/// What is recorded of an epoch.
#[derive(Debug)]
pub(super) struct EpochRecord {
    /// Mean objective over its rows, each batch's before its step.
    pub(super) loss: f64,
    /// Objective over all rows at its end, if it was recorded.
    pub(super) full_loss: Option<f64>,
    pub(super) validation_loss: Option<f64>,
    elapsed: f64,
    /// Steps of the whole run up to its end.
    n_steps: u64,
}

impl<T: Scalar> Recorder<T> {
    pub(super) fn new(record: Record, n_params: usize) -> Result<Self> {
        let model = try_filled("parameters", n_params, T::ZERO)?;
        Ok(Self { record, history: History::default(), model, start: Instant::now() })
    }

    /// Seconds of training so far.
    pub(super) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Takes time off that was not spent on training.
    pub(super) fn exclude(&mut self, time: Duration) {
        self.start += time;
    }

    /// The model at the end of the last epoch.
    pub(super) fn model(&self) -> &[T] {
        &self.model
    }

    /// Makes room for the records of an epoch, so that none of its steps allocates.
    pub(super) fn reserve(&mut self, view: &View<'_, '_, '_, T>) -> Result<()> {
        let end = view.config.window.as_ref().map(Window::end);
        let n_steps = view.batches.n_batches_within(end).saturating_sub(view.state.step);
        if self.record.steps {
            self.history.reserve_steps(n_steps, self.record.full_loss)?;
        }
        if self.record.noise {
            let every = steps_between_probes(view.state.control.wants_noise()) as usize;
            self.history.noise.reserve(n_steps.div_ceil(every))?;
        }
        if self.record.path {
            self.history.reserve_path(n_steps, view.problem.layout())?;
        }
        Ok(())
    }

    /// Whether anything of a step is recorded, or told.
    pub(super) fn sees_steps(&self) -> bool {
        let Record { steps, path, noise, told, .. } = self.record;
        steps || path || noise || told.is_some()
    }

    /// Records a step.
    #[inline]
    pub(super) fn step(&mut self, step: &Step, view: &mut View<'_, '_, '_, T>) -> Result<()> {
        let Record { steps, full_loss, path, .. } = self.record;
        if steps {
            self.history.step_loss.push(step.loss);
            self.history.batch_size.push(step.n_rows as i64);
            self.history.gradient_norm.push(step.norm);
            self.history.learning_rate.push(view.learning_rate(step.t));
            self.history.elapsed.push(self.seconds());
        }
        if self.record.noise {
            self.noise(step.t, view);
        }
        if path || (steps && full_loss) {
            view.copy_model(&mut self.model);
        }
        if path {
            self.history.push_path(view.problem.layout(), &self.model);
        }
        if steps && full_loss {
            let full_loss = self.full_loss(view);
            // If it was interrupted, the step is made all the same.
            self.history.full_loss.push(full_loss.clone().unwrap_or(f64::NAN));
            full_loss?;
        }
        Ok(())
    }

    /// What the callback is told of a step, and the model if it is told that, too.
    #[cold]
    pub(super) fn told(&mut self, step: &Step, view: &mut View<'_, '_, '_, T>) -> (StepProgress, &[T]) {
        let with_params = self.record.told.is_some_and(|told| told.with_params);
        if with_params {
            view.copy_model(&mut self.model);
        }
        let progress = StepProgress {
            loss: step.loss,
            learning_rate: view.learning_rate(step.t),
            gradient_norm: step.norm,
            n_rows: step.n_rows,
            elapsed: self.seconds(),
        };
        (progress, if with_params { &self.model } else { &[] })
    }

    #[cold]
    fn noise(&mut self, t: u64, view: &View<'_, '_, '_, T>) {
        let Some(probe) = view.probe else { return };
        let n_population = (!view.config.batches.draws()).then(|| view.batches.n_rows());
        let learning_rate = view.learning_rate(t);
        self.history.noise.push(t, probe.noise, n_population, probe.variance_along, learning_rate);
    }

    /// Evaluates the model after an epoch. It can be interrupted, and then nothing is recorded.
    pub(super) fn evaluate<'a>(
        &mut self,
        view: &mut View<'_, '_, 'a, T>,
        validation: Option<&'a crate::gradient::Problem<'a, T>>,
    ) -> Result<EpochRecord> {
        let elapsed = self.seconds();
        view.copy_model(&mut self.model);
        let is_due = self.record.full_loss && !self.record.steps;
        let full_loss = is_due.then(|| self.full_loss(view)).transpose()?;
        let began = Instant::now();
        let validation_loss = validation.map(|rows| view.validation_loss(rows, &self.model)).transpose();
        self.start += began.elapsed();
        let loss = view.state.loss_sum / view.state.n_seen as f64;
        let n_steps = view.state.optimizer.n_steps;
        Ok(EpochRecord { loss, full_loss, validation_loss: validation_loss?, elapsed, n_steps })
    }

    /// Records an epoch.
    pub(super) fn end_epoch(&mut self, epoch: &EpochRecord, batch_size: usize) {
        self.history.epoch_loss.push(epoch.loss);
        self.history.epoch_elapsed.push(epoch.elapsed);
        self.history.epoch_steps.push(epoch.n_steps as i64);
        self.history.full_loss.extend(epoch.full_loss);
        self.history.validation_loss.extend(epoch.validation_loss);
        if !self.record.steps {
            self.history.batch_size.push(batch_size as i64);
        }
    }

    /// The objective over all rows at the model last copied.
    pub(super) fn full_loss(&mut self, view: &mut View<'_, '_, '_, T>) -> Result<f64> {
        let began = Instant::now();
        let full_loss = view.full_loss(&self.model);
        self.start += began.elapsed();
        full_loss
    }
}
