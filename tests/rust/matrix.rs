//! Dense products: every entry is the chain of fused multiply-adds that its definition says, to the bit, on every tier;
//! and the crate `gemm` finds the same numbers.

use mbgd_rs::kernel::matrix::{AccumulateProduct, Product, RowList, Transpose};
use mbgd_rs::kernel::{Prefetch, Tier};
use mbgd_rs::rng::Stream;
use mbgd_rs::scalar::Scalar;
use proptest::prelude::*;

/// Numbers of very different sizes, zeros of both signs among them.
fn numbers<T: Scalar>(seed: u64, n: usize) -> Vec<T> {
    let stream = Stream::new(seed, 0, 99);
    let number = |word: u32| match word % 16 {
        0 => 0.0,
        1 => -0.0,
        size => (f64::from(word) / 2_f64.powi(31) - 1.0) * 10_f64.powi(size as i32 - 8),
    };
    (0..n as u64).map(|i| T::from_f64(number(stream.word(i)))).collect()
}

fn bits<T: Scalar>(numbers: &[T]) -> Vec<u64> {
    numbers.iter().map(|x| x.to_f64().to_bits()).collect()
}

/// Some rows of a matrix, repeated ones among them.
fn some_rows(seed: u64, m: usize) -> Vec<usize> {
    let stream = Stream::new(seed, 1, 99);
    (0..m as u64).map(|i| stream.word(i) as usize % (m + 3)).collect()
}

/// The sizes of a product, and by how much rows are longer than they need be.
#[derive(Debug, Clone, Copy)]
struct Shape {
    m: usize,
    k: usize,
    n: usize,
    gap: usize,
}

fn shapes() -> impl Strategy<Value = Shape> {
    (0..=64_usize, 0..=300_usize, 1..=130_usize, 0..=3_usize).prop_map(|(m, k, n, gap)| Shape {
        m,
        k,
        n,
        gap,
    })
}

fn check_product<T: Scalar>(Shape { m, k, n, gap }: Shape, has_bias: bool, seed: u64) {
    let (a_stride, b_stride, c_stride) = (k + gap, n + gap, (n + gap).next_multiple_of(T::LANES));
    let values = numbers::<T>(seed, (m + 3) * a_stride);
    let rows = some_rows(seed, m);
    let b = numbers::<T>(seed + 1, k * b_stride);
    let bias = numbers::<T>(seed + 2, if has_bias { n } else { 0 });
    let mut expected = vec![T::ZERO; m * c_stride];
    for (i, &r) in rows.iter().enumerate() {
        for j in 0..n {
            let begin = bias.get(j).copied().unwrap_or(T::ZERO);
            let chain = |sum: T, t: usize| T::mul_add(values[r * a_stride + t], b[t * b_stride + j], sum);
            expected[i * c_stride + j] = (0..k).fold(begin, chain);
        }
    }
    for tier in Tier::available() {
        let mut c = vec![T::ONE; m * c_stride];
        let a = RowList { values: &values, stride: a_stride, n_columns: k, rows: &rows };
        let (prefetch, ahead) = (Prefetch { n_ahead: 1, to_second_level: true }, &rows[..m / 2]);
        let (b, bias) = (&b[..], &bias[..]);
        tier.run(Product { a, ahead, prefetch, b, b_stride, n_outputs: n, bias, c: &mut c, c_stride });
        let padded = n.next_multiple_of(T::LANES);
        for (c, expected) in c.chunks(c_stride).zip(expected.chunks(c_stride)) {
            assert_eq!(bits(&c[..padded]), bits(&expected[..padded]), "{m} x {k} x {n}, {tier:?}");
            assert!(c[padded..].iter().all(|&c| c == T::ONE), "written between rows, {tier:?}");
        }
    }
}

fn check_accumulate<T: Scalar>(Shape { m, k, n, gap }: Shape, seed: u64) {
    let (a_stride, slopes_stride, g_stride) = (k + gap, (n + gap).next_multiple_of(T::LANES), n + gap);
    let values = numbers::<T>(seed, (m + 3) * a_stride);
    let rows = some_rows(seed, m);
    let slopes = numbers::<T>(seed + 1, m * slopes_stride);
    let before = numbers::<T>(seed + 2, k * g_stride);
    let mut expected = before.clone();
    for (i, &r) in rows.iter().enumerate() {
        for j in 0..k {
            for q in 0..n {
                let g = &mut expected[j * g_stride + q];
                *g = T::mul_add(values[r * a_stride + j], slopes[i * slopes_stride + q], *g);
            }
        }
    }
    for tier in Tier::available() {
        let mut g = before.clone();
        let a = RowList { values: &values, stride: a_stride, n_columns: k, rows: &rows };
        let (slopes, g_of) = (&slopes[..], &mut g[..]);
        let overwrites = false;
        tier.run(AccumulateProduct { a, slopes, slopes_stride, n_outputs: n, g: g_of, g_stride, overwrites });
        assert_eq!(bits(&g), bits(&expected), "{k} x {m} x {n}, {tier:?}");
        let (mut added, mut written) = (before.clone(), before.clone());
        (0..k).for_each(|j| added[j * g_stride..][..n].fill(T::ZERO));
        for (g, overwrites) in [(&mut added, false), (&mut written, true)] {
            tier.run(AccumulateProduct { a, slopes, slopes_stride, n_outputs: n, g, g_stride, overwrites });
        }
        assert_eq!(bits(&written), bits(&added), "{k} x {m} x {n}, {tier:?}");
    }
}

fn check_transpose<T: Scalar>(n_rows: usize, n_columns: usize, gap: usize, seed: u64) {
    let (from_stride, to_stride) = (n_columns + gap, n_rows + gap);
    let from = numbers::<T>(seed, n_rows * from_stride);
    let mut expected = vec![T::ONE; n_columns * to_stride];
    for i in 0..n_rows {
        for j in 0..n_columns {
            expected[j * to_stride + i] = from[i * from_stride + j];
        }
    }
    for tier in Tier::available() {
        let mut to = vec![T::ONE; n_columns * to_stride];
        let to_of = &mut to[..];
        tier.run(Transpose { from: &from, from_stride, n_rows, n_columns, to: to_of, to_stride });
        assert_eq!(bits(&to), bits(&expected), "{n_rows} x {n_columns}, {tier:?}");
    }
}

/// Each entry differs by no more than the errors of two sums: k roundings each, of sums of the sizes that occur.
fn check_beside_gemm(Shape { m, k, n, gap }: Shape, seed: u64) {
    let (a_stride, c_stride) = (k + gap, n.next_multiple_of(f32::LANES));
    let rows: Vec<usize> = (0..m).collect();
    let uniform = |seed: u64, n: usize| -> Vec<f32> {
        let stream = Stream::new(seed, 0, 99);
        (0..n as u64).map(|i| (f64::from(stream.word(i)) / 2_f64.powi(31) - 1.0) as f32).collect()
    };
    let (values, b) = (uniform(seed, m * a_stride), uniform(seed + 1, k * n));
    let (mut c, mut theirs) = (vec![0.0; m * c_stride], vec![0.0; m * n]);
    let a = RowList { values: &values, stride: a_stride, n_columns: k, rows: &rows };
    let (ahead, prefetch, bias) = (&[][..], Prefetch::NONE, &[][..]);
    let c_of = &mut c[..];
    Tier::best().run(Product {
        a,
        ahead,
        prefetch,
        b: &b,
        b_stride: n,
        n_outputs: n,
        bias,
        c: c_of,
        c_stride,
    });
    let (to, columns, rows_of_a) = (theirs.as_mut_ptr(), n as isize, a_stride as isize);
    // SAFETY: the arrays have the sizes that are said.
    unsafe {
        let (a, b, none) = (values.as_ptr(), b.as_ptr(), gemm_common::Parallelism::None);
        gemm_f32::gemm::f32::get_gemm_fn()(
            m, n, k, to, 1, columns, false, a, 1, rows_of_a, b, 1, columns, 0.0, 1.0, false, false, false,
            none,
        );
    }
    for i in 0..m {
        for j in 0..n {
            let size: f32 = (0..k).map(|t| (values[i * a_stride + t] * b[t * n + j]).abs()).sum();
            let (ours, theirs) = (c[i * c_stride + j], theirs[i * n + j]);
            let allowed = 2.0 * size * k as f32 * f32::EPSILON;
            assert!((ours - theirs).abs() <= allowed, "({i}, {j}) of {m} x {k} x {n}: {ours}, not {theirs}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn entries_of_a_product_are_chains(shape in shapes(), has_bias in any::<bool>(), seed in 0..1000_u64) {
        check_product::<f32>(shape, has_bias, seed);
        check_product::<f64>(shape, has_bias, seed);
    }
    #[test]
    fn entries_of_an_accumulated_product_are_chains(shape in shapes(), seed in 0..1000_u64) {
        check_accumulate::<f32>(shape, seed);
        check_accumulate::<f64>(shape, seed);
    }
    #[test]
    fn another_library_finds_the_same(shape in shapes(), seed in 0..1000_u64) {
        check_beside_gemm(shape, seed);
    }
    #[test]
    fn a_transpose_has_the_same_entries(k in 0..=70_usize, n in 0..=70_usize, gap in 0..=3_usize, seed in 0..1000_u64) {
        check_transpose::<f32>(k, n, gap, seed);
        check_transpose::<f64>(k, n, gap, seed);
    }
}
