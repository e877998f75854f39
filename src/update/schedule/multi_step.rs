//! A rate that falls by a factor at given steps.

use super::{Rates, increasing_steps, positive_factor, positive_rate};
use crate::error::Result;
use crate::options::Options;

/// `learning_rate gamma^m`, m the number of milestones <= t, PyTorch's `MultiStepLR`.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiStep {
    learning_rate: f64,
    milestones: Vec<u64>,
    gamma: f64,
}

impl MultiStep {
    /// A first rate, finite and > 0, the steps at which it falls, >= 1 and increasing, and the factor, finite
    /// and > 0.
    pub fn new(learning_rate: f64, milestones: &[f64], gamma: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: positive_rate(learning_rate)?,
            milestones: increasing_steps("milestones", milestones)?,
            gamma: positive_factor("gamma", gamma)?,
        })
    }
}

impl Rates for MultiStep {
    const NAME: &'static str = "MultiStep";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let milestones = options.numbers("milestones")?;
        Self::new(options.number("learning_rate")?, &milestones, options.number("gamma")?)
    }

    fn at(&self, t: u64) -> f64 {
        let n_passed = self.milestones.partition_point(|&milestone| milestone <= t);
        self.learning_rate * self.gamma.powf(n_passed as f64)
    }
}
