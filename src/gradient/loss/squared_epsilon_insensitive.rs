//! Squared epsilon-insensitive loss: smooth support vector regression.

use super::epsilon_insensitive::checked_epsilon;
use super::{Pointwise, constant};
use crate::data::Unit;
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `max(0, |z - y| - epsilon)^2`, slope `2 sign(z - y) max(0, |z - y| - epsilon)`, curvature at most 2; any
/// real target, identity link.
///
/// The whole square, as scikit-learn's SGD defines it, and not half of it.
///
/// Source: V. Vapnik, The nature of statistical learning theory (1995).
///
/// ```
/// use mbgd_rs::gradient::loss::{Pointwise, SquaredEpsilonInsensitive};
///
/// assert_eq!(SquaredEpsilonInsensitive::new(0.5)?.at(1.0, 3.0), (2.25, -3.0));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredEpsilonInsensitive {
    epsilon: f64,
}

impl SquaredEpsilonInsensitive {
    /// The loss that tolerates errors up to `epsilon`.
    ///
    /// # Errors
    /// If `epsilon` is not finite and >= 0.
    pub fn new(epsilon: f64) -> Result<Self> {
        Ok(Self { epsilon: checked_epsilon(epsilon)? })
    }
}

impl Pointwise for SquaredEpsilonInsensitive {
    const NAME: &'static str = "squared_epsilon_insensitive";
    const IS_CLASSIFICATION: bool = false;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("epsilon")?)
    }

    fn curvature(self) -> Option<f64> {
        Some(2.0)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        self.scaled_value(z, y, L::splat(L::Elem::ONE))
    }

    #[inline(always)]
    fn scaled_value<L: Lanes>(self, z: L, y: L, scale: L) -> L {
        let excess = z.sub(y).abs().sub(constant::<L>(self.epsilon));
        // With the operands in this order, NaN propagates.
        let excess = L::splat(L::Elem::ZERO).max(excess).mul(scale);
        excess.mul(excess)
    }

    #[inline(always)]
    fn of_scaled(self, unit: Unit) -> f64 {
        unit.of_squares
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let (residual, zero) = (z.sub(y), L::splat(L::Elem::ZERO));
        let excess = residual.abs().sub(constant::<L>(self.epsilon));
        let slope = constant::<L>(2.0).mul(zero.max(excess));
        L::select(residual.lt(zero), slope.neg(), slope)
    }
}
