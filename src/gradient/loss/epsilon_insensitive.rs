//! Epsilon-insensitive loss: support vector regression.

use super::{Pointwise, constant, unless_nan};
use crate::error::{Result, checked};
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `max(0, |z - y| - epsilon)`, slope `sign(z - y)` where `|z - y| > epsilon` and 0 elsewhere, not smooth;
/// any real target, identity link.
///
/// Source: V. Vapnik, The nature of statistical learning theory (1995).
///
/// ```
/// use mbgd_rs::gradient::loss::{EpsilonInsensitive, Pointwise};
///
/// let loss = EpsilonInsensitive::new(0.5)?;
/// assert_eq!(loss.at(1.25, 1.0), (0.0, 0.0));
/// assert_eq!(loss.at(1.0, 3.0), (1.5, -1.0));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpsilonInsensitive {
    epsilon: f64,
}

impl EpsilonInsensitive {
    /// The loss that tolerates errors up to `epsilon`.
    ///
    /// # Errors
    /// If `epsilon` is not finite and >= 0.
    pub fn new(epsilon: f64) -> Result<Self> {
        Ok(Self { epsilon: checked_epsilon(epsilon)? })
    }
}

/// `epsilon`, checked to be finite and >= 0.
pub(super) fn checked_epsilon(epsilon: f64) -> Result<f64> {
    checked("epsilon", "finite and >= 0", epsilon, |e| e.is_finite() && e >= 0.0)
}

impl Pointwise for EpsilonInsensitive {
    const NAME: &'static str = "epsilon_insensitive";
    const IS_CLASSIFICATION: bool = false;
    const HAS_KINK: bool = true;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("epsilon")?)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let excess = z.sub(y).abs().sub(constant::<L>(self.epsilon));
        // With the operands in this order, NaN propagates.
        L::splat(L::Elem::ZERO).max(excess)
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
        let epsilon = constant::<L>(self.epsilon);
        let slope = L::select(epsilon.lt(z.sub(y)), one, zero);
        unless_nan(z, L::select(epsilon.lt(y.sub(z)), one.neg(), slope))
    }
}
