//! The vectors of AVX-512, one register each, and of AVX2, two.

use std::arch::x86_64::*;

use super::{BareLoop, Real, Vector};

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
pub unsafe fn run_avx512<T: Real, L: BareLoop<T>>(bare: &L) -> L::Output {
    unsafe { bare.run::<T::Avx512>() }
}

#[target_feature(enable = "avx2,fma")]
pub unsafe fn run_avx2<T: Real, L: BareLoop<T>>(bare: &L) -> L::Output {
    unsafe { bare.run::<T::Avx2>() }
}

/// Operations of a vector of one register.
macro_rules! one_register {
    ($t:ty, $splat:ident, $load:ident, $store:ident, $mul_add:ident, $($name:ident $op:ident),*) => {
        #[inline(always)]
        unsafe fn splat(x: $t) -> Self {
            unsafe { $splat(x) }
        }
        #[inline(always)]
        unsafe fn load(from: *const $t) -> Self {
            unsafe { $load(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut $t) {
            unsafe { $store(to, self) }
        }
        #[inline(always)]
        unsafe fn mul_add(self, a: Self, b: Self) -> Self {
            unsafe { $mul_add(self, a, b) }
        }
        $(#[inline(always)]
        unsafe fn $name(self, other: Self) -> Self {
            unsafe { $op(self, other) }
        })*
    };
}

/// Operations of a vector of two registers.
macro_rules! two_registers {
    ($t:ty, $half:literal, $splat:ident, $load:ident, $store:ident, $mul_add:ident, $($name:ident $op:ident),*) => {
        #[inline(always)]
        unsafe fn splat(x: $t) -> Self {
            unsafe { [$splat(x); 2] }
        }
        #[inline(always)]
        unsafe fn load(from: *const $t) -> Self {
            unsafe { [$load(from), $load(from.add($half))] }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const $t, n: usize) -> Self {
            let mut lanes = [0.0; 2 * $half];
            unsafe {
                std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n);
                Self::load(lanes.as_ptr())
            }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut $t) {
            unsafe {
                $store(to, self[0]);
                $store(to.add($half), self[1]);
            }
        }
        #[inline(always)]
        unsafe fn mul_add(self, a: Self, b: Self) -> Self {
            unsafe { [$mul_add(self[0], a[0], b[0]), $mul_add(self[1], a[1], b[1])] }
        }
        $(#[inline(always)]
        unsafe fn $name(self, other: Self) -> Self {
            unsafe { [$op(self[0], other[0]), $op(self[1], other[1])] }
        })*
    };
}

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

impl Vector for __m512 {
    type Elem = f32;
    const OUTPUTS: usize = 5;
    one_register!(f32, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps,
        add _mm512_add_ps, sub _mm512_sub_ps, mul _mm512_mul_ps, div _mm512_div_ps, min _mm512_min_ps, max _mm512_max_ps);
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        unsafe { _mm512_maskz_loadu_ps(((1_u32 << n) - 1) as __mmask16, from) }
    }
    #[inline(always)]
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self {
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, _mm512_setzero_ps()), no, yes) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { _mm512_sqrt_ps(self) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { _mm512_roundscale_ps::<NEAREST>(self) }
    }
    #[inline(always)]
    unsafe fn pow2(n: Self) -> Self {
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), n) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe { [_mm512_castps512_ps256(self), _mm512_extractf32x8_ps::<1>(self)].sum() }
    }
    #[inline(always)]
    unsafe fn store_sum4(four: [Self; 4], to: *mut f32) {
        unsafe {
            // Not by `map`: a closure would be compiled without the instructions.
            let mut halves = [[_mm256_setzero_ps(); 2]; 4];
            for i in 0..4 {
                halves[i] = [_mm512_castps512_ps256(four[i]), _mm512_extractf32x8_ps::<1>(four[i])];
            }
            Vector::store_sum4(halves, to);
        }
    }
}

impl Vector for __m512d {
    type Elem = f64;
    const OUTPUTS: usize = 5;
    one_register!(f64, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd,
        add _mm512_add_pd, sub _mm512_sub_pd, mul _mm512_mul_pd, div _mm512_div_pd, min _mm512_min_pd, max _mm512_max_pd);
    #[inline(always)]
    unsafe fn load_first(from: *const f64, n: usize) -> Self {
        unsafe { _mm512_maskz_loadu_pd(((1_u32 << n) - 1) as __mmask8, from) }
    }
    #[inline(always)]
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self {
        unsafe { _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_GT_OQ>(self, _mm512_setzero_pd()), no, yes) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { _mm512_sqrt_pd(self) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { _mm512_roundscale_pd::<NEAREST>(self) }
    }
    #[inline(always)]
    unsafe fn pow2(n: Self) -> Self {
        unsafe { _mm512_scalef_pd(_mm512_set1_pd(1.0), n) }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        unsafe { [_mm512_castpd512_pd256(self), _mm512_extractf64x4_pd::<1>(self)].sum() }
    }
    #[inline(always)]
    unsafe fn store_sum4(four: [Self; 4], to: *mut f64) {
        unsafe {
            let mut halves = [[_mm256_setzero_pd(); 2]; 4];
            for i in 0..4 {
                halves[i] = [_mm512_castpd512_pd256(four[i]), _mm512_extractf64x4_pd::<1>(four[i])];
            }
            Vector::store_sum4(halves, to);
        }
    }
}

impl Vector for [__m256; 2] {
    type Elem = f32;
    const OUTPUTS: usize = 1;
    two_registers!(f32, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps,
        add _mm256_add_ps, sub _mm256_sub_ps, mul _mm256_mul_ps, div _mm256_div_ps, min _mm256_min_ps, max _mm256_max_ps);
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { [_mm256_sqrt_ps(self[0]), _mm256_sqrt_ps(self[1])] }
    }
    #[inline(always)]
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self {
        unsafe {
            let mut chosen = no;
            for i in 0..2 {
                let is_positive = _mm256_cmp_ps::<_CMP_GT_OQ>(self[i], _mm256_setzero_ps());
                chosen[i] = _mm256_blendv_ps(no[i], yes[i], is_positive);
            }
            chosen
        }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { [_mm256_round_ps::<NEAREST>(self[0]), _mm256_round_ps::<NEAREST>(self[1])] }
    }
    #[inline(always)]
    unsafe fn pow2(n: Self) -> Self {
        unsafe {
            let bias = _mm256_set1_epi32(127);
            let low = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_cvtps_epi32(n[0]), bias));
            let high = _mm256_slli_epi32::<23>(_mm256_add_epi32(_mm256_cvtps_epi32(n[1]), bias));
            [_mm256_castsi256_ps(low), _mm256_castsi256_ps(high)]
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        unsafe {
            let x = _mm256_add_ps(self[0], self[1]);
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        }
    }
    #[inline(always)]
    unsafe fn store_sum4(four: [Self; 4], to: *mut f32) {
        unsafe {
            let [a, b, c, d] = four;
            let (a, b) = (_mm256_add_ps(a[0], a[1]), _mm256_add_ps(b[0], b[1]));
            let (c, d) = (_mm256_add_ps(c[0], c[1]), _mm256_add_ps(d[0], d[1]));
            let x = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
            _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x)));
        }
    }
}

impl Vector for [__m256d; 2] {
    type Elem = f64;
    const OUTPUTS: usize = 1;
    two_registers!(f64, 4, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd,
        add _mm256_add_pd, sub _mm256_sub_pd, mul _mm256_mul_pd, div _mm256_div_pd, min _mm256_min_pd, max _mm256_max_pd);
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { [_mm256_sqrt_pd(self[0]), _mm256_sqrt_pd(self[1])] }
    }
    #[inline(always)]
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self {
        unsafe {
            let mut chosen = no;
            for i in 0..2 {
                let is_positive = _mm256_cmp_pd::<_CMP_GT_OQ>(self[i], _mm256_setzero_pd());
                chosen[i] = _mm256_blendv_pd(no[i], yes[i], is_positive);
            }
            chosen
        }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { [_mm256_round_pd::<NEAREST>(self[0]), _mm256_round_pd::<NEAREST>(self[1])] }
    }
    #[inline(always)]
    unsafe fn pow2(n: Self) -> Self {
        unsafe {
            // A sum of 3 * 2^51 and an integer has that integer in its lowest bits.
            let bias = _mm256_set1_pd(6_755_399_441_055_744.0 + 1023.0);
            let low = _mm256_slli_epi64::<52>(_mm256_castpd_si256(_mm256_add_pd(n[0], bias)));
            let high = _mm256_slli_epi64::<52>(_mm256_castpd_si256(_mm256_add_pd(n[1], bias)));
            [_mm256_castsi256_pd(low), _mm256_castsi256_pd(high)]
        }
    }
    #[inline(always)]
    unsafe fn sum(self) -> f64 {
        unsafe {
            let x = _mm256_add_pd(self[0], self[1]);
            let x = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
            _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)))
        }
    }
    #[inline(always)]
    unsafe fn store_sum4(four: [Self; 4], to: *mut f64) {
        unsafe {
            let [a, b, c, d] = four;
            let (a, b) = (_mm256_add_pd(a[0], a[1]), _mm256_add_pd(b[0], b[1]));
            let (c, d) = (_mm256_add_pd(c[0], c[1]), _mm256_add_pd(d[0], d[1]));
            let (ab, cd) = (_mm256_hadd_pd(a, b), _mm256_hadd_pd(c, d)); // a01 b01 a23 b23
            let (low, high) =
                (_mm256_permute2f128_pd::<0x20>(ab, cd), _mm256_permute2f128_pd::<0x31>(ab, cd));
            _mm256_storeu_pd(to, _mm256_add_pd(low, high));
        }
    }
}
