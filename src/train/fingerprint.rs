//! `Fingerprint`: whether two runs minimise the same objective, told by its value on a few rows.

use super::State;
use crate::data::Order;
use crate::error::{Result, try_copied};
use crate::gradient::{Evaluator, Problem};
use crate::scalar::Scalar;

/// Rows of the value, evenly spread.
const N_ROWS: usize = 256;

/// The objective where a run has ended, on a few rows. The best loss that a run has seen, and the model chosen by it,
/// mean something only to a run with the same objective. Other rows, weights, another loss or penalty give another
/// value; a change to rows that are not among the few goes unnoticed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fingerprint {
    /// The objective at [`State::params`].
    pub objective: f64,
    /// The mean loss there over a few validation rows; NaN without validation.
    pub validation_loss: f64,
}

impl Fingerprint {
    /// Takes it from the state of a run to be resumed, with the parameters that it was taken at.
    pub(super) fn take_from<T: Scalar>(state: &mut State<T>) -> Result<Option<(Self, Vec<T>)>> {
        let Some(fingerprint) = state.fingerprint.take() else { return Ok(None) };
        Ok(Some((fingerprint, try_copied("parameters", &state.params)?)))
    }

    /// The fingerprint of the objective at `params`.
    ///
    /// # Errors
    /// If the work was interrupted, or a buffer cannot be allocated.
    pub(super) fn of<'a, T: Scalar>(
        params: &[T],
        validation: Option<&'a Problem<'a, T>>,
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> Result<Self> {
        let objective = evaluator.value_on_spread(N_ROWS, params)?;
        let validation_loss = match validation {
            Some(problem) => {
                let n = problem.n_rows();
                evaluator.loss_on(problem, (Order::spread(n, N_ROWS)?, n.min(N_ROWS)), params)?
            }
            None => f64::NAN,
        };
        Ok(Self { objective, validation_loss })
    }

    /// Whether the other is of the same objective.
    pub(super) fn has_objective_of(self, other: Self) -> bool {
        is_same(self.objective, other.objective)
    }

    /// Whether the other is of the same validation rows.
    pub(super) fn has_validation_of(self, other: Self) -> bool {
        is_same(self.validation_loss, other.validation_loss)
    }
}

fn is_same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}
