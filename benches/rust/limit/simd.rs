//! Vectors of 16 `f32` or 8 `f64` for the bare loops, straight from the processor's instructions. None of this is the
//! library's: a weakness of its kernels must not hide in the loop that they are measured against.

use mbgd_rs::scalar::Scalar;

use super::dense::Data;

/// A type of numbers, its vectors, and what exponentials of it are computed with.
pub trait Real: Scalar {
    #[cfg(target_arch = "x86_64")]
    type Avx512: Vector<Elem = Self>;
    #[cfg(target_arch = "x86_64")]
    type Avx2: Vector<Elem = Self>;
    const LN_2_HIGH: Self;
    const LN_2_LOW: Self;
    /// e^r = 1 + r + r^2 q(r): the coefficients of q, highest power first.
    const EXP: &'static [Self];
    const LOWEST_EXPONENT: f64;
    /// log(1.5 + t) for |t| <= 1/2, by its value at Chebyshev's points: coefficients, highest power first.
    const LN: &'static [Self];
    /// The data, if they are `f32`.
    fn as_f32(data: &Data<Self>) -> Option<&Data<f32>>;
}

impl Real for f32 {
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = [std::arch::x86_64::__m256; 2];
    const LN_2_HIGH: Self = 0.693_359_4;
    const LN_2_LOW: Self = -2.121_944_4e-4;
    const EXP: &'static [Self] =
        &[1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5];
    const LOWEST_EXPONENT: f64 = -87.0;
    const LN: &'static [Self] = &[
        -0.006_006_605,
        0.010_238_18,
        -0.014_410_553,
        0.025_969_792,
        -0.049_398_385,
        0.098_791_44,
        -0.222_221_93,
        0.666_666_15,
        0.405_465_1,
    ];
    fn as_f32(data: &Data<Self>) -> Option<&Data<f32>> {
        Some(data)
    }
}

impl Real for f64 {
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512d;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = [std::arch::x86_64::__m256d; 2];
    const LN_2_HIGH: Self = 0.693_147_180_559_663;
    const LN_2_LOW: Self = 2.823_529_056_303_157_7e-13;
    const EXP: &'static [Self] = &[
        2.500_000_833_243_082e-8,
        2.763_024_848_521_164_3e-7,
        2.755_758_654_867_036_6e-6,
        2.480_149_309_891_094e-5,
        0.000_198_412_695_063_774_36,
        0.001_388_888_894_362_974_5,
        0.008_333_333_333_494_555,
        0.041_666_666_666_530_16,
        0.166_666_666_666_664_13,
        0.5,
    ];
    const LOWEST_EXPONENT: f64 = -708.0;
    const LN: &'static [Self] = &[
        -3.231_692_709_692_651_4e-4,
        -1.017_893_295_391_550_3e-5,
        3.332_605_581_850_520_4e-4,
        1.087_533_158_892_816e-4,
        -2.864_233_759_495_783_3e-4,
        1.264_886_675_191_857_2e-4,
        -1.900_888_412_320_364_4e-4,
        4.023_733_421_218_778e-4,
        -6.516_627_273_851_197e-4,
        0.001_049_851_271_401_850_5,
        -0.001_733_159_858_633_802_3,
        0.002_890_365_862_835_217_5,
        -0.004_877_368_821_667_759,
        0.008_361_088_578_184_602,
        -0.014_631_913_552_702_51,
        0.026_337_448_745_355_88,
        -0.049_382_716_091_752_32,
        0.098_765_432_096_258_1,
        -0.222_222_222_221_925_36,
        0.666_666_666_666_677,
        0.405_465_108_108_164_05,
    ];
    fn as_f32(_: &Data<Self>) -> Option<&Data<f32>> {
        None
    }
}

/// A vector of `Elem::LANES` numbers. Everything is unsafe for two reasons: the processor must have the instructions,
/// and memory is addressed by pointers.
pub trait Vector: Copy {
    type Elem: Real;
    /// Outputs of a block of four rows whose accumulators fit the registers.
    const OUTPUTS: usize;
    unsafe fn splat(x: Self::Elem) -> Self;
    unsafe fn load(from: *const Self::Elem) -> Self;
    /// The first `n` numbers, and zeros; 0 < n <= LANES.
    unsafe fn load_first(from: *const Self::Elem, n: usize) -> Self;
    unsafe fn store(self, to: *mut Self::Elem);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * a + b`.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// `yes` where this is positive, `no` elsewhere.
    unsafe fn if_positive(self, yes: Self, no: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    unsafe fn round(self) -> Self;
    /// 2^n for an integral n of a normal number.
    unsafe fn pow2(n: Self) -> Self;
    unsafe fn sum(self) -> Self::Elem;
    unsafe fn store_sum4(four: [Self; 4], to: *mut Self::Elem);

    #[inline(always)]
    unsafe fn zero() -> Self {
        unsafe { Self::splat(Self::Elem::ZERO) }
    }

    /// The first lane.
    #[inline(always)]
    unsafe fn first(self) -> Self::Elem {
        let mut lanes = [Self::Elem::ZERO; 16];
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes[0]
    }

    #[inline(always)]
    unsafe fn constant(x: f64) -> Self {
        unsafe { Self::splat(Self::Elem::from_f64(x)) }
    }

    /// log(1 + u) of u from 0 to 1, to the precision of the type beside 1.
    #[inline(always)]
    unsafe fn ln_1p(self) -> Self {
        unsafe {
            let t = self.sub(Self::constant(0.5));
            let mut value = Self::splat(Self::Elem::LN[0]);
            for &coefficient in &Self::Elem::LN[1..] {
                value = value.mul_add(t, Self::splat(coefficient));
            }
            value
        }
    }

    /// e^x, of what does not overflow or underflow.
    #[inline(always)]
    unsafe fn exp(self) -> Self {
        unsafe {
            let (low, high) = (Self::Elem::LOWEST_EXPONENT, -Self::Elem::LOWEST_EXPONENT);
            let x = self.max(Self::constant(low)).min(Self::constant(high));
            let n = x.mul(Self::constant(std::f64::consts::LOG2_E)).round();
            let zero = Self::zero();
            let r = n.mul_add(zero.sub(Self::splat(Self::Elem::LN_2_HIGH)), x);
            let r = n.mul_add(zero.sub(Self::splat(Self::Elem::LN_2_LOW)), r);
            let mut q = Self::splat(Self::Elem::EXP[0]);
            for &coefficient in &Self::Elem::EXP[1..] {
                q = q.mul_add(r, Self::splat(coefficient));
            }
            let y = q.mul_add(r.mul(r), r).add(Self::constant(1.0));
            y.mul(Self::pow2(n))
        }
    }
}

/// What is compiled once for every instruction set.
pub trait BareLoop<T: Real> {
    type Output;
    /// # Safety
    /// The processor has the instructions of `V`.
    unsafe fn run<V: Vector<Elem = T>>(&self) -> Self::Output;
}

/// Runs the loop with the widest instructions of this processor; `None` if there are none that it is written for.
pub fn run<T: Real, L: BareLoop<T>>(bare: &L) -> Option<L::Output> {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if !has!("avx2") || !has!("fma") {
            return None;
        }
        // SAFETY: the processor has been asked.
        unsafe {
            if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
                return Some(x86::run_avx512(bare));
            }
            Some(x86::run_avx2(bare))
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = bare;
        None
    }
}

/// Prefetches into the first-level cache (`LEVEL` 1) or the second-level one (2).
#[inline(always)]
pub fn prefetch<const LEVEL: usize>(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch never faults.
        unsafe {
            match LEVEL {
                1 => _mm_prefetch::<_MM_HINT_T0>(line.cast()),
                _ => _mm_prefetch::<_MM_HINT_T1>(line.cast()),
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

#[cfg(target_arch = "x86_64")]
#[path = "x86.rs"]
mod x86;
