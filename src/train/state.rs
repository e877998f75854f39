//! Everything needed to go on.

use super::AutoRate;
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::scalar::Scalar;
use crate::update;

/// A run between two steps. Training k epochs and then m more from here is the same as k + m, bit for bit.
#[derive(Debug, Clone, PartialEq)]
pub struct State<T> {
    /// Parameters in the layout of the problem.
    pub params: Vec<T>,
    /// What the optimizer remembers; its `n_steps` counts the steps of the whole run.
    pub optimizer: update::State<T>,
    /// Epochs done.
    pub epoch: u64,
    /// Steps done of the epoch begun.
    pub step: usize,
    /// Rows seen in the epoch begun.
    pub n_seen: u64,
    /// Sum of the objective over those rows.
    pub loss_sum: f64,
    /// What a rate that chooses itself remembers.
    pub auto_rate: Option<AutoRate<T>>,
}

impl<T: Scalar> State<T> {
    /// The beginning of a run from `params`, with an optimizer that has made no step.
    pub fn new(params: Vec<T>, optimizer: update::State<T>) -> Self {
        Self { params, optimizer, epoch: 0, step: 0, n_seen: 0, loss_sum: 0.0, auto_rate: None }
    }

    /// That this is a state of a model of this layout, in an epoch of so many steps.
    pub(super) fn check(&self, layout: Layout, n_steps: usize) -> Result<()> {
        if self.params.len() != layout.len() {
            return Err(Error::Shape {
                argument: "resume",
                expected: format!("parameters for {} x {}", layout.n_outputs(), layout.n_columns()),
                got: format!("{} parameters", self.params.len()),
            });
        }
        if self.step >= n_steps {
            return Err(Error::OutOfRange {
                argument: "resume",
                condition: "at a step within an epoch",
                value: format!("step {} of {n_steps}", self.step),
            });
        }
        Ok(())
    }
}
