//! Smooth hinge loss: the hinge with a rounded corner.

use super::squared_hinge::missing;
use super::{Pointwise, constant};
use crate::error::{Result, checked};
use crate::kernel::Lanes;
use crate::options::Options;
use crate::scalar::Scalar;

/// With `t = 1 - y z` for y in {-1, +1}, and s = `smoothing`: 0 where t <= 0, `t^2 / (2 s)` where t < s, and
/// `t - s/2` beyond; slope `-y min(1, max(0, t) / s)`, curvature at most `1 / s`. As s goes to 0 this is the
/// hinge; s = 1 is Rennie and Srebro's loss.
///
/// Source: S. Shalev-Shwartz, T. Zhang, Stochastic dual coordinate ascent methods for regularized loss
/// minimization, JMLR 14 (2013); J. Rennie, N. Srebro, Loss functions for preference levels (2005).
///
/// ```
/// use mbgd_rs::gradient::loss::{Pointwise, SmoothHinge};
///
/// let loss = SmoothHinge::new(1.0)?;
/// assert_eq!(loss.at(0.5, 1.0), (0.125, -0.5));
/// assert_eq!(loss.at(-1.0, 1.0), (1.5, -1.0));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothHinge {
    smoothing: f64,
}

impl SmoothHinge {
    /// The hinge, rounded over margins from `1 - smoothing` to 1.
    ///
    /// # Errors
    /// If `smoothing` is not finite and > 0.
    pub fn new(smoothing: f64) -> Result<Self> {
        let is_length = |s: f64| s.is_finite() && s > 0.0;
        Ok(Self { smoothing: checked("smoothing", "finite and > 0", smoothing, is_length)? })
    }

    /// How far a margin is into the rounded corner, at most `smoothing`, and the same as a fraction of
    /// `smoothing`.
    #[inline(always)]
    fn distance_and_part<L: Lanes>(self, margin: L) -> (L, L) {
        let smoothing = constant::<L>(self.smoothing);
        let missing = missing(margin);
        let part = L::select(missing.lt(smoothing), missing.div(smoothing), L::splat(L::Elem::ONE));
        // Zero and NaN are kept, also where `smoothing` has been rounded to zero.
        (smoothing.min(missing), L::select(L::splat(L::Elem::ZERO).lt(missing), part, missing))
    }
}

impl Pointwise for SmoothHinge {
    const NAME: &'static str = "smooth_hinge";
    const IS_CLASSIFICATION: bool = true;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("smoothing")?)
    }

    fn curvature(self) -> Option<f64> {
        Some(1.0 / self.smoothing)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let (distance, part) = self.distance_and_part(y.mul(z));
        let half = constant::<L>(0.5);
        part.mul(missing(y.mul(z)).sub(half.mul(distance)))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        self.distance_and_part(y.mul(z)).1.mul(y.neg())
    }
}
