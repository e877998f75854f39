//! Dense products in f32 beside those of the crate `gemm` and beside the processor's peak, in one thread: a table of
//! 10^9 floating-point operations a second. `MBGD_RS_SIMD` chooses the instructions of ours, and of the peak.
//!
//! All that is in a row of the table was measured in turns, and of each the shortest time counts.

#![allow(clippy::print_stdout)] // the result

use std::hint::black_box;
use std::time::Instant;

use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;
use mbgd_rs::kernel::matrix::{AccumulateProduct, Product, RowList, stride};
use mbgd_rs::kernel::{Kernel, Lanes, Prefetch, Tier};
use mbgd_rs::rng::Stream;

/// Multiply-adds of a sum.
const LINKS: usize = 2000;

/// Fused multiply-adds of registers, and nothing else. Returns how many of vectors.
struct Peak<'a>(&'a mut [f32]);

impl Kernel<f32> for Peak<'_> {
    type Output = usize;
    #[inline(always)]
    fn run<L: Lanes<Elem = f32>>(self) -> usize {
        // More sums than any processor needs not to wait for one, and no more than its registers hold.
        if L::REGISTERS < 32 { chains::<L, 6>(self.0) } else { chains::<L, 12>(self.0) }
    }
}

#[inline(always)]
fn chains<L: Lanes<Elem = f32>, const N: usize>(numbers: &mut [f32]) -> usize {
    let x = L::load(numbers);
    let mut sums = [x; N];
    for _ in 0..LINKS {
        for sum in &mut sums {
            *sum = x.mul_add(x, *sum);
        }
    }
    sums.iter().fold(x, |all, &sum| all.add(sum)).store(numbers);
    N * LINKS
}

/// The shortest of many times, in seconds, of each of some functions, called in turns.
fn shortest<const N: usize>(mut functions: [&mut dyn FnMut(); N]) -> [f64; N] {
    const TURNS: usize = 60;
    const SECONDS_OF_A_TURN: f64 = 5e-4;
    let mut n_calls = [1; N];
    let mut time = |i: usize, n: usize| {
        let start = Instant::now();
        (0..n).for_each(|_| functions[i]());
        start.elapsed().as_secs_f64() / n as f64
    };
    for (i, n_calls) in n_calls.iter_mut().enumerate() {
        time(i, 1);
        *n_calls = (SECONDS_OF_A_TURN / time(i, 1).max(1e-9)).clamp(1.0, 1e6) as usize;
    }
    let mut shortest = [f64::INFINITY; N];
    for _ in 0..TURNS {
        for i in 0..N {
            shortest[i] = shortest[i].min(time(i, n_calls[i]));
        }
    }
    shortest
}

/// Numbers in [-1/2, 1/2).
fn numbers(n: usize) -> Vec<f32> {
    let stream = Stream::new(1, 0, 99);
    (0..n as u64).map(|i| (f64::from(stream.word(i)) / 2_f64.powi(32) - 0.5) as f32).collect()
}

/// `gemm` for a row-major result and a row-major right-hand side: what is computed is the transpose, as the crate does
/// it behind its own door, because its results are fastest column by column.
fn gemm(
    [m, k, n]: [usize; 3],
    (a, a_strides): (&[f32], [usize; 2]),
    (b, b_stride): (&[f32], usize),
    (c, c_stride): (&mut [f32], usize),
    is_added: bool,
) {
    let [row, column, b_stride, c_stride] =
        [a_strides[0], a_strides[1], b_stride, c_stride].map(|stride| stride as isize);
    let (to, alpha) = (c.as_mut_ptr(), if is_added { 1.0 } else { 0.0 });
    // SAFETY: `main` has made arrays of these sizes.
    unsafe {
        let (a, b) = (a.as_ptr(), b.as_ptr());
        let none = Parallelism::None;
        get_gemm_fn()(
            n, m, k, to, c_stride, 1, is_added, b, b_stride, 1, a, row, column, alpha, 1.0, false, false,
            false, none,
        );
    }
}

fn print_row(
    tier: Tier,
    form: &str,
    [m, k, n]: [usize; 3],
    ours: &mut dyn FnMut(),
    theirs: &mut dyn FnMut(),
) {
    let mut x = [0.5; 16];
    let n_links = tier.run(Peak(&mut x));
    let mut peak = || {
        tier.run(Peak(black_box(&mut x)));
    };
    let [ours, theirs, peak] = shortest([ours, theirs, &mut peak]);
    let n_operations = 2.0 * (m * k * n) as f64;
    let [ours, theirs] = [ours, theirs].map(|seconds| n_operations / seconds / 1e9);
    let peak = (2 * 16 * n_links) as f64 / peak / 1e9;
    println!(
        "| {form} | {m} x {k} x {n} | {ours:.0} | {theirs:.0} | {:.2} | {:.0} % |",
        ours / theirs,
        100.0 * ours / peak
    );
}

fn main() {
    let tier = Tier::current().expect("a tier of this processor");
    println!("| form | m x k x n | {} | gemm | ratio | of the peak |", tier.name());
    println!("|---|---|--:|--:|--:|--:|");
    let shapes = [
        [64, 784, 128],
        [64, 128, 10],
        [64, 10, 128],
        [64, 256, 256],
        [64, 1024, 1024],
        [64, 64, 64],
        [64, 784, 100],
        [64, 30, 32],
        [1, 784, 128],
    ];
    for [m, k, n] in shapes {
        let (a_stride, c_stride) = (k, stride::<f32>(n));
        let rows: Vec<usize> = (0..m).collect();
        let (values, b, bias) = (numbers(m * a_stride), numbers(k * n), numbers(n));
        let (mut c, mut d) = (numbers(m * c_stride), numbers(m * c_stride));
        let a = RowList { values: &values, stride: a_stride, n_columns: k, rows: &rows };
        let mut ours = || {
            let (ahead, prefetch, b, bias, c) =
                (&[][..], Prefetch::NONE, black_box(&b), &bias[..], &mut c[..]);
            tier.run(Product { a, ahead, prefetch, b, b_stride: n, n_outputs: n, bias, c, c_stride });
        };
        let mut theirs =
            || gemm([m, k, n], (&values, [a_stride, 1]), (black_box(&b), n), (&mut d, c_stride), false);
        print_row(tier, "A B", [m, k, n], &mut ours, &mut theirs);

        let (slopes, slopes_stride) = (numbers(m * c_stride), c_stride);
        let (mut g, mut h) = (numbers(k * n), numbers(k * n));
        let mut ours = || {
            let (slopes, g) = (black_box(&slopes[..]), &mut g[..]);
            tier.run(AccumulateProduct {
                a,
                slopes,
                slopes_stride,
                n_outputs: n,
                g,
                g_stride: n,
                overwrites: false,
            });
        };
        let mut theirs =
            || gemm([k, m, n], (&values, [1, a_stride]), (black_box(&slopes), c_stride), (&mut h, n), true);
        print_row(tier, "G + A^T R", [m, k, n], &mut ours, &mut theirs);
    }
}
