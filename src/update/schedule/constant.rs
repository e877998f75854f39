//! The same rate at every step.

use super::positive_rate;
use crate::error::Result;

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

    pub(super) fn at(&self, _t: u64) -> f64 {
        self.learning_rate
    }
}
