//! The polynomial coefficients of the elementary functions, for each type.
//!
//! The polynomials minimise the largest relative error of the function they approximate. They were found by
//! the Remez exchange algorithm in 50 digits and then rounded. `EXP` is q of e^r = 1 + r + r^2 q(r) for
//! |r| <= (ln 2)/2; `LN` is the polynomial in z = s^2 that approximates (2 artanh s - 2 s) / s^3 for
//! |s| <= 1/5.

/// Constants of a type. Public only because [`super::Tiers`] is; it has no public name.
pub trait Coefficients: Sized + 'static {
    const HALF: Self;
    const TWO: Self;
    const INFINITY: Self;
    const NAN: Self;
    /// The smallest normal number.
    const MIN_NORMAL: Self;
    /// Multiplication by two to this power makes every subnormal number normal.
    const SUBNORMAL_SHIFT: Self;

    const LOG2_E: Self;
    /// ln 2 rounded down to so few bits that its product with any exponent is exact.
    const LN_2_HIGH: Self;
    /// The remainder, ln 2 - `LN_2_HIGH`.
    const LN_2_LOW: Self;

    /// Outside this interval e^x is zero or infinite.
    const EXP_DOMAIN: (Self, Self);
    const EXP: &'static [Self];
    const LN: &'static [Self];
}

impl Coefficients for f32 {
    const HALF: Self = 0.5;
    const TWO: Self = 2.0;
    const INFINITY: Self = f32::INFINITY;
    const NAN: Self = f32::NAN;
    const MIN_NORMAL: Self = f32::MIN_POSITIVE;
    const SUBNORMAL_SHIFT: Self = 24.0;

    const LOG2_E: Self = std::f32::consts::LOG2_E;
    const LN_2_HIGH: Self = 0.693_145_75; // 16 bits
    const LN_2_LOW: Self = 1.428_606_8e-6;

    const EXP_DOMAIN: (Self, Self) = (-104.0, 89.0);
    /// Relative error 2^-28.3.
    const EXP: &'static [Self] = &[0.499_999_94, 0.166_665_21, 0.041_668_39, 0.008_368_717, 0.001_381_458_8];
    /// Relative error 2^-35.4.
    const LN: &'static [Self] = &[0.666_666_6, 0.400_008_62, 0.285_071_16, 0.240_986_88];
}

impl Coefficients for f64 {
    const HALF: Self = 0.5;
    const TWO: Self = 2.0;
    const INFINITY: Self = f64::INFINITY;
    const NAN: Self = f64::NAN;
    const MIN_NORMAL: Self = f64::MIN_POSITIVE;
    const SUBNORMAL_SHIFT: Self = 54.0;

    const LOG2_E: Self = std::f64::consts::LOG2_E;
    const LN_2_HIGH: Self = 0.693_147_180_559_663; // 41 bits
    const LN_2_LOW: Self = 2.823_529_056_303_157_7e-13;

    const EXP_DOMAIN: (Self, Self) = (-746.0, 710.0);
    /// Relative error 2^-57.9.
    const EXP: &'static [Self] = &[
        0.500_000_000_000_001_1,
        0.166_666_666_666_664_13,
        0.041_666_666_666_530_16,
        0.008_333_333_333_494_555,
        0.001_388_888_894_362_974_5,
        0.000_198_412_695_063_774_36,
        2.480_149_309_891_094e-5,
        2.755_758_654_867_036_6e-6,
        2.763_024_848_521_164_3e-7,
        2.500_000_833_243_082e-8,
    ];
    /// Relative error 2^-62.7.
    const LN: &'static [Self] = &[
        0.666_666_666_666_666,
        0.400_000_000_000_559_9,
        0.285_714_285_559_963_2,
        0.222_222_242_773_678_47,
        0.181_816_670_212_687_77,
        0.153_910_745_637_405_6,
        0.131_742_267_151_760_24,
        0.138_388_007_764_458_2,
    ];
}
