//! The loss of one class: the linear one-class support vector machine.

use super::{Pointwise, unless_nan};
use crate::error::{Result, checked};
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `max(0, 1 - z)` for every row, and `nu b` beside the mean of all: targets are not looked at. Slope -1 where `z <= 1`
/// and 0 elsewhere; not smooth.
///
/// With an l2 penalty of strength nu, and `b = 1 - rho`, it is nu times the one-class support vector machine,
/// `|w|^2 / 2 - rho + 1/(nu n) sum_i max(0, rho - x_i . w)`: at the optimum a fraction of at most nu of the rows has
/// scores below 1. These are predicted as outliers, -1, and the others as +1.
///
/// Source: B. Schölkopf et al., Estimating the support of a high-dimensional distribution, Neural Computation 13 (2001).
///
/// ```
/// use mbgd_rs::gradient::loss::{OneClass, Pointwise};
///
/// let loss = OneClass::new(0.1)?;
/// assert_eq!(loss.at(0.25, 1.0), (0.75, -1.0));
/// assert_eq!(loss.at(1.0, 1.0), (0.0, -1.0));
/// assert_eq!(loss.intercept_slope(), 0.1);
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneClass {
    nu: f64,
}

impl OneClass {
    /// The loss whose optimum has at most a fraction `nu` of outliers.
    ///
    /// # Errors
    /// If `nu` is not in (0, 1].
    pub fn new(nu: f64) -> Result<Self> {
        Ok(Self { nu: checked("nu", "in (0, 1]", nu, |nu| 0.0 < nu && nu <= 1.0)? })
    }
}

impl Pointwise for OneClass {
    const NAME: &'static str = "one_class";
    const IS_CLASSIFICATION: bool = false;
    const HAS_KINK: bool = true;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("nu")?)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, _y: L) -> L {
        // With the operands in this order, NaN propagates.
        L::splat(L::Elem::ZERO).max(L::splat(L::Elem::ONE).sub(z))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, _y: L) -> L {
        let is_inside = L::splat(L::Elem::ONE).lt(z);
        unless_nan(z, L::select(is_inside, L::splat(L::Elem::ZERO), L::splat(-L::Elem::ONE)))
    }

    fn intercept_slope(self) -> f64 {
        self.nu
    }

    #[inline(always)]
    fn inverse_link<L: Lanes>(self, z: L) -> L {
        let is_outside = z.lt(L::splat(L::Elem::ONE));
        unless_nan(z, L::select(is_outside, L::splat(-L::Elem::ONE), L::splat(L::Elem::ONE)))
    }
}
