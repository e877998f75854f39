//! Scores of rows, and the sums of rows of the table that they are made of.

use super::{FactorTable, RowEntries};
use crate::kernel::coefficients::Coefficients;
use crate::kernel::matrix::RowList;
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Dense rows of a pass: so many share the loads of the table, and hide each other's latency.
const DENSE_ROWS: usize = 4;
/// Scores whose lanes are added at once.
const SUMS: usize = 4;

/// Scores of rows by their entries, one row after the other.
#[derive(Debug)]
pub struct FactorScores<'a, T, E> {
    /// The rows of the tile.
    pub rows: E,
    /// Coefficients and factors.
    pub table: FactorTable<'a, T>,
    /// One intercept per output.
    pub intercept: &'a [T],
    /// P, a padded row for each row of the tile.
    pub sums: &'a mut [T],
    /// Of the same shape: what adds up to the scores.
    pub parts: &'a mut [T],
    /// Scores, one padded row per output, past the last row of some row or zero.
    pub scores: &'a mut [T],
}

impl<T: Scalar, E: RowEntries<T>> Kernel<T> for FactorScores<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { rows, table, intercept, sums, parts, scores } = self;
        let (stride, lanes) = (table.stride, T::LANES);
        for (i, (sums, parts)) in
            (0..rows.n_rows()).zip(sums.chunks_exact_mut(stride).zip(parts.chunks_exact_mut(stride)))
        {
            let mut at = 0;
            while at + 2 * lanes <= stride {
                let both = sums_of::<L, E, 2>(rows, i, &table, at);
                for (m, sum) in both.into_iter().enumerate() {
                    let at = at + m * lanes;
                    write::<L>(sum, &table.is_coef[at..], (&mut sums[at..], &mut parts[at..]));
                }
                at += 2 * lanes;
            }
            if at < stride {
                let [sum] = sums_of::<L, E, 1>(rows, i, &table, at);
                write::<L>(sum, &table.is_coef[at..], (&mut sums[at..], &mut parts[at..]));
            }
        }
        add_parts::<L>(rows.n_rows(), parts, (stride, table.width), intercept, scores);
    }
}

/// Scores of dense rows, some at a time.
#[derive(Debug)]
pub struct DenseFactorScores<'a, T>(pub FactorScores<'a, T, RowList<'a, T>>);

impl<T: Scalar> Kernel<T> for DenseFactorScores<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let FactorScores { rows, table, intercept, sums, parts, scores } = self.0;
        let n_rows = rows.rows.len();
        let n_blocked = n_rows - n_rows % DENSE_ROWS;
        for at in (0..table.stride).step_by(T::LANES) {
            let is_coef = &table.is_coef[at..];
            for i in (0..n_blocked).step_by(DENSE_ROWS) {
                let of_rows = dense_sums::<L, DENSE_ROWS>(&rows, i, &table, at);
                for (q, sum) in of_rows.into_iter().enumerate() {
                    let at = (i + q) * table.stride + at;
                    write::<L>(sum, is_coef, (&mut sums[at..], &mut parts[at..]));
                }
            }
            for i in n_blocked..n_rows {
                let [sum] = dense_sums::<L, 1>(&rows, i, &table, at);
                let at = i * table.stride + at;
                write::<L>(sum, is_coef, (&mut sums[at..], &mut parts[at..]));
            }
        }
        add_parts::<L>(n_rows, parts, (table.stride, table.width), intercept, scores);
    }
}

/// P and Q of a row, `V` vectors of them from `at` on.
#[inline(always)]
fn sums_of<L: Lanes, E: RowEntries<L::Elem>, const V: usize>(
    rows: E,
    i: usize,
    table: &FactorTable<'_, L::Elem>,
    at: usize,
) -> [[L; 2]; V] {
    let lanes = L::Elem::LANES;
    let mut sums = [[L::splat(L::Elem::ZERO); 2]; V];
    for p in 0..rows.n_entries(i) {
        let (column, x) = rows.entry(i, p);
        let (x, v) = (L::splat(x), table.part(column, at, V * lanes));
        for m in 0..V {
            add::<L>(&mut sums[m], x, L::load(&v[m * lanes..]));
        }
    }
    sums
}

/// A vector of P and Q of each of `R` dense rows from the i-th on.
#[inline(always)]
fn dense_sums<L: Lanes, const R: usize>(
    rows: &RowList<'_, L::Elem>,
    i: usize,
    table: &FactorTable<'_, L::Elem>,
    at: usize,
) -> [[L; 2]; R] {
    let mut x = [&rows.values[..0]; R];
    for (q, x) in x.iter_mut().enumerate() {
        *x = rows.row(i + q);
    }
    let mut sums = [[L::splat(L::Elem::ZERO); 2]; R];
    #[allow(clippy::needless_range_loop)] // the second index of `x`
    for j in 0..rows.n_columns {
        let v = L::load(table.part(j, at, L::Elem::LANES));
        for q in 0..R {
            add::<L>(&mut sums[q], L::splat(x[q][j]), v);
        }
    }
    sums
}

/// `P += x v` and `Q += (x v)^2`.
#[inline(always)]
fn add<L: Lanes>([sum, squares]: &mut [L; 2], x: L, v: L) {
    let product = v.mul(x);
    *sum = v.mul_add(x, *sum);
    *squares = product.mul_add(product, *squares);
}

/// Writes a vector of P, and what adds up to the score: P where it is of a coefficient, else `(P^2 - Q) / 2`.
#[inline(always)]
fn write<L: Lanes>([sum, squares]: [L; 2], is_coef: &[L::Elem], to: (&mut [L::Elem], &mut [L::Elem])) {
    let pairs = sum.mul(sum).sub(squares).mul(L::splat(L::Elem::HALF));
    let is_coef = L::splat(L::Elem::ZERO).lt(L::load(is_coef));
    sum.store(to.0);
    L::select(is_coef, sum, pairs).store(to.1);
}

/// Writes `b_c` plus the sum of the `width` parts of output c of each row: vectors of them, then the lanes by halves.
#[inline(always)]
pub(super) fn add_parts<L: Lanes>(
    n_rows: usize,
    parts: &[L::Elem],
    (stride, width): (usize, usize),
    intercept: &[L::Elem],
    scores: &mut [L::Elem],
) {
    let lanes = L::Elem::LANES;
    let z_stride = n_rows.next_multiple_of(lanes);
    for (c, (z, &b)) in scores.chunks_exact_mut(z_stride).zip(intercept).enumerate() {
        L::splat(L::Elem::ZERO).store(&mut z[z_stride - lanes..]); // the padding
        for first in (0..n_rows).step_by(SUMS) {
            let n = SUMS.min(n_rows - first);
            let mut vectors = [L::splat(L::Elem::ZERO); SUMS];
            for (q, vector) in vectors.iter_mut().enumerate().take(n) {
                let parts = &parts[(first + q) * stride + c * width..][..width];
                let whole = parts.chunks_exact(lanes);
                let rest = L::load_partial(whole.remainder());
                for part in whole {
                    *vector = vector.add(L::load(part));
                }
                *vector = vector.add(rest);
            }
            for (z, sum) in z[first..].iter_mut().zip(L::sum4(vectors)).take(n) {
                *z = sum + b;
            }
        }
    }
}
