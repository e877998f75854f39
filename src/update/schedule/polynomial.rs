//! A rate that falls along a power of the steps that are left.

use super::{Rates, final_rate, positive_factor, positive_rate, steps_or_none};
use crate::error::Result;
use crate::options::Options;

/// `final + (learning_rate - final) (1 - t / n_steps)^power`, and `final` from step `n_steps` on: PyTorch's
/// `PolynomialLR` and optax's `polynomial_schedule`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Polynomial {
    learning_rate: f64,
    n_steps: u64,
    power: f64,
    final_learning_rate: f64,
}

impl Polynomial {
    /// A first rate, finite and > 0, the steps of the fall, >= 0, their power, finite and > 0, and the last
    /// rate, finite and >= 0.
    pub fn new(learning_rate: f64, n_steps: i64, power: f64, final_learning_rate: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: positive_rate(learning_rate)?,
            n_steps: steps_or_none("n_steps", n_steps)?,
            power: positive_factor("power", power)?,
            final_learning_rate: final_rate(final_learning_rate)?,
        })
    }
}

impl Rates for Polynomial {
    const NAME: &'static str = "Polynomial";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let (first, last) = (options.number("learning_rate")?, options.number("final_learning_rate")?);
        Self::new(first, options.integer("n_steps")?, options.number("power")?, last)
    }

    fn at(&self, t: u64) -> f64 {
        if t >= self.n_steps {
            return self.final_learning_rate;
        }
        let left = 1.0 - t as f64 / self.n_steps as f64;
        self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * left.powf(self.power)
    }
}
