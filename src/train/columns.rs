//! Steps on sparse rows: each on the columns of its batch alone.
//!
//! The parameters of these columns are brought up to date, gathered, moved by the same code that moves those of
//! dense rows, and put back. All others are left as they were after the last step that knew them; what they have
//! missed is made up for when they are next wanted, and for all at the end of a flush interval.

use std::ops::Range;

use crate::data::{Active, Csr};
use crate::error::{Result, try_filled};
use crate::gradient::{Layout, Work};
use crate::kernel::prefetch;
use crate::scalar::Scalar;
use crate::update::lazy::{LazyUpdate, MissedSteps, Slots};

/// Steps after which all columns are brought up to date, counted from the beginning of the epoch, whose end is
/// one of a flush interval too. It bounds the memory for missed steps, and is part of what the last bits depend on.
const FLUSH_INTERVAL: usize = 1 << 16;

/// Columns whose parameters are prefetched.
const COLUMNS_AHEAD: usize = 32;

/// All parameters and memory of a run on sparse rows, of which a step borrows some.
#[derive(Debug)]
pub(super) struct Columns<'a, T> {
    csr: Csr<'a, T>,
    layout: Layout,
    pub(super) params: Vec<T>,
    pub(super) slots: Vec<Vec<T>>,
    /// None while a step has it.
    active: Option<Active<T>>,
    /// The steps of the flush interval.
    missed: MissedSteps,
    /// The numbers of the steps of the flush interval are above it.
    flushed_step: u32,
    /// Scratch for a model that is up to date.
    model: Vec<T>,
    /// Whether it is in the place of the parameters of a batch.
    is_lent: bool,
}

/// What bringing columns up to date has found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caught {
    /// Sum over the missed steps of the rows times the penalty.
    pub(super) penalty: f64,
    /// Whether all parameters are; one that is not is left as it was.
    pub(super) is_finite: bool,
}

impl<'a, T: Scalar> Columns<'a, T> {
    /// A run at the beginning of a flush interval, by a rule whose lazy updates are like `first` and that has a weight decay
    /// of its own or not. The state gives away its vectors.
    pub(super) fn new(
        csr: Csr<'a, T>,
        layout: Layout,
        (first, decays): (LazyUpdate, bool),
        (l1, l2): (f64, f64),
        params: Vec<T>,
        slots: Vec<Vec<T>>,
    ) -> Result<Self> {
        let missed = MissedSteps::new(first, !slots.is_empty(), decays, l1, l2);
        let active = Some(Active::new(layout.n_columns())?);
        let (flushed_step, model, is_lent) = (0, Vec::new(), false);
        Ok(Self { csr, layout, params, slots, active, missed, flushed_step, model, is_lent })
    }

    /// Goes on within an epoch, after so many steps of it, from what [`Self::last_update_steps`] said. `step_of` says what
    /// each of these steps did to a parameter without a gradient, and how many rows it had.
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

    /// By column, how many steps of the flush interval it has caught up with; empty if all are up to date.
    pub(super) fn last_update_steps(&self) -> Vec<u32> {
        let Some(active) = self.active.as_ref().filter(|_| !self.is_up_to_date()) else { return Vec::new() };
        (0..self.layout.n_columns())
            .map(|column| self.n_caught_up(active.last_update_step(column)) as u32)
            .collect()
    }

    fn is_up_to_date(&self) -> bool {
        self.missed.is_nothing() || self.missed.n_steps() == 0
    }

    /// Steps of the flush interval that a column last updated at `step` has caught up with.
    fn n_caught_up(&self, step: u32) -> usize {
        step.saturating_sub(self.flushed_step) as usize
    }

    /// Gives the rows at `positions`, and what belongs to their columns, to a step.
    pub(super) fn gather(
        &mut self,
        positions: Range<usize>,
        work: &mut Work<'_, T>,
        slots: &mut [Vec<T>],
    ) -> Result<Caught> {
        let mut active = match self.active.take() {
            Some(active) => active,
            None => Active::new(self.layout.n_columns())?, // the step before was given up
        };
        let step = self.flushed_step + self.missed.n_steps() as u32 + 1;
        let of_data = &*work;
        active.collect(&self.csr, positions.map(|position| of_data.row_at(position)), step)?;
        let few = Layout::new::<T>(active.columns().len(), self.layout.n_outputs())?;
        let params = work.params();
        resize(params, few.len())?;
        for vector in slots.iter_mut() {
            resize(vector, few.len())?;
        }
        let mut caught = Caught::nothing();
        for c in 0..few.n_outputs() {
            let (from, to) = (c * self.layout.stride(), c * few.stride());
            for (i, (&column, &step)) in active.columns().iter().zip(active.last_update_steps()).enumerate() {
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
                    caught.add(catch_up(&self.missed, self.n_caught_up(step), &mut params[i], slots, i));
                }
            }
        }
        let (from, to) = (self.layout.n_coef(), few.n_coef());
        params[to..].copy_from_slice(&self.params[from..]);
        for (to_vector, from_vector) in slots.iter_mut().zip(&self.slots) {
            to_vector[to..].copy_from_slice(&from_vector[from..]);
        }
        work.set_active(Some(active))?;
        Ok(caught)
    }

    /// Takes back what was gathered for a step that is not made.
    pub(super) fn give_up(&mut self, work: &mut Work<'_, T>) -> Result<()> {
        if let Some(mut active) = work.set_active(None)? {
            active.forget();
            self.active = Some(active);
        }
        Ok(())
    }

    /// Takes back what a step has moved. `step` is what it did to all other columns.
    pub(super) fn scatter(
        &mut self,
        step: LazyUpdate,
        work: &mut Work<'_, T>,
        slots: &[Vec<T>],
    ) -> Result<()> {
        let few = work.layout();
        let Some(active) = work.set_active(None)? else { return Ok(()) };
        let vectors = std::iter::once((&mut self.params, &*work.params()));
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
        Ok(())
    }

    /// Whether the step just made was the last of a flush interval by its number.
    pub(super) fn is_flush_due(&self) -> bool {
        self.missed.n_steps() == FLUSH_INTERVAL
    }

    /// Brings all columns up to date.
    pub(super) fn flush(&mut self) -> Caught {
        let mut caught = Caught::nothing();
        let Some(active) = &mut self.active else { return caught };
        if !self.missed.is_nothing() {
            self.missed.prepare_flush();
            for c in 0..self.layout.n_outputs() {
                for column in 0..self.layout.n_columns() {
                    let at = c * self.layout.stride() + column;
                    let n_caught_up =
                        active.last_update_step(column).saturating_sub(self.flushed_step) as usize;
                    caught.add(catch_up(
                        &self.missed,
                        n_caught_up,
                        &mut self.params[at],
                        &mut self.slots,
                        at,
                    ));
                }
            }
        }
        self.flushed_step += self.missed.n_steps() as u32;
        if self.flushed_step > u32::MAX - 2 * FLUSH_INTERVAL as u32 {
            active.set_last_update_steps(std::iter::repeat_n(0, self.layout.n_columns()));
            self.flushed_step = 0;
        }
        self.missed.clear();
        caught
    }

    /// All parameters, up to date; those that are kept are not changed.
    pub(super) fn model(&mut self) -> Result<&mut Vec<T>> {
        if self.model.is_empty() {
            self.model = try_filled("parameters", self.params.len(), T::ZERO)?;
        }
        self.model.copy_from_slice(&self.params);
        if let Some(active) = self.active.as_ref().filter(|_| !self.is_up_to_date()) {
            for c in 0..self.layout.n_outputs() {
                for column in 0..self.layout.n_columns() {
                    let at = c * self.layout.stride() + column;
                    let slots = slots_at(&self.slots, at);
                    let n_caught_up = self.n_caught_up(active.last_update_step(column));
                    let w = T::from_f64(self.missed.catch_up(self.params[at].to_f64(), slots, n_caught_up).w);
                    if w.is_finite() {
                        self.model[at] = w;
                    }
                }
            }
        }
        Ok(&mut self.model)
    }

    /// Puts the model in the place of the parameters of a batch, or back.
    pub(super) fn exchange_model(&mut self, params: &mut Vec<T>) -> Result<()> {
        if !self.is_lent {
            self.model()?;
        }
        self.is_lent = !self.is_lent;
        std::mem::swap(&mut self.model, params);
        Ok(())
    }
}

impl Caught {
    /// There was nothing to catch up with.
    pub(super) fn nothing() -> Self {
        Self { penalty: 0.0, is_finite: true }
    }

    /// This and that.
    pub(super) fn and(mut self, other: Caught) -> Self {
        self.add(other);
        self
    }

    /// What is not finite, if anything.
    pub(super) fn not_finite(&self) -> Option<&'static str> {
        (!self.is_finite).then_some("a parameter")
    }

    fn add(&mut self, other: Caught) {
        self.penalty += other.penalty;
        self.is_finite &= other.is_finite;
    }
}

/// Makes up for the steps from `n_caught_up` on, for a parameter and what is remembered of it at `at`.
#[inline(always)]
fn catch_up<T: Scalar>(
    missed: &MissedSteps,
    n_caught_up: usize,
    param: &mut T,
    slots: &mut [Vec<T>],
    at: usize,
) -> Caught {
    if n_caught_up >= missed.n_steps() {
        return Caught::nothing();
    }
    let caught_up = missed.catch_up(param.to_f64(), slots_at(slots, at), n_caught_up);
    let (w, new_slots) = (T::from_f64(caught_up.w), caught_up.slots.map(T::from_f64));
    let is_finite = w.is_finite() && new_slots.iter().all(|v| v.is_finite());
    if is_finite {
        *param = w;
        slots.iter_mut().zip(new_slots).for_each(|(vector, v)| vector[at] = v);
    }
    Caught { penalty: caught_up.penalty, is_finite }
}

/// What is remembered of the parameter at `at`.
#[inline(always)]
fn slots_at<T: Scalar>(slots: &[Vec<T>], at: usize) -> Slots {
    let mut slots_at = Slots::default();
    slots_at.iter_mut().zip(slots).for_each(|(v, vector)| *v = vector[at].to_f64());
    slots_at
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
