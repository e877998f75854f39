//! NEON: a logical vector is four 128-bit registers, and so is the mask a comparison gives.

use std::arch::aarch64::*;

use super::Lanes;

#[derive(Clone, Copy)]
pub(super) struct F32x16([float32x4_t; 4]);

#[derive(Clone, Copy)]
pub(super) struct F32x16Mask([uint32x4_t; 4]);

#[derive(Clone, Copy)]
pub(super) struct F64x8([float64x2_t; 4]);

#[derive(Clone, Copy)]
pub(super) struct F64x8Mask([uint64x2_t; 4]);

/// Evaluates an expression of intrinsics.
macro_rules! neon {
    ($e:expr) => {
        // SAFETY: only `Tier::run` names the types of this module, and only for a processor that was found to
        // have NEON. Memory accesses stay within slices whose length was checked before.
        unsafe { $e }
    };
}

/// Applies an intrinsic to each of the four registers of its arguments.
macro_rules! each {
    ($wrap:ident, $intrinsic:expr, $($x:expr),+) => {
        neon!($wrap([
            $intrinsic($($x.0[0]),+),
            $intrinsic($($x.0[1]),+),
            $intrinsic($($x.0[2]),+),
            $intrinsic($($x.0[3]),+),
        ]))
    };
}

impl F32x16 {
    /// l + l + 8, l + l + 4.
    #[inline(always)]
    fn add_quarters(self) -> float32x4_t {
        neon!(vaddq_f32(vaddq_f32(self.0[0], self.0[2]), vaddq_f32(self.0[1], self.0[3])))
    }
}

impl Lanes for F32x16 {
    type Elem = f32;
    type Mask = F32x16Mask;
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        neon!(Self([vdupq_n_f32(x); 4]))
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = from[..16].as_ptr();
        neon!(Self([
            vld1q_f32(from),
            vld1q_f32(from.add(4)),
            vld1q_f32(from.add(8)),
            vld1q_f32(from.add(12)),
        ]))
    }
    #[inline(always)]
    fn load_partial(from: &[f32]) -> Self {
        let n = from.len().min(16);
        let mut lanes = [0.0; 16];
        lanes[..n].copy_from_slice(&from[..n]);
        Self::load(&lanes)
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = to[..16].as_mut_ptr();
        neon!({
            vst1q_f32(to, self.0[0]);
            vst1q_f32(to.add(4), self.0[1]);
            vst1q_f32(to.add(8), self.0[2]);
            vst1q_f32(to.add(12), self.0[3]);
        });
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f32]) {
        let n = to.len().min(16);
        let mut lanes = [0.0; 16];
        self.store(&mut lanes);
        to[..n].copy_from_slice(&lanes[..n]);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each!(Self, vaddq_f32, self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each!(Self, vsubq_f32, self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        each!(Self, vmulq_f32, self, other)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        each!(Self, vdivq_f32, self, other)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        each!(Self, vfmaq_f32, b, self, a)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        each!(Self, vsqrtq_f32, self)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        each!(Self, vnegq_f32, self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        each!(Self, vabsq_f32, self)
    }
    // NEON's own minimum and maximum treat NaN and signed zeros differently.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(self.lt(other), self, other)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(other.lt(self), self, other)
    }
    #[inline(always)]
    fn round(self) -> Self {
        each!(Self, vrndnq_f32, self)
    }

    #[inline(always)]
    fn lt(self, other: Self) -> F32x16Mask {
        each!(F32x16Mask, vcltq_f32, self, other)
    }
    #[inline(always)]
    fn le(self, other: Self) -> F32x16Mask {
        each!(F32x16Mask, vcleq_f32, self, other)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> F32x16Mask {
        each!(F32x16Mask, vceqq_f32, self, other)
    }
    #[inline(always)]
    fn select(mask: F32x16Mask, yes: Self, no: Self) -> Self {
        each!(Self, vbslq_f32, mask, yes, no)
    }

    #[inline(always)]
    fn pow2(n: Self) -> Self {
        each!(Self, pow2_f32x4, n)
    }
    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        let [a, b, c, d] = neon!([
            split_exponent_f32x4(self.0[0]),
            split_exponent_f32x4(self.0[1]),
            split_exponent_f32x4(self.0[2]),
            split_exponent_f32x4(self.0[3]),
        ]);
        (Self([a.0, b.0, c.0, d.0]), Self([a.1, b.1, c.1, d.1]))
    }

    #[inline(always)]
    fn first(self) -> f32 {
        neon!(vgetq_lane_f32::<0>(self.0[0]))
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        let x = self.add_quarters();
        neon!(vpadds_f32(vadd_f32(vget_low_f32(x), vget_high_f32(x))))
    }
    #[inline(always)]
    fn sum4([a, b, c, d]: [Self; 4]) -> [f32; 4] {
        [a.sum(), b.sum(), c.sum(), d.sum()]
    }
}

/// 2^n.
#[inline]
#[target_feature(enable = "neon")]
fn pow2_f32x4(n: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127))))
}

/// Mantissa in [sqrt(1/2), sqrt(2)) and exponent, as the scalar tier finds them.
#[inline]
#[target_feature(enable = "neon")]
fn split_exponent_f32x4(x: float32x4_t) -> (float32x4_t, float32x4_t) {
    const SQRT_HALF: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();
    let shifted = vaddq_u32(vreinterpretq_u32_f32(x), vdupq_n_u32(1.0_f32.to_bits() - SQRT_HALF));
    let mantissa = vandq_u32(shifted, vdupq_n_u32((1 << 23) - 1));
    let exponent = vcvtq_f32_u32(vshrq_n_u32::<23>(shifted));
    (
        vreinterpretq_f32_u32(vaddq_u32(mantissa, vdupq_n_u32(SQRT_HALF))),
        vsubq_f32(exponent, vdupq_n_f32(127.0)),
    )
}

impl F64x8 {
    /// l + l + 4, l + l + 2.
    #[inline(always)]
    fn add_quarters(self) -> float64x2_t {
        neon!(vaddq_f64(vaddq_f64(self.0[0], self.0[2]), vaddq_f64(self.0[1], self.0[3])))
    }
}

impl Lanes for F64x8 {
    type Elem = f64;
    type Mask = F64x8Mask;
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        neon!(Self([vdupq_n_f64(x); 4]))
    }
    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let from = from[..8].as_ptr();
        neon!(Self(
            [vld1q_f64(from), vld1q_f64(from.add(2)), vld1q_f64(from.add(4)), vld1q_f64(from.add(6)),]
        ))
    }
    #[inline(always)]
    fn load_partial(from: &[f64]) -> Self {
        let n = from.len().min(8);
        let mut lanes = [0.0; 8];
        lanes[..n].copy_from_slice(&from[..n]);
        Self::load(&lanes)
    }
    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        let to = to[..8].as_mut_ptr();
        neon!({
            vst1q_f64(to, self.0[0]);
            vst1q_f64(to.add(2), self.0[1]);
            vst1q_f64(to.add(4), self.0[2]);
            vst1q_f64(to.add(6), self.0[3]);
        });
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f64]) {
        let n = to.len().min(8);
        let mut lanes = [0.0; 8];
        self.store(&mut lanes);
        to[..n].copy_from_slice(&lanes[..n]);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each!(Self, vaddq_f64, self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each!(Self, vsubq_f64, self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        each!(Self, vmulq_f64, self, other)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        each!(Self, vdivq_f64, self, other)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        each!(Self, vfmaq_f64, b, self, a)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        each!(Self, vsqrtq_f64, self)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        each!(Self, vnegq_f64, self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        each!(Self, vabsq_f64, self)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Self::select(self.lt(other), self, other)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Self::select(other.lt(self), self, other)
    }
    #[inline(always)]
    fn round(self) -> Self {
        each!(Self, vrndnq_f64, self)
    }

    #[inline(always)]
    fn lt(self, other: Self) -> F64x8Mask {
        each!(F64x8Mask, vcltq_f64, self, other)
    }
    #[inline(always)]
    fn le(self, other: Self) -> F64x8Mask {
        each!(F64x8Mask, vcleq_f64, self, other)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> F64x8Mask {
        each!(F64x8Mask, vceqq_f64, self, other)
    }
    #[inline(always)]
    fn select(mask: F64x8Mask, yes: Self, no: Self) -> Self {
        each!(Self, vbslq_f64, mask, yes, no)
    }

    #[inline(always)]
    fn pow2(n: Self) -> Self {
        each!(Self, pow2_f64x2, n)
    }
    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        let [a, b, c, d] = neon!([
            split_exponent_f64x2(self.0[0]),
            split_exponent_f64x2(self.0[1]),
            split_exponent_f64x2(self.0[2]),
            split_exponent_f64x2(self.0[3]),
        ]);
        (Self([a.0, b.0, c.0, d.0]), Self([a.1, b.1, c.1, d.1]))
    }

    #[inline(always)]
    fn first(self) -> f64 {
        neon!(vgetq_lane_f64::<0>(self.0[0]))
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        neon!(vpaddd_f64(self.add_quarters()))
    }
    #[inline(always)]
    fn sum4([a, b, c, d]: [Self; 4]) -> [f64; 4] {
        [a.sum(), b.sum(), c.sum(), d.sum()]
    }
}

/// 2^n.
#[inline]
#[target_feature(enable = "neon")]
fn pow2_f64x2(n: float64x2_t) -> float64x2_t {
    vreinterpretq_f64_s64(vshlq_n_s64::<52>(vaddq_s64(vcvtq_s64_f64(n), vdupq_n_s64(1023))))
}

/// Mantissa in [sqrt(1/2), sqrt(2)) and exponent, as the scalar tier finds them.
#[inline]
#[target_feature(enable = "neon")]
fn split_exponent_f64x2(x: float64x2_t) -> (float64x2_t, float64x2_t) {
    const SQRT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    let shifted = vaddq_u64(vreinterpretq_u64_f64(x), vdupq_n_u64(1.0_f64.to_bits() - SQRT_HALF));
    let mantissa = vandq_u64(shifted, vdupq_n_u64((1 << 52) - 1));
    let exponent = vcvtq_f64_u64(vshrq_n_u64::<52>(shifted));
    (
        vreinterpretq_f64_u64(vaddq_u64(mantissa, vdupq_n_u64(SQRT_HALF))),
        vsubq_f64(exponent, vdupq_n_f64(1023.0)),
    )
}
