//! AVX2 with FMA: a logical vector is two 256-bit registers, and so is the mask a comparison gives.

use std::arch::x86_64::*;

use super::{Lanes, x86};

#[derive(Clone, Copy)]
pub(super) struct F32x16([__m256; 2]);

#[derive(Clone, Copy)]
pub(super) struct F64x8([__m256d; 2]);

/// Evaluates an expression of intrinsics.
macro_rules! avx2 {
    ($e:expr) => {
        // SAFETY: only `Tier::run` names the types of this module, and only for a processor that was found to
        // have AVX2 and FMA. Memory accesses stay within slices: full ones come after a check of the length,
        // partial ones touch no lane outside `first_lanes(slice.len())`.
        unsafe { $e }
    };
}

/// Applies an intrinsic to the lower and to the upper registers of its arguments.
macro_rules! both {
    ($intrinsic:expr, $($x:expr),+) => {
        avx2!(Self([$intrinsic($($x.0[0]),+), $intrinsic($($x.0[1]),+)]))
    };
}

impl F32x16 {
    /// All bits set in the first `n` lanes, none in the others.
    #[inline(always)]
    fn first_lanes(n: usize) -> [__m256i; 2] {
        let n = avx2!(_mm256_set1_epi32(n.min(16) as i32));
        avx2!([
            _mm256_cmpgt_epi32(n, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
            _mm256_cmpgt_epi32(n, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)),
        ])
    }
}

impl Lanes for F32x16 {
    type Elem = f32;
    type Mask = Self;
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        avx2!(Self([_mm256_set1_ps(x); 2]))
    }
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = from[..16].as_ptr();
        avx2!(Self([_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))]))
    }
    #[inline(always)]
    fn load_partial(from: &[f32]) -> Self {
        let (mask, from) = (Self::first_lanes(from.len()), from.as_ptr());
        avx2!(Self([_mm256_maskload_ps(from, mask[0]), _mm256_maskload_ps(from.wrapping_add(8), mask[1])]))
    }
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = to[..16].as_mut_ptr();
        avx2!({
            _mm256_storeu_ps(to, self.0[0]);
            _mm256_storeu_ps(to.add(8), self.0[1]);
        });
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f32]) {
        let (mask, to) = (Self::first_lanes(to.len()), to.as_mut_ptr());
        avx2!({
            _mm256_maskstore_ps(to, mask[0], self.0[0]);
            _mm256_maskstore_ps(to.wrapping_add(8), mask[1], self.0[1]);
        });
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        both!(_mm256_add_ps, self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        both!(_mm256_sub_ps, self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        both!(_mm256_mul_ps, self, other)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        both!(_mm256_div_ps, self, other)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        both!(_mm256_fmadd_ps, self, a, b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        both!(_mm256_sqrt_ps, self)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        both!(_mm256_xor_ps, Self::splat(-0.0), self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        both!(_mm256_andnot_ps, Self::splat(-0.0), self)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        both!(_mm256_min_ps, self, other)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        both!(_mm256_max_ps, self, other)
    }
    #[inline(always)]
    fn round(self) -> Self {
        both!(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>, self)
    }

    #[inline(always)]
    fn lt(self, other: Self) -> Self {
        both!(_mm256_cmp_ps::<_CMP_LT_OQ>, self, other)
    }
    #[inline(always)]
    fn le(self, other: Self) -> Self {
        both!(_mm256_cmp_ps::<_CMP_LE_OQ>, self, other)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self {
        both!(_mm256_cmp_ps::<_CMP_EQ_OQ>, self, other)
    }
    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        both!(_mm256_blendv_ps, no, yes, mask)
    }

    #[inline(always)]
    fn pow2(n: Self) -> Self {
        both!(x86::pow2_f32x8, n)
    }
    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        avx2!({
            let (low, low_exponent) = x86::split_exponent_f32x8(self.0[0]);
            let (high, high_exponent) = x86::split_exponent_f32x8(self.0[1]);
            (Self([low, high]), Self([low_exponent, high_exponent]))
        })
    }

    #[inline(always)]
    fn first(self) -> f32 {
        avx2!(_mm256_cvtss_f32(self.0[0]))
    }
    #[inline(always)]
    fn sum(self) -> f32 {
        avx2!(x86::sum_f32x8(_mm256_add_ps(self.0[0], self.0[1])))
    }
    #[inline(always)]
    fn sum4([a, b, c, d]: [Self; 4]) -> [f32; 4] {
        avx2!(x86::sum4_f32x8([
            _mm256_add_ps(a.0[0], a.0[1]),
            _mm256_add_ps(b.0[0], b.0[1]),
            _mm256_add_ps(c.0[0], c.0[1]),
            _mm256_add_ps(d.0[0], d.0[1]),
        ]))
    }
}

impl F64x8 {
    /// All bits set in the first `n` lanes, none in the others.
    #[inline(always)]
    fn first_lanes(n: usize) -> [__m256i; 2] {
        let n = avx2!(_mm256_set1_epi64x(n.min(8) as i64));
        avx2!([
            _mm256_cmpgt_epi64(n, _mm256_setr_epi64x(0, 1, 2, 3)),
            _mm256_cmpgt_epi64(n, _mm256_setr_epi64x(4, 5, 6, 7)),
        ])
    }
}

impl Lanes for F64x8 {
    type Elem = f64;
    type Mask = Self;
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(x: f64) -> Self {
        avx2!(Self([_mm256_set1_pd(x); 2]))
    }
    #[inline(always)]
    fn load(from: &[f64]) -> Self {
        let from = from[..8].as_ptr();
        avx2!(Self([_mm256_loadu_pd(from), _mm256_loadu_pd(from.add(4))]))
    }
    #[inline(always)]
    fn load_partial(from: &[f64]) -> Self {
        let (mask, from) = (Self::first_lanes(from.len()), from.as_ptr());
        avx2!(Self([_mm256_maskload_pd(from, mask[0]), _mm256_maskload_pd(from.wrapping_add(4), mask[1])]))
    }
    #[inline(always)]
    fn store(self, to: &mut [f64]) {
        let to = to[..8].as_mut_ptr();
        avx2!({
            _mm256_storeu_pd(to, self.0[0]);
            _mm256_storeu_pd(to.add(4), self.0[1]);
        });
    }
    #[inline(always)]
    fn store_partial(self, to: &mut [f64]) {
        let (mask, to) = (Self::first_lanes(to.len()), to.as_mut_ptr());
        avx2!({
            _mm256_maskstore_pd(to, mask[0], self.0[0]);
            _mm256_maskstore_pd(to.wrapping_add(4), mask[1], self.0[1]);
        });
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        both!(_mm256_add_pd, self, other)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        both!(_mm256_sub_pd, self, other)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        both!(_mm256_mul_pd, self, other)
    }
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        both!(_mm256_div_pd, self, other)
    }
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        both!(_mm256_fmadd_pd, self, a, b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        both!(_mm256_sqrt_pd, self)
    }
    #[inline(always)]
    fn neg(self) -> Self {
        both!(_mm256_xor_pd, Self::splat(-0.0), self)
    }
    #[inline(always)]
    fn abs(self) -> Self {
        both!(_mm256_andnot_pd, Self::splat(-0.0), self)
    }
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        both!(_mm256_min_pd, self, other)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        both!(_mm256_max_pd, self, other)
    }
    #[inline(always)]
    fn round(self) -> Self {
        both!(_mm256_round_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>, self)
    }

    #[inline(always)]
    fn lt(self, other: Self) -> Self {
        both!(_mm256_cmp_pd::<_CMP_LT_OQ>, self, other)
    }
    #[inline(always)]
    fn le(self, other: Self) -> Self {
        both!(_mm256_cmp_pd::<_CMP_LE_OQ>, self, other)
    }
    #[inline(always)]
    fn eq(self, other: Self) -> Self {
        both!(_mm256_cmp_pd::<_CMP_EQ_OQ>, self, other)
    }
    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        both!(_mm256_blendv_pd, no, yes, mask)
    }

    #[inline(always)]
    fn pow2(n: Self) -> Self {
        both!(x86::pow2_f64x4, n)
    }
    #[inline(always)]
    fn split_exponent(self) -> (Self, Self) {
        avx2!({
            let (low, low_exponent) = x86::split_exponent_f64x4(self.0[0]);
            let (high, high_exponent) = x86::split_exponent_f64x4(self.0[1]);
            (Self([low, high]), Self([low_exponent, high_exponent]))
        })
    }

    #[inline(always)]
    fn first(self) -> f64 {
        avx2!(_mm256_cvtsd_f64(self.0[0]))
    }
    #[inline(always)]
    fn sum(self) -> f64 {
        avx2!(x86::sum_f64x4(_mm256_add_pd(self.0[0], self.0[1])))
    }
    #[inline(always)]
    fn sum4([a, b, c, d]: [Self; 4]) -> [f64; 4] {
        avx2!(x86::sum4_f64x4([
            _mm256_add_pd(a.0[0], a.0[1]),
            _mm256_add_pd(b.0[0], b.0[1]),
            _mm256_add_pd(c.0[0], c.0[1]),
            _mm256_add_pd(d.0[0], d.0[1]),
        ]))
    }
}
