//! Log-cosh loss: least squares near the target, least absolute deviations far from it.

use super::Pointwise;
use crate::error::Result;
use crate::kernel::{Lanes, math};
use crate::options::Options;

/// `log(cosh(z - y))`, slope `tanh(z - y)`, curvature at most 1; any real target, identity link. About
/// `(z - y)^2 / 2` near zero and `|z - y| - log 2` far from it.
///
/// Source: P. J. Green, Bayesian reconstructions from emission tomography data using a modified EM algorithm,
/// IEEE Trans. Med. Imaging 9 (1990).
///
/// ```
/// use mbgd_rs::gradient::loss::{LogCosh, Pointwise};
///
/// assert_eq!(LogCosh.at(1e9, 0.0), (1e9 - std::f64::consts::LN_2, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogCosh;

impl Pointwise for LogCosh {
    const NAME: &'static str = "log_cosh";
    const IS_CLASSIFICATION: bool = false;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    fn curvature(self) -> Option<f64> {
        Some(1.0)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        math::ln_cosh(z.sub(y))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        math::tanh(z.sub(y))
    }
}
