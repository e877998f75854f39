//! Gamma regression, for positive targets whose spread grows with their size.

use super::{Pointwise, constant};
use crate::data::Domain;
use crate::error::Result;
use crate::kernel::{Lanes, math};
use crate::options::Options;
use crate::scalar::Scalar;

/// `z + y exp(-z)`, slope `1 - y exp(-z)`, curvature `y exp(-z)` without a bound; y > 0, log link: the mean
/// is `exp(z)`.
///
/// Half the gamma deviance without the terms that do not depend on z, `-log y - 1`, as scikit-learn's half
/// losses have it.
///
/// Source: P. McCullagh, J. A. Nelder, Generalized linear models (1989).
///
/// ```
/// use mbgd_rs::gradient::loss::{Gamma, Pointwise};
///
/// assert_eq!(Gamma.at(0.0, 3.0), (3.0, -2.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gamma;

impl Pointwise for Gamma {
    const NAME: &'static str = "gamma";
    const IS_CLASSIFICATION: bool = false;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    fn domain(self) -> Domain {
        Domain::Positive
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        z.add(times_exp(y, z.neg()))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        L::splat(L::Elem::ONE).sub(times_exp(y, z.neg()))
    }

    #[inline(always)]
    fn inverse_link<L: Lanes>(self, z: L) -> L {
        math::exp(z)
    }
}

/// `y exp(x)` for y >= 0: finite wherever the result is representable, and zero for y = 0 whatever x is.
#[inline(always)]
pub(super) fn times_exp<L: Lanes>(y: L, x: L) -> L {
    let root = math::exp(x.mul(constant::<L>(0.5)));
    L::select(L::splat(L::Elem::ZERO).lt(y), y.mul(root).mul(root), y)
}
