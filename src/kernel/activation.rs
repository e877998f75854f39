//! The functions between the layers of a network, and their derivatives.

use super::coefficients::Coefficients;
use super::{Kernel, Lanes, math};
use crate::scalar::Scalar;

/// What a layer does to each of its scores.
///
/// Functions and derivatives have a small relative error wherever they are not the difference of close numbers, are
/// finite where their limit is, and of NaN are NaN, but for the derivatives of `relu` and `leaky_relu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x.
    Identity,
    /// max(x, 0), of zeros the same zero; the derivative at zero is 0.
    Relu,
    /// x where x > 0, else x / 100; the derivative at zero is 1/100.
    LeakyRelu,
    /// tanh x.
    Tanh,
    /// 1 / (1 + e^-x).
    Logistic,
    /// x Phi(x), where Phi is the distribution function of the standard normal distribution: Hendrycks and Gimpel,
    /// "Gaussian Error Linear Units", 2016, without their approximation.
    Gelu,
    /// x / (1 + e^-x).
    Silu,
}

impl Activation {
    /// All, in the order of their names.
    pub const ALL: [Self; 7] =
        [Self::Identity, Self::Relu, Self::LeakyRelu, Self::Tanh, Self::Logistic, Self::Gelu, Self::Silu];
    /// Names of all.
    pub const NAMES: &[&str] = &["identity", "relu", "leaky_relu", "tanh", "logistic", "gelu", "silu"];

    /// The activation of that name, one of [`Activation::NAMES`].
    ///
    /// ```
    /// use mbgd_rs::kernel::Activation;
    /// assert_eq!(Activation::from_name("leaky_relu"), Some(Activation::LeakyRelu));
    /// assert_eq!(Activation::from_name("step"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|&known| known == name).map(|i| Self::ALL[i])
    }

    /// The name [`Activation::from_name`] understands.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Replaces scores by their activations, and writes the derivatives.
///
/// Over a whole block at once, padding included, which becomes what the activation makes of it. It is a loop of its
/// own, not the end of the product: the block is still in the first-level cache, where `relu` and its derivative take
/// 1 % of the time of a product of 784 x 128, and there is one product for all activations.
///
/// ```
/// use mbgd_rs::kernel::{Activate, Activation, Tier};
///
/// let (mut z, mut derivative) = ([-2.0, 3.0], [0.0; 2]);
/// Tier::best().run(Activate { activation: Activation::LeakyRelu, z: &mut z, derivative: &mut derivative });
/// assert_eq!((z, derivative), ([-0.02, 3.0], [0.01, 1.0]));
/// ```
#[derive(Debug)]
pub struct Activate<'a, T> {
    /// Which.
    pub activation: Activation,
    /// Scores, replaced by activations.
    pub z: &'a mut [T],
    /// Derivatives, as many; or none, if they are not wanted.
    pub derivative: &'a mut [T],
}

/// Applies a function that gives `(value, derivative)`.
macro_rules! each {
    ($function:ident, $z:ident, $derivative:ident) => {{
        if $derivative.is_empty() {
            for z in $z.chunks_mut(T::LANES) {
                $function(L::load_partial(z)).0.store_partial(z);
            }
            return;
        }
        assert!($z.len() == $derivative.len());
        for (z, derivative) in $z.chunks_mut(T::LANES).zip($derivative.chunks_mut(T::LANES)) {
            let (y, slope) = $function(L::load_partial(z));
            y.store_partial(z);
            slope.store_partial(derivative);
        }
    }};
}

impl<T: Scalar> Kernel<T> for Activate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { activation, z, derivative } = self;
        match activation {
            Activation::Identity => derivative.fill(T::ONE),
            Activation::Relu => each!(relu, z, derivative),
            Activation::LeakyRelu => each!(leaky_relu, z, derivative),
            Activation::Tanh => each!(tanh, z, derivative),
            Activation::Logistic => each!(logistic, z, derivative),
            Activation::Gelu => each!(gelu, z, derivative),
            Activation::Silu => each!(silu, z, derivative),
        }
    }
}

#[inline(always)]
fn relu<L: Lanes>(x: L) -> (L, L) {
    let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
    (zero.max(x), L::select(zero.lt(x), one, zero)) // in this order, NaN propagates
}

#[inline(always)]
fn leaky_relu<L: Lanes>(x: L) -> (L, L) {
    let slope =
        L::select(L::splat(L::Elem::ZERO).lt(x), L::splat(L::Elem::ONE), L::splat(L::Elem::from_f64(0.01)));
    (x.mul(slope), slope)
}

#[inline(always)]
fn tanh<L: Lanes>(x: L) -> (L, L) {
    let y = math::tanh(x);
    (y, y.neg().mul_add(y, L::splat(L::Elem::ONE)))
}

/// `(1 / (1 + e^-x), 1 / (1 + e^x))`.
#[inline(always)]
fn sigmoids<L: Lanes>(x: L) -> (L, L) {
    let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
    let u = math::exp_neg_abs(x);
    let (larger, smaller) = (one.div(one.add(u)), u.div(one.add(u)));
    (L::select(x.lt(zero), smaller, larger), L::select(x.lt(zero), larger, smaller))
}

#[inline(always)]
fn logistic<L: Lanes>(x: L) -> (L, L) {
    let (y, rest) = sigmoids(x);
    (y, y.mul(rest))
}

/// x within the interval where the functions below are not yet equal to their limits: zero times infinity would be NaN.
#[inline(always)]
fn within<L: Lanes>(limit: L::Elem, x: L) -> L {
    L::splat(-limit).max(L::splat(limit).min(x)) // in this order, NaN propagates
}

/// The standard normal density at zero.
const FRAC_1_SQRT_2_PI: f64 = 0.398_942_280_401_432_7;

#[inline(always)]
fn gelu<L: Lanes>(x: L) -> (L, L) {
    let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
    let (tail, power) = math::normal_tail(x);
    let near = within(L::Elem::NORMAL_DOMAIN, x);
    let density = near.mul(L::splat(L::Elem::from_f64(FRAC_1_SQRT_2_PI)));
    let below = (near.mul(tail).mul(power), density.add(tail).mul(power));
    let probability = tail.neg().mul_add(power, one);
    let above = (x.mul(probability), density.mul_add(power, probability));
    let is_below = x.lt(zero);
    (L::select(is_below, below.0, above.0), L::select(is_below, below.1, above.1))
}

#[inline(always)]
fn silu<L: Lanes>(x: L) -> (L, L) {
    let (y, rest) = sigmoids(x);
    let (lowest, _) = L::Elem::EXP_DOMAIN;
    let near = within(-lowest, x);
    (L::select(near.lt(x), x, near).mul(y), y.mul(near.mul_add(rest, L::splat(L::Elem::ONE))))
}
