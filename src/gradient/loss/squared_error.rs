//! Half the squared error: least squares.

use super::Pointwise;
use crate::error::Result;
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `(z - y)^2 / 2`, slope `z - y`, curvature 1; any real target, identity link.
///
/// Half the square, as scikit-learn's SGD defines it, so that the slope is the residual.
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

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        z.sub(y)
    }
}
