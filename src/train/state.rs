//! `State`: everything needed to resume a run.

use super::{Control, EarlyStoppingState, Fingerprint, Monitor};
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::scalar::Scalar;
use crate::shuffle::Batches;
use crate::update::schedule::PlateauState;
use crate::update::{AverageState, Optimizer, OptimizerState};

/// A run between two steps. Training k epochs and then m more from here is the same as k + m, bit for bit.
#[derive(Debug, Clone, PartialEq)]
pub struct State<T> {
    /// Parameters in the layout of the problem.
    pub params: Vec<T>,
    /// The state of the optimizer; its `n_steps` counts the steps of the whole run.
    pub optimizer: OptimizerState<T>,
    /// Their average, if they are averaged.
    pub average: AverageState<T>,
    /// Epochs done.
    pub epoch: u64,
    /// Batches done of the epoch begun; as many as steps, unless several make a step.
    pub step: usize,
    /// Rows seen in the epoch begun.
    pub n_seen: u64,
    /// Sum of the objective over those rows.
    pub loss_sum: f64,
    /// What the rules of stopping remember.
    pub stopping: Vec<EarlyStoppingState<T>>,
    /// Within an epoch over sparse rows, how many steps of the flush interval each column has caught up with, see
    /// [`Update::lazy_update`](crate::update::Update::lazy_update); empty if all are up to date.
    pub last_update_steps: Vec<u32>,
    /// What may change the next step.
    pub control: Control<T>,
    /// What tells whether a resumed run has the objective that all of this was found out with.
    pub fingerprint: Option<Fingerprint>,
}

impl<T: Scalar> State<T> {
    /// The beginning of a run from `params`, with an optimizer that has made no step.
    pub fn new(params: Vec<T>, optimizer: OptimizerState<T>) -> Self {
        Self {
            params,
            optimizer,
            average: AverageState::default(),
            epoch: 0,
            step: 0,
            n_seen: 0,
            loss_sum: 0.0,
            stopping: Vec::new(),
            last_update_steps: Vec::new(),
            control: Control::default(),
            fingerprint: None,
        }
    }

    /// The batches of the epoch begun.
    pub(super) fn batches(&self, batches: &Batches) -> Batches {
        self.control.batches(batches, self.epoch)
    }

    /// Whether it has losses to compare later ones with, or parameters that these or an average were chosen by.
    pub(super) fn remembers_objective(&self, optimizer: &Optimizer) -> bool {
        let compares = self.control.auto_rate.is_some()
            || self.control.solver.is_some()
            || self.optimizer.plateau.has_best();
        compares || self.average.n > 0 || optimizer.averages()
    }

    /// Forgets losses of an objective that is no longer the one to be minimised, models chosen by them, how far a rate
    /// has fallen because of them, and the average of parameters that have sought its optimum.
    pub(super) fn forget_other_objectives(
        &mut self,
        before: Fingerprint,
        now: Fingerprint,
        optimizer: &Optimizer,
    ) {
        let (is_same, is_same_validation) = (before.has_objective_of(now), before.has_validation_of(now));
        if !is_same {
            self.control.auto_rate = None;
            self.control.solver = None;
            self.optimizer.plateau = PlateauState::default();
            optimizer.forget_average(&mut self.optimizer);
            self.average.n = 0;
        }
        for rule in &mut self.stopping {
            if !is_same || (!is_same_validation && rule.monitor != Monitor::Loss) {
                *rule = EarlyStoppingState::new(rule.monitor.clone(), rule.mode);
            }
        }
    }

    /// That this is a state of a model of this layout, in an epoch of so many steps.
    pub(super) fn check(&self, layout: Layout, n_steps: usize) -> Result<()> {
        let checkpoints = self.stopping.iter().filter_map(|rule| rule.checkpoint.as_ref());
        let kept = checkpoints.map(|checkpoint| checkpoint.params.len());
        if let Some(len) = kept.chain([self.params.len()]).find(|&len| len != layout.len()) {
            return Err(Error::Shape {
                argument: "resume",
                expected: format!("{} parameters", layout.n_entries()),
                got: format!("{len} parameters"),
            });
        }
        // An epoch whose end was interrupted has made all its steps.
        if self.step > n_steps {
            return Err(Error::OutOfRange {
                argument: "resume",
                condition: "at a step within an epoch",
                value: format!("step {} of {n_steps}", self.step),
            });
        }
        if !self.last_update_steps.is_empty() && self.last_update_steps.len() != layout.n_columns() {
            return Err(Error::Shape {
                argument: "resume",
                expected: format!("{} columns", layout.n_columns()),
                got: self.last_update_steps.len().to_string(),
            });
        }
        Ok(())
    }
}
