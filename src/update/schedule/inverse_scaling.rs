//! A rate that falls with a power of the step.

use super::{Rates, positive_rate};
use crate::error::{Error, Result};
use crate::options::Options;

/// `learning_rate / (t + 1)^power_t`, scikit-learn's "invscaling".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InverseScaling {
    learning_rate: f64,
    power_t: f64,
}

impl InverseScaling {
    /// A first rate, finite and > 0, and a power, finite and >= 0.
    pub fn new(learning_rate: f64, power_t: f64) -> Result<Self> {
        if !(power_t.is_finite() && power_t >= 0.0) {
            let value = power_t.to_string();
            return Err(Error::OutOfRange { argument: "power_t", condition: "finite and >= 0", value });
        }
        Ok(Self { learning_rate: positive_rate(learning_rate)?, power_t })
    }
}

impl Rates for InverseScaling {
    const NAME: &'static str = "InverseScaling";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("learning_rate")?, options.number("power_t")?)
    }

    fn at(&self, t: u64) -> f64 {
        self.learning_rate / (t as f64 + 1.0).powf(self.power_t)
    }
}
