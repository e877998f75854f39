//! A rate that falls along half a cosine.

use super::{Rates, final_rate, half_cosine, positive_rate, steps_or_none};
use crate::error::Result;
use crate::options::Options;

/// `final + (learning_rate - final) (1 + cos(pi t / n_steps)) / 2`, and `final` from step `n_steps` on.
///
/// Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cosine {
    learning_rate: f64,
    n_steps: u64,
    final_learning_rate: f64,
}

impl Cosine {
    /// A first rate, finite and > 0, the steps of the fall, >= 0, and the last rate, finite and >= 0.
    pub fn new(learning_rate: f64, n_steps: i64, final_learning_rate: f64) -> Result<Self> {
        let final_learning_rate = final_rate(final_learning_rate)?;
        let (learning_rate, n_steps) = (positive_rate(learning_rate)?, steps_or_none("n_steps", n_steps)?);
        Ok(Self { learning_rate, n_steps, final_learning_rate })
    }
}

impl Rates for Cosine {
    const NAME: &'static str = "Cosine";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let last = options.number("final_learning_rate")?;
        Self::new(options.number("learning_rate")?, options.integer("n_steps")?, last)
    }

    fn at(&self, t: u64) -> f64 {
        if t >= self.n_steps {
            return self.final_learning_rate;
        }
        half_cosine(self.learning_rate, self.final_learning_rate, t as f64 / self.n_steps as f64)
    }
}
