//! Kernels for several outputs at once give the bits of the kernels for one output, on every tier.

use mbgd_rs::kernel::outputs::{OutputAccumulate, OutputScores};
use mbgd_rs::kernel::rows::{Accumulate, Scores};
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

fn check<T: Scalar>(n: usize, d: usize, k: usize, seed: u64) {
    let (w_stride, z_stride) = (d.next_multiple_of(T::LANES), n.next_multiple_of(T::LANES));
    let values = numbers::<T>(seed, 2 * n * d);
    let values = &values[..];
    // Every second row, backwards.
    let rows: Vec<usize> = (0..n).map(|i| 2 * (n - 1 - i)).collect();
    let rows = &rows[..];
    let b = numbers::<T>(seed + 1, k);
    let mut w = numbers::<T>(seed + 2, k * w_stride);
    let mut r = numbers::<T>(seed + 3, k * z_stride);
    w.chunks_mut(w_stride).for_each(|w| w[d..].fill(T::ZERO));
    r.chunks_mut(z_stride).for_each(|r| r[n..].fill(T::ZERO));
    let (n_columns, ahead, prefetch) = (d, &[][..], Prefetch::NONE);

    let (mut z, mut g, mut h) = (vec![T::ZERO; k * z_stride], w.clone(), b.clone());
    for c in 0..k {
        let (of_w, of_z) = (c * w_stride..(c + 1) * w_stride, c * z_stride..(c + 1) * z_stride);
        let (coef, intercept, scores) = (&w[of_w.clone()], &b[c..=c], &mut z[of_z.clone()]);
        Tier::SCALAR.run(Scores { values, n_columns, rows, ahead, prefetch, coef, intercept, scores });
        let (coef, intercept, slopes) = (&mut g[of_w], &mut h[c..=c], &r[of_z]);
        Tier::SCALAR.run(Accumulate { values, n_columns, rows, ahead, prefetch, slopes, coef, intercept });
    }
    for tier in Tier::available() {
        let (mut z_all, mut g_all, mut h_all) = (vec![T::ONE; k * z_stride], w.clone(), b.clone());
        let (coef, intercept, scores) = (&w[..], &b[..], &mut z_all[..]);
        tier.run(OutputScores(Scores { values, n_columns, rows, ahead, prefetch, coef, intercept, scores }));
        for (z_all, z) in z_all.chunks(z_stride).zip(z.chunks(z_stride)) {
            assert_eq!(bits(&z_all[..n]), bits(&z[..n]), "scores of {n} x {d}, {k} outputs, {tier:?}");
        }
        let (coef, intercept, slopes) = (&mut g_all[..], &mut h_all[..], &r[..]);
        tier.run(OutputAccumulate(Accumulate {
            values,
            n_columns,
            rows,
            ahead,
            prefetch,
            slopes,
            coef,
            intercept,
        }));
        assert_eq!(bits(&g_all), bits(&g), "sums of {n} x {d}, {k} outputs, {tier:?}");
        assert_eq!(bits(&h_all), bits(&h), "sums of slopes of {n} rows, {k} outputs, {tier:?}");
    }
}

proptest! {
    #[test]
    fn outputs_do_not_depend_on_each_other(n in 1..40_usize, d in 1..70_usize, k in 1..14_usize, seed in 0..1000_u64) {
        check::<f32>(n, d, k, seed);
        check::<f64>(n, d, k, seed);
    }
}
