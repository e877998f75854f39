//! A constant learning rate.

use super::{Rates, positive_rate};
use crate::error::Result;
use crate::options::Options;

/// `learning_rate`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    learning_rate: f64,
}

impl Constant {
    /// A rate, finite and > 0.
    pub fn new(learning_rate: f64) -> Result<Self> {
        Ok(Self { learning_rate: positive_rate(learning_rate)? })
    }
}

impl Rates for Constant {
    const NAME: &'static str = "Constant";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("learning_rate")?)
    }

    fn at(&self, _t: u64) -> f64 {
        self.learning_rate
    }
}
