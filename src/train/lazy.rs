//! `LazyParameters`: steps on sparse rows, each on the columns of its batch alone.
//!
//! The parameters of these columns are brought up to date, gathered, moved by the same code that moves those of
//! dense rows, and put back. All others stay as their last update has left them; the steps they have missed are
//! caught up with when they are next wanted, and for all columns at a flush.

use super::State;
use super::run::Batch;
use crate::data::{Active, Csr};
use crate::error::{Result, try_filled, try_reserved};
use crate::gradient::{AtStep, Evaluator, Layout, Penalty};
use crate::kernel::prefetch;
use crate::scalar::Scalar;
use crate::update::lazy::{LazyUpdate, MissedSteps, Slots};

/// Steps from one flush to the next, counted from the beginning of the epoch, whose end is a flush too. It bounds
/// the memory for missed steps, and is part of what the last bits depend on.
pub const FLUSH_INTERVAL: usize = 1 << 16;

/// Columns whose parameters are prefetched ahead of their use.
const COLUMNS_AHEAD: usize = 32;

/// All parameters and optimizer state of a run on sparse rows, of which a step borrows some.
#[derive(Debug)]
pub(super) struct LazyParameters<'a, T> {
    csr: Csr<'a, T>,
    layout: Layout,
    params: Vec<T>,
    slots: Vec<Vec<T>>,
    /// None while a step has it.
    active: Option<Active<T>>,
    /// The steps since the last flush.
    missed: MissedSteps,
    /// The penalty, if its strengths differ between columns. Then missed steps leave parameters alone.
    of_columns: Option<&'a Penalty>,
    /// The step of the last flush; steps are numbered from 1 on, and anew before the numbers run out.
    last_flush: u32,
    /// The penalty of the columns that the batch at hand does not have, where it is recorded.
    inactive_penalty: f64,
    /// Room for parameters that are up to date, where that penalty is recorded.
    model: Vec<T>,
}

/// What catching up with missed steps has found.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(super) struct CatchUp {
    /// Sum over the missed steps of the rows times the penalty.
    pub(super) penalty: f64,
    /// Whether all parameters are finite; one that is not is left as it was.
    pub(super) is_finite: bool,
}

impl<'a, T: Scalar> LazyParameters<'a, T> {
    /// A run just flushed, by a rule whose lazy updates are like `first` and that has a weight decay of its own or
    /// not.
    pub(super) fn new(
        csr: Csr<'a, T>,
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
        let (last_flush, inactive_penalty, model) = (0, 0.0, Vec::new());
        Ok(Self {
            csr,
            layout,
            params,
            slots,
            active,
            missed,
            of_columns,
            last_flush,
            inactive_penalty,
            model,
        })
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

    /// Gives the state its vectors back, and by column how many steps since the last flush it has seen; no numbers if
    /// all columns are up to date.
    pub(super) fn into_state(self, state: &mut State<T>) -> Result<()> {
        if let Some(active) = self.active.as_ref().filter(|_| !self.is_up_to_date()) {
            let columns = 0..self.layout.n_columns();
            state.last_update_steps = try_reserved("last-update steps", columns.len())?;
            let n_seen = |column| self.n_seen(active.last_update_step(column)) as u32;
            state.last_update_steps.extend(columns.map(n_seen));
        } else {
            state.last_update_steps = Vec::new();
        }
        state.params = self.params;
        state.optimizer.slots = self.slots;
        Ok(())
    }

    fn is_up_to_date(&self) -> bool {
        self.missed.is_nothing() || self.missed.n_steps() == 0
    }

    /// Steps since the last flush that a column with this last update has seen.
    fn n_seen(&self, last_update: u32) -> usize {
        last_update.saturating_sub(self.last_flush) as usize
    }

    /// The penalty of the columns that the last batch did not have, where it was to be recorded.
    pub(super) fn inactive_penalty(&self) -> f64 {
        self.inactive_penalty
    }

    /// Lends a step the rows of its batch, and what belongs to their columns, brought up to date. `slots` are those
    /// that the step moves.
    pub(super) fn lend(
        &mut self,
        batch: &Batch,
        recorded: Option<&Penalty>,
        slots: &mut [Vec<T>],
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> Result<CatchUp> {
        let of_all = recorded.map(|penalty| self.penalty_of_all(penalty)).transpose()?;
        let mut active = match self.active.take() {
            Some(active) => active,
            None => Active::new(self.layout.n_columns())?, // the step before failed
        };
        let step = self.last_flush + self.missed.n_steps() as u32 + 1;
        active.collect(&self.csr, evaluator.stored_rows(batch.positions.clone()), step)?;
        let few = Layout::new::<T>(active.columns().len(), self.layout.n_outputs())?;
        let params = evaluator.params();
        resize(params, few.len())?;
        for vector in slots.iter_mut() {
            resize(vector, few.len())?;
        }
        let mut caught_up = self.gather(&active, few, params, slots);
        if let Some(penalty) = self.of_columns {
            for (&column, &last_update) in active.columns().iter().zip(active.last_update_steps()) {
                let n_rows = self.missed.n_rows_since(self.n_seen(last_update));
                caught_up.penalty += cost(n_rows, penalty, self.layout, &self.params, column);
            }
        }
        evaluator.set_active(Some(active))?;
        if let Some(of_all) = of_all {
            let AtStep { penalty, params, .. } = evaluator.at_step();
            self.inactive_penalty = of_all - penalty.value(few, &params[..few.n_coef()]);
        }
        Ok(caught_up)
    }

    fn gather(&self, active: &Active<T>, few: Layout, params: &mut [T], slots: &mut [Vec<T>]) -> CatchUp {
        let mut caught_up = CatchUp::nothing();
        for c in 0..few.n_outputs() {
            let (from, to) = (c * self.layout.stride(), c * few.stride());
            for (i, (&column, &last_update)) in
                active.columns().iter().zip(active.last_update_steps()).enumerate()
            {
                if let Some(&ahead) = active.columns().get(i + COLUMNS_AHEAD) {
                    prefetch(&self.params[from + ahead..][..1]);
                    self.slots.iter().for_each(|vector| prefetch(&vector[from + ahead..][..1]));
                }
                let (at, i) = (from + column, to + i);
                params[i] = self.params[at];
                for (to, from) in slots.iter_mut().zip(&self.slots) {
                    to[i] = from[at];
                }
                if !self.missed.is_nothing() {
                    let n_seen = self.n_seen(last_update);
                    caught_up.add(catch_up(&self.missed, n_seen, &mut params[i], slots, i));
                }
            }
        }
        let (from, to) = (self.layout.n_coef(), few.n_coef());
        params[to..].copy_from_slice(&self.params[from..]);
        for (to_vector, from_vector) in slots.iter_mut().zip(&self.slots) {
            to_vector[to..].copy_from_slice(&from_vector[from..]);
        }
        caught_up
    }

    /// Undoes a loan for a step that is not made.
    pub(super) fn cancel(&mut self, evaluator: &mut Evaluator<'_, 'a, T>) -> Result<()> {
        if let Some(mut active) = evaluator.set_active(None)? {
            active.forget();
            self.active = Some(active);
        }
        Ok(())
    }

    /// Takes back what a step has moved. `step` is what it did to all other columns. At the end of an epoch, and
    /// where missed steps would become too many, flushes.
    pub(super) fn give_back(
        &mut self,
        step: LazyUpdate,
        is_last: bool,
        slots: &[Vec<T>],
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> Result<CatchUp> {
        let few = evaluator.layout();
        let Some(active) = evaluator.set_active(None)? else { return Ok(CatchUp::nothing()) };
        let vectors = std::iter::once((&mut self.params, &*evaluator.params()));
        for (to, from) in vectors.chain(self.slots.iter_mut().zip(slots)) {
            for c in 0..few.n_outputs() {
                let to = &mut to[c * self.layout.stride()..];
                let from = &from[c * few.stride()..];
                for (&column, &moved) in active.columns().iter().zip(from) {
                    to[column] = moved;
                }
            }
            to[self.layout.n_coef()..].copy_from_slice(&from[few.n_coef()..]);
        }
        self.missed.push(step, active.n_rows());
        self.active = Some(active);
        let is_due = is_last || self.missed.n_steps() == FLUSH_INTERVAL;
        Ok(if is_due { self.flush() } else { CatchUp::nothing() })
    }

    /// Brings all columns up to date.
    pub(super) fn flush(&mut self) -> CatchUp {
        let mut caught_up = CatchUp::nothing();
        let Some(active) = &mut self.active else { return caught_up };
        if !self.missed.is_nothing() {
            self.missed.prepare_flush();
            for c in 0..self.layout.n_outputs() {
                for column in 0..self.layout.n_columns() {
                    let at = c * self.layout.stride() + column;
                    let n_seen = active.last_update_step(column).saturating_sub(self.last_flush) as usize;
                    let (param, slots) = (&mut self.params[at], &mut self.slots);
                    caught_up.add(catch_up(&self.missed, n_seen, param, slots, at));
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
        if self.last_flush > u32::MAX - 2 * FLUSH_INTERVAL as u32 {
            active.set_last_update_steps(std::iter::repeat_n(0, self.layout.n_columns()));
            self.last_flush = 0;
        }
        self.missed.clear();
        caught_up
    }

    /// Writes all parameters as they would be if they were up to date; they are not changed.
    pub(super) fn copy_to(&self, model: &mut [T]) {
        model.copy_from_slice(&self.params);
        let Some(active) = self.active.as_ref().filter(|_| !self.is_up_to_date()) else { return };
        for c in 0..self.layout.n_outputs() {
            for column in 0..self.layout.n_columns() {
                let at = c * self.layout.stride() + column;
                let n_seen = self.n_seen(active.last_update_step(column));
                let caught_up =
                    self.missed.catch_up(self.params[at].to_f64(), slots_at(&self.slots, at), n_seen);
                let w = T::from_f64(caught_up.w);
                if w.is_finite() {
                    model[at] = w;
                }
            }
        }
    }

    /// The penalty of all parameters as they would be if they were up to date.
    fn penalty_of_all(&mut self, penalty: &Penalty) -> Result<f64> {
        let mut model = std::mem::take(&mut self.model);
        resize(&mut model, self.layout.len())?;
        self.copy_to(&mut model);
        let cost = penalty.value(self.layout, &model[..self.layout.n_coef()]);
        self.model = model;
        Ok(cost)
    }
}

impl CatchUp {
    /// There was nothing to catch up with.
    pub(super) fn nothing() -> Self {
        Self { penalty: 0.0, is_finite: true }
    }

    /// This and that.
    pub(super) fn and(mut self, other: CatchUp) -> Self {
        self.add(other);
        self
    }

    /// What is not finite, if anything.
    pub(super) fn non_finite(&self) -> Option<&'static str> {
        (!self.is_finite).then_some("a parameter")
    }

    fn add(&mut self, other: CatchUp) {
        self.penalty += other.penalty;
        self.is_finite &= other.is_finite;
    }
}

/// Makes up for the steps from `n_seen` on, for a parameter and the optimizer's slots of it at `at`.
#[inline(always)]
fn catch_up<T: Scalar>(
    missed: &MissedSteps,
    n_seen: usize,
    param: &mut T,
    slots: &mut [Vec<T>],
    at: usize,
) -> CatchUp {
    if n_seen >= missed.n_steps() {
        return CatchUp::nothing();
    }
    let caught_up = missed.catch_up(param.to_f64(), slots_at(slots, at), n_seen);
    let (w, in_slots) = (T::from_f64(caught_up.w), caught_up.slots.map(T::from_f64));
    let is_finite = w.is_finite() && in_slots.iter().all(|v| v.is_finite());
    if is_finite {
        *param = w;
        slots.iter_mut().zip(in_slots).for_each(|(vector, v)| vector[at] = v);
    }
    CatchUp { penalty: caught_up.penalty, is_finite }
}

/// What a column has cost in steps over so many rows that have left it alone.
fn cost<T: Scalar>(n_rows: f64, penalty: &Penalty, layout: Layout, params: &[T], column: usize) -> f64 {
    if n_rows == 0.0 { 0.0 } else { n_rows * penalty.value_of_column(layout, params, column) }
}

/// What the optimizer's slots have for the parameter at `at`.
#[inline(always)]
fn slots_at<T: Scalar>(slots: &[Vec<T>], at: usize) -> Slots {
    let mut values = Slots::default();
    values.iter_mut().zip(slots).for_each(|(v, vector)| *v = vector[at].to_f64());
    values
}

/// So many zeros; only the largest batch so far has to make room.
fn resize<T: Scalar>(vector: &mut Vec<T>, len: usize) -> Result<()> {
    vector.clear();
    if vector.capacity() < len {
        *vector = try_filled("the parameters of a batch", len.next_power_of_two(), T::ZERO)?;
        vector.clear();
    }
    vector.resize(len, T::ZERO);
    Ok(())
}
