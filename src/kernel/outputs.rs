//! Products with rows for several outputs at once: a vector of a row is loaded once for some outputs, and not again
//! for each of them. Every score, and every entry of the gradient, is computed as [`super::rows`] does it for a single
//! output, to the bit.
//!
//! How many rows and outputs make a block follows from the registers, which hold its accumulators.

use super::rows::{Accumulate, Scores, add_rows, prefetch_rows};
use super::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Rows of a block of scores.
const DOTS: usize = 4;
/// Rows of a block of sums.
const SUMS: usize = 8;
/// From so many registers on blocks are large.
const MANY_REGISTERS: usize = 32;

/// [`Scores`] of more than one output.
#[derive(Debug)]
pub struct OutputScores<'a, T>(pub Scores<'a, T>);

impl<T: Scalar> Kernel<T> for OutputScores<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Scores { values, n_columns, rows, ahead, prefetch, coef, intercept, scores } = self.0;
        let row = |r: usize| &values[r * n_columns..][..n_columns];
        let (w_stride, z_stride) =
            (n_columns.next_multiple_of(T::LANES), rows.len().next_multiple_of(T::LANES));
        let mut outputs = Outputs { coef, stride: w_stride, intercept, scores, z_stride };
        if rows.len() < z_stride {
            outputs.scores.chunks_exact_mut(z_stride).for_each(|z| z[rows.len()..].fill(T::ZERO));
        }
        let (blocks, last_rows) = rows.as_chunks::<DOTS>();
        for (i, &[a, b, c, d]) in blocks.iter().enumerate() {
            let (i, x) = (i * DOTS, [row(a), row(b), row(c), row(d)]);
            prefetch_rows(prefetch, values, n_columns, ahead, i..i + DOTS);
            let mut first = 0;
            while L::REGISTERS >= MANY_REGISTERS && first + 4 <= intercept.len() {
                outputs.write::<L, 4, 4>(x, first, i);
                first += 4;
            }
            while first + 2 <= intercept.len() {
                outputs.write::<L, 2, 2>([x[0], x[1]], first, i);
                outputs.write::<L, 2, 2>([x[2], x[3]], first, i + 2);
                first += 2;
            }
            if first < intercept.len() {
                outputs.write::<L, 4, 1>(x, first, i);
            }
        }
        for (&r, i) in last_rows.iter().zip(blocks.len() * DOTS..) {
            prefetch_rows(prefetch, values, n_columns, ahead, i..i + 1);
            let mut first = 0;
            while first + 4 <= intercept.len() {
                outputs.write::<L, 1, 4>([row(r)], first, i);
                first += 4;
            }
            for c in first..intercept.len() {
                outputs.write::<L, 1, 1>([row(r)], c, i);
            }
        }
    }
}

/// Coefficients and intercepts, and where the scores go.
struct Outputs<'a, T> {
    coef: &'a [T],
    stride: usize,
    intercept: &'a [T],
    scores: &'a mut [T],
    z_stride: usize,
}

impl<T: Scalar> Outputs<'_, T> {
    /// Writes the scores of `R` rows, the i-th and the following, for `C` outputs from `first` on. `R C` is 1 or a
    /// multiple of 4.
    #[inline(always)]
    fn write<L: Lanes<Elem = T>, const R: usize, const C: usize>(
        &mut self,
        x: [&[T]; R],
        first: usize,
        i: usize,
    ) {
        let mut w: [&[T]; C] = [&[]; C];
        for (c, w) in w.iter_mut().enumerate() {
            *w = &self.coef[(first + c) * self.stride..][..self.stride];
        }
        let dots = dots::<L, R, C>(x, w);
        let mut put = |k: usize, sum: T| {
            let (c, i) = (first + k / R, i + k % R);
            self.scores[c * self.z_stride + i] = sum + self.intercept[c];
        };
        if R * C == 1 {
            put(0, dots[0][0].sum());
            return;
        }
        for k in (0..R * C).step_by(4) {
            let sums = L::sum4([
                dots[k / R][k % R],
                dots[(k + 1) / R][(k + 1) % R],
                dots[(k + 2) / R][(k + 2) % R],
                dots[(k + 3) / R][(k + 3) % R],
            ]);
            sums.into_iter().enumerate().for_each(|(q, sum)| put(k + q, sum));
        }
    }
}

/// One accumulator of logical lanes per output and row. All rows have the same length, the coefficients at least
/// that, padded.
#[inline(always)]
fn dots<L: Lanes, const R: usize, const C: usize>(x: [&[L::Elem]; R], w: [&[L::Elem]; C]) -> [[L; R]; C] {
    let lanes = L::Elem::LANES;
    let d = x[0].len();
    let padded = d.next_multiple_of(lanes);
    assert!(x.iter().all(|x| x.len() == d) && w.iter().all(|w| w.len() >= padded));
    let full = d - d % lanes;
    let mut acc = [[L::splat(L::Elem::ZERO); R]; C];
    let mut xj = [L::splat(L::Elem::ZERO); R];
    let mut j = 0;
    while j < full {
        for (xj, x) in xj.iter_mut().zip(x) {
            // SAFETY: j + lanes <= full <= length of every row.
            *xj = L::load(unsafe { x.get_unchecked(j..j + lanes) });
        }
        for (acc, w) in acc.iter_mut().zip(w) {
            // SAFETY: as above, for the coefficients.
            let wj = L::load(unsafe { w.get_unchecked(j..j + lanes) });
            for (acc, xj) in acc.iter_mut().zip(xj) {
                *acc = xj.mul_add(wj, *acc);
            }
        }
        j += lanes;
    }
    if full < d {
        for (xj, x) in xj.iter_mut().zip(x) {
            *xj = L::load_partial(&x[full..]);
        }
        for (acc, w) in acc.iter_mut().zip(w) {
            let wj = L::load(&w[full..]);
            for (acc, xj) in acc.iter_mut().zip(xj) {
                *acc = xj.mul_add(wj, *acc);
            }
        }
    }
    acc
}

/// [`Accumulate`] for more than one output.
#[derive(Debug)]
pub struct OutputAccumulate<'a, T>(pub Accumulate<'a, T>);

impl<T: Scalar> Kernel<T> for OutputAccumulate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Accumulate { values, n_columns: d, rows, slopes, coef, intercept, .. } = self.0;
        let row = |r: usize| &values[r * d..][..d];
        let (g_stride, r_stride) = (d.next_multiple_of(T::LANES), rows.len().next_multiple_of(T::LANES));
        for (h, slopes) in intercept.iter_mut().zip(slopes.chunks_exact(r_stride)) {
            let mut total = L::splat(T::ZERO);
            for r in slopes.chunks_exact(T::LANES) {
                total = total.add(L::load(r));
            }
            *h += total.sum();
        }
        let slope = |c: usize, i: usize| slopes[c * r_stride + i];
        let slopes_of = |c: usize, i: usize| std::array::from_fn(|q| slope(c, i + q));
        let (blocks, last_rows) = rows.as_chunks::<SUMS>();
        for (block, &[a, b, c, d, e, f, g, h]) in blocks.iter().enumerate() {
            let i = block * SUMS;
            let x = [row(a), row(b), row(c), row(d), row(e), row(f), row(g), row(h)];
            let mut outputs = coef.chunks_exact_mut(g_stride);
            let mut first = 0;
            while L::REGISTERS >= MANY_REGISTERS && first + 3 <= intercept.len() {
                let g = [0; 3].map(|_| outputs.next().unwrap_or_default());
                let r = [slopes_of(first, i), slopes_of(first + 1, i), slopes_of(first + 2, i)];
                add_rows_to::<L, SUMS, 3>(x, r, g);
                first += 3;
            }
            for (g, c) in outputs.zip(first..intercept.len()) {
                add_rows::<L, SUMS>(x, slopes_of(c, i), g);
            }
        }
        for (&r, i) in last_rows.iter().zip(blocks.len() * SUMS..) {
            for (c, g) in coef.chunks_exact_mut(g_stride).take(intercept.len()).enumerate() {
                add_rows::<L, 1>([row(r)], [slope(c, i)], g);
            }
        }
    }
}

/// `g_c += r_c0 x_0 + ...` in this order, for every c. All rows have the same length, every `g_c` at least that,
/// padded.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
fn add_rows_to<L: Lanes, const R: usize, const C: usize>(
    x: [&[L::Elem]; R],
    slopes: [[L::Elem; R]; C],
    mut g: [&mut [L::Elem]; C],
) {
    let lanes = L::Elem::LANES;
    let d = x[0].len();
    let padded = d.next_multiple_of(lanes);
    assert!(x.iter().all(|x| x.len() == d) && g.iter().all(|g| g.len() >= padded));
    let mut r = [[L::splat(L::Elem::ZERO); R]; C];
    for (r, slopes) in r.iter_mut().zip(slopes) {
        for (r, slope) in r.iter_mut().zip(slopes) {
            *r = L::splat(slope);
        }
    }
    let full = d - d % lanes;
    let mut acc = [L::splat(L::Elem::ZERO); C];
    let mut j = 0;
    while j < full {
        for (acc, g) in acc.iter_mut().zip(&g) {
            // SAFETY: j + lanes <= full <= length of every g and of every row.
            *acc = L::load(unsafe { g.get_unchecked(j..j + lanes) });
        }
        for i in 0..R {
            // SAFETY: as above.
            let xj = L::load(unsafe { x[i].get_unchecked(j..j + lanes) });
            for c in 0..C {
                acc[c] = xj.mul_add(r[c][i], acc[c]);
            }
        }
        for (acc, g) in acc.iter().zip(&mut g) {
            // SAFETY: as above.
            acc.store(unsafe { g.get_unchecked_mut(j..j + lanes) });
        }
        j += lanes;
    }
    if full < d {
        for (g, r) in g.iter_mut().zip(&r) {
            let g = &mut g[full..full + lanes];
            let mut acc = L::load(g);
            for (x, &r) in x.iter().zip(r) {
                acc = L::load_partial(&x[full..]).mul_add(r, acc);
            }
            acc.store(g);
        }
    }
}
