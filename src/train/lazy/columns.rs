//! What belongs to the columns of a batch, gathered from what belongs to all, and put back.

use super::LazyParameters;
use crate::data::Active;
use crate::error::{Result, try_filled};
use crate::gradient::Layout;
use crate::kernel::prefetch;
use crate::kernel::table::{GatherRows, ScatterRows};
use crate::scalar::Scalar;
use crate::train::catch_up::{CatchUp, catch_up};
use crate::train::control::Drift;

/// Columns whose parameters are prefetched ahead of their use.
const COLUMNS_AHEAD: usize = 32;

impl<T: Scalar> LazyParameters<'_, T> {
    /// Copies what belongs to the columns of a batch, and brings it up to date.
    pub(super) fn gather(
        &self,
        active: &Active<T>,
        few: Layout,
        params: &mut Vec<T>,
        slots: &mut [Vec<T>],
        drift: Option<Drift<'_, T>>,
    ) -> Result<CatchUp> {
        let caught_up = match few.has_rows_of_columns() {
            true => self.gather_rows(active, few, params, slots)?,
            false => self.gather_runs(active, few, params, slots, drift)?,
        };
        let (from, to) = (self.layout.n_coef(), few.n_coef());
        params[to..].copy_from_slice(&self.params[from..]);
        for (to_vector, from_vector) in slots.iter_mut().zip(&self.slots) {
            to_vector[to..].copy_from_slice(&from_vector[from..]);
        }
        Ok(caught_up)
    }

    fn gather_runs(
        &self,
        active: &Active<T>,
        few: Layout,
        params: &mut Vec<T>,
        slots: &mut [Vec<T>],
        drift: Option<Drift<'_, T>>,
    ) -> Result<CatchUp> {
        let mut caught_up = CatchUp::nothing();
        zeros(params, few.len())?;
        for vector in slots.iter_mut() {
            zeros(vector, few.len())?;
        }
        for run in 0..few.n_runs() {
            for (i, (&column, &last_update)) in
                active.columns().iter().zip(active.last_update_steps()).enumerate()
            {
                if let Some(&ahead) = active.columns().get(i + COLUMNS_AHEAD) {
                    let from = self.layout.run(run, ahead);
                    prefetch(&self.params[from.clone()]);
                    self.slots.iter().for_each(|vector| prefetch(&vector[from.clone()]));
                    drift.inspect(|drift| drift.prefetch(ahead, from.start));
                }
                let (from, to) = (self.layout.run(run, column), few.run(run, i));
                params[to.clone()].copy_from_slice(&self.params[from.clone()]);
                for (few, all) in slots.iter_mut().zip(&self.slots) {
                    few[to.clone()].copy_from_slice(&all[from.clone()]);
                }
                if !self.missed.is_nothing() {
                    let n_seen = self.n_seen(last_update);
                    for (at, i) in from.zip(to) {
                        let in_place = || drift.map(|drift| drift.slots(column, at));
                        caught_up.add(catch_up(&self.missed, n_seen, &mut params[i], (slots, i), in_place));
                    }
                }
            }
        }
        Ok(caught_up)
    }

    /// Where all that belongs to a column is one padded row.
    fn gather_rows(
        &self,
        active: &Active<T>,
        few: Layout,
        params: &mut Vec<T>,
        slots: &mut [Vec<T>],
    ) -> Result<CatchUp> {
        let (rows, stride) = (active.columns(), few.stride());
        let vectors = std::iter::once((&self.params, &mut *params)).chain(self.slots.iter().zip(&mut *slots));
        for (from, to) in vectors {
            room(to, few.len())?;
            self.tier.run(GatherRows { from, stride, rows, to: &mut to[..few.n_coef()] });
        }
        let mut caught_up = CatchUp::nothing();
        if !self.missed.is_nothing() {
            for (i, &last_update) in active.last_update_steps().iter().enumerate() {
                let n_seen = self.n_seen(last_update);
                for at in few.run(0, i) {
                    caught_up.add(catch_up(&self.missed, n_seen, &mut params[at], (slots, at), || None));
                }
            }
        }
        Ok(caught_up)
    }

    /// Puts back what a step has moved.
    pub(super) fn scatter(&mut self, active: &Active<T>, few: Layout, params: &[T], slots: &[Vec<T>]) {
        let (rows, stride) = (active.columns(), few.stride());
        let slots = self.slots.iter_mut().zip(slots.iter().map(Vec::as_slice));
        for (to, from) in std::iter::once((&mut self.params, params)).chain(slots) {
            if few.has_rows_of_columns() {
                self.tier.run(ScatterRows { from, stride, rows, to });
            } else {
                for run in 0..few.n_runs() {
                    for (i, &column) in rows.iter().enumerate() {
                        to[self.layout.run(run, column)].copy_from_slice(&from[few.run(run, i)]);
                    }
                }
            }
            to[self.layout.n_coef()..].copy_from_slice(&from[few.n_coef()..]);
        }
    }
}

/// So many zeros; only the largest batch so far has to make room.
pub(super) fn zeros<T: Scalar>(vector: &mut Vec<T>, len: usize) -> Result<()> {
    vector.clear();
    room(vector, len)
}

/// The same, but that entries which are there stay: where all are written, there is no need to clear them.
fn room<T: Scalar>(vector: &mut Vec<T>, len: usize) -> Result<()> {
    if vector.capacity() < len {
        *vector = try_filled("the parameters of a batch", len.next_power_of_two(), T::ZERO)?;
    }
    vector.resize(len, T::ZERO);
    Ok(())
}
