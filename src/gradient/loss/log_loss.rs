//! Log loss of two classes: logistic regression.

use super::Pointwise;
use crate::error::Result;
use crate::kernel::{Lanes, math};
use crate::options::Options;

/// `log(1 + exp(-y z))` for y in {-1, +1}, slope `-y / (1 + exp(y z))`, curvature at most 1/4; logit link:
/// the probability of +1 is `1 / (1 + exp(-z))`.
///
/// Source: D. R. Cox, The regression analysis of binary sequences, J. R. Stat. Soc. B 20 (1958).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogLoss;

impl Pointwise for LogLoss {
    const NAME: &'static str = "log_loss";
    const IS_CLASSIFICATION: bool = true;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }
    fn curvature(self) -> Option<f64> {
        Some(0.25)
    }
    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        math::softplus(y.mul(z).neg())
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        y.mul(math::sigmoid(y.mul(z).neg())).neg()
    }
}
