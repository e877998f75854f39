//! Steps on sparse rows: each on the columns of its batch alone.
//!
//! The parameters of these columns are brought up to date, gathered, moved by the same code that moves those of
//! dense rows, and put back. All others are left as they were after the last step that knew them; what they have
//! missed is made up for when they are next wanted, and for all at the end of a stretch.

use std::ops::Range;

use crate::data::{Active, Csr};
use crate::error::{Result, try_filled};
use crate::gradient::{Layout, Work};
use crate::kernel::prefetch;
use crate::scalar::Scalar;
use crate::update::idle::{Idle, Remembered, WhenIdle};

/// Steps after which all columns are brought up to date, counted from the beginning of the epoch, whose end is
/// one of a stretch too. It bounds the memory for missed steps, and is part of what the last bits depend on.
const STRETCH: usize = 1 << 16;

/// Columns whose parameters are asked of the memory ahead of their use.
const COLUMNS_AHEAD: usize = 32;

/// All parameters and memory of a run on sparse rows, of which a step borrows some.
#[derive(Debug)]
pub(super) struct Columns<'a, T> {
    csr: Csr<'a, T>,
    layout: Layout,
    pub(super) params: Vec<T>,
    pub(super) memory: Vec<Vec<T>>,
    /// None while a step has it.
    active: Option<Active<T>>,
    /// The steps of the stretch.
    idle: Idle,
    /// The ticks of the batches of the stretch are above it.
    last_tick: u32,
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
    /// A run at the beginning of a stretch, by a rule whose idle steps are like `first` and that has a weight decay
    /// of its own or not. The state gives away its vectors.
    pub(super) fn new(
        csr: Csr<'a, T>,
        layout: Layout,
        (first, decays): (WhenIdle, bool),
        (l1, l2): (f64, f64),
        params: Vec<T>,
        memory: Vec<Vec<T>>,
    ) -> Result<Self> {
        let idle = Idle::new(first, !memory.is_empty(), decays, l1, l2);
        let active = Some(Active::new(layout.n_columns())?);
        let (last_tick, model, is_lent) = (0, Vec::new(), false);
        Ok(Self { csr, layout, params, memory, active, idle, last_tick, model, is_lent })
    }

    /// Goes on within an epoch, after so many steps of it, from what [`Self::touched`] said. `step_of` says what
    /// each of these steps did when idle, and how many rows it had.
    pub(super) fn resume(
        &mut self,
        n_done: usize,
        step_of: impl Fn(usize) -> (WhenIdle, usize),
        touched: &[u32],
    ) {
        let n_missed = n_done % STRETCH;
        for s in n_done - n_missed..n_done {
            let (step, n_rows) = step_of(s);
            self.idle.push(step, n_rows);
        }
        let all = std::iter::repeat_n(n_missed as u32, self.layout.n_columns());
        if let Some(active) = &mut self.active {
            match touched {
                [] => active.set_last_ticks(all),
                touched => active.set_last_ticks(touched.iter().copied()),
            }
        }
    }

    /// By column, how many steps of the stretch it has seen or caught up with; empty if all are up to date.
    pub(super) fn touched(&self) -> Vec<u32> {
        let Some(active) = self.active.as_ref().filter(|_| !self.is_up_to_date()) else { return Vec::new() };
        (0..self.layout.n_columns()).map(|column| self.seen(active.last_tick(column)) as u32).collect()
    }

    fn is_up_to_date(&self) -> bool {
        self.idle.is_nothing() || self.idle.n_steps() == 0
    }

    /// Steps of the stretch known to a column last seen at a tick.
    fn seen(&self, tick: u32) -> usize {
        tick.saturating_sub(self.last_tick) as usize
    }

    /// Gives the rows at `positions`, and what belongs to their columns, to a step.
    pub(super) fn gather(
        &mut self,
        positions: Range<usize>,
        work: &mut Work<'_, T>,
        memory: &mut [Vec<T>],
    ) -> Result<Caught> {
        let mut active = match self.active.take() {
            Some(active) => active,
            None => Active::new(self.layout.n_columns())?, // the step before was given up
        };
        let tick = self.last_tick + self.idle.n_steps() as u32 + 1;
        let of_data = &*work;
        active.collect(&self.csr, positions.map(|position| of_data.row_at(position)), tick)?;
        let few = Layout::new::<T>(active.columns().len(), self.layout.n_outputs())?;
        let params = work.params();
        resize(params, few.len())?;
        for vector in memory.iter_mut() {
            resize(vector, few.len())?;
        }
        let mut caught = Caught::nothing();
        for c in 0..few.n_outputs() {
            let (from, to) = (c * self.layout.stride(), c * few.stride());
            for (i, (&column, &tick)) in active.columns().iter().zip(active.last_ticks()).enumerate() {
                if let Some(&ahead) = active.columns().get(i + COLUMNS_AHEAD) {
                    prefetch(&self.params[from + ahead..][..1]);
                    self.memory.iter().for_each(|vector| prefetch(&vector[from + ahead..][..1]));
                }
                let (at, i) = (from + column, to + i);
                params[i] = self.params[at];
                for (to, from) in memory.iter_mut().zip(&self.memory) {
                    to[i] = from[at];
                }
                if !self.idle.is_nothing() {
                    caught.add(catch_up(&self.idle, self.seen(tick), &mut params[i], memory, i));
                }
            }
        }
        let (from, to) = (self.layout.n_coef(), few.n_coef());
        params[to..].copy_from_slice(&self.params[from..]);
        for (to_vector, from_vector) in memory.iter_mut().zip(&self.memory) {
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
        step: WhenIdle,
        work: &mut Work<'_, T>,
        memory: &[Vec<T>],
    ) -> Result<()> {
        let few = work.layout();
        let Some(active) = work.set_active(None)? else { return Ok(()) };
        let vectors = std::iter::once((&mut self.params, &*work.params()));
        for (to, from) in vectors.chain(self.memory.iter_mut().zip(memory)) {
            for c in 0..few.n_outputs() {
                let to = &mut to[c * self.layout.stride()..];
                let from = &from[c * few.stride()..];
                for (&column, &moved) in active.columns().iter().zip(from) {
                    to[column] = moved;
                }
            }
            to[self.layout.n_coef()..].copy_from_slice(&from[few.n_coef()..]);
        }
        self.idle.push(step, active.n_rows());
        self.active = Some(active);
        Ok(())
    }

    /// Whether the step just made was the last of a stretch by its number.
    pub(super) fn is_stretch_over(&self) -> bool {
        self.idle.n_steps() == STRETCH
    }

    /// Brings all columns up to date.
    pub(super) fn end_stretch(&mut self) -> Caught {
        let mut caught = Caught::nothing();
        let Some(active) = &mut self.active else { return caught };
        if !self.idle.is_nothing() {
            self.idle.prepare_for_all();
            for c in 0..self.layout.n_outputs() {
                for column in 0..self.layout.n_columns() {
                    let at = c * self.layout.stride() + column;
                    let seen = active.last_tick(column).saturating_sub(self.last_tick) as usize;
                    caught.add(catch_up(&self.idle, seen, &mut self.params[at], &mut self.memory, at));
                }
            }
        }
        self.last_tick += self.idle.n_steps() as u32;
        if self.last_tick > u32::MAX - 2 * STRETCH as u32 {
            active.set_last_ticks(std::iter::repeat_n(0, self.layout.n_columns()));
            self.last_tick = 0;
        }
        self.idle.clear();
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
                    let memory = remembered(&self.memory, at);
                    let seen = self.seen(active.last_tick(column));
                    let w = T::from_f64(self.idle.passed(self.params[at].to_f64(), memory, seen).w);
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

/// Makes up for the steps from `seen` on, for a parameter and what is remembered of it at `at`.
#[inline(always)]
fn catch_up<T: Scalar>(idle: &Idle, seen: usize, param: &mut T, memory: &mut [Vec<T>], at: usize) -> Caught {
    if seen >= idle.n_steps() {
        return Caught::nothing();
    }
    let passed = idle.passed(param.to_f64(), remembered(memory, at), seen);
    let (w, of_memory) = (T::from_f64(passed.w), passed.memory.map(T::from_f64));
    let is_finite = w.is_finite() && of_memory.iter().all(|v| v.is_finite());
    if is_finite {
        *param = w;
        memory.iter_mut().zip(of_memory).for_each(|(vector, v)| vector[at] = v);
    }
    Caught { penalty: passed.penalty, is_finite }
}

/// What is remembered of the parameter at `at`.
#[inline(always)]
fn remembered<T: Scalar>(memory: &[Vec<T>], at: usize) -> Remembered {
    let mut remembered = Remembered::default();
    remembered.iter_mut().zip(memory).for_each(|(v, vector)| *v = vector[at].to_f64());
    remembered
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
