//! `Problem`: an objective and a dataset that are known to fit together.

use super::model::Architecture;
use super::{Layout, Loss, Model, Objective, Penalty};
use crate::data::{Dataset, Offsets, Rows, Sharding, TargetKind, Targets, Weights};
use crate::error::{Error, Result};
use crate::scalar::Scalar;

/// The objective `mean_i s_i loss(x_i . W + b + o_i, y_i) + penalty(W)` over the training rows, the weights s of
/// mean 1, the offsets o given or zero, the intercepts b free of penalty or, without `fit_intercept`, left where they
/// start.
#[derive(Debug, Clone)]
pub struct Problem<'a, T> {
    pub(crate) data: Dataset<'a, T>,
    pub(crate) objective: Objective,
}

impl<'a, T: Scalar> Problem<'a, T> {
    /// Puts the parts together, for a linear model.
    ///
    /// # Errors
    /// If the loss is not for this kind of targets or without intercepts, at the first target that has no loss, if the penalty has
    /// another number of strengths, or if the parameters would not fit the address space.
    pub fn new(
        rows: Rows<'a, T>,
        targets: Targets<'a, T>,
        weights: Weights<T>,
        loss: Loss,
        penalty: Penalty,
        fit_intercept: bool,
    ) -> Result<Self> {
        Self::of(rows, targets, weights, loss, penalty, (&Architecture::Linear, fit_intercept))
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// As [`Problem::new`], and if the model is not for this loss.
    pub fn of(
        rows: Rows<'a, T>,
        targets: Targets<'a, T>,
        weights: Weights<T>,
        loss: Loss,
        penalty: Penalty,
        (architecture, fit_intercept): (&Architecture, bool),
    ) -> Result<Self> {
        if loss.is_classification() == (targets.kind() == TargetKind::Real) {
            return Err(Error::Incompatible(format!(
                "loss {:?} is for {}, but y holds {}",
                loss.name(),
                if loss.is_classification() { "classes" } else { "real numbers" },
                if loss.is_classification() { "real numbers" } else { "classes" },
            )));
        }
        if loss.intercept_slope() != 0.0 && !fit_intercept {
            return Err(Error::Incompatible(format!(
                "fit_intercept must be True for loss {:?}, got False",
                loss.name()
            )));
        }
        targets.check_domain(loss.domain(), loss.name())?;
        let model = architecture.model::<T>(rows.n_columns(), targets.n_outputs(), fit_intercept)?;
        penalty.check(model.layout())?;
        let rows = model.merging(rows)?;
        let data = Dataset::new(rows, targets, weights);
        let problem = Self { data, objective: Objective { model, loss, penalty } };
        if problem.intercept_slope() != 0.0 {
            problem.needs_linear(&format!("loss '{}'", problem.objective.loss.name()))?;
        }
        if let Penalty::Group(group) = problem.penalty() {
            problem.needs_linear(&format!("penalty '{}'", group.name()))?;
        }
        Ok(problem)
    }

    /// That the model is linear, which `what` is for.
    ///
    /// # Errors
    /// [`Error::Incompatible`] if it is another.
    pub fn needs_linear(&self, what: &str) -> Result<()> {
        match self.model().linear() {
            Some(_) => Ok(()),
            None => {
                let name = self.model().name();
                Err(Error::Incompatible(format!("model must be 'linear' for {what}, got '{name}'")))
            }
        }
    }

    /// The same with offsets of all stored rows.
    ///
    /// # Errors
    /// If their number is not that of the scores of these rows.
    pub fn with_offsets(mut self, offsets: Offsets<'a, T>) -> Result<Self> {
        offsets.check(self.data.rows.n_rows(), self.layout().n_outputs())?;
        self.data.offsets = offsets;
        Ok(self)
    }

    /// The same with the rows in shards, which may be those of this process among others.
    ///
    /// # Errors
    /// If there are not as many rows as this process has to have.
    pub fn with_shards(self, sharding: Sharding<'a>) -> Result<Self> {
        Ok(Self { data: self.data.with_shards(sharding)?, objective: self.objective })
    }

    /// The same objective over some of the stored rows, see [`Dataset::subset`].
    ///
    /// # Errors
    /// If there are none, or one is not there.
    pub fn subset(&self, row_subset: Vec<usize>, weights: Weights<T>) -> Result<Self> {
        Ok(Self { data: self.data.subset(row_subset, weights)?, objective: self.objective.clone() })
    }

    /// The same objective over some of its own rows, see [`Dataset::subset_of_own`].
    ///
    /// # Errors
    /// As [`Problem::subset`], and if all these rows have weight zero.
    pub fn subset_of_own(&self, rows: Vec<usize>) -> Result<Self> {
        Ok(Self { data: self.data.subset_of_own(rows)?, objective: self.objective.clone() })
    }

    /// What makes the scores.
    pub fn model(&self) -> &Model {
        &self.objective.model
    }

    /// Where the parameters lie.
    pub fn layout(&self) -> Layout {
        self.objective.model.layout()
    }

    /// Whether training moves the intercepts.
    pub fn fits_intercept(&self) -> bool {
        self.objective.model.fits_intercept()
    }

    /// What a row costs, in multiply-adds of dense rows.
    pub(crate) fn work_of_row(&self) -> usize {
        self.objective.model.work_of_row(&self.data.rows)
    }

    /// A bound on the curvature of the loss, if there is one.
    pub fn curvature(&self) -> Option<f64> {
        self.objective.loss.curvature(self.data.targets.kind())
    }

    /// What the objective has per unit of every intercept, beside the mean of the losses.
    pub(crate) fn intercept_slope(&self) -> f64 {
        self.objective.loss.intercept_slope()
    }

    /// What large coefficients cost.
    pub fn penalty(&self) -> &Penalty {
        &self.objective.penalty
    }

    /// Number of rows learned from, n.
    pub fn n_rows(&self) -> usize {
        self.data.n_rows()
    }
}
