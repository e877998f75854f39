//! The polynomial coefficients of the elementary functions, for each type.
//!
//! The polynomials minimise the largest relative error of the function they approximate. They were found by
//! the Remez exchange algorithm in 50 digits and then rounded. `EXP` is q of e^r = 1 + r + r^2 q(r) for
//! |r| <= (ln 2)/2; `LN` is the polynomial in z = s^2 that approximates (2 artanh s - 2 s) / s^3 for
//! |s| <= 1/5; `MILLS` is the polynomial in s = (t - 5) / (t + 5) that approximates (t + 5) Phi(-t) e^(t^2/2) for t from
//! 0 to the end of `NORMAL_DOMAIN`.

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

    /// Beyond this distance from zero, less of the normal distribution is left than the smallest positive number.
    const NORMAL_DOMAIN: Self;
    const MILLS: &'static [Self];
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

    const NORMAL_DOMAIN: Self = 14.5;
    /// Relative error 2^-28.9.
    const MILLS: &'static [Self] = &[
        0.769_193_05,
        -0.665_382_5,
        0.495_305_6,
        -0.313_534_26,
        0.165_020_5,
        -0.069_105_275,
        0.020_801_641,
        -0.003_055_22,
        -0.000_862_563_6,
        0.000_631_645_7,
        9.620_112e-5,
    ];
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

    const NORMAL_DOMAIN: Self = 39.0;
    /// Relative error 2^-57.2.
    const MILLS: &'static [Self] = &[
        0.769_193_049_750_063,
        -0.665_382_502_890_056_7,
        0.495_305_615_969_977_3,
        -0.313_533_156_671_296_2,
        0.165_020_366_170_337_4,
        -0.069_118_638_706_569_98,
        0.020_795_066_800_837_793,
        -0.002_993_376_766_706_082,
        -0.000_797_869_408_010_834_8,
        0.000_544_899_033_394_872_4,
        -5.937_567_478_670_083_4e-5,
        -4.976_265_493_334_499e-5,
        1.668_104_120_308_104e-5,
        3.980_384_776_257_054e-6,
        -2.768_952_431_013_97e-6,
        -3.355_373_418_881_752_3e-7,
        4.328_840_141_731_732e-7,
        4.088_067_308_724_329e-8,
        -6.601_141_479_635_665e-8,
        -8.294_942_468_780_107e-9,
        7.942_093_937_454_417e-9,
        1.432_017_773_894_85e-9,
        -3.028_680_749_515_812e-10,
    ];
}
