//! The logical vector every kernel is written in: 16 `f32` or 8 `f64`, on every machine.
//!
//! A kernel written once over [`Lanes`] gives the same bits on every tier, because each operation below is
//! exact, or correctly rounded, or a fixed sequence of such operations. Nothing here may be approximate in
//! a way that differs between tiers (no hardware reciprocal estimates), and [`Lanes::sum`] adds in one
//! fixed tree.

use super::coefficients::Coefficients;
use crate::scalar::Scalar;

/// A vector of `Elem::LANES` numbers.
///
/// Values of the SIMD implementations exist only inside [`super::Tier::run`], which has checked that the
/// processor has the instructions; that is what makes their `unsafe` intrinsics sound.
pub trait Lanes: Copy {
    /// Type of one lane.
    type Elem: Scalar;
    /// One truth value per lane.
    type Mask: Copy;
    /// How many vectors the processor's registers hold.
    const REGISTERS: usize;

    /// All lanes equal to `x`.
    fn splat(x: Self::Elem) -> Self;
    /// The first `LANES` items of `from`. Panics if there are fewer.
    fn load(from: &[Self::Elem]) -> Self;
    /// The items of `from`, at most `LANES` of them, and zero in the remaining lanes.
    fn load_partial(from: &[Self::Elem]) -> Self;
    /// Writes all lanes to the first `LANES` items of `to`. Panics if there are fewer.
    fn store(self, to: &mut [Self::Elem]);
    /// Writes the first `to.len()` lanes, at most `LANES` of them.
    fn store_partial(self, to: &mut [Self::Elem]);

    /// `self + other`.
    fn add(self, other: Self) -> Self;
    /// `self - other`.
    fn sub(self, other: Self) -> Self;
    /// `self * other`.
    fn mul(self, other: Self) -> Self;
    /// `self / other`.
    fn div(self, other: Self) -> Self;
    /// `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Sign flipped, also of zeros and NaN.
    fn neg(self) -> Self;
    /// Sign cleared.
    fn abs(self) -> Self;
    /// `self` where `self < other`, else `other` (so `other` where either is NaN).
    fn min(self, other: Self) -> Self;
    /// `self` where `self > other`, else `other` (so `other` where either is NaN).
    fn max(self, other: Self) -> Self;
    /// The nearest integer, ties to even.
    fn round(self) -> Self;

    /// `self < other`, false for NaN.
    fn lt(self, other: Self) -> Self::Mask;
    /// `self <= other`, false for NaN.
    fn le(self, other: Self) -> Self::Mask;
    /// `self == other`, false for NaN.
    fn eq(self, other: Self) -> Self::Mask;
    /// `yes` where the mask holds, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// 2^n for an integral n in the range of normal exponents (-126..=127, or -1022..=1023).
    fn pow2(n: Self) -> Self;
    /// `self * 2^n`, rounded once, for self in [1/2, 2) and an integral n of at most twice the range of [`Lanes::pow2`].
    #[inline(always)]
    fn scale_pow2(self, n: Self) -> Self {
        // In two steps, because 2^n itself may not be a normal number. The first step is exact, so only the second
        // rounds.
        let half_n = n.mul(Self::splat(Self::Elem::HALF)).round();
        self.mul(Self::pow2(half_n)).mul(Self::pow2(n.sub(half_n)))
    }
    /// `(m, e)` with `self = m * 2^e`, m in [sqrt(1/2), sqrt(2)), e integral, for positive normal numbers.
    fn split_exponent(self) -> (Self, Self);

    /// Lane 0.
    fn first(self) -> Self::Elem;
    /// The sum of the lanes by halves: lane l + lane l + LANES/2, and so on down to one.
    fn sum(self) -> Self::Elem;
    /// Four sums at once, each with the tree of [`Lanes::sum`].
    fn sum4(four: [Self; 4]) -> [Self::Elem; 4];
}
