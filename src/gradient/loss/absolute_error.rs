//! Absolute error: least absolute deviations.

use super::{Pointwise, unless_nan};
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `|z - y|`, slope `sign(z - y)` and 0 where z = y, not smooth; any real target, identity link. The best
/// score is the median of the targets.
///
/// Source: P. Bloomfield, W. L. Steiger, Least absolute deviations (1983).
///
/// ```
/// use mbgd_rs::gradient::loss::{AbsoluteError, Pointwise};
///
/// assert_eq!(AbsoluteError.at(3.0, 5.0), (2.0, -1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AbsoluteError;

impl Pointwise for AbsoluteError {
    const NAME: &'static str = "absolute_error";
    const IS_CLASSIFICATION: bool = false;
    const HAS_KINK: bool = true;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        z.sub(y).abs()
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
        let slope = L::select(y.lt(z), one, zero);
        unless_nan(z, L::select(z.lt(y), one.neg(), slope))
    }
}
