//! A learning rate given by a function of the caller.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result, try_reserved};
use crate::options::StepFunction;

/// A table of the values of a function, made before the steps that need it. The function may be slow, may fail and is
/// never called within an epoch: [`super::Schedule::tabulate`] makes the table, and steps outside of it have no rate.
#[derive(Clone)]
pub struct Function {
    function: StepFunction,
    /// The step of the first entry of the table.
    first: u64,
    rates: Vec<f64>,
}

impl Function {
    /// A function with an empty table.
    pub fn new(function: StepFunction) -> Self {
        Self { function, first: 0, rates: Vec::new() }
    }

    /// The same function with a table for these steps.
    ///
    /// # Errors
    /// The error of the function, and [`Error::OutOfRange`] if a rate is not finite and >= 0.
    pub(super) fn evaluated(&self, steps: Range<u64>) -> Result<Self> {
        let n_steps = usize::try_from(steps.end.saturating_sub(steps.start)).unwrap_or(usize::MAX);
        let mut rates = try_reserved("learning rates", n_steps)?;
        for t in steps.clone() {
            let rate = (self.function)(t)?;
            if !(rate.is_finite() && rate >= 0.0) {
                let value = format!("{rate} at step {t}");
                let (argument, condition) = ("learning_rate", "a function whose values are finite and >= 0");
                return Err(Error::OutOfRange { argument, condition, value });
            }
            rates.push(rate);
        }
        Ok(Self { function: self.function.clone(), first: steps.start, rates })
    }

    /// The rate of a step of the table, NaN outside of it.
    pub(super) fn at(&self, t: u64) -> f64 {
        let i = t.checked_sub(self.first).and_then(|i| usize::try_from(i).ok());
        i.and_then(|i| self.rates.get(i)).copied().unwrap_or(f64::NAN)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.function, &other.function)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("first", &self.first).finish_non_exhaustive()
    }
}
