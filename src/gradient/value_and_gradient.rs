//! The objective and its gradient at given parameters, on any rows: the batch gradient on its own.

use super::{AtStep, Problem, n_workers_worth, with_evaluator};
use crate::data::Order;
use crate::error::{Error, Result};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// The objective over `rows`, in this order, or over all, and its gradient in the layout of the problem.
/// Where the penalty has a kink it contributes a subgradient, zero if it may be. No rows have no loss.
///
/// # Errors
/// If a row is not there, the parameters are another problem's, or the work was interrupted.
pub fn value_and_gradient<T: Scalar>(
    problem: &Problem<'_, T>,
    params: Vec<T>,
    rows: Option<Vec<usize>>,
    tier: Tier,
    n_threads: usize,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<(f64, Vec<T>)> {
    let n_rows = rows.as_ref().map_or(problem.n_rows(), Vec::len);
    if let Some(&row) = rows.iter().flatten().find(|&&r| r >= problem.n_rows()) {
        return Err(Error::OutOfRange {
            argument: "rows",
            condition: "less than the number of rows of X",
            value: row.to_string(),
        });
    }
    let n_workers = n_workers_worth(problem, n_rows, rows.is_some(), n_threads);
    with_evaluator(problem, params, (tier, n_workers), interrupted, |mut evaluator| {
        *evaluator.order() = rows.map_or(Order::Sequential, Order::ListedWide);
        let value = evaluator.gradient(0..n_rows)?;
        let layout = problem.layout();
        let AtStep { params, gradient, .. } = evaluator.at_step();
        let (w, of_coef) = (&params[..layout.n_coef()], &mut gradient[..layout.n_coef()]);
        problem.penalty().add_subgradient(layout, of_coef, w);
        Ok((value, std::mem::take(gradient)))
    })
}

/// The objective over all rows.
///
/// # Errors
/// If the parameters are another problem's, or the work was interrupted.
pub fn value<T: Scalar>(
    problem: &Problem<'_, T>,
    params: Vec<T>,
    tier: Tier,
    n_threads: usize,
    interrupted: &(dyn Fn() -> bool + Sync),
) -> Result<f64> {
    let n_workers = n_workers_worth(problem, problem.n_rows(), false, n_threads);
    with_evaluator(problem, params, (tier, n_workers), interrupted, |mut evaluator| evaluator.value_of_all())
}
