//! Log loss of two classes: logistic regression.

use super::Pointwise;
use crate::error::{Error, Result};
use crate::kernel::{Lanes, math};
use crate::options::Options;
use crate::scalar::Scalar;

/// `log(1 + exp(-y z))` for y in {-1, +1}, slope `-y / (1 + exp(y z))`, curvature at most 1/4; logit link:
/// the probability of +1 is `1 / (1 + exp(-z))`.
///
/// [`MultiClass`] says how more than two classes are handled.
///
/// Source: D. R. Cox, The regression analysis of binary sequences, J. R. Stat. Soc. B 20 (1958).
///
/// ```
/// use mbgd_rs::gradient::loss::{LogLoss, Pointwise};
///
/// assert_eq!(LogLoss::default().at(0.0, 1.0), (std::f64::consts::LN_2, -0.5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LogLoss {
    /// How more than two classes are handled.
    pub multi_class: MultiClass,
}

/// How the loss extends to more than two classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MultiClass {
    /// All at once: [`Softmax`](super::Softmax).
    #[default]
    Multinomial,
    /// Each class against the rest; the losses add up.
    OneVsRest,
}

impl MultiClass {
    /// All names, as scikit-learn had them.
    const NAMES: &'static [&'static str] = &["multinomial", "ovr"];

    fn from_name(name: String) -> Result<Self> {
        match name.as_str() {
            "multinomial" => Ok(Self::Multinomial),
            "ovr" => Ok(Self::OneVsRest),
            _ => Err(Error::UnknownName { argument: "multi_class", value: name, known: Self::NAMES }),
        }
    }
}

impl Pointwise for LogLoss {
    const NAME: &'static str = "log_loss";
    const IS_CLASSIFICATION: bool = true;
    const HAS_PROBABILITY: bool = true;

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self { multi_class: MultiClass::from_name(options.text("multi_class")?)? })
    }

    fn curvature(self) -> Option<f64> {
        Some(0.25)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        // |y| = 1: the exponential is that of the slope.
        math::softplus_given(y.mul(z).neg(), math::exp_neg_abs(z))
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        // -y sigmoid(-y z). At b = 1 all of a step waits for it: the exponential needs no y, and what needs y is there
        // before the exponential is.
        let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
        let u = math::exp_neg_abs(z);
        L::select(zero.lt(y.mul(z)), u, one).mul(y.neg()).div(one.add(u))
    }

    #[inline(always)]
    fn probability<L: Lanes>(self, z: L) -> L {
        math::sigmoid(z)
    }
}
