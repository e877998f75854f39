//! A rate that falls, or rises, along a line.

use super::{Rates, final_rate, positive_rate, steps_or_none};
use crate::error::Result;
use crate::options::Options;

/// `learning_rate + (final - learning_rate) t / n_steps`, and `final` from step `n_steps` on: optax's
/// `linear_schedule`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Linear {
    learning_rate: f64,
    n_steps: u64,
    final_learning_rate: f64,
}

impl Linear {
    /// A first rate, finite and > 0, the steps of the fall, >= 0, and the last rate, finite and >= 0.
    pub fn new(learning_rate: f64, n_steps: i64, final_learning_rate: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: positive_rate(learning_rate)?,
            n_steps: steps_or_none("n_steps", n_steps)?,
            final_learning_rate: final_rate(final_learning_rate)?,
        })
    }
}

impl Rates for Linear {
    const NAME: &'static str = "Linear";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let last = options.number("final_learning_rate")?;
        Self::new(options.number("learning_rate")?, options.integer("n_steps")?, last)
    }

    fn at(&self, t: u64) -> f64 {
        if t >= self.n_steps {
            return self.final_learning_rate;
        }
        let done = t as f64 / self.n_steps as f64;
        self.learning_rate + (self.final_learning_rate - self.learning_rate) * done
    }
}
