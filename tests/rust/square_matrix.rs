//! Decompositions of square matrices, against loops over entries.

use std::cell::Cell;

use mbgd_rs::error::Error;
use mbgd_rs::kernel::{SquareMatrix, Tier};
use proptest::prelude::*;

const SIZES: [usize; 7] = [1, 2, 7, 8, 9, 33, 101];

/// Numbers in -1..1 that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// B^T B / n + 1, well conditioned. The lower triangle is not to be read, and has NaN.
fn positive_definite(n: usize, seed: u64) -> SquareMatrix {
    let mut numbers = Numbers(seed);
    let b: Vec<f64> = (0..n * n).map(|_| numbers.next()).collect();
    let mut a = SquareMatrix::zeros(n).unwrap();
    for i in 0..n {
        for j in 0..n {
            let product: f64 = (0..n).map(|k| b[k * n + i] * b[k * n + j]).sum();
            let entry = product / n as f64 + if i == j { 1.0 } else { 0.0 };
            a.row_mut(i)[j] = if j < i { f64::NAN } else { entry };
        }
    }
    a
}

/// The entry of a symmetric matrix, from its upper triangle.
fn entry(a: &SquareMatrix, i: usize, j: usize) -> f64 {
    a.row(i.min(j))[i.max(j)]
}

fn bits(a: &SquareMatrix) -> Vec<u64> {
    (0..a.n()).flat_map(|i| a.row(i)).map(|x| x.to_bits()).collect()
}

fn check_inverse(n: usize, seed: u64) {
    let a = positive_definite(n, seed);
    let factor = a.clone().inverse_factor(Tier::SCALAR, &|| false).unwrap().expect("positive definite");
    let inverse = factor.gram_of_lower(Tier::SCALAR, &|| false).unwrap();
    for i in 0..n {
        assert!(factor.row(i)[i] > 0.0 && factor.row(i)[i + 1..].iter().all(|x| x.to_bits() == 0));
        for j in 0..n {
            let unit = if i == j { 1.0 } else { 0.0 };
            // W A W^T = 1 says that W is the factor, and not only that W^T W is the inverse.
            let half =
                |i: usize, k: usize| -> f64 { (0..n).map(|l| factor.row(i)[l] * entry(&a, l, k)).sum() };
            let product: f64 = (0..n).map(|k| inverse.row(i)[k] * entry(&a, k, j)).sum();
            assert!((product - unit).abs() < 1e-10, "n = {n}, A^-1 A at ({i}, {j}): {product}");
            if n <= 33 {
                let product: f64 = (0..n).map(|k| half(i, k) * factor.row(j)[k]).sum();
                assert!((product - unit).abs() < 1e-10, "n = {n}, W A W^T at ({i}, {j}): {product}");
            }
            assert_eq!(inverse.row(i)[j].to_bits(), inverse.row(j)[i].to_bits());
            let naive: f64 = (0..n).map(|k| factor.row(k)[i] * factor.row(k)[j]).sum();
            assert!((inverse.row(i)[j] - naive).abs() < 1e-12);
        }
    }
    for tier in Tier::available() {
        let of_tier = a.clone().inverse_factor(tier, &|| false).unwrap().expect("positive definite");
        assert_eq!(bits(&of_tier), bits(&factor), "{} n = {n}", tier.name());
        assert_eq!(
            bits(&of_tier.gram_of_lower(tier, &|| false).unwrap()),
            bits(&inverse),
            "{} n = {n}",
            tier.name()
        );
    }
}

#[test]
fn the_inverse_is_one() {
    SIZES.into_iter().for_each(|n| check_inverse(n, n as u64));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_inverse_of_any_size_is_one(n in 1_usize..40, seed in any::<u64>()) {
        check_inverse(n, seed);
    }
}

#[test]
fn what_is_not_positive_definite_has_no_factor() {
    for tier in Tier::available() {
        for n in SIZES {
            for bad in [0, n / 2, n - 1] {
                for pivot in [-1.0, 0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                    let mut a = SquareMatrix::zeros(n).unwrap();
                    (0..n).for_each(|i| a.row_mut(i)[i] = if i == bad { pivot } else { 2.0 });
                    assert_eq!(a.inverse_factor(tier, &|| false).unwrap(), None, "n = {n}, {pivot} at {bad}");
                }
            }
        }
        // Of a positive diagonal, but not positive definite.
        let mut a = SquareMatrix::zeros(2).unwrap();
        a.row_mut(0).copy_from_slice(&[1.0, 2.0]);
        a.row_mut(1)[1] = 1.0;
        assert_eq!(a.inverse_factor(tier, &|| false).unwrap(), None);
    }
}

#[test]
fn sizes_may_be_none_or_too_large() {
    let none = SquareMatrix::zeros(0).unwrap();
    let factor = none.inverse_factor(Tier::SCALAR, &|| false).unwrap().expect("nothing is wrong with it");
    assert_eq!(factor.gram_of_lower(Tier::SCALAR, &|| false).unwrap().n(), 0);
    assert!(SquareMatrix::zeros(usize::MAX).is_err());
    assert!(SquareMatrix::zeros(1 << 30).is_err());
}

#[test]
fn what_takes_long_can_be_interrupted() {
    let mut one = SquareMatrix::zeros(100).unwrap();
    (0..100).for_each(|i| one.row_mut(i)[i] = 1.0);
    let n_asked = Cell::new(0);
    let interrupted = || n_asked.replace(n_asked.get() + 1) == 3;
    assert!(matches!(one.gram_of_lower(Tier::SCALAR, &interrupted), Err(Error::Interrupted)));
    assert_eq!(n_asked.take(), 4);
    assert!(matches!(one.inverse_factor(Tier::SCALAR, &interrupted), Err(Error::Interrupted)));
    assert_eq!(n_asked.take(), 4);
}
