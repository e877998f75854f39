//! `StateBefore`: what a streak began with, so that steps which become non-finite can be made again one by one.

use crate::error::{Result, try_reserved};
use crate::scalar::Scalar;
use crate::update::OptimizerState;

/// Copies of the parameters that are not [written down](super::moved::MovedEntries) one by one, and of the state of the
/// optimizer.
#[derive(Debug)]
pub(super) struct StateBefore<T> {
    params: Vec<T>,
    /// The slots one after the other.
    slots: Vec<T>,
    scalars: Vec<f64>,
    n_steps: u64,
}

impl<T: Scalar> StateBefore<T> {
    /// Room for so many parameters, and for a state like this.
    pub(super) fn new(n_params: usize, state: &OptimizerState<T>) -> Result<Self> {
        let what = "the memory of the optimizer";
        Ok(Self {
            params: try_reserved("parameters", n_params)?,
            slots: try_reserved(what, n_params * state.slots.len())?,
            scalars: try_reserved(what, state.scalars.len())?,
            n_steps: 0,
        })
    }

    pub(super) fn keep(&mut self, params: &[T], state: &OptimizerState<T>) {
        self.params.clear();
        self.params.extend_from_slice(params);
        self.slots.clear();
        state.slots.iter().for_each(|slot| self.slots.extend_from_slice(slot));
        self.scalars.clear();
        self.scalars.extend_from_slice(&state.scalars);
        self.n_steps = state.n_steps;
    }

    #[cold]
    pub(super) fn give_back(&self, params: &mut [T], state: &mut OptimizerState<T>) {
        params.copy_from_slice(&self.params);
        let mut slots = &self.slots[..];
        for slot in &mut state.slots {
            let (before, others) = slots.split_at(slot.len());
            slot.copy_from_slice(before);
            slots = others;
        }
        state.scalars.copy_from_slice(&self.scalars);
        state.n_steps = self.n_steps;
    }
}
