//! Squared hinge loss: the smooth linear support vector machine.

use super::{Pointwise, constant};
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `max(0, 1 - y z)^2` for y in {-1, +1}, slope `-2 y max(0, 1 - y z)`, curvature at most 2.
///
/// Source: C. Cortes, V. Vapnik, Support-vector networks, Machine Learning 20 (1995), with exponent 2.
///
/// ```
/// use mbgd_rs::gradient::loss::{Pointwise, SquaredHinge};
///
/// assert_eq!(SquaredHinge.at(-1.0, 1.0), (4.0, -4.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredHinge;

impl Pointwise for SquaredHinge {
    const NAME: &'static str = "squared_hinge";
    const IS_CLASSIFICATION: bool = true;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    fn curvature(self) -> Option<f64> {
        Some(2.0)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let missing = missing(y.mul(z));
        missing.mul(missing)
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        y.mul(constant::<L>(-2.0)).mul(missing(y.mul(z)))
    }
}

/// `max(0, 1 - margin)`: how far a margin is below 1.
#[inline(always)]
pub(super) fn missing<L: Lanes>(margin: L) -> L {
    // With the operands in this order, NaN propagates.
    L::splat(L::Elem::ZERO).max(L::splat(L::Elem::ONE).sub(margin))
}
