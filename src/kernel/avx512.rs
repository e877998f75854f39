//! AVX-512: a logical vector is one register, a mask one bit per lane.

use std::arch::x86_64::*;

use super::{Lanes, x86};

#[derive(Clone, Copy)]
pub(super) struct F32x16(__m512);

#[derive(Clone, Copy)]
pub(super) struct F64x8(__m512d);

/// Evaluates an expression of intrinsics.
macro_rules! avx512 {
    ($e:expr) => {
        // SAFETY: only `Tier::run` names the types of this module, and only for a processor that was found to
        // have AVX-512 F, BW, DQ and VL. Memory accesses stay within slices: full ones come after a check of
        // the length, partial ones touch no lane outside `first_lanes(slice.len())`.
        unsafe { $e }
    };
}

impl F32x16 {
    /// One in the first `n` bits, zero in the others.
    #[inline(always)]
    fn first_lanes(n: usize) -> __mmask16 {
        ((1_u32 << n.min(16)) - 1) as __mmask16
    }

    /// The sum of the lower and the upper lanes.
    #[inline(always)]
    fn add_halves(self) -> __m256 {
        avx512!(_mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0)))
    }
}

impl Lanes for F32x16 {
    type Elem = f32;
    type Mask = __mmask16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        avx512!(Self(_mm512_set1_ps(x)))
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        avx512!(Self(_mm512_loadu_ps(from[..16].as_ptr())))
    }
    #[inline(always)]
    fn load_partial(from: &[f32]) -> Self {
        avx512!(Self(_mm512_maskz_loadu_ps(Self::first_lanes(from.len()), from.as_ptr())))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        avx512!(_mm512_storeu_ps(to[..16].as_mut_ptr(), self.0));
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f32]) {
        avx512!(_mm512_mask_storeu_ps(to.as_mut_ptr(), Self::first_lanes(to.len()), self.0));
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        avx512!(Self(_mm512_add_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        avx512!(Self(_mm512_sub_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        avx512!(Self(_mm512_mul_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        avx512!(Self(_mm512_div_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        avx512!(Self(_mm512_fmadd_ps(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        avx512!(Self(_mm512_sqrt_ps(self.0)))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        avx512!(Self(_mm512_xor_ps(_mm512_set1_ps(-0.0), self.0)))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        avx512!(Self(_mm512_andnot_ps(_mm512_set1_ps(-0.0), self.0)))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        avx512!(Self(_mm512_min_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        avx512!(Self(_mm512_max_ps(self.0, other.0)))
    }
    #[inline(always)]
    fn round(self) -> Self {
        avx512!(Self(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> __mmask16 {
        avx512!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn le(self, other: Self) -> __mmask16 {
        avx512!(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __mmask16 {
        avx512!(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn select(mask: __mmask16, yes: Self, no: Self) -> Self {
        avx512!(Self(_mm512_mask_blend_ps(mask, no.0, yes.0)))
    }

    #[inline(always)]
    fn pow2(n: Self) -> Self {
        avx512!({
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(n.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased)))
        })
    }
    #[inline(always)]
    fn scale_pow2(self, n: Self) -> Self {
        avx512!(Self(_mm512_scalef_ps(self.0, n.0)))
    }
    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        avx512!({
            let sqrt_half = _mm512_set1_epi32(std::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
            let one = _mm512_castps_si512(_mm512_set1_ps(1.0));
            let shifted = _mm512_add_epi32(_mm512_castps_si512(self.0), _mm512_sub_epi32(one, sqrt_half));
            let mantissa = _mm512_and_si512(shifted, _mm512_set1_epi32((1 << 23) - 1));
            let exponent = _mm512_cvtepi32_ps(_mm512_srli_epi32::<23>(shifted));
            (
                Self(_mm512_castsi512_ps(_mm512_add_epi32(mantissa, sqrt_half))),
                Self(_mm512_sub_ps(exponent, _mm512_set1_ps(127.0))),
            )
        })
    }

    #[inline(always)]
    fn first(self) -> f32 {
        avx512!(_mm512_cvtss_f32(self.0))
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        avx512!(x86::sum_f32x8(self.add_halves()))
    }
    #[inline(always)]
    fn sum4([a, b, c, d]: [Self; 4]) -> [f32; 4] {
        avx512!(x86::sum4_f32x8([a.add_halves(), b.add_halves(), c.add_halves(), d.add_halves()]))
    }
}

impl F64x8 {
    /// One in the first `n` bits, zero in the others.
    #[inline(always)]
    fn first_lanes(n: usize) -> __mmask8 {
        ((1_u32 << n.min(8)) - 1) as __mmask8
    }

    /// The sum of the lower and the upper lanes.
    #[inline(always)]
    fn add_halves(self) -> __m256d {
        avx512!(_mm256_add_pd(_mm512_castpd512_pd256(self.0), _mm512_extractf64x4_pd::<1>(self.0)))
    }
}

impl Lanes for F64x8 {
    type Elem = f64;
    type Mask = __mmask8;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        avx512!(Self(_mm512_set1_pd(x)))
    }
    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        avx512!(Self(_mm512_loadu_pd(from[..8].as_ptr())))
    }
    #[inline(always)]
    fn load_partial(from: &[f64]) -> Self {
        avx512!(Self(_mm512_maskz_loadu_pd(Self::first_lanes(from.len()), from.as_ptr())))
    }
    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        avx512!(_mm512_storeu_pd(to[..8].as_mut_ptr(), self.0));
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f64]) {
        avx512!(_mm512_mask_storeu_pd(to.as_mut_ptr(), Self::first_lanes(to.len()), self.0));
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        avx512!(Self(_mm512_add_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        avx512!(Self(_mm512_sub_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        avx512!(Self(_mm512_mul_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        avx512!(Self(_mm512_div_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        avx512!(Self(_mm512_fmadd_pd(self.0, a.0, b.0)))
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        avx512!(Self(_mm512_sqrt_pd(self.0)))
    }
    #[inline(always)]
    fn neg(self) -> Self {
        avx512!(Self(_mm512_xor_pd(_mm512_set1_pd(-0.0), self.0)))
    }
    #[inline(always)]
    fn abs(self) -> Self {
        avx512!(Self(_mm512_andnot_pd(_mm512_set1_pd(-0.0), self.0)))
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        avx512!(Self(_mm512_min_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        avx512!(Self(_mm512_max_pd(self.0, other.0)))
    }
    #[inline(always)]
    fn round(self) -> Self {
        avx512!(Self(_mm512_roundscale_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0)))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> __mmask8 {
        avx512!(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn le(self, other: Self) -> __mmask8 {
        avx512!(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn eq(self, other: Self) -> __mmask8 {
        avx512!(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(self.0, other.0))
    }
    #[inline(always)]
    fn select(mask: __mmask8, yes: Self, no: Self) -> Self {
        avx512!(Self(_mm512_mask_blend_pd(mask, no.0, yes.0)))
    }

    #[inline(always)]
    fn pow2(n: Self) -> Self {
        avx512!({
            let biased = _mm512_add_epi64(_mm512_cvtpd_epi64(n.0), _mm512_set1_epi64(1023));
            Self(_mm512_castsi512_pd(_mm512_slli_epi64::<52>(biased)))
        })
    }
    #[inline(always)]
    fn scale_pow2(self, n: Self) -> Self {
        avx512!(Self(_mm512_scalef_pd(self.0, n.0)))
    }
    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        avx512!({
            let sqrt_half = _mm512_set1_epi64(std::f64::consts::FRAC_1_SQRT_2.to_bits() as i64);
            let one = _mm512_castpd_si512(_mm512_set1_pd(1.0));
            let shifted = _mm512_add_epi64(_mm512_castpd_si512(self.0), _mm512_sub_epi64(one, sqrt_half));
            let mantissa = _mm512_and_si512(shifted, _mm512_set1_epi64((1 << 52) - 1));
            let exponent = _mm512_cvtepi64_pd(_mm512_srli_epi64::<52>(shifted));
            (
                Self(_mm512_castsi512_pd(_mm512_add_epi64(mantissa, sqrt_half))),
                Self(_mm512_sub_pd(exponent, _mm512_set1_pd(1023.0))),
            )
        })
    }

    #[inline(always)]
    fn first(self) -> f64 {
        avx512!(_mm512_cvtsd_f64(self.0))
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        avx512!(x86::sum_f64x4(self.add_halves()))
    }
    #[inline(always)]
    fn sum4([a, b, c, d]: [Self; 4]) -> [f64; 4] {
        avx512!(x86::sum4_f64x4([a.add_halves(), b.add_halves(), c.add_halves(), d.add_halves()]))
    }
}
