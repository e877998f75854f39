//! Cosine annealing with warm restarts.

use super::{Rates, final_rate, half_cosine, positive_rate, positive_steps};
use crate::error::Result;
use crate::options::Options;

/// Half a cosine from `learning_rate` down to `final` within `n_steps` steps, and then again, each time
/// `multiplier` times as long: PyTorch's `CosineAnnealingWarmRestarts`, `n_steps` its `T_0` and `multiplier`
/// its `T_mult`.
///
/// Source: I. Loshchilov, F. Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosineRestarts {
    learning_rate: f64,
    n_steps: u64,
    multiplier: u64,
    final_learning_rate: f64,
}

impl CosineRestarts {
    /// A first rate, finite and > 0, the steps of the first fall and how much longer each is than the one
    /// before, >= 1, and the lowest rate, finite and >= 0.
    pub fn new(learning_rate: f64, n_steps: i64, multiplier: i64, final_learning_rate: f64) -> Result<Self> {
        Ok(Self {
            learning_rate: positive_rate(learning_rate)?,
            n_steps: positive_steps("n_steps", n_steps)?,
            multiplier: positive_steps("multiplier", multiplier)?,
            final_learning_rate: final_rate(final_learning_rate)?,
        })
    }
}

impl Rates for CosineRestarts {
    const NAME: &'static str = "CosineRestarts";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let (first, last) = (options.number("learning_rate")?, options.number("final_learning_rate")?);
        Self::new(first, options.integer("n_steps")?, options.integer("multiplier")?, last)
    }

    fn at(&self, t: u64) -> f64 {
        let (mut t, mut length) = (t, self.n_steps);
        if self.multiplier == 1 {
            t %= length;
        }
        while t >= length {
            t -= length;
            length = length.saturating_mul(self.multiplier);
        }
        half_cosine(self.learning_rate, self.final_learning_rate, t as f64 / length as f64)
    }
}
