//! A rate that falls by the same factor at every step.

use super::{Rates, positive_factor, positive_rate};
use crate::error::Result;
use crate::options::Options;

/// `learning_rate gamma^t`, PyTorch's `ExponentialLR`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponential {
    learning_rate: f64,
    gamma: f64,
}

impl Exponential {
    /// A first rate and a factor, both finite and > 0.
    pub fn new(learning_rate: f64, gamma: f64) -> Result<Self> {
        Ok(Self { learning_rate: positive_rate(learning_rate)?, gamma: positive_factor("gamma", gamma)? })
    }
}

impl Rates for Exponential {
    const NAME: &'static str = "Exponential";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("learning_rate")?, options.number("gamma")?)
    }

    fn at(&self, t: u64) -> f64 {
        self.learning_rate * self.gamma.powf(t as f64)
    }
}
