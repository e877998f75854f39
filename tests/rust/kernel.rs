//! Every tier gives the bits of the scalar tier, and the scalar tier is correct.

use std::fmt::Debug;

use mbgd_rs::kernel::{Kernel, Lanes, Tier, math, prefetch};
use mbgd_rs::scalar::Scalar;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::oracle;

/// The results of every operation on three vectors, by name.
struct Operations<'a, T>([&'a [T]; 3]);

impl<T: Scalar> Kernel<T> for Operations<'_, T> {
    type Output = Vec<(&'static str, Vec<T>)>;
    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> Self::Output {
        let [a, b, c] = [L::load(self.0[0]), L::load(self.0[1]), L::load(self.0[2])];
        let four = L::sum4([a, b, c, a.add(b)]);
        let mut results =
            vec![("sum", vec![a.sum(), b.sum(), c.sum(), a.add(b).sum()]), ("sum4", four.to_vec())];
        let vectors = [
            ("splat", L::splat(self.0[0][0])),
            ("add", a.add(b)),
            ("sub", a.sub(b)),
            ("mul", a.mul(b)),
            ("div", a.div(b)),
            ("mul_add", a.mul_add(b, c)),
            ("sqrt", a.sqrt()),
            ("neg", a.neg()),
            ("abs", a.abs()),
            ("min", a.min(b)),
            ("max", a.max(b)),
            ("round", a.round()),
            ("lt", L::select(a.lt(b), b, c)),
            ("le", L::select(a.le(b), b, c)),
            ("eq", L::select(a.eq(b), b, c)),
            ("exp", math::exp(a)),
            ("ln", math::ln(a)),
            ("softplus", math::softplus(a)),
            ("sigmoid", math::sigmoid(a)),
            ("ln_cosh", math::ln_cosh(a)),
            ("tanh", math::tanh(a)),
        ];
        for (name, vector) in vectors {
            let mut items = vec![T::ZERO; T::LANES];
            vector.store(&mut items);
            results.push((name, items));
        }
        results
    }
}

/// Numbers at which implementations tend to differ.
fn special<T: Scalar>() -> Vec<T> {
    let (tiny, huge) = if T::LANES == 16 { (1e-45, 3.4028235e38) } else { (5e-324, f64::MAX) };
    let positive =
        [0.0, tiny, 1e-40, 1e-310, 0.5, 1.0, 1.5, 2.5, 8_388_609.5, 88.0, 709.5, huge, f64::INFINITY];
    let signed = positive.iter().flat_map(|&x| [x, -x]);
    signed.chain([f64::NAN]).map(T::from_f64).collect()
}

/// The bits of a number; all NaN are the same.
fn bits<T: Scalar>(x: &T) -> u64 {
    let x = x.to_f64();
    if x.is_nan() { u64::MAX } else { x.to_bits() }
}

fn same_bits<T: Scalar>(a: &[T], b: &[T]) -> bool {
    a.iter().map(bits).eq(b.iter().map(bits))
}

fn check_operations<T: Scalar>(vectors: [&[T]; 3]) {
    let expected = Tier::SCALAR.run(Operations(vectors));
    for (name, items) in &expected[..2] {
        let tree: Vec<T> = vectors.iter().map(|x| sum_by_halves(x)).collect();
        assert!(same_bits(&items[..3], &tree), "{name} of {vectors:?}");
    }
    for tier in Tier::available() {
        for ((name, got), (_, expected)) in tier.run(Operations(vectors)).iter().zip(&expected) {
            assert!(same_bits(got, expected), "{name} on {}: {got:?}, not {expected:?}", tier.name());
        }
    }
}

fn sum_by_halves<T: Scalar>(x: &[T]) -> T {
    match x {
        [x] => *x,
        _ => {
            let (low, high) = x.split_at(x.len() / 2);
            sum_by_halves(&low.iter().zip(high).map(|(&l, &h)| l + h).collect::<Vec<_>>())
        }
    }
}

fn check_special<T: Scalar>() {
    let special = special::<T>();
    let rotated = |by: usize| -> Vec<T> { special.iter().cycle().skip(by).take(T::LANES).copied().collect() };
    for i in 0..special.len() {
        for j in 0..special.len() {
            check_operations([&rotated(i), &rotated(j), &rotated(3 * i + j)]);
        }
    }
}

#[test]
fn special_values_are_the_same_on_every_tier() {
    check_special::<f32>();
    check_special::<f64>();
}

proptest! {
    #[test]
    fn all_f32_are_the_same_on_every_tier(x in vec(any::<u32>().prop_map(f32::from_bits), 48)) {
        check_operations([&x[..16], &x[16..32], &x[32..]]);
    }
    #[test]
    fn ordinary_f32_are_the_same_on_every_tier(x in vec(-100.0_f32..100.0, 48)) {
        check_operations([&x[..16], &x[16..32], &x[32..]]);
    }
    #[test]
    fn all_f64_are_the_same_on_every_tier(x in vec(any::<u64>().prop_map(f64::from_bits), 24)) {
        check_operations([&x[..8], &x[8..16], &x[16..]]);
    }
    #[test]
    fn ordinary_f64_are_the_same_on_every_tier(x in vec(-800.0..800.0, 24)) {
        check_operations([&x[..8], &x[8..16], &x[16..]]);
    }
}

/// 2^n for each n.
struct Pow2<'a, T>(&'a [T]);

impl<T: Scalar> Kernel<T> for Pow2<'_, T> {
    type Output = Vec<T>;
    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> Vec<T> {
        let mut powers = self.0.to_vec();
        for powers in powers.chunks_mut(T::LANES) {
            L::pow2(L::load_partial(powers)).store_partial(powers);
        }
        powers
    }
}

/// Mantissas and exponents.
struct SplitExponent<'a, T>(&'a [T]);

impl<T: Scalar> Kernel<T> for SplitExponent<'_, T> {
    type Output = (Vec<T>, Vec<T>);
    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> Self::Output {
        let (mut mantissas, mut exponents) = (self.0.to_vec(), self.0.to_vec());
        for (m, e) in mantissas.chunks_mut(T::LANES).zip(exponents.chunks_mut(T::LANES)) {
            let (mantissa, exponent) = L::load_partial(m).split_exponent();
            mantissa.store_partial(m);
            exponent.store_partial(e);
        }
        (mantissas, exponents)
    }
}

fn check_exponents<T: Scalar>(exponents: std::ops::RangeInclusive<i32>) {
    let n: Vec<T> = exponents.clone().map(|n| T::from_f64(f64::from(n))).collect();
    let powers: Vec<T> = exponents.map(|n| T::from_f64(2.0_f64.powi(n))).collect();
    let scaled: Vec<T> = [1.0, 1.25, std::f64::consts::SQRT_2 - 1e-7, std::f64::consts::SQRT_2 + 1e-7, 1.999]
        .iter()
        .flat_map(|&m| powers.iter().map(move |&power| T::from_f64(m) * power))
        .collect();
    for tier in Tier::available() {
        assert!(same_bits(&tier.run(Pow2(&n)), &powers), "{}", tier.name());
        let (mantissas, exponents) = tier.run(SplitExponent(&scaled));
        for ((&m, &e), &x) in mantissas.iter().zip(&exponents).zip(&scaled) {
            let (m, e, x) = (m.to_f64(), e.to_f64(), x.to_f64());
            assert!((0.499_999_9..2.000_000_1).contains(&(m * m)), "{}: mantissa {m} of {x}", tier.name());
            // In two steps: e may exceed the greatest exponent by one.
            assert_eq!(m * 2.0_f64.powi(e as i32 - 1) * 2.0, x, "{}", tier.name());
        }
    }
}

#[test]
fn powers_of_two_are_exact_and_exponents_split_off() {
    check_exponents::<f32>(-126..=127);
    check_exponents::<f64>(-1022..=1023);
}

/// Copies `from` to `to` by partial accesses.
struct CopyPartial<'a, T> {
    from: &'a [T],
    to: &'a mut [T],
    /// All lanes of the partial load.
    lanes: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for CopyPartial<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let x = L::load_partial(self.from);
        x.store(self.lanes);
        x.store_partial(self.to);
    }
}

fn check_partial<T: Scalar + Debug>() {
    let from: Vec<T> = (1..=40).map(|i| T::from_f64(f64::from(i))).collect();
    for tier in Tier::available() {
        for n in 0..=T::LANES + 3 {
            let (mut to, mut lanes) = (vec![-T::ONE; 40], vec![-T::ONE; T::LANES]);
            tier.run(CopyPartial { from: &from[1..][..n], to: &mut to[3..][..n], lanes: &mut lanes });
            let n = n.min(T::LANES);
            assert_eq!(lanes[..n], from[1..][..n], "{}, {n} items", tier.name());
            assert!(lanes[n..].iter().all(|&x| x == T::ZERO), "{}, {n} items", tier.name());
            assert_eq!(to[3..][..n], from[1..][..n], "{}, {n} items", tier.name());
            assert!(to[..3].iter().chain(&to[3 + n..]).all(|&x| x == -T::ONE), "{}, {n} items", tier.name());
        }
    }
}

#[test]
fn partial_accesses_touch_the_first_lanes_only() {
    check_partial::<f32>();
    check_partial::<f64>();
}

#[test]
fn a_slice_that_is_too_short_is_refused() {
    for tier in Tier::available() {
        let short = [0.0_f32; 15];
        let run = || tier.run(Operations([short.as_slice(); 3]));
        assert!(std::panic::catch_unwind(run).is_err(), "{}", tier.name());
    }
}

#[test]
fn prefetch_takes_any_slice() {
    let x = [0.0_f64; 100];
    for n in 0..x.len() {
        prefetch(&x[n..]);
    }
}

#[derive(Clone, Copy, Debug)]
enum Function {
    Exp,
    Ln,
    Softplus,
    Sigmoid,
    LnCosh,
    Tanh,
}

/// Applies a function to each number in place.
struct Apply<'a, T>(Function, &'a mut [T]);

impl<T: Scalar> Kernel<T> for Apply<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        for x in self.1.chunks_mut(T::LANES) {
            let lanes = L::load_partial(x);
            let y = match self.0 {
                Function::Exp => math::exp(lanes),
                Function::Ln => math::ln(lanes),
                Function::Softplus => math::softplus(lanes),
                Function::Sigmoid => math::sigmoid(lanes),
                Function::LnCosh => math::ln_cosh(lanes),
                Function::Tanh => math::tanh(lanes),
            };
            y.store_partial(x);
        }
    }
}

/// Checks a function at evenly spaced f32 bit patterns against doubles.
fn check_f32(function: Function, oracle: fn(f64) -> f64, allowed: f64) {
    const STRIDE: usize = 1021;
    let patterns = (0..=u32::MAX).step_by(STRIDE);
    let x: Vec<f32> = patterns.chain((-200..200).map(|i| (i as f32).to_bits())).map(f32::from_bits).collect();
    let mut expected = x.clone();
    Tier::SCALAR.run(Apply(function, &mut expected));
    for tier in Tier::available() {
        let mut y = x.clone();
        tier.run(Apply(function, &mut y));
        assert!(same_bits(&y, &expected), "{function:?} on {}", tier.name());
    }
    let mut worst = (0.0, 0.0);
    for (&x, &y) in x.iter().zip(&expected) {
        let exact = oracle(f64::from(x));
        let rounded = exact as f32;
        if rounded.is_nan() || rounded.is_infinite() {
            assert_eq!(bits(&y), bits(&rounded), "{function:?}({x}) = {y}");
            continue;
        }
        let magnitude = rounded.abs();
        let ulp = f64::from(magnitude.next_up().min(f32::MAX)) - f64::from(magnitude);
        let ulp = if ulp == 0.0 { 2.0_f64.powi(104) } else { ulp };
        let error = (f64::from(y) - exact).abs() / ulp;
        worst = if error > worst.0 { (error, x) } else { worst };
    }
    assert!(worst.0 <= allowed, "{function:?}({}) is wrong by {} ulp", worst.1, worst.0);
}

#[test]
fn f32_functions_are_accurate() {
    check_f32(Function::Exp, f64::exp, 1.0);
    check_f32(Function::Ln, f64::ln, 1.0);
    check_f32(Function::Softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), 2.0);
    check_f32(
        Function::Sigmoid,
        |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) },
        2.5,
    );
    check_f32(Function::LnCosh, ln_cosh, 5.0);
    check_f32(Function::Tanh, f64::tanh, 3.0);
}

fn ln_cosh(x: f64) -> f64 {
    if x.abs() < 1.0 {
        x.sinh().powi(2).ln_1p() / 2.0
    } else {
        x.abs() - std::f64::consts::LN_2 + (-2.0 * x.abs()).exp().ln_1p()
    }
}

/// Doubles between two finite numbers of one sign.
fn steps(a: f64, b: f64) -> u64 {
    a.to_bits().abs_diff(b.to_bits())
}

fn check_f64(function: Function, pairs: &[(u64, u64)], allowed: u64) {
    let x: Vec<f64> = pairs.iter().map(|pair| f64::from_bits(pair.0)).collect();
    for tier in Tier::available() {
        let mut y = x.clone();
        tier.run(Apply(function, &mut y));
        for ((x, y), pair) in x.iter().zip(&y).zip(pairs) {
            let rounded = f64::from_bits(pair.1);
            assert!(
                steps(*y, rounded) <= allowed,
                "{function:?}({x}) = {y}, not {rounded}, on {}",
                tier.name()
            );
        }
    }
}

#[test]
fn f64_functions_are_accurate() {
    check_f64(Function::Exp, oracle::EXP, 1);
    check_f64(Function::Ln, oracle::LN, 1);
    check_f64(Function::Softplus, oracle::SOFTPLUS, 2);
    check_f64(Function::Sigmoid, oracle::SIGMOID, 2);
}

/// A wide sweep against the standard library, which is itself within 1 ulp.
#[test]
fn f64_functions_agree_with_the_standard_library() {
    let compare = |function, oracle: fn(f64) -> f64, x: Vec<f64>| {
        let pairs: Vec<_> = x.into_iter().map(|x| (x.to_bits(), oracle(x).to_bits())).collect();
        // The standard library has no ln cosh: both sides round several times.
        check_f64(
            function,
            &pairs,
            if matches!(function, Function::LnCosh | Function::Tanh) { 8 } else { 2 },
        );
    };
    let near_and_far =
        || (1..40_000).map(|i| 1.001_f64.powi(i - 30_000) * if i % 2 == 0 { 1.0 } else { -1.0 });
    compare(Function::LnCosh, ln_cosh, near_and_far().collect());
    compare(Function::Tanh, f64::tanh, near_and_far().collect());
    compare(Function::Exp, f64::exp, (0..1_000_000).map(|i| -746.0 + 1456.5 * f64::from(i) / 1e6).collect());
    compare(
        Function::Ln,
        f64::ln,
        (1..0x7ff0_0000).step_by(997).map(|i| f64::from_bits(i << 32 | i)).collect(),
    );
    compare(Function::Ln, f64::ln, (0..100_000).map(|i| 0.4 + 1.6 * f64::from(i) / 1e5).collect());
}

#[test]
fn tiers_have_names_and_refuse_others() {
    for tier in Tier::available() {
        assert_eq!(Tier::from_name(tier.name()), Ok(tier));
        assert!(tier <= Tier::best());
    }
    let message = Tier::from_name("sse9").unwrap_err().to_string();
    assert_eq!(message, "MBGD_RS_SIMD must be one of scalar, avx2, avx512, neon, got \"sse9\"");
    let foreign = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
    assert!(Tier::from_name(foreign).unwrap_err().to_string().contains("not possible on this processor"));
}
