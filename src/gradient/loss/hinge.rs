//! Hinge loss: the linear support vector machine.

use super::{Pointwise, unless_nan};
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `max(0, 1 - y z)` for y in {-1, +1}, slope `-y` where `y z < 1` and 0 elsewhere; not smooth.
///
/// Source: C. Cortes, V. Vapnik, Support-vector networks, Machine Learning 20 (1995).
///
/// ```
/// use mbgd_rs::gradient::loss::{Hinge, Pointwise};
///
/// assert_eq!(Hinge.at(0.25, 1.0), (0.75, -1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hinge;

impl Pointwise for Hinge {
    const NAME: &'static str = "hinge";
    const IS_CLASSIFICATION: bool = true;
    const HAS_KINK: bool = true;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }
    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let missing = L::splat(L::Elem::ONE).sub(y.mul(z));
        // With the operands in this order, NaN propagates.
        L::splat(L::Elem::ZERO).max(missing)
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let is_inside = y.mul(z).lt(L::splat(L::Elem::ONE));
        unless_nan(z, L::select(is_inside, y.neg(), L::splat(L::Elem::ZERO)))
    }
}
