//! Poisson regression, for counts.

use super::Pointwise;
use crate::data::Domain;
use crate::error::Result;
use crate::kernel::{Lanes, math};
use crate::options::Options;

/// `exp(z) - y z`, slope `exp(z) - y`, curvature `exp(z)` without a bound; y >= 0, log link: the mean is
/// `exp(z)`.
///
/// Half the Poisson deviance without the terms that do not depend on z, `y log y - y`, as scikit-learn's half
/// losses have it.
///
/// Source: P. McCullagh, J. A. Nelder, Generalized linear models (1989).
///
/// ```
/// use mbgd_rs::gradient::loss::{Pointwise, Poisson};
///
/// assert_eq!(Poisson.at(0.0, 3.0), (1.0, -2.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Poisson;

impl Pointwise for Poisson {
    const NAME: &'static str = "poisson";
    const IS_CLASSIFICATION: bool = false;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    fn domain(self) -> Domain {
        Domain::NonNegative
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        // Because this is rounded once, y z cannot overflow on its own.
        y.neg().mul_add(z, math::exp(z))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        math::exp(z).sub(y)
    }

    #[inline(always)]
    fn inverse_link<L: Lanes>(self, z: L) -> L {
        math::exp(z)
    }
}
