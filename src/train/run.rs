//! `Run`: what a run consists of, and the parts of its steps.

use std::ops::Range;
use std::sync::Arc;

use super::catch_up::CatchUp;
use super::control::{Place, value_at};
use super::in_place;
use super::local_steps::LocalSteps;
use super::noise_probe::{self, Probe};
use super::observers::{Epoch, Observers};
use super::parameters::Parameters;
use super::step::{Batch, Gradient, Step};
use super::stop::Stop;
use super::streak::Streak;
use super::view::View;
use super::{Config, Fingerprint, State, StopReason, Validation, Window};
use crate::data::Order;
use crate::error::{Result, try_filled};
use crate::gradient::{Evaluator, Problem, Wanted};
use crate::scalar::Scalar;
use crate::shuffle::{Batches, Workspace};
use crate::update::Optimizer;

/// A run under way. Between two steps `state` is all there is to save, but for what [`Parameters`] has borrowed.
pub(super) struct Run<'t, 'a, T> {
    pub(super) problem: &'a Problem<'a, T>,
    pub(super) config: &'a Config,
    pub(super) state: State<T>,
    pub(super) params: Parameters<'a, T>,
    pub(super) evaluator: Evaluator<'t, 'a, T>,
    pub(super) interrupted: &'a (dyn Fn() -> bool + Sync),
    /// The optimizer of this epoch: a learning rate given as a function is tabulated; of this step, with an automatic
    /// rate.
    pub(super) optimizer: Optimizer,
    /// The batches of this epoch.
    batches: Batches,
    /// Batches of this epoch up to the last one whose rows are at hand: all, but for a window.
    n_at_hand: usize,
    /// Whether the evaluator has an order of this run.
    has_order: bool,
    workspace: Workspace,
    /// The epoch in which the run ends.
    last_epoch: u64,
    /// The parameters before the step.
    pub(super) last_finite: Vec<T>,
    /// Room for parameters that are up to date, where they are averaged and lazily updated.
    up_to_date: Vec<T>,
    /// What the gradient of the step at hand has said about its noise, if it was probed.
    probe: Option<Probe>,
    /// What steps that nobody looks at are made in, many at a time, if they can be.
    streak: Option<Streak<T>>,
    /// The processes that make steps of their own, if they do.
    local_steps: Option<LocalSteps<'a, T>>,
}

impl<'t, 'a, T: Scalar> Run<'t, 'a, T> {
    /// A run from `state`, whose parameters the evaluator has.
    pub(super) fn new(
        problem: &'a Problem<'a, T>,
        config: &'a Config,
        state: State<T>,
        params: Parameters<'a, T>,
        evaluator: Evaluator<'t, 'a, T>,
        interrupted: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let n_params = problem.layout().len();
        let local_steps = LocalSteps::of(problem, config, &params, &evaluator)?;
        let n_copied = if params.is_lazy() && config.average.is_some() { n_params } else { 0 };
        let streak = Streak::of(problem, config, &params, &state)?;
        Ok(Self {
            problem,
            config,
            params,
            evaluator,
            interrupted,
            optimizer: config.optimizer.clone(),
            batches: state.batches(&config.batches),
            n_at_hand: 0,
            has_order: false,
            workspace: Workspace::default(),
            last_epoch: state.epoch.saturating_add(config.n_epochs),
            last_finite: try_filled("parameters", n_params, T::ZERO)?,
            up_to_date: try_filled("parameters", n_copied, T::ZERO)?,
            probe: None,
            streak,
            local_steps,
            state,
        })
    }

    /// Looks at the data for an automatic learning rate, if one is asked for and none is resumed.
    pub(super) fn begin(&mut self) -> Result<(), Stop> {
        if !self.state.control.knows(self.problem, self.config, &mut self.evaluator)? {
            self.forget_solver();
        }
        let Self { problem, config, state, evaluator, interrupted, .. } = self;
        Ok(state.control.begin(problem, config, state.epoch, evaluator, *interrupted)?)
    }

    /// Whether epochs are still to be done, or to be finished.
    pub(super) fn has_epochs_left(&self) -> bool {
        self.state.epoch < self.last_epoch
    }

    /// Which rows: the order of the epoch, and with it how long its steps are.
    pub(super) fn shuffle(&mut self) -> Result<(), Stop> {
        let (Config { batches, optimizer, window, .. }, epoch) = (self.config, self.state.epoch);
        if let Some(Window { first, rows }) = window {
            *self.evaluator.order() = Order::Window { first: *first, rows: Arc::clone(rows) };
        } else if !self.has_order || batches.reorders() {
            let old = std::mem::take(self.evaluator.order());
            let of_epoch = batches.of_epoch(epoch);
            let order = match self.problem.data.sharding {
                Some(sharding) => of_epoch.order_by_shards(epoch, sharding.shards, old, self.interrupted)?,
                None => of_epoch.order(epoch, old, &mut self.workspace, self.interrupted)?,
            };
            *self.evaluator.order() = order;
            self.has_order = true;
        }
        self.evaluator.set_dropout(batches.dropout_key(epoch)?);
        self.batches = self.state.batches(batches);
        self.n_at_hand = self.batches.n_batches_within(window.as_ref().map(Window::end));
        if let Some(optimizer) = optimizer.tabulate(self.steps_left())? {
            self.optimizer = optimizer;
        }
        Ok(())
    }

    /// The steps of the run that this epoch has still to make.
    fn steps_left(&self) -> Range<u64> {
        let n_batches = self.batches.n_steps().saturating_sub(self.state.step);
        let t = self.state.optimizer.n_steps;
        t..t + n_batches.div_ceil(self.config.accumulate.get()) as u64
    }

    /// Makes the steps of the epoch by several processes that meet now and then, if they are to be made so.
    pub(super) fn rounds(&mut self, observers: &mut Observers<'_, 'a, T>) -> Result<(), Stop> {
        let Some(mut local_steps) = self.local_steps.take() else { return Ok(()) };
        let made = local_steps.make(self, observers);
        self.local_steps = Some(local_steps);
        made
    }

    /// Makes the steps of the epoch many at a time, if they can be made so, as far as all numbers stay finite.
    pub(super) fn streak(&mut self, observers: &mut Observers<'_, 'a, T>) -> Result<(), Stop> {
        while self.steps_in_place(observers)? {
            observers.checkpoint(self.view())?;
        }
        let Some(mut streak) = self.streak.take() else { return Ok(()) };
        let made = self.streaks(&mut streak, observers);
        self.streak = Some(streak);
        made
    }

    /// Makes some steps on a table where it lies, and says whether.
    fn steps_in_place(&mut self, observers: &Observers<'_, 'a, T>) -> Result<bool, Stop> {
        let Self { problem, config, state, params, evaluator, optimizer, batches, n_at_hand, .. } = self;
        let Parameters::Lazy(params) = params else { return Ok(false) };
        let at_most = (*n_at_hand, observers.steps_until_due(state.optimizer.n_steps));
        in_place::make(problem, config, (batches, optimizer), at_most, (params, state), evaluator)
    }

    fn streaks(&mut self, streak: &mut Streak<T>, observers: &mut Observers<'_, 'a, T>) -> Result<(), Stop> {
        loop {
            let Self { problem, config, state, params, evaluator, optimizer, batches, n_at_hand, .. } = self;
            let at_most = (*n_at_hand, observers.steps_until_due(state.optimizer.n_steps));
            // Steps that leave other columns alone need not be lent theirs.
            params.exchange_all(evaluator.params(), &mut state.optimizer.slots);
            let made = streak.make(problem, config, (batches, optimizer), at_most, state, evaluator);
            params.exchange_all(evaluator.params(), &mut state.optimizer.slots);
            if !made? {
                return Ok(());
            }
            observers.checkpoint(self.view())?;
        }
    }

    /// The rows of the next step; None at the end of the epoch, or of the rows at hand.
    #[inline]
    pub(super) fn next_batch(&self) -> Option<Batch> {
        Batch::next(self.config, &self.batches, self.n_at_hand, self.state.step)
    }

    /// Ends the run where it has no more rows at hand and its epoch is not over.
    pub(super) fn check_rows(&self) -> Result<(), Stop> {
        match self.state.step < self.batches.n_steps() {
            true => Err(StopReason::Window.into()),
            false => Ok(()),
        }
    }

    /// How wrong the model is on a batch: the objective there, and its gradient, which the evaluator keeps. Of an
    /// interrupted call nothing is left.
    #[inline]
    pub(super) fn gradient(&mut self, batch: &Batch) -> Result<Gradient, Stop> {
        let n_batches = self.batches.n_steps();
        let positions = batch.positions.clone();
        let place = Place { epoch: self.state.epoch, n_done: self.state.step, n_batches, positions };
        if self.params.is_lazy() && self.state.control.looks_at_all(self.problem, self.config, &place) {
            self.flush()?;
        }
        let Self { problem, config, state, params, evaluator, .. } = self;
        state.control.prepare(problem, config, place, &mut state.optimizer, evaluator)?;
        let is_probed =
            noise_probe::is_due(state.optimizer.n_steps, config.record.noise, state.control.wants_noise());
        let solver = state.control.solver.as_deref();
        let is_recorded =
            config.record.wants_step(state.optimizer.n_steps) || (is_probed && solver.is_some());
        let recorded = is_recorded.then_some(problem.penalty());
        let caught_up = params.lend(batch, recorded, solver, &mut state.optimizer, evaluator)?;
        match self.loss_on(batch, is_probed) {
            Ok(loss) => Ok(Gradient { loss, caught_up }),
            Err(error) => {
                self.params.cancel(&mut self.evaluator)?;
                Err(error.into())
            }
        }
    }

    #[inline]
    fn loss_on(&mut self, batch: &Batch, is_probed: bool) -> Result<f64> {
        self.probe = None;
        if is_probed {
            let (t, is_recorded) = (self.state.optimizer.n_steps, self.config.record.noise);
            let (loss, mut probe) = Probe::of(batch, t, is_recorded, &mut self.evaluator)?;
            probe.noise.batch_squared_norm += self.params.of_inactive().1;
            self.probe = Some(probe);
            return Ok(loss);
        }
        self.evaluator.sum(batch.positions.clone(), Wanted::Gradient)?;
        Ok(self.evaluator.finish(batch.positions.len()))
    }

    /// Brings all parameters up to date where a solver looks at them.
    fn flush(&mut self) -> Result<(), Stop> {
        let Self { state, params, evaluator, .. } = self;
        let caught_up = params.flush(state.control.solver.as_deref(), evaluator);
        state.loss_sum += caught_up.penalty;
        let rejected = state.control.reject(caught_up.non_finite());
        rejected.map_or(Ok(()), |quantity| Err(self.diverged(quantity).into()))
    }

    /// How the parameters move: against the gradient that the evaluator keeps.
    #[inline]
    pub(super) fn update(&mut self, batch: &Batch, gradient: Gradient) -> Result<Step, Stop> {
        let Self { config, state, evaluator, optimizer, .. } = self;
        let loss = state.control.observe(config, gradient.loss, optimizer, evaluator)?;
        let norm = self.clip();
        let non_finite = self.step(loss)?.or(gradient.caught_up.non_finite());
        let Self { config, state, evaluator, .. } = self;
        let (rejected, loss) =
            state.control.accept(config.tier, non_finite, loss, &mut state.optimizer, evaluator);
        let is_made = non_finite.is_none();
        let flushed = self.give_back(is_made, batch.is_last)?;
        if let Some(quantity) = rejected.or(self.state.control.reject(flushed.non_finite())) {
            return Err(self.diverged(quantity).into());
        }
        if is_made {
            self.average();
        }
        let n_rows = batch.positions.len();
        self.state.step = batch.n_done;
        self.state.n_seen += n_rows as u64;
        self.state.loss_sum += loss * n_rows as f64 + gradient.caught_up.and(flushed).penalty;
        if let Some(probe) = &self.probe {
            self.state.control.see(probe.noise);
        }
        Ok(Step {
            t: self.state.optimizer.n_steps - 1,
            n_rows,
            loss: if is_made { loss + self.params.of_inactive().0 } else { loss },
            norm,
            is_last: batch.is_last,
        })
    }

    /// Takes back, of sparse rows, what the step was lent.
    #[inline]
    fn give_back(&mut self, is_made: bool, is_last: bool) -> Result<CatchUp> {
        let Self { problem, state, params, evaluator, optimizer, .. } = self;
        let solver = state.control.solver.as_deref();
        let of_step = || {
            let (_, l2) = problem.penalty().uniform().unwrap_or_default();
            let t = state.optimizer.n_steps.saturating_sub(1);
            // Without a solver a step that was not made ends the run.
            (is_made || solver.is_none()).then(|| optimizer.lazy_update(t, &state.optimizer, l2))
        };
        params.give_back(of_step, is_last, solver, &state.optimizer, evaluator)
    }

    /// Takes the parameters into their average, if there is one.
    #[inline]
    fn average(&mut self) {
        let Some(average) = self.config.average else { return };
        let (tier, t) = (self.config.tier, self.state.optimizer.n_steps - 1);
        if self.params.is_lazy() {
            let solver = self.state.control.solver.as_deref();
            self.params.copy_to(&mut self.up_to_date, solver, &mut self.evaluator);
            self.evaluator.count_params(self.up_to_date.len());
            average.step(tier, t, &mut self.state.average, &self.up_to_date);
        } else {
            average.step(tier, t, &mut self.state.average, self.evaluator.params());
        }
    }

    pub(super) fn diverged(&self, quantity: &'static str) -> StopReason {
        let (epoch, step) = (self.state.epoch, self.state.optimizer.n_steps - 1);
        StopReason::Diverged { epoch, step, quantity }
    }

    /// Ends an epoch, of which everything was seen.
    pub(super) fn end_epoch(&mut self, epoch: &Epoch) {
        let Self { config, state, optimizer, evaluator, .. } = self;
        state.control.end_epoch(config, optimizer, &mut state.optimizer, epoch.loss, evaluator.params());
        state.epoch += 1;
        state.step = 0;
        state.n_seen = 0;
        state.loss_sum = 0.0;
    }

    /// What observers may see.
    #[inline]
    pub(super) fn view(&mut self) -> View<'_, 't, 'a, T> {
        View {
            problem: self.problem,
            config: self.config,
            state: &self.state,
            batches: &self.batches,
            optimizer: &self.optimizer,
            params: &self.params,
            probe: self.probe.as_ref(),
            evaluator: &mut self.evaluator,
        }
    }

    /// Rows of a batch in the epoch at hand.
    pub(super) fn batch_size(&self) -> usize {
        self.batches.batch_size()
    }

    /// The model in the end: as it stands, or other parameters that an automatic rate has seen, if they are better.
    pub(super) fn model_to_give_back(&mut self, reason: StopReason) -> Result<Vec<T>> {
        let mut model = try_filled("parameters", self.problem.layout().len(), T::ZERO)?;
        self.view().copy_model(&mut model);
        let Self { config, state, evaluator, .. } = self;
        let alternative = state.control.alternative().filter(|_| config.average.is_none());
        let Some((other, loss_there)) = alternative.filter(|_| reason != StopReason::Interrupted) else {
            return Ok(model);
        };
        if value_at(&model, config, evaluator).is_ok_and(|loss| loss > loss_there || loss.is_nan()) {
            model.copy_from_slice(other);
        }
        Ok(model) // also if looking was interrupted
    }

    /// Forgets what the resumed run has found out about another objective.
    pub(super) fn forget_other_objectives(
        &mut self,
        resumed: Option<(Fingerprint, Vec<T>)>,
        validation: &Validation<'a, T>,
    ) -> Result<()> {
        let Some((before, params)) = resumed else { return Ok(()) };
        let now = Fingerprint::of(&params, validation.problem(), &mut self.evaluator)?;
        if !before.has_objective_of(now) {
            self.forget_solver();
        }
        self.state.forget_other_objectives(before, now, &self.config.optimizer);
        Ok(())
    }

    /// Forgets the solver of another problem, but not how it has moved columns that have missed its steps.
    fn forget_solver(&mut self) {
        let Self { problem, config, state, params, evaluator, .. } = self;
        let solver = state.control.solver.take().filter(|solver| solver.fits(problem, config));
        state.loss_sum += params.flush(solver.as_deref(), evaluator).penalty;
        evaluator.set_control_variate(None);
    }

    /// Everything needed to resume the run.
    pub(super) fn into_state(self, validation: &Validation<'a, T>, has_rules: bool) -> Result<State<T>> {
        let Self { problem, mut state, params, mut evaluator, .. } = self;
        state.params = std::mem::take(evaluator.params());
        params.into_state(&mut state)?;
        if let Some(solver) = &mut state.control.solver {
            let (layout, among) = (problem.layout(), problem.data.among());
            let variate = evaluator.set_control_variate(None);
            // Where other processes do not answer any more, the run that goes on from here finds its slopes anew.
            solver.variate = variate.and_then(|variate| variate.of_all(layout, among).ok());
        }
        // Of a part of the rows the objective is another than of the next part.
        let tells = has_rules || state.remembers_objective(&self.config.optimizer);
        if tells && self.config.window.is_none() {
            state.fingerprint = Fingerprint::of(&state.params, validation.problem(), &mut evaluator).ok();
        }
        Ok(state)
    }
}
