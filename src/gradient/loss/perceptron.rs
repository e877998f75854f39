//! The perceptron loss.

use super::{Pointwise, unless_nan};
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `max(0, -y z)` for y in {-1, +1}, slope `-y` where `y z <= 0` and 0 elsewhere; not smooth. At the kink the
/// slope is that of a mistake, as in scikit-learn; otherwise a model that starts at zero would never learn
/// anything.
///
/// Source: F. Rosenblatt, The perceptron, Psychological Review 65 (1958).
///
/// ```
/// use mbgd_rs::gradient::loss::{Perceptron, Pointwise};
///
/// assert_eq!(Perceptron.at(0.0, 1.0), (0.0, -1.0));
/// assert_eq!(Perceptron.at(2.0, -1.0), (2.0, 1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Perceptron;

impl Pointwise for Perceptron {
    const NAME: &'static str = "perceptron";
    const IS_CLASSIFICATION: bool = true;
    const HAS_KINK: bool = true;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        // With the operands in this order, NaN propagates.
        L::splat(L::Elem::ZERO).max(y.neg().mul(z))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let zero = L::splat(L::Elem::ZERO);
        unless_nan(z, L::select(y.mul(z).le(zero), y.neg(), zero))
    }
}
