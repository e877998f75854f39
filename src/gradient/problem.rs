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
    /// The rows learned from, by position, if not all.
    pub(crate) row_subset: Option<Vec<usize>>,
}

impl<'a, T: Scalar> Problem<'a, T> {
    /// Puts the parts together.
    ///
    /// # Errors
    /// If the loss is not for this kind of targets, at the first target that has no loss, if the penalty has
    /// another number of strengths, or if the parameters would not fit the address space.
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
        targets.check_domain(loss.domain(), loss.name())?;
        let layout = Layout::new::<T>(rows.n_columns(), targets.n_outputs())?;
        penalty.check(layout)?;
        Ok(Self { rows, targets, weights, loss, penalty, fit_intercept, layout, row_subset: None })
    }

    /// The same over some of the rows of the data, which stay where they are: what was row p is now row
    /// `row_subset[p]`. The weights are given anew, of mean 1 over these rows.
    ///
    /// # Errors
    /// If there are none, or one is not there.
    pub fn subset(&self, row_subset: Vec<usize>, weights: Weights<T>) -> Result<Self> {
        let n_rows = self.rows.n_rows();
        if row_subset.is_empty() {
            let (argument, condition) = ("rows", "at least one");
            return Err(Error::OutOfRange { argument, condition, value: "none".into() });
        }
        if let Some(row) = row_subset.iter().find(|&&row| row >= n_rows) {
            let (argument, condition) = ("rows", "less than the number of rows of X");
            return Err(Error::OutOfRange { argument, condition, value: row.to_string() });
        }
        Ok(Self { weights, row_subset: Some(row_subset), ..self.clone() })
    }

    /// The same over some of its own rows; a row may be there more than once. Their weights are scaled anew.
    ///
    /// # Errors
    /// As [`Problem::subset`], and if all these rows have weight zero.
    pub fn subset_of_own(&self, mut rows: Vec<usize>) -> Result<Self> {
        self.to_rows_of_data(&mut rows);
        let weights = self.weights.rescaled(&rows)?;
        self.subset(rows, weights)
    }

    /// Where the parameters lie.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// What a row costs, in multiply-adds of dense rows.
    pub(crate) fn work_of_row(&self) -> usize {
        self.rows.work_of_row(self.layout.n_outputs(), self.layout.len())
    }

    /// A bound on the curvature of the loss, if there is one.
    pub fn curvature(&self) -> Option<f64> {
        self.loss.curvature(self.targets.kind())
    }

    /// What large coefficients cost.
    pub fn penalty(&self) -> &Penalty {
        &self.penalty
    }

    /// Number of rows learned from, n.
    pub fn n_rows(&self) -> usize {
        self.row_subset.as_ref().map_or(self.rows.n_rows(), Vec::len)
    }

    /// Rows of the data in place of rows of the problem.
    pub(super) fn to_rows_of_data(&self, rows: &mut [usize]) {
        if let Some(row_subset) = &self.row_subset {
            rows.iter_mut().for_each(|row| *row = row_subset[*row]);
        }
    }
}
