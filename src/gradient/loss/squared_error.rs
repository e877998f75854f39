//! Half the squared error: least squares.

use super::Pointwise;
use crate::data::Unit;
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `(z - y)^2 / 2`, slope `z - y`, curvature 1; any real target, identity link.
///
/// Half the square, as scikit-learn's SGD defines it, so that the slope is the residual.
///
/// Source: A. M. Legendre, Nouvelles méthodes pour la détermination des orbites des comètes (1805).
///
/// ```
/// use mbgd_rs::gradient::loss::{Pointwise, SquaredError};
///
/// assert_eq!(SquaredError.at(3.0, 5.0), (2.0, -2.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquaredError;

impl Pointwise for SquaredError {
    const NAME: &'static str = "squared_error";
    const IS_CLASSIFICATION: bool = false;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    fn curvature(self) -> Option<f64> {
        Some(1.0)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let residual = z.sub(y);
        residual.mul(residual).mul(L::splat(L::Elem::from_f64(0.5)))
    }

    /// The square of 1e-30 is not a number of single precision any more, and neither is that of 1e20.
    #[inline(always)]
    fn scaled_value<L: Lanes>(self, z: L, y: L, scale: L) -> L {
        let residual = z.sub(y).mul(scale);
        residual.mul(residual)
    }

    #[inline(always)]
    fn of_scaled(self, unit: Unit) -> f64 {
        0.5 * unit.of_squares
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        z.sub(y)
    }
}
