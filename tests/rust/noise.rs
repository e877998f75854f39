//! The noise kernels: equal bits on every tier, and agreement with plain sums.

use mbgd_rs::kernel::Tier;
use mbgd_rs::kernel::noise::{RowProducts, RowSquares};
use mbgd_rs::kernel::rows::SquaredNorms;
use mbgd_rs::scalar::Scalar;
use proptest::collection::vec;
use proptest::prelude::*;

/// A tile of `n` rows with `k` outputs: slopes and scores, zero in the padding, and squares.
fn tile<T: Scalar>(n: usize, k: usize, numbers: &[f64]) -> (usize, Vec<T>, Vec<T>, Vec<f64>) {
    let stride = n.next_multiple_of(T::LANES);
    let padded = |from: usize| -> Vec<T> {
        let entry = |i: usize| if i % stride < n { numbers[(from + i) % numbers.len()] } else { 0.0 };
        (0..k * stride).map(|i| T::from_f64(entry(i))).collect()
    };
    let squares = (0..stride).map(|i| if i < n { numbers[i % numbers.len()].powi(2) } else { 0.0 }).collect();
    (stride, padded(0), padded(7), squares)
}

fn close(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-12 * scale.max(1.0)
}

fn check_tile<T: Scalar>(n: usize, k: usize, numbers: &[f64]) {
    let (stride, slopes, along, squares) = tile::<T>(n, k, numbers);
    let r = |c: usize, i: usize| slopes[c * stride + i].to_f64();
    let z = |c: usize, i: usize| along[c * stride + i].to_f64();
    let mut of_squares = 0.0;
    let mut products = [0.0, 0.0];
    for (i, square) in squares.iter().enumerate().take(n) {
        of_squares += (0..k).map(|c| r(c, i).powi(2)).sum::<f64>() * (square + 1.0);
        let product: f64 = (0..k).map(|c| r(c, i) * z(c, i)).sum();
        products = [products[0] + product, products[1] + product * product];
    }
    let run = |tier: Tier| {
        let squares = tier.run(RowSquares { slopes: &slopes, squares: &squares, one: 1.0 });
        let [sum, of_products] = tier.run(RowProducts { slopes: &slopes, along: &along, stride });
        [squares, sum, of_products]
    };
    let scalar = run(Tier::SCALAR);
    assert!(close(scalar[0], of_squares, of_squares));
    assert!(close(scalar[1], products[0], products[1].sqrt() * n as f64));
    assert!(close(scalar[2], products[1], products[1]));
    for tier in Tier::available() {
        assert_eq!(run(tier).map(f64::to_bits), scalar.map(f64::to_bits), "{}", tier.name());
    }
}

fn check_norms<T: Scalar>(d: usize, rows: &[usize], numbers: &[f64]) {
    let n = rows.iter().max().unwrap() + 1;
    let values: Vec<T> = (0..n * d).map(|i| T::from_f64(numbers[i % numbers.len()])).collect();
    let run = |tier: Tier| {
        let mut squares = vec![0.0; rows.len()];
        tier.run(SquaredNorms { values: &values, n_columns: d, rows, squares: &mut squares });
        squares
    };
    let scalar = run(Tier::SCALAR);
    for (&row, &square) in rows.iter().zip(&scalar) {
        let expected: f64 = values[row * d..][..d].iter().map(|x| x.to_f64().powi(2)).sum();
        assert!((square - expected).abs() <= 1e-5 * expected);
    }
    for tier in Tier::available() {
        assert_eq!(run(tier), scalar, "{}", tier.name());
    }
}

proptest! {
    #[test]
    fn sums_over_the_rows_of_a_tile(n in 1_usize..65, k in 1_usize..4, numbers in vec(-9.0..9.0, 40)) {
        check_tile::<f32>(n, k, &numbers);
        check_tile::<f64>(n, k, &numbers);
    }
    #[test]
    fn squared_norms_of_rows(d in 1_usize..70, rows in vec(0_usize..20, 1..20), numbers in vec(-9.0..9.0, 40)) {
        check_norms::<f32>(d, &rows, &numbers);
        check_norms::<f64>(d, &rows, &numbers);
    }
}
