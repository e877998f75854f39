//! `LazyParameters`: steps on sparse rows, each on the columns of its batch alone.
//!
//! The parameters of these columns are brought up to date, gathered, moved by the same code that moves those of
//! dense rows, and put back. All others stay as their last update has left them; the steps they have missed are
//! caught up with when they are next wanted, and for all columns at a flush.
//!
//! A solver looks at all parameters before some steps and at the end of an epoch. It finds them where those of dense rows
//! are, with the evaluator: its parameters are taken from there by a step, and put back by a flush.

mod columns;

use self::columns::zeros;
use super::State;
use super::catch_up::{CatchUp, catch_up, cost, slots_at};
use super::control::{Drift, Solver};
use super::parameters::CopiedVectors;
use super::step::Batch;
use crate::data::{Active, Csr};
use crate::error::{Result, try_reserved};
use crate::gradient::{AtStep, Evaluator, Layout, Penalty};
use crate::kernel::{Tier, advise_huge_pages};
use crate::scalar::Scalar;
use crate::update::lazy::{LazyUpdate, MissedSteps};

/// Steps from one flush to the next, counted from the beginning of the epoch, whose end is a flush too. It bounds
/// the memory for missed steps, and is part of what the last bits depend on.
pub const FLUSH_INTERVAL: usize = 1 << 16;

/// Bytes that may be moved to huge pages for every entry of a run: some nanoseconds, which each entry is faster afterwards.
const BYTES_OF_ENTRY: usize = 16;

/// All parameters and optimizer state of a run on sparse rows, of which a step borrows some.
#[derive(Debug)]
pub(super) struct LazyParameters<'a, T> {
    csr: Csr<'a, T>,
    tier: Tier,
    layout: Layout,
    /// All, or where the evaluator has them room for those of a batch.
    params: Vec<T>,
    has_all: bool,
    slots: Vec<Vec<T>>,
    /// None while a step has it.
    active: Option<Active<T>>,
    /// The steps since the last flush.
    missed: MissedSteps,
    /// The penalty, if its strengths differ between columns. Then missed steps leave parameters alone.
    of_columns: Option<&'a Penalty>,
    /// The step of the last flush; steps are numbered from 1 on, and anew before the numbers run out.
    last_flush: u32,
    /// The step before the flush interval.
    before_interval: u32,
    /// The penalty of the columns that the batch at hand does not have, where it is recorded.
    inactive_penalty: f64,
    /// The square of the norm of their gradient: that of the penalty and a mean gradient, where there is one.
    inactive_square: f64,
    /// Room for parameters that are up to date, where that penalty is recorded.
    model: Vec<T>,
}

impl<'a, T: Scalar> LazyParameters<'a, T> {
    /// A run just flushed, by a rule whose lazy updates are like `first` and that has a weight decay of its own or
    /// not.
    pub(super) fn new(
        (csr, tier): (Csr<'a, T>, Tier),
        layout: Layout,
        (first, decays): (LazyUpdate, bool),
        penalty: &'a Penalty,
        params: Vec<T>,
        slots: Vec<Vec<T>>,
    ) -> Result<Self> {
        let (missed, of_columns) = match penalty.uniform() {
            Some((l1, l2)) => (MissedSteps::new(first, !slots.is_empty(), decays, l1, l2), None),
            None => (MissedSteps::frozen(), Some(penalty)),
        };
        let active = Some(Active::new(layout.n_columns())?);
        Ok(Self {
            csr,
            tier,
            layout,
            params,
            has_all: true,
            slots,
            active,
            missed,
            of_columns,
            last_flush: 0,
            before_interval: 0,
            inactive_penalty: 0.0,
            inactive_square: 0.0,
            model: Vec::new(),
        })
    }

    /// Leaves all parameters in exchange for these, if a solver is to find them elsewhere.
    pub(super) fn leave_all(&mut self, elsewhere: &mut Vec<T>) {
        if self.has_all && self.missed.are_drifts() {
            std::mem::swap(&mut self.params, elsewhere);
            self.has_all = false;
        }
    }

    /// Takes them back.
    fn take_all(&mut self, elsewhere: &mut Vec<T>) {
        if !self.has_all {
            std::mem::swap(&mut self.params, elsewhere);
            self.has_all = true;
        }
    }

    /// Makes columns faster to find, if that pays in a run over so many entries.
    pub(super) fn expect(&self, n_entries: usize) {
        let vectors = std::iter::once(&self.params).chain(&self.slots);
        for vector in vectors.filter(|vector| size_of_val(&vector[..]) / BYTES_OF_ENTRY < n_entries) {
            advise_huge_pages(vector);
        }
    }

    /// Whether columns have nothing to catch up with, ever: then steps can be made on all parameters where they lie.
    pub(super) fn miss_nothing(&self) -> bool {
        self.has_all && self.missed.is_nothing() && self.of_columns.is_none()
    }

    /// Exchanges all parameters and slots, of which no step is under way, for others: lends them, or takes them back.
    pub(super) fn exchange_all(&mut self, params: &mut Vec<T>, slots: &mut Vec<Vec<T>>) {
        std::mem::swap(&mut self.params, params);
        std::mem::swap(&mut self.slots, slots);
    }

    /// Resumes within an epoch, after so many steps of it, from what [`Self::into_state`] gave. `step_of` says what
    /// each of these steps did to columns that it did not have, and how many rows it had.
    pub(super) fn resume(
        &mut self,
        n_done: usize,
        step_of: impl Fn(usize) -> (LazyUpdate, usize),
        last_update_steps: &[u32],
    ) {
        let n_missed = n_done % FLUSH_INTERVAL;
        for s in n_done - n_missed..n_done {
            let (step, n_rows) = step_of(s);
            self.missed.push(step, n_rows);
        }
        let all = std::iter::repeat_n(n_missed as u32, self.layout.n_columns());
        if let Some(active) = &mut self.active {
            match last_update_steps {
                [] => active.set_last_update_steps(all),
                last_update_steps => active.set_last_update_steps(last_update_steps.iter().copied()),
            }
        }
    }

    /// Gives the state its vectors back, and by column how many steps of the flush interval it has seen; no numbers if
    /// all columns are up to date.
    pub(super) fn into_state(self, state: &mut State<T>) -> Result<()> {
        state.last_update_steps = self.last_update_steps()?;
        if self.has_all {
            state.params = self.params;
        }
        state.optimizer.slots = self.slots;
        Ok(())
    }

    /// Copies of the same; `elsewhere` are the parameters that a solver finds.
    pub(super) fn copied(&self, elsewhere: &[T]) -> Result<CopiedVectors<T>> {
        let params = if self.has_all { &self.params } else { elsewhere };
        CopiedVectors::of(params, &self.slots, self.last_update_steps()?)
    }

    fn last_update_steps(&self) -> Result<Vec<u32>> {
        let Some(active) = self.active.as_ref().filter(|_| !self.is_up_to_date()) else {
            return Ok(Vec::new());
        };
        let columns = 0..self.layout.n_columns();
        let mut steps = try_reserved("last-update steps", columns.len())?;
        let last = |column| active.last_update_step(column).max(self.last_flush) - self.before_interval;
        steps.extend(columns.map(last));
        Ok(steps)
    }

    fn is_up_to_date(&self) -> bool {
        self.missed.is_nothing() || self.missed.n_steps() == 0
    }

    /// Steps since the last flush that a column with this last update has seen.
    fn n_seen(&self, last_update: u32) -> usize {
        last_update.saturating_sub(self.last_flush) as usize
    }

    /// The penalty of the columns that the last batch did not have and the square of the norm of their gradient, where
    /// they were to be recorded.
    pub(super) fn of_inactive(&self) -> (f64, f64) {
        (self.inactive_penalty, self.inactive_square)
    }

    /// Lends a step the rows of its batch, and what belongs to their columns, brought up to date. `slots` are those
    /// that the step moves.
    pub(super) fn lend(
        &mut self,
        batch: &Batch,
        recorded: Option<&Penalty>,
        solver: Option<&Solver<T>>,
        slots: &mut [Vec<T>],
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> Result<CatchUp> {
        self.take_all(evaluator.params());
        let drift = Drift::of(solver, evaluator.params_and_control_variate().1);
        let of_all = recorded.map(|penalty| self.penalty_of_all(penalty, drift)).transpose()?;
        let mut active = match self.active.take() {
            Some(active) => active,
            None => Active::new(self.layout.n_columns())?, // the step before failed
        };
        let step = self.last_flush + self.missed.n_steps() as u32 + 1;
        active.collect(&self.csr, evaluator.stored_rows(batch.positions.clone()), step)?;
        if let Some(ranks) = evaluator.ranks_with_own_rows()
            && let Err(error) = active.meet(ranks, batch.positions.len(), step)
        {
            active.forget();
            self.active = Some(active);
            return Err(error);
        }
        let few = self.layout.on_columns::<T>(active.columns().len())?;
        let (params, variate) = evaluator.params_and_control_variate();
        let drift = Drift::of(solver, variate);
        let mut caught_up = self.gather(&active, few, params, slots, drift)?;
        if let (Some(penalty), Some(drift)) = (recorded, drift) {
            let is_inactive = |column| active.last_update_step(column) != step;
            self.inactive_square = drift.square(self.layout, penalty.l2(), &self.model, is_inactive);
        }
        if let Some(penalty) = self.of_columns {
            for (&column, &last_update) in active.columns().iter().zip(active.last_update_steps()) {
                let n_rows = self.missed.n_rows_since(self.n_seen(last_update));
                caught_up.penalty += cost(n_rows, penalty, self.layout, &self.params, column);
            }
        }
        evaluator.set_active(Some(active))?;
        if let Some(of_all) = of_all {
            let AtStep { penalty, params, .. } = evaluator.at_step();
            self.inactive_penalty = of_all - penalty.value(self.tier, few, &params[..few.n_coef()]);
        }
        Ok(caught_up)
    }

    /// Undoes a loan for a step that is not made.
    pub(super) fn cancel(&mut self, evaluator: &mut Evaluator<'_, 'a, T>) -> Result<()> {
        if let Some(mut active) = evaluator.set_active(None)? {
            active.forget();
            self.active = Some(active);
        }
        Ok(())
    }

    /// Takes back what a step has moved. `step` is what it did to all other columns; none if it was not made after all, and
    /// then all columns are brought up to date, for the run goes on from elsewhere. At the end of an epoch, and where missed
    /// steps would become too many, flushes.
    pub(super) fn give_back(
        &mut self,
        step: Option<LazyUpdate>,
        is_last: bool,
        solver: Option<&Solver<T>>,
        slots: &[Vec<T>],
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> Result<CatchUp> {
        let few = evaluator.layout();
        let Some(active) = evaluator.set_active(None)? else { return Ok(CatchUp::nothing()) };
        self.scatter(&active, few, evaluator.params(), slots);
        let n_rows = active.n_rows();
        self.active = Some(active);
        let (params, variate) = evaluator.params_and_control_variate();
        let drift = Drift::of(solver, variate);
        let mut caught_up = CatchUp::nothing();
        match step {
            Some(step) => self.missed.push(step, n_rows),
            None => {
                caught_up = self.flush(drift);
                self.last_flush += 1;
            }
        }
        let n_steps = (self.last_flush - self.before_interval) as usize + self.missed.n_steps();
        if is_last || n_steps == FLUSH_INTERVAL {
            caught_up.add(self.flush(drift));
            self.begin_interval();
        }
        if is_last {
            self.leave_all(params);
        }
        Ok(caught_up)
    }

    /// Brings all columns up to date where a solver finds them.
    pub(super) fn flush_to(
        &mut self,
        solver: Option<&Solver<T>>,
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> CatchUp {
        if !self.missed.are_drifts() {
            return CatchUp::nothing();
        }
        let (params, variate) = evaluator.params_and_control_variate();
        self.take_all(params);
        let caught_up = self.flush(Drift::of(solver, variate));
        self.leave_all(params);
        caught_up
    }

    /// Brings all columns up to date.
    pub(super) fn flush(&mut self, drift: Option<Drift<'_, T>>) -> CatchUp {
        let mut caught_up = CatchUp::nothing();
        let Some(active) = &mut self.active else { return caught_up };
        if !self.missed.is_nothing() && self.missed.n_steps() > 0 {
            self.missed.prepare_flush();
            for run in 0..self.layout.n_runs() {
                for column in 0..self.layout.n_columns() {
                    let n_seen = active.last_update_step(column).saturating_sub(self.last_flush) as usize;
                    for at in self.layout.run(run, column) {
                        let (param, slots) = (&mut self.params[at], &mut self.slots);
                        let in_place = || drift.map(|drift| drift.slots(column, at));
                        caught_up.add(catch_up(&self.missed, n_seen, param, (slots, at), in_place));
                    }
                }
            }
        }
        if let Some(penalty) = self.of_columns {
            for column in 0..self.layout.n_columns() {
                let n_seen = active.last_update_step(column).saturating_sub(self.last_flush) as usize;
                let n_rows = self.missed.n_rows_since(n_seen);
                caught_up.penalty += cost(n_rows, penalty, self.layout, &self.params, column);
            }
        }
        self.last_flush += self.missed.n_steps() as u32;
        self.missed.clear();
        caught_up
    }

    /// Brings all columns up to date, between two steps.
    pub(super) fn settle(&mut self) -> CatchUp {
        let caught_up = self.flush(None);
        self.begin_interval();
        caught_up
    }

    /// After a flush: steps are counted from here.
    fn begin_interval(&mut self) {
        if self.last_flush > u32::MAX - 2 * FLUSH_INTERVAL as u32 {
            if let Some(active) = &mut self.active {
                active.set_last_update_steps(std::iter::repeat_n(0, self.layout.n_columns()));
            }
            self.last_flush = 0;
        }
        self.before_interval = self.last_flush;
    }

    /// Writes all parameters as they would be if they were up to date; they are not changed. `elsewhere` are those that a
    /// solver finds.
    pub(super) fn copy_to(&self, model: &mut [T], elsewhere: &[T], drift: Option<Drift<'_, T>>) {
        let params = if self.has_all { &self.params } else { elsewhere };
        model.copy_from_slice(params);
        let Some(active) = self.active.as_ref().filter(|_| !self.is_up_to_date()) else { return };
        for run in 0..self.layout.n_runs() {
            for column in 0..self.layout.n_columns() {
                let n_seen = self.n_seen(active.last_update_step(column));
                for at in self.layout.run(run, column) {
                    let slots =
                        drift.map_or_else(|| slots_at(&self.slots, at), |drift| drift.slots(column, at));
                    let w = T::from_f64(self.missed.catch_up(params[at].to_f64(), slots, n_seen).w);
                    if w.is_finite() {
                        model[at] = w;
                    }
                }
            }
        }
    }

    /// The penalty of all parameters as they would be if they were up to date.
    fn penalty_of_all(&mut self, penalty: &Penalty, drift: Option<Drift<'_, T>>) -> Result<f64> {
        let mut model = std::mem::take(&mut self.model);
        zeros(&mut model, self.layout.len())?;
        self.copy_to(&mut model, &[], drift);
        let cost = penalty.value(self.tier, self.layout, &model[..self.layout.n_coef()]);
        self.model = model;
        Ok(cost)
    }
}
