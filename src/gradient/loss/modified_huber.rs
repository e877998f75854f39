//! Modified Huber loss: a squared hinge that outliers cannot pull far, with probabilities.

use super::squared_hinge::missing;
use super::{Pointwise, constant};
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `max(0, 1 - y z)^2` where `y z >= -1` and `-4 y z` below, for y in {-1, +1}; slope `-2 y max(0, 1 - y z)`
/// and `-4 y`; curvature at most 2. The probability of +1 is `(z + 1) / 2`, z limited to [-1, 1].
///
/// Source: T. Zhang, Statistical behavior and consistency of classification methods based on convex risk
/// minimization, Ann. Statist. 32 (2004).
///
/// ```
/// use mbgd_rs::gradient::loss::{ModifiedHuber, Pointwise};
///
/// assert_eq!(ModifiedHuber.at(0.0, 1.0), (1.0, -2.0));
/// assert_eq!(ModifiedHuber.at(-3.0, 1.0), (12.0, -4.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModifiedHuber;

impl Pointwise for ModifiedHuber {
    const NAME: &'static str = "modified_huber";
    const IS_CLASSIFICATION: bool = true;
    const HAS_PROBABILITY: bool = true;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    fn curvature(self) -> Option<f64> {
        Some(2.0)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let margin = y.mul(z);
        let missing = missing(margin);
        let linear = constant::<L>(-4.0).mul(margin);
        L::select(margin.lt(L::splat(-L::Elem::ONE)), linear, missing.mul(missing))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let two = constant::<L>(2.0);
        y.mul(constant::<L>(-2.0)).mul(two.min(missing(y.mul(z))))
    }

    #[inline(always)]
    fn probability<L: Lanes>(self, z: L) -> L {
        let one = L::splat(L::Elem::ONE);
        let limited = one.min(one.neg().max(z));
        limited.add(one).mul(constant::<L>(0.5))
    }
}
