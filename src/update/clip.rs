//! Keeping a gradient from being too long.

use crate::error::{Error, Result};
use crate::scalar::Scalar;

/// Scales a gradient whose 2-norm, over coefficients and intercepts together, is above a limit down to it.
///
/// Source: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks, 2013.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clip {
    limit: f64,
}

impl Clip {
    /// A limit, finite and > 0.
    pub fn by_norm(limit: f64) -> Result<Self> {
        if limit.is_finite() && limit > 0.0 {
            return Ok(Self { limit });
        }
        Err(Error::OutOfRange {
            argument: "clip_norm",
            condition: "finite and > 0",
            value: limit.to_string(),
        })
    }

    /// Shortens `grad`, of the given norm, if it is longer than the limit.
    pub fn apply<T: Scalar>(&self, grad: &mut [T], norm: f64) {
        if norm > self.limit {
            let scale = self.limit / norm;
            // In double: the scale of a huge gradient may be too small for the type.
            grad.iter_mut().for_each(|g| *g = T::from_f64(g.to_f64() * scale));
        }
    }
}
