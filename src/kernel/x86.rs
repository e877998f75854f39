//! Operations on one 256-bit register, for both x86 tiers.
//!
//! Each takes more than one instruction. Half of a 512-bit register is such a register.

use std::arch::x86_64::*;

/// l + l + 4, l + l + 2, l + l + 1.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn sum_f32x8(x: __m256) -> f32 {
    let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
}

/// l + l + 2, l + l + 1.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn sum_f64x4(x: __m256d) -> f64 {
    let x = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
    _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)))
}

/// Four times [`sum_f32x8`]; the comments name the lanes; a02 is a0 + a2 of the previous level.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn sum4_f32x8([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
    let ab = add_halves_f32(a, b); // a0 a1 a2 a3 | b0 b1 b2 b3
    let cd = add_halves_f32(c, d); // c0 c1 c2 c3 | d0 d1 d2 d3
    let even = _mm256_unpacklo_ps(ab, cd); // a0 c0 a1 c1 | b0 d0 b1 d1
    let odd = _mm256_unpackhi_ps(ab, cd); // a2 c2 a3 c3 | b2 d2 b3 d3
    let sums = _mm256_add_ps(even, odd); // a02 c02 a13 c13 | b02 d02 b13 d13
    let (low, high) = (_mm256_castps256_ps128(sums), _mm256_extractf128_ps::<1>(sums));
    let sums = _mm_add_ps(_mm_unpacklo_ps(low, high), _mm_unpackhi_ps(low, high)); // a b c d
    let mut four = [0.0; 4];
    // SAFETY: `four` has room for the four lanes.
    unsafe { _mm_storeu_ps(four.as_mut_ptr(), sums) };
    four
}

/// Four times [`sum_f64x4`].
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn sum4_f64x4([a, b, c, d]: [__m256d; 4]) -> [f64; 4] {
    let ab = add_halves_f64(a, b); // a02 a13 | b02 b13
    let cd = add_halves_f64(c, d); // c02 c13 | d02 d13
    let sums = _mm256_add_pd(_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd)); // a c | b d
    let mut four = [0.0; 4];
    // SAFETY: `four` has room for the four lanes.
    unsafe { _mm256_storeu_pd(four.as_mut_ptr(), _mm256_permute4x64_pd::<0b11_01_10_00>(sums)) };
    four
}

/// The sum of the halves of `a`, followed by the sum of the halves of `b`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_halves_f32(a: __m256, b: __m256) -> __m256 {
    _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b))
}

/// The sum of the halves of `a`, followed by the sum of the halves of `b`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_halves_f64(a: __m256d, b: __m256d) -> __m256d {
    _mm256_add_pd(_mm256_permute2f128_pd::<0x20>(a, b), _mm256_permute2f128_pd::<0x31>(a, b))
}

/// 2^n.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn pow2_f32x8(n: __m256) -> __m256 {
    let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
}

/// 2^n. AVX2 cannot convert to 64-bit integers: a sum of 3 * 2^51 and an integer has that integer in its
/// lowest bits.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn pow2_f64x4(n: __m256d) -> __m256d {
    let biased = _mm256_add_pd(n, _mm256_set1_pd(6_755_399_441_055_744.0 + 1023.0));
    _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_castpd_si256(biased)))
}

/// Mantissa in [sqrt(1/2), sqrt(2)) and exponent, as the scalar tier finds them.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn split_exponent_f32x8(x: __m256) -> (__m256, __m256) {
    let sqrt_half = _mm256_set1_epi32(std::f32::consts::FRAC_1_SQRT_2.to_bits() as i32);
    let one = _mm256_castps_si256(_mm256_set1_ps(1.0));
    let shifted = _mm256_add_epi32(_mm256_castps_si256(x), _mm256_sub_epi32(one, sqrt_half));
    let mantissa = _mm256_and_si256(shifted, _mm256_set1_epi32((1 << 23) - 1));
    let exponent = _mm256_cvtepi32_ps(_mm256_srli_epi32::<23>(shifted));
    (
        _mm256_castsi256_ps(_mm256_add_epi32(mantissa, sqrt_half)),
        _mm256_sub_ps(exponent, _mm256_set1_ps(127.0)),
    )
}

/// Mantissa in [sqrt(1/2), sqrt(2)) and exponent, as the scalar tier finds them. AVX2 cannot convert from
/// 64-bit integers: putting an integer into the lowest bits of 2^52 gives their sum.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn split_exponent_f64x4(x: __m256d) -> (__m256d, __m256d) {
    let two_52 = _mm256_set1_pd(4_503_599_627_370_496.0);
    let sqrt_half = _mm256_set1_epi64x(std::f64::consts::FRAC_1_SQRT_2.to_bits() as i64);
    let one = _mm256_castpd_si256(_mm256_set1_pd(1.0));
    let shifted = _mm256_add_epi64(_mm256_castpd_si256(x), _mm256_sub_epi64(one, sqrt_half));
    let mantissa = _mm256_and_si256(shifted, _mm256_set1_epi64x((1 << 52) - 1));
    let exponent = _mm256_or_si256(_mm256_srli_epi64::<52>(shifted), _mm256_castpd_si256(two_52));
    (
        _mm256_castsi256_pd(_mm256_add_epi64(mantissa, sqrt_half)),
        _mm256_sub_pd(_mm256_castsi256_pd(exponent), _mm256_set1_pd(4_503_599_627_370_496.0 + 1023.0)),
    )
}
