//! Products with rows: the dot products of the scores and the sums of rows of the gradient.
//!
//! Several rows are handled per pass, so that the additions of one row do not wait for each other, and so
//! that the gradient is loaded and stored once per pass. The result of a row does not depend on the other
//! rows of its pass: a score is one accumulator of logical lanes, summed by halves; a gradient entry is a
//! chain of fused multiply-adds in row order.

use std::ops::Range;

use super::{Kernel, Lanes, Prefetch};
use crate::scalar::Scalar;

/// Rows per pass of the dot products: enough independent chains to hide the latency of an addition.
const DOTS: usize = 4;
/// Rows per pass of the sums: this many rows share the gradient's loads and stores.
const SUMS: usize = 8;

/// `z_c[i] = x_i . w_c + b_c` for every row i of a tile and every output c.
#[derive(Debug)]
pub struct Scores<'a, T> {
    /// All rows, one after the other.
    pub values: &'a [T],
    /// Entries of a row.
    pub n_columns: usize,
    /// The rows of the tile.
    pub rows: &'a [usize],
    /// Rows to prefetch while these are read.
    pub ahead: &'a [usize],
    /// How.
    pub prefetch: Prefetch,
    /// Coefficients, one padded row per output, zero past `n_columns`.
    pub coef: &'a [T],
    /// One intercept per output.
    pub intercept: &'a [T],
    /// Scores, one padded row per output. Entries past the last row hold the score of some row.
    pub scores: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Scores<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let d = self.n_columns;
        let stride = d.next_multiple_of(T::LANES);
        let (n, z_stride) = (self.rows.len(), self.rows.len().next_multiple_of(T::LANES));
        let known = KnownRows::of(self.values, d, self.rows);
        let (rows, last_rows) = self.rows.as_chunks::<DOTS>();
        // Not `chunks_exact`: its division would take a noticeable part of a step over a single row.
        for (c, &b) in self.intercept.iter().enumerate() {
            let w = &self.coef[c * stride..][..stride];
            let z = &mut self.scores[c * z_stride..][..z_stride];
            L::splat(T::ZERO).store(&mut z[z_stride - T::LANES..]); // the padding
            let ahead = if c == 0 { self.ahead } else { &[] };
            let mut first = 0;
            for (rows, z) in rows.iter().zip(z.as_chunks_mut::<DOTS>().0) {
                if first < ahead.len() {
                    prefetch_rows(self.prefetch, self.values, d, ahead, first..first + DOTS);
                }
                first += DOTS;
                // SAFETY: they are some of those that are known.
                let sums = L::sum4(dots::<L, DOTS>(unsafe { known.get(rows) }, w));
                *z = sums.map(|sum| sum + b);
            }
            if first < ahead.len() {
                prefetch_rows(self.prefetch, self.values, d, ahead, first..first + DOTS);
            }
            for (i, &r) in last_rows.iter().enumerate() {
                // SAFETY: as above.
                let [sum] = dots::<L, 1>(unsafe { known.get(&[r]) }, w);
                match n {
                    // A whole vector, so that the load that follows need not wait for a narrower store.
                    1 => L::splat(sum.sum() + b).store(z),
                    _ => z[first + i] = sum.sum() + b,
                }
            }
        }
    }
}

/// Rows of d entries, some of which are known to be there. They are looked at all at once: of 30 columns checks of each on its
/// own took 4 % of a step.
struct KnownRows<'a, T> {
    values: &'a [T],
    d: usize,
}

impl<'a, T> KnownRows<'a, T> {
    /// That these are there.
    ///
    /// # Panics
    /// If one is not.
    #[inline(always)]
    fn of(values: &'a [T], d: usize, rows: &[usize]) -> Self {
        let mut last = 0;
        for &r in rows {
            last = if r > last { r } else { last };
        }
        assert!(rows.is_empty() || last.saturating_add(1).saturating_mul(d) <= values.len());
        Self { values, d }
    }

    /// Several rows. By a loop: what a closure does, such as one given to `map`, is not always inlined into code for another
    /// instruction set, and a call for every few rows costs a third of the time.
    ///
    /// # Safety
    /// They are among those that are known to be there.
    #[inline(always)]
    unsafe fn get<const R: usize>(&self, rows: &[usize; R]) -> [&'a [T]; R] {
        let mut x = [&self.values[..0]; R];
        for i in 0..R {
            let start = rows[i] * self.d;
            // SAFETY: `of` has seen that the row does not end after the values.
            x[i] = unsafe { self.values.get_unchecked(start..start + self.d) };
        }
        x
    }
}

/// Prefetches those of the rows ahead whose places are in this range.
#[inline(always)]
pub(super) fn prefetch_rows<T>(
    prefetch: Prefetch,
    values: &[T],
    d: usize,
    ahead: &[usize],
    places: Range<usize>,
) {
    for &r in &ahead[places.start.min(ahead.len())..places.end.min(ahead.len())] {
        prefetch.row(&values[r * d..][..d]);
    }
}

/// `|x_i|^2` for every row i of a tile.
#[derive(Debug)]
pub struct SquaredNorms<'a, T> {
    /// All rows, one after the other.
    pub values: &'a [T],
    /// Entries of a row.
    pub n_columns: usize,
    /// The rows of the tile.
    pub rows: &'a [usize],
    /// One sum of squares per row, computed in the type of the rows: it overflows or underflows before the
    /// norm does.
    pub squares: &'a mut [f64],
}

impl<T: Scalar> Kernel<T> for SquaredNorms<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let row = |r: usize| &self.values[r * self.n_columns..][..self.n_columns];
        let (rows, last_rows) = self.rows.as_chunks::<DOTS>();
        let (squares, last_squares) = self.squares.as_chunks_mut::<DOTS>();
        for (rows, squares) in rows.iter().zip(squares) {
            *squares = L::sum4(rows.map(|r| squared::<L>(row(r)))).map(T::to_f64);
        }
        for (&r, square) in last_rows.iter().zip(last_squares) {
            *square = squared::<L>(row(r)).sum().to_f64();
        }
    }
}

/// One accumulator of logical lanes for the squares of a row.
#[inline(always)]
fn squared<L: Lanes>(x: &[L::Elem]) -> L {
    let lanes = x.chunks_exact(L::Elem::LANES);
    let rest = L::load_partial(lanes.remainder());
    let sum = lanes.map(L::load).fold(L::splat(L::Elem::ZERO), |sum, x| x.mul_add(x, sum));
    rest.mul_add(rest, sum)
}

/// `g_c += sum_i r_c[i] x_i` and `h_c += sum_i r_c[i]` over the rows i of a tile, for every output c.
#[derive(Debug)]
pub struct Accumulate<'a, T> {
    /// All rows, one after the other.
    pub values: &'a [T],
    /// Entries of a row.
    pub n_columns: usize,
    /// The rows of the tile.
    pub rows: &'a [usize],
    /// Rows to prefetch while these are read, where there is one output.
    pub ahead: &'a [usize],
    /// How.
    pub prefetch: Prefetch,
    /// What each row is multiplied by, one padded row per output, zero past the last row.
    pub slopes: &'a [T],
    /// Sums of rows, one padded row per output.
    pub coef: &'a mut [T],
    /// Sums of slopes, one per output.
    pub intercept: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Accumulate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let d = self.n_columns;
        let stride = d.next_multiple_of(T::LANES);
        let r_stride = self.rows.len().next_multiple_of(T::LANES);
        let known = KnownRows::of(self.values, d, self.rows);
        let (rows, last_rows) = self.rows.as_chunks::<SUMS>();
        for (c, h) in self.intercept.iter_mut().enumerate() {
            let g = &mut self.coef[c * stride..][..stride];
            let r = &self.slopes[c * r_stride..][..r_stride];
            let mut total = L::splat(T::ZERO);
            for r in r.chunks_exact(T::LANES) {
                total = total.add(L::load(r));
            }
            *h += total.sum();
            let (slopes, last_slopes) = r[..self.rows.len()].as_chunks::<SUMS>();
            let ahead = if c == 0 { self.ahead } else { &[] };
            let mut first = 0;
            for (rows, slopes) in rows.iter().zip(slopes) {
                if first < ahead.len() {
                    prefetch_rows(self.prefetch, self.values, d, ahead, first..first + SUMS);
                }
                first += SUMS;
                // SAFETY: they are some of those that are known.
                add_rows::<L, SUMS>(unsafe { known.get(rows) }, *slopes, g);
            }
            if first < ahead.len() {
                prefetch_rows(self.prefetch, self.values, d, ahead, first..ahead.len());
            }
            for (&r, &slope) in last_rows.iter().zip(last_slopes) {
                // SAFETY: as above.
                add_rows::<L, 1>(unsafe { known.get(&[r]) }, [slope], g);
            }
        }
    }
}

/// One accumulator of logical lanes per row. All rows have the same length, `w` at least that, padded.
#[inline(always)]
pub fn dots<L: Lanes, const R: usize>(x: [&[L::Elem]; R], w: &[L::Elem]) -> [L; R] {
    let lanes = L::Elem::LANES;
    let d = x[0].len();
    assert!(x.iter().all(|x| x.len() == d) && w.len() >= d.next_multiple_of(lanes));
    let full = d - d % lanes;
    let mut acc = [L::splat(L::Elem::ZERO); R];
    let mut j = 0;
    while j < full {
        // SAFETY: j + lanes <= full <= length of w and of every row.
        let wj = L::load(unsafe { w.get_unchecked(j..j + lanes) });
        for i in 0..R {
            // SAFETY: as above.
            let xj = L::load(unsafe { x[i].get_unchecked(j..j + lanes) });
            acc[i] = xj.mul_add(wj, acc[i]);
        }
        j += lanes;
    }
    if full < d {
        // SAFETY: full + lanes is at most the length of w, full less than that of every row.
        let wj = L::load(unsafe { w.get_unchecked(full..full + lanes) });
        for i in 0..R {
            // SAFETY: as above.
            acc[i] = L::load_partial(unsafe { x[i].get_unchecked(full..) }).mul_add(wj, acc[i]);
        }
    }
    acc
}

/// `g += r_0 x_0 + ... ` in this order. All rows have the same length, `g` at least that, padded.
#[inline(always)]
pub fn add_rows<L: Lanes, const R: usize>(x: [&[L::Elem]; R], r: [L::Elem; R], g: &mut [L::Elem]) {
    let lanes = L::Elem::LANES;
    let d = x[0].len();
    assert!(x.iter().all(|x| x.len() == d) && g.len() >= d.next_multiple_of(lanes));
    let full = d - d % lanes;
    let mut j = 0;
    while j < full {
        // SAFETY: j + lanes <= full <= length of g and of every row.
        let gj = unsafe { g.get_unchecked_mut(j..j + lanes) };
        let mut acc = L::load(gj);
        for i in 0..R {
            // SAFETY: as above.
            acc = L::load(unsafe { x[i].get_unchecked(j..j + lanes) }).mul_add(L::splat(r[i]), acc);
        }
        acc.store(gj);
        j += lanes;
    }
    if full < d {
        // SAFETY: full + lanes is at most the length of g, full less than that of every row.
        let gj = unsafe { g.get_unchecked_mut(full..full + lanes) };
        let mut acc = L::load(gj);
        for i in 0..R {
            // SAFETY: as above.
            acc = L::load_partial(unsafe { x[i].get_unchecked(full..) }).mul_add(L::splat(r[i]), acc);
        }
        acc.store(gj);
    }
}
