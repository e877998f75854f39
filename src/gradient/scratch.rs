//! `Scratch`: what a worker needs for a tile of rows.

use super::Problem;
use super::control_variate::Seen;
use super::model::ModelScratch;
use super::sum::LEAF_ROWS;
use crate::error::{Result, try_filled_apart};
use crate::scalar::Scalar;

/// Buffers for a tile of rows, allocated once for each worker, on lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Scratch<T> {
    pub(super) rows: Vec<usize>,
    /// Rows to prefetch meanwhile.
    pub(super) ahead: Vec<usize>,
    pub(super) scores: Vec<T>,
    pub(super) targets: Vec<T>,
    pub(super) weights: Vec<T>,
    /// Slopes that are known of a tile, to be compared with.
    pub(super) known: Vec<T>,
    /// Rows of a pass whose slopes are to be known.
    pub(super) seen: Seen<T>,
    pub(super) model: ModelScratch<T>,
    /// Of how many rows `weights` are known to be the weights, whichever rows these are; 0 if of none.
    pub(super) weights_are_for: usize,
    /// Multiply-adds since the last poll.
    pub(super) n_worked: usize,
    /// Of the pass under way.
    pub(super) own: Own,
}

/// Where a worker goes on when it has done the positions that are its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    /// The end of these positions.
    pub(super) end: usize,
    /// Where those of the next pass begin, if it has as many rows.
    pub(super) next: usize,
}

impl<T: Scalar> Scratch<T> {
    pub(super) fn new(problem: &Problem<'_, T>) -> Result<Self> {
        let filled = |what, n_rows| try_filled_apart(what, n_rows * LEAF_ROWS, T::ZERO);
        let n_outputs = problem.layout().n_outputs();
        Ok(Self {
            rows: vec![0; LEAF_ROWS],
            ahead: vec![0; LEAF_ROWS],
            scores: filled("scores", n_outputs)?,
            targets: filled("targets", problem.data.targets.per_row())?,
            weights: filled("weights", 1)?,
            known: filled("scores", n_outputs)?,
            seen: Seen::default(),
            model: ModelScratch::new(&problem.objective.model)?,
            weights_are_for: 0,
            n_worked: 0,
            own: Own { end: 0, next: 0 },
        })
    }
}
