//! Gradient clipping, by norm or by value.

use crate::error::{Error, Result};
use crate::scalar::Scalar;

/// A limit to a gradient: to its 2-norm, over coefficients and intercepts together, or to each entry.
///
/// Source: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks, 2013.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clip {
    /// A longer gradient is scaled down to the limit.
    Norm(f64),
    /// Entries are cut off at minus and plus the limit.
    Value(f64),
}

impl Clip {
    /// A limit to the norm, finite and > 0.
    pub fn by_norm(limit: f64) -> Result<Self> {
        checked_limit("clip_norm", limit).map(Self::Norm)
    }

    /// A limit to the entries, finite and > 0.
    pub fn by_value(limit: f64) -> Result<Self> {
        checked_limit("clip_value", limit).map(Self::Value)
    }

    /// Brings `grad`, of the given norm, within the limit.
    pub fn apply<T: Scalar>(&self, grad: &mut [T], norm: f64) {
        match *self {
            Self::Norm(limit) if norm > limit => {
                let scale = limit / norm;
                // In double: the scale of a huge gradient may be too small for the type.
                grad.iter_mut().for_each(|g| *g = T::from_f64(g.to_f64() * scale));
            }
            Self::Norm(_) => {}
            Self::Value(limit) => {
                let limit = T::from_f64(limit);
                for g in grad {
                    // A NaN stays NaN.
                    if *g > limit {
                        *g = limit;
                    } else if *g < -limit {
                        *g = -limit;
                    }
                }
            }
        }
    }
}

fn checked_limit(argument: &'static str, limit: f64) -> Result<f64> {
    if limit.is_finite() && limit > 0.0 {
        return Ok(limit);
    }
    Err(Error::OutOfRange { argument, condition: "finite and > 0", value: limit.to_string() })
}
