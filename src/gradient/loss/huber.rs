//! Huber loss: least squares near the target, least absolute deviations far from it.

use super::{Pointwise, constant};
use crate::error::{Result, checked};
use crate::kernel::Lanes;
use crate::options::Options;

/// With r = z - y: `r^2 / 2` where `|r| <= epsilon` and `epsilon |r| - epsilon^2 / 2` beyond; slope r,
/// limited to `[-epsilon, epsilon]`; curvature at most 1; any real target, identity link.
///
/// Source: P. J. Huber, Robust estimation of a location parameter, Ann. Math. Statist. 35 (1964).
///
/// ```
/// use mbgd_rs::gradient::loss::{Huber, Pointwise};
///
/// let huber = Huber::new(2.0)?;
/// assert_eq!(huber.at(1.0, 0.0), (0.5, 1.0));
/// assert_eq!(huber.at(5.0, 0.0), (8.0, 2.0));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Huber {
    epsilon: f64,
}

impl Huber {
    /// The loss that is linear where a target is missed by more than `epsilon`.
    ///
    /// # Errors
    /// If `epsilon` is not finite and > 0.
    pub fn new(epsilon: f64) -> Result<Self> {
        let epsilon = checked("epsilon", "finite and > 0", epsilon, |e| e.is_finite() && e > 0.0)?;
        Ok(Self { epsilon })
    }
}

impl Pointwise for Huber {
    const NAME: &'static str = "huber";
    const IS_CLASSIFICATION: bool = false;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("epsilon")?)
    }

    fn curvature(self) -> Option<f64> {
        Some(1.0)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let epsilon = constant::<L>(self.epsilon);
        let half = constant::<L>(0.5);
        let distance = z.sub(y).abs();
        let linear = epsilon.mul(distance.sub(half.mul(epsilon)));
        L::select(epsilon.lt(distance), linear, distance.mul(distance).mul(half))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let epsilon = constant::<L>(self.epsilon);
        // With the operands in this order, NaN propagates.
        epsilon.min(epsilon.neg().max(z.sub(y)))
    }
}
