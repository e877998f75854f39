//! `Drift`: how a solver moves the columns that a batch does not have.

use super::Solver;
use crate::data::Rows;
use crate::gradient::{ControlVariate, Layout, Problem};
use crate::kernel::prefetch_one;
use crate::scalar::Scalar;
use crate::train::Config;
use crate::update::lazy::Slots;
use crate::update::metric::Metric;
use crate::update::{Optimizer, Preconditioner, Schedule};

/// Sparse rows of more columns have a diagonal metric.
const MANY_SPARSE_COLUMNS: usize = 4096;

/// What a step knows of columns whose gradient is that of the mean and the penalty: it stays, until the metric is another.
#[derive(Debug)]
pub(in crate::train) struct Drift<'s, T> {
    metric: &'s Metric<T>,
    /// Nothing while the mean is not used.
    mean: &'s [f64],
}

impl<T> Clone for Drift<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Drift<'_, T> {}

impl<'s, T: Scalar> Drift<'s, T> {
    /// Of this solver, if there is one that has made a step, whose slopes are these or its own.
    pub(in crate::train) fn of(
        solver: Option<&'s Solver<T>>,
        variate: Option<&'s ControlVariate<T>>,
    ) -> Option<Self> {
        let solver = solver?;
        let variate = variate.or(solver.variate.as_ref())?;
        let mean = if variate.uses_mean { &*variate.mean } else { &[] };
        solver.metric.as_ref().map(|metric| Self { metric, mean })
    }

    /// The step size of a column and the mean gradient of its parameter at `at`.
    #[inline(always)]
    pub(in crate::train) fn slots(self, column: usize, at: usize) -> Slots {
        [self.metric.step_size(column), self.mean.get(at).copied().unwrap_or(0.0)]
    }

    /// Prefetches these numbers.
    #[inline(always)]
    pub(in crate::train) fn prefetch(self, column: usize, at: usize) {
        self.metric.prefetch(column);
        if let Some(mean) = self.mean.get(at) {
            prefetch_one(mean);
        }
    }

    /// The square of the norm of the gradient of inactive columns at this model.
    pub(in crate::train) fn square(
        self,
        layout: Layout,
        l2: f64,
        model: &[T],
        is_inactive: impl Fn(usize) -> bool,
    ) -> f64 {
        let of_output = |c: usize| {
            let columns = (0..layout.n_columns()).filter(|&column| is_inactive(column));
            columns.map(move |column| c * layout.stride() + column)
        };
        let gradient = |at: usize| self.mean.get(at).copied().unwrap_or(0.0) + l2 * model[at].to_f64();
        (0..layout.n_outputs()).flat_map(of_output).map(|at| gradient(at).powi(2)).sum()
    }
}

/// Whether there is little to be learned of sparse rows of so many columns, which share few, but how often each has entries.
pub(super) fn is_wide<T: Scalar>(problem: &Problem<'_, T>) -> bool {
    matches!(problem.data.rows, Rows::Csr(_)) && problem.layout().n_columns() > MANY_SPARSE_COLUMNS
}

impl<T: Scalar> Solver<T> {
    /// Whether steps of a solver, of this one if it is there already, move each column of sparse rows on its own, and by rates
    /// that stay: then a column can miss steps and make up for them.
    pub(in crate::train) fn can_miss_steps(
        solver: Option<&Self>,
        problem: &Problem<'_, T>,
        config: &Config,
    ) -> bool {
        let Optimizer { rule, learning_rate } = &config.optimizer;
        let is_diagonal = match rule.preconditioner() {
            None | Some(Preconditioner::Diagonal) => true,
            Some(Preconditioner::Auto) => is_wide(problem),
            Some(Preconditioner::Nystrom { .. } | Preconditioner::Newton) => false,
        };
        let stays = matches!(learning_rate, Schedule::Auto(_) | Schedule::Constant(_));
        let known = solver.and_then(|solver| solver.metric.as_ref());
        let is_uniform = problem.penalty().uniform().is_some_and(|(l1, _)| l1 == 0.0);
        is_diagonal
            && stays
            && is_uniform
            && config.clip.is_none()
            && config.average.is_none()
            && known.is_none_or(Metric::has_columns_apart)
    }
}
