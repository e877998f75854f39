//! What is to be minimised: data, loss and penalty, known to fit together.

use super::{Layout, Loss, Penalty};
use crate::data::{Rows, TargetKind, Targets, Weights};
use crate::error::{Error, Result};
use crate::scalar::Scalar;

/// The objective `mean_i s_i loss(x_i . W + b, y_i) + penalty(W)` over the training rows, the weights s of
/// mean 1, the intercepts b free of penalty or, without `fit_intercept`, left where they start.
#[derive(Debug, Clone)]
pub struct Problem<'a, T> {
    pub(crate) rows: Rows<'a, T>,
    pub(crate) targets: Targets<'a, T>,
    pub(crate) weights: Weights<T>,
    pub(crate) loss: Loss,
    pub(crate) penalty: Penalty,
    pub(crate) fit_intercept: bool,
    pub(crate) layout: Layout,
}

impl<'a, T: Scalar> Problem<'a, T> {
    /// Puts the parts together.
    ///
    /// # Errors
    /// If the loss is not for this kind of targets, or the parameters would not fit the address space.
    pub fn new(
        rows: Rows<'a, T>,
        targets: Targets<'a, T>,
        weights: Weights<T>,
        loss: Loss,
        penalty: Penalty,
        fit_intercept: bool,
    ) -> Result<Self> {
        if loss.is_classification() == (targets.kind() == TargetKind::Real) {
            return Err(Error::Incompatible(format!(
                "loss {:?} is for {}, but y holds {}",
                loss.name(),
                if loss.is_classification() { "classes" } else { "real numbers" },
                if loss.is_classification() { "real numbers" } else { "classes" },
            )));
        }
        let layout = Layout::new::<T>(rows.n_columns(), targets.n_outputs())?;
        Ok(Self { rows, targets, weights, loss, penalty, fit_intercept, layout })
    }

    /// Where the parameters lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// A bound on the curvature of the loss, if there is one.
    pub fn curvature(&self) -> Option<f64> {
        self.loss.curvature(self.targets.kind())
    }

    /// Number of rows, n.
    pub fn n_rows(&self) -> usize {
        self.rows.n_rows()
    }
}
