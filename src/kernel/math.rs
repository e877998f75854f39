//! Elementary functions of vectors, made of the operations of [`Lanes`] alone: the same bits on every tier.
//!
//! Measured errors in `f32` are below 1 ulp for [`exp`] and [`ln`], 1.5 ulp for [`softplus`] and 2.2 ulp for
//! [`sigmoid`], 5 ulp for [`ln_cosh`] and 3 ulp for [`tanh`], tails and subnormal numbers included; `f64` is
//! tested to be about as good. NaN gives NaN.
//!
//! ```
//! use mbgd_rs::kernel::{Kernel, Lanes, Tier, math};
//! use mbgd_rs::scalar::Scalar;
//!
//! /// Replaces each item by its logarithm.
//! struct Ln<'a, T>(&'a mut [T]);
//!
//! impl<T: Scalar> Kernel<T> for Ln<'_, T> {
//!     type Output = ();
//!     #[inline(always)]
//!     fn run<L: Lanes<Elem = T>>(self) {
//!         for x in self.0.chunks_mut(T::LANES) {
//!             math::ln(L::load_partial(x)).store_partial(x);
//!         }
//!     }
//! }
//!
//! let mut x = [0.0, 1.0, std::f64::consts::E];
//! Tier::best().run(Ln(&mut x));
//! assert_eq!(x, [f64::NEG_INFINITY, 0.0, 1.0]);
//! ```

use super::Lanes;
use super::coefficients::Coefficients;
use crate::scalar::Scalar;

/// e^x, infinite above the largest number and zero below the smallest subnormal one.
///
/// Cody and Waite's reduction, x = n ln 2 + r with |r| <= (ln 2)/2, then e^x = 2^n (1 + r + r^2 q(r)).
#[inline(always)]
pub fn exp<L: Lanes>(x: L) -> L {
    let (_, highest) = L::Elem::EXP_DOMAIN;
    // With the arguments in this order, NaN propagates.
    exp_below(L::splat(highest).min(x))
}

/// e^x for x that does not exceed the domain of [`exp`].
#[inline(always)]
fn exp_below<L: Lanes>(x: L) -> L {
    let (lowest, _) = L::Elem::EXP_DOMAIN;
    let x = L::splat(lowest).max(x); // in this order, NaN propagates
    let n = x.mul(L::splat(L::Elem::LOG2_E)).round();
    let r = n.mul_add(L::splat(-L::Elem::LN_2_HIGH), x);
    let r = n.mul_add(L::splat(-L::Elem::LN_2_LOW), r);
    polynomial(L::Elem::EXP, r).mul_add(r.mul(r), r).add(L::splat(L::Elem::ONE)).scale_pow2(n)
}

/// e^-|x|, which [`softplus`] and [`sigmoid`] of x and of -x are made of.
#[inline(always)]
pub fn exp_neg_abs<L: Lanes>(x: L) -> L {
    exp_below(x.abs().neg())
}

/// The natural logarithm: -infinity of zeros, NaN of negative numbers.
#[inline(always)]
pub fn ln<L: Lanes>(x: L) -> L {
    let zero = L::splat(L::Elem::ZERO);
    let is_subnormal = x.lt(L::splat(L::Elem::MIN_NORMAL));
    let scaled = x.mul(L::pow2(L::splat(L::Elem::SUBNORMAL_SHIFT)));
    let (m, e) = L::select(is_subnormal, scaled, x).split_exponent();
    let e = e.sub(L::select(is_subnormal, L::splat(L::Elem::SUBNORMAL_SHIFT), zero));
    let y = ln_1p_scaled(m.sub(L::splat(L::Elem::ONE)), e);
    let y = L::select(x.lt(L::splat(L::Elem::INFINITY)), y, x);
    let not_positive = L::select(x.eq(zero), L::splat(-L::Elem::INFINITY), L::splat(L::Elem::NAN));
    L::select(zero.lt(x), y, not_positive)
}

/// log(1 + e^x), never overflowing and with a small relative error in both tails.
///
/// It is max(x, 0) + log(1 + u), u = e^-|x|; where u >= 1/2 the logarithm is log 2 + log(1 + (u - 1)/2). Its
/// derivative is [`sigmoid`]; where both are computed for the same vector, the compiler shares u.
#[inline(always)]
pub fn softplus<L: Lanes>(x: L) -> L {
    softplus_given(x, exp_neg_abs(x))
}

/// [`softplus`] of x, given u = e^-|x|.
#[inline(always)]
pub fn softplus_given<L: Lanes>(x: L, u: L) -> L {
    let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
    let is_small = u.lt(half());
    let f = L::select(is_small, u, u.sub(one).mul(half()));
    let log_1p_u = ln_1p_scaled(f, L::select(is_small, zero, one));
    x.max(zero).add(log_1p_u)
}

/// 1 / (1 + e^-x), with a small relative error also where the result is near zero.
#[inline(always)]
pub fn sigmoid<L: Lanes>(x: L) -> L {
    let (zero, one) = (L::splat(L::Elem::ZERO), L::splat(L::Elem::ONE));
    let u = exp_neg_abs(x);
    L::select(x.lt(zero), u, one).div(one.add(u))
}

/// log(cosh x), with a small relative error both near zero and far from it.
///
/// With u = e^-|x| it is log(1 + (1 - u)^2 / 2u) near zero and |x| - log 2 + log(1 + u^2) elsewhere, so that
/// the logarithm is taken of a number close to 1. Its derivative is [`tanh`].
#[inline(always)]
pub fn ln_cosh<L: Lanes>(x: L) -> L {
    let (zero, x) = (L::splat(L::Elem::ZERO), x.abs());
    let less = exp_m1_below_zero(x.neg());
    let u = L::splat(L::Elem::ONE).add(less);
    let is_small = x.lt(L::splat(L::Elem::from_f64(0.9)));
    let f = L::select(is_small, less.mul(less).mul(half()).div(u), u.mul(u));
    let linear = x.sub(L::splat(L::Elem::from_f64(std::f64::consts::LN_2)));
    L::select(is_small, zero, linear).add(ln_1p_scaled(f, zero))
}

/// The hyperbolic tangent, with a small relative error also near zero.
///
/// It is -m / (2 + m) with m = e^-2x - 1, for x >= 0.
#[inline(always)]
pub fn tanh<L: Lanes>(x: L) -> L {
    let m = exp_m1_below_zero(x.abs().mul(L::splat(L::Elem::TWO)).neg());
    let y = m.div(L::splat(L::Elem::TWO).add(m));
    L::select(x.lt(L::splat(L::Elem::ZERO)), y, y.neg())
}

/// `(m, p)` of the standard normal distribution: Phi(-|x|) = m p, with a small relative error also in the tail, and the
/// density is p / sqrt(2 pi). What is multiplied by them is best multiplied by m first: p, which is e^(-x^2/2), may be
/// subnormal.
///
/// With t = |x|, (t + 5) m is smooth enough, from zero to where p vanishes, to be a polynomial in (t - 5) / (t + 5).
#[inline(always)]
pub fn normal_tail<L: Lanes>(x: L) -> (L, L) {
    let (one, five) = (L::splat(L::Elem::ONE), L::splat(L::Elem::from_f64(5.0)));
    let t = L::splat(L::Elem::NORMAL_DOMAIN).min(x.abs()); // in this order, NaN propagates
    // The square in two parts: alone, its rounding error would be that of the power many times over.
    let square = t.mul(t);
    let rest = t.mul_add(t, square.neg());
    let power = exp_below(square.mul(half()).neg());
    let power = power.mul(half()).mul_add(rest.neg(), power);
    let w = one.div(t.add(five));
    let s = w.mul_add(L::splat(L::Elem::from_f64(-10.0)), one);
    (polynomial(L::Elem::MILLS, s).mul(w), power)
}

/// e^x - 1 for x <= 0, with a small relative error also near zero.
#[inline(always)]
fn exp_m1_below_zero<L: Lanes>(x: L) -> L {
    // Below -40 the result is -1. With the arguments in this order, NaN propagates.
    let x = L::splat(L::Elem::from_f64(-40.0)).max(x);
    let n = x.mul(L::splat(L::Elem::LOG2_E)).round();
    let r = n.mul_add(L::splat(-L::Elem::LN_2_HIGH), x);
    let r = n.mul_add(L::splat(-L::Elem::LN_2_LOW), r);
    let y = polynomial(L::Elem::EXP, r).mul_add(r.mul(r), r);
    let power = L::pow2(n);
    power.mul_add(y, power.sub(L::splat(L::Elem::ONE)))
}

/// log(1 + f) + e log 2 for f in [sqrt(1/2) - 1, 1/2].
///
/// With s = f / (2 + f), log(1 + f) = 2 artanh s = 2s + s R(s^2); as 2s = f - s f, this is f less a
/// correction, f^2/2 - s (f^2/2 + R), so that the rounding errors of everything but f matter little.
#[inline(always)]
fn ln_1p_scaled<L: Lanes>(f: L, e: L) -> L {
    let s = f.div(f.add(L::splat(L::Elem::TWO)));
    let z = s.mul(s);
    let r = z.mul(polynomial(L::Elem::LN, z));
    let half_square = f.mul(f).mul(half());
    let less = half_square.sub(s.mul_add(half_square.add(r), e.mul(L::splat(L::Elem::LN_2_LOW))));
    e.mul_add(L::splat(L::Elem::LN_2_HIGH), f.sub(less))
}

/// `sum_k coefficients[k] x^k`, by Horner's rule.
#[inline(always)]
fn polynomial<L: Lanes>(coefficients: &[L::Elem], x: L) -> L {
    let mut highest_first = coefficients.iter().rev();
    let mut y = L::splat(highest_first.next().copied().unwrap_or(L::Elem::ZERO));
    for &coefficient in highest_first {
        y = y.mul_add(x, L::splat(coefficient));
    }
    y
}

#[inline(always)]
fn half<L: Lanes>() -> L {
    L::splat(L::Elem::HALF)
}
