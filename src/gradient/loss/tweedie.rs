//! Tweedie regression: variance a power of the mean.

use super::gamma::times_exp;
use super::{Gamma, Pointwise, Poisson, constant};
use crate::data::Domain;
use crate::error::{Result, checked};
use crate::kernel::{Lanes, math};
use crate::options::Options;

/// Half the Tweedie deviance of variance `mean^power`, log link: the mean is `exp(z)`.
///
/// | power | targets | loss | distribution |
/// |---|---|---|---|
/// | 0 | real | `exp(2z)/2 - y exp(z)` | normal |
/// | 1 | y >= 0 | `exp(z) - y z` | [`Poisson`] |
/// | in (1, 2) | y >= 0 | `exp((2-p)z)/(2-p) - y exp((1-p)z)/(1-p)` | compound Poisson |
/// | 2 | y > 0 | `z + y exp(-z)` | [`Gamma`] |
/// | in (2, 3] | y > 0 | as in (1, 2) | 3: inverse Gaussian |
///
/// The slope is `exp((2-p)z) - y exp((1-p)z)`; the curvature has no bound, and outside of [1, 2] the loss is
/// not convex in z. The terms that do not depend on z are left out, as in scikit-learn's half losses. No
/// distribution has a power in (0, 1).
///
/// Source: B. Jørgensen, Exponential dispersion models, J. R. Stat. Soc. B 49 (1987).
///
/// ```
/// use mbgd_rs::gradient::loss::{Pointwise, Tweedie};
///
/// assert_eq!(Tweedie::new(1.5)?.at(0.0, 3.0), (8.0, -2.0));
/// assert!(Tweedie::new(0.5).is_err());
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tweedie {
    power: f64,
}

impl Tweedie {
    /// The loss of variance `mean^power`.
    ///
    /// # Errors
    /// If `power` is not 0 or in [1, 3].
    pub fn new(power: f64) -> Result<Self> {
        let is_power = |p: f64| p == 0.0 || (1.0..=3.0).contains(&p);
        Ok(Self { power: checked("power", "0 or in [1, 3]", power, is_power)? })
    }
}

impl Pointwise for Tweedie {
    const NAME: &'static str = "tweedie";
    const IS_CLASSIFICATION: bool = false;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("power")?)
    }

    fn domain(self) -> Domain {
        match self.power {
            p if p < 1.0 => Domain::Real,
            p if p < 2.0 => Domain::NonNegative,
            _ => Domain::Positive,
        }
    }

    // Each form avoids the difference of two infinities: the terms are of one sign, or factors of a product.
    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        let p = self.power;
        if p == 0.0 {
            let mean = math::exp(z);
            mean.mul(mean.mul(constant::<L>(0.5)).sub(y))
        } else if p == 1.0 {
            Poisson.value(z, y)
        } else if p == 2.0 {
            Gamma.value(z, y)
        } else if p < 2.0 {
            let of_target = times_exp(y, z.mul(constant::<L>(1.0 - p))).mul(constant::<L>(1.0 / (p - 1.0)));
            math::exp(z.mul(constant::<L>(2.0 - p))).mul_add(constant::<L>(1.0 / (2.0 - p)), of_target)
        } else {
            let root = math::exp(z.mul(constant::<L>((2.0 - p) / 2.0)));
            let relative = times_exp(y, z.neg()).mul(constant::<L>(1.0 / (p - 1.0)));
            let relative = relative.sub(constant::<L>(1.0 / (p - 2.0)));
            root.mul(relative).mul(root)
        }
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        let p = self.power;
        if p == 0.0 {
            let mean = math::exp(z);
            mean.mul(mean.sub(y))
        } else if p == 1.0 {
            Poisson.slope(z, y)
        } else if p == 2.0 {
            Gamma.slope(z, y)
        } else if p < 2.0 {
            math::exp(z.mul(constant::<L>(2.0 - p))).sub(times_exp(y, z.mul(constant::<L>(1.0 - p))))
        } else {
            let root = math::exp(z.mul(constant::<L>((2.0 - p) / 2.0)));
            let relative = constant::<L>(1.0).sub(times_exp(y, z.neg()));
            root.mul(relative).mul(root)
        }
    }

    #[inline(always)]
    fn inverse_link<L: Lanes>(self, z: L) -> L {
        math::exp(z)
    }
}
