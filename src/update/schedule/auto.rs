//! The automatic learning rate, which is not known before the data are.

use super::Rates;
use crate::error::{Error, Result};
use crate::options::Options;

/// `learning_rate="auto"`: training finds a rate from the data and uses it in the place of this. Steps outside of
/// training have no data and refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Auto;

impl Auto {
    /// The schedule of this name, for an optimizer that `can_choose`: gradient descent, whose steps are proportional
    /// to the gradient, so that the curvature of the objective bounds the rate.
    pub(crate) fn named(word: &str, can_choose: bool) -> Result<Self> {
        if word == "auto" && can_choose {
            return Ok(Self);
        }
        Err(Error::WrongType {
            argument: "learning_rate",
            expected: if can_choose {
                "a number, a schedule, a function of the step or 'auto'"
            } else if word == "auto" {
                "a number, a schedule or a function of the step, for only SGD, SAGA and SVRG choose one by themselves"
            } else {
                "a number, a schedule or a function of the step"
            },
            got: format!("'{word}'"),
        })
    }

    /// Why there is no step.
    pub(crate) fn refuse<V>(self) -> Result<V> {
        Err(Error::Incompatible(
            "learning_rate must be a number, a schedule or a function of the step where there are no data to choose it by: only fit has \
             some, got 'auto'"
                .into(),
        ))
    }
}

impl Rates for Auto {
    const NAME: &'static str = "auto";

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    /// NaN: the rate is not known yet.
    fn at(&self, _: u64) -> f64 {
        f64::NAN
    }
}
