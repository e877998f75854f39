//! A rate that falls by a factor every so many steps.

use super::{Rates, positive_factor, positive_rate, positive_steps};
use crate::error::Result;
use crate::options::Options;

/// `learning_rate gamma^floor(t / step_size)`, PyTorch's `StepLR`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepDecay {
    learning_rate: f64,
    step_size: u64,
    gamma: f64,
}

impl StepDecay {
    /// A first rate, finite and > 0, the steps between two falls, >= 1, and their factor, finite and > 0.
    pub fn new(learning_rate: f64, step_size: i64, gamma: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: positive_rate(learning_rate)?,
            step_size: positive_steps("step_size", step_size)?,
            gamma: positive_factor("gamma", gamma)?,
        })
    }
}

impl Rates for StepDecay {
    const NAME: &'static str = "Step";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("learning_rate")?, options.integer("step_size")?, options.number("gamma")?)
    }

    fn at(&self, t: u64) -> f64 {
        self.learning_rate * self.gamma.powf((t / self.step_size) as f64)
    }
}
