//! Running means of the gradient and of its square: what the family of Adam has in common.

use crate::error::{Error, Result, checked};
use crate::options::Options;
use crate::scalar::Scalar;

/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`, and an `eps` to be added to roots of v.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MomentDecays {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the divisor.
    pub eps: f64,
}

impl MomentDecays {
    /// Both betas in [0, 1), eps finite and > 0.
    pub fn new(beta1: f64, beta2: f64, eps: f64) -> Result<Self> {
        let (beta1, beta2) = checked_betas(beta1, beta2)?;
        Ok(Self { beta1, beta2, eps: positive("eps", eps)? })
    }

    /// Those of the options `betas` and `eps`.
    pub(super) fn from_options(options: &dyn Options) -> Result<Self> {
        let (beta1, beta2) = options.pair("betas")?;
        Self::new(beta1, beta2, options.number("eps")?)
    }

    /// What a step needs of them, in the type of the parameters; `t` counts from 0.
    pub(super) fn at<T: Scalar>(&self, t: u64) -> MomentsAt<T> {
        MomentsAt {
            beta1: T::from_f64(self.beta1),
            rest1: T::from_f64(1.0 - self.beta1),
            beta2: T::from_f64(self.beta2),
            rest2: T::from_f64(1.0 - self.beta2),
            eps: T::from_f64(self.eps),
            root_unbias2: T::from_f64(unbias(self.beta2, t).sqrt()),
        }
    }
}

/// Sum of the weights of a running mean of `t + 1` values: `1 - beta^(t+1)`.
pub(super) fn unbias(beta: f64, t: u64) -> f64 {
    1.0 - beta.powf((t + 1) as f64)
}

/// [`MomentDecays`] at a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct MomentsAt<T> {
    pub beta1: T,
    pub rest1: T,
    pub beta2: T,
    pub rest2: T,
    pub eps: T,
    pub root_unbias2: T,
}

impl<T: Scalar> MomentsAt<T> {
    /// Adds a gradient to both means.
    #[inline(always)]
    pub(super) fn update(&self, m: &mut T, v: &mut T, g: T) {
        *m = self.beta1 * *m + self.rest1 * g;
        *v = self.beta2 * *v + self.rest2 * g * g;
    }

    /// The root of the unbiased v, plus eps.
    #[inline(always)]
    pub(super) fn divisor(&self, v: T) -> T {
        v.sqrt() / self.root_unbias2 + self.eps
    }
}

/// Two decays in [0, 1).
pub(super) fn checked_betas(beta1: f64, beta2: f64) -> Result<(f64, f64)> {
    for beta in [beta1, beta2] {
        if !(0.0..1.0).contains(&beta) {
            let value = format!("({beta1}, {beta2})");
            return Err(Error::OutOfRange { argument: "betas", condition: "in [0, 1)", value });
        }
    }
    Ok((beta1, beta2))
}

/// A number that is finite and > 0.
pub(super) fn positive(argument: &'static str, value: f64) -> Result<f64> {
    checked(argument, "finite and > 0", value, |value| value.is_finite() && value > 0.0)
}

/// A number that is finite and >= 0.
pub(super) fn not_negative(argument: &'static str, value: f64) -> Result<f64> {
    checked(argument, "finite and >= 0", value, |value| value.is_finite() && value >= 0.0)
}

/// A decay or a momentum, in [0, 1).
pub(super) fn fraction(argument: &'static str, value: f64) -> Result<f64> {
    checked(argument, "in [0, 1)", value, |value| (0.0..1.0).contains(&value))
}
