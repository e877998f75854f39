//! Pinball loss: quantile regression.

use super::{Pointwise, constant, unless_nan};
use crate::error::{Result, checked};
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// `quantile (y - z)` where z is below y and `(1 - quantile) (z - y)` where it is above; slope `-quantile`
/// below, `1 - quantile` above and 0 where z = y, not smooth; any real target, identity link. The best score
/// is the quantile of the targets; 1/2 gives half the absolute error, the median.
///
/// Source: R. Koenker, G. Bassett, Regression quantiles, Econometrica 46 (1978).
///
/// ```
/// use mbgd_rs::gradient::loss::{Pointwise, Quantile};
///
/// let loss = Quantile::new(0.75)?;
/// assert_eq!(loss.at(1.0, 3.0), (1.5, -0.75));
/// assert_eq!(loss.at(3.0, 1.0), (0.5, 0.25));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    quantile: f64,
}

impl Quantile {
    /// The loss whose best score has a fraction `quantile` of the targets below it.
    ///
    /// # Errors
    /// If `quantile` is not in (0, 1).
    pub fn new(quantile: f64) -> Result<Self> {
        Ok(Self { quantile: checked("quantile", "in (0, 1)", quantile, |q| 0.0 < q && q < 1.0)? })
    }
}

impl Pointwise for Quantile {
    const NAME: &'static str = "quantile";
    const IS_CLASSIFICATION: bool = false;
    const HAS_KINK: bool = true;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("quantile")?)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let below = constant::<L>(self.quantile);
        let above = constant::<L>(1.0 - self.quantile);
        L::select(z.lt(y), below, above).mul(z.sub(y).abs())
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let below = constant::<L>(-self.quantile);
        let above = constant::<L>(1.0 - self.quantile);
        let slope = L::select(y.lt(z), above, L::splat(L::Elem::ZERO));
        unless_nan(z, L::select(z.lt(y), below, slope))
    }
}
