//! What a step is made of: its rows, its gradient, and what can be recorded of it.

use std::ops::Range;

use super::Config;
use super::catch_up::CatchUp;
use crate::shuffle::Batches;

/// The rows of a step: positions of the epoch's order.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) positions: Range<usize>,
    /// Batches of the epoch done after the step.
    pub(super) n_done: usize,
    /// Whether these are all.
    pub(super) is_last: bool,
}

impl Batch {
    /// The rows of the step after so many batches of an epoch; None at its end, or that of the rows at hand.
    #[inline]
    pub(super) fn next(config: &Config, batches: &Batches, n_at_hand: usize, first: usize) -> Option<Self> {
        let n_batches = batches.n_steps();
        if first >= n_batches {
            return None;
        }
        let n_done = n_batches.min(first.saturating_add(config.accumulate.get()));
        if n_done > n_at_hand {
            return None;
        }
        let positions = batches.positions(first).start..batches.positions(n_done - 1).end;
        Some(Self { positions, n_done, is_last: n_done == n_batches })
    }
}

/// What the evaluator has computed, beside the gradient itself, which it keeps.
#[derive(Debug)]
#[must_use]
pub(super) struct Gradient {
    pub(super) loss: f64,
    pub(super) caught_up: CatchUp,
}

/// A step made: what can be recorded of it.
#[derive(Debug)]
pub(super) struct Step {
    /// Counted from 0 over the whole run.
    pub(super) t: u64,
    pub(super) n_rows: usize,
    /// The objective on the batch before the step.
    pub(super) loss: f64,
    /// The norm of the gradient before clipping, if somebody wants to know it.
    pub(super) norm: f64,
    /// Whether the epoch is over.
    pub(super) is_last: bool,
}
