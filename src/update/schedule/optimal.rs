//! The rate that is best in theory for a strongly convex objective, with scikit-learn's first value.

use super::Rates;
use crate::error::{Result, checked};
use crate::options::Options;

/// `1 / (alpha (t0 + t))`, scikit-learn's "optimal", `alpha` the strength of the l2 penalty.
///
/// `t0` is chosen so that the first rate is `alpha^(-1/4)`, a guess of how large a coefficient will be
/// (`1 / sqrt(alpha)`) put under another root; scikit-learn divides it by the slope of the loss at a very wrong
/// score if that is above 1, which it is for none of its losses.
///
/// Source: L. Bottou, Stochastic gradient descent tricks, in Neural networks: tricks of the trade, 2012.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimal {
    alpha: f64,
    t0: f64,
}

impl Optimal {
    /// A strength, finite and > 0.
    pub fn new(alpha: f64) -> Result<Self> {
        checked("alpha", "finite and > 0", alpha, |alpha| alpha.is_finite() && alpha > 0.0)?;
        let first = (1.0 / alpha.sqrt()).sqrt();
        Ok(Self { alpha, t0: 1.0 / (first * alpha) })
    }
}

impl Rates for Optimal {
    const NAME: &'static str = "Optimal";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("alpha")?)
    }

    fn at(&self, t: u64) -> f64 {
        1.0 / (self.alpha * (self.t0 + t as f64))
    }
}
