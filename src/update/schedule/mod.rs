//! The learning rate as a pure function of the step: one schedule a file.

mod constant;
mod cosine;
mod inverse_scaling;
mod warmup;

pub use constant::Constant;
pub use cosine::Cosine;
pub use inverse_scaling::InverseScaling;
pub use warmup::Warmup;

use crate::error::{Error, Result};

/// The schedules.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// See [`Constant`].
    Constant(Constant),
    /// See [`InverseScaling`].
    InverseScaling(InverseScaling),
    /// See [`Cosine`].
    Cosine(Cosine),
    /// See [`Warmup`].
    Warmup(Warmup),
}

impl Schedule {
    /// The learning rate of step `t`, counted from 0 over the whole run.
    pub fn at(&self, t: u64) -> f64 {
        match self {
            Schedule::Constant(s) => s.at(t),
            Schedule::InverseScaling(s) => s.at(t),
            Schedule::Cosine(s) => s.at(t),
            Schedule::Warmup(s) => s.at(t),
        }
    }
}

fn positive_rate(learning_rate: f64) -> Result<f64> {
    if learning_rate.is_finite() && learning_rate > 0.0 {
        return Ok(learning_rate);
    }
    let value = learning_rate.to_string();
    Err(Error::OutOfRange { argument: "learning_rate", condition: "finite and > 0", value })
}

fn positive_steps(n_steps: u64) -> Result<u64> {
    if n_steps > 0 {
        return Ok(n_steps);
    }
    Err(Error::OutOfRange { argument: "n_steps", condition: ">= 1", value: n_steps.to_string() })
}
