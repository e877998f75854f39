//! Gradients by the table: what the slopes of rows make of their entries.

use super::{FactorTable, RowEntries};
use crate::kernel::matrix::RowList;
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Columns of dense rows that are summed up side by side, to hide each other's latency.
const DENSE_COLUMNS: usize = 4;

/// What an entry `x_j` of a row adds to the gradient of its row of the table is `x_j (S + x_j F v_j)`, with two padded rows
/// for each row of the data: `S = r (1, P)`, and F, which is -r at factors and 0 at coefficients, the slope r of the output
/// that a lane is of.
#[derive(Debug)]
pub struct Pulls<'a, T> {
    /// S and F of one row after those of the other.
    pub values: &'a mut [T],
    /// P, see [`FactorScores`](super::FactorScores).
    pub sums: &'a [T],
    /// Slopes, one padded row per output, zero past the last row of the tile.
    pub slopes: &'a [T],
    /// How many outputs there are.
    pub n_outputs: usize,
}

impl<T: Scalar> Pulls<'_, T> {
    /// Writes them.
    #[inline(always)]
    pub(super) fn write<L: Lanes<Elem = T>>(&mut self, n_rows: usize, table: &FactorTable<'_, T>) {
        let FactorTable { stride, width, is_coef, .. } = *table;
        let r_stride = n_rows.next_multiple_of(T::LANES);
        let rows = self.values.chunks_exact_mut(2 * stride).zip(self.sums.chunks_exact(stride));
        for (i, (pull, sums)) in (0..n_rows).zip(rows) {
            let (s, f) = pull.split_at_mut(stride);
            if self.n_outputs == 1 {
                let r = L::splat(self.slopes[i]);
                for at in (0..stride).step_by(T::LANES) {
                    let is_coef = L::splat(T::ZERO).lt(L::load(&is_coef[at..]));
                    L::select(is_coef, r, r.mul(L::load(&sums[at..]))).store(&mut s[at..]);
                    L::select(is_coef, L::splat(T::ZERO), r.neg()).store(&mut f[at..]);
                }
                continue;
            }
            for c in 0..self.n_outputs {
                let r = self.slopes[c * r_stride + i];
                let (s, f) = (&mut s[c * width..][..width], &mut f[c * width..][..width]);
                for (s, sum) in s.iter_mut().zip(&sums[c * width..]) {
                    *s = r * *sum;
                }
                f.fill(-r);
                (s[0], f[0]) = (r, T::ZERO);
            }
            s[self.n_outputs * width..].fill(T::ZERO);
            f[self.n_outputs * width..].fill(T::ZERO);
        }
    }

    /// `h_c += sum_i r_c[i]`.
    #[inline(always)]
    pub(super) fn add_slopes<L: Lanes<Elem = T>>(&self, n_rows: usize, intercept: &mut [T]) {
        let r_stride = n_rows.next_multiple_of(T::LANES);
        for (h, r) in intercept.iter_mut().zip(self.slopes.chunks_exact(r_stride)) {
            let mut total = L::splat(T::ZERO);
            for r in r.chunks_exact(T::LANES) {
                total = total.add(L::load(r));
            }
            *h += total.sum();
        }
    }
}

/// Adds what rows make of their entries, one row after the other.
#[derive(Debug)]
pub struct FactorAccumulate<'a, T, E> {
    /// The rows of the tile.
    pub rows: E,
    /// Coefficients and factors.
    pub table: FactorTable<'a, T>,
    /// What the rows pull with.
    pub pulls: Pulls<'a, T>,
    /// The gradient by the table, of its shape.
    pub gradient: &'a mut [T],
    /// Sums of slopes, one per output.
    pub intercept: &'a mut [T],
}

impl<T: Scalar, E: RowEntries<T>> Kernel<T> for FactorAccumulate<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { rows, table, mut pulls, gradient, intercept } = self;
        pulls.add_slopes::<L>(rows.n_rows(), intercept);
        pulls.write::<L>(rows.n_rows(), &table);
        let (stride, lanes) = (table.stride, T::LANES);
        for (i, pull) in (0..rows.n_rows()).zip(pulls.values.chunks_exact(2 * stride)) {
            let mut at = 0;
            while at + 2 * lanes <= stride {
                add_row::<L, E, 2>(rows, i, &table, (pull, at), gradient);
                at += 2 * lanes;
            }
            if at < stride {
                add_row::<L, E, 1>(rows, i, &table, (pull, at), gradient);
            }
        }
    }
}

/// Adds what a row makes of its entries, `V` vectors of each from `at` on.
#[inline(always)]
fn add_row<L: Lanes, E: RowEntries<L::Elem>, const V: usize>(
    rows: E,
    i: usize,
    table: &FactorTable<'_, L::Elem>,
    (pull, at): (&[L::Elem], usize),
    gradient: &mut [L::Elem],
) {
    let (stride, lanes) = (table.stride, L::Elem::LANES);
    let mut pulls = [[L::splat(L::Elem::ZERO); 2]; V];
    for (m, pulls) in pulls.iter_mut().enumerate() {
        let at = at + m * lanes;
        *pulls = [L::load(&pull[at..]), L::load(&pull[stride + at..])];
    }
    for p in 0..rows.n_entries(i) {
        let (column, x) = rows.entry(i, p);
        let (x, v) = (L::splat(x), table.part(column, at, V * lanes));
        let g = &mut gradient[column * stride + at..][..V * lanes];
        for (m, &pull) in pulls.iter().enumerate() {
            let g = &mut g[m * lanes..][..lanes];
            added::<L>(L::load(g), x, L::load(&v[m * lanes..]), pull).store(g);
        }
    }
}

/// `g + x (S + x F v)`.
#[inline(always)]
pub(super) fn added<L: Lanes>(g: L, x: L, v: L, [s, f]: [L; 2]) -> L {
    f.mul(v).mul_add(x, s).mul_add(x, g)
}

/// Adds what dense rows make of their entries, some columns at a time.
#[derive(Debug)]
pub struct DenseFactorAccumulate<'a, T>(pub FactorAccumulate<'a, T, RowList<'a, T>>);

impl<T: Scalar> Kernel<T> for DenseFactorAccumulate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let FactorAccumulate { rows, table, mut pulls, gradient, intercept } = self.0;
        pulls.add_slopes::<L>(rows.rows.len(), intercept);
        pulls.write::<L>(rows.rows.len(), &table);
        let d = rows.n_columns;
        let n_blocked = d - d % DENSE_COLUMNS;
        for at in (0..table.stride).step_by(T::LANES) {
            for j in (0..n_blocked).step_by(DENSE_COLUMNS) {
                add_columns::<L, DENSE_COLUMNS>(&rows, j, &table, (pulls.values, at), gradient);
            }
            for j in n_blocked..d {
                add_columns::<L, 1>(&rows, j, &table, (pulls.values, at), gradient);
            }
        }
    }
}

/// Adds what all rows make of their entries in `C` columns from the j-th on, a vector of each.
#[inline(always)]
fn add_columns<L: Lanes, const C: usize>(
    rows: &RowList<'_, L::Elem>,
    j: usize,
    table: &FactorTable<'_, L::Elem>,
    (pulls, at): (&[L::Elem], usize),
    gradient: &mut [L::Elem],
) {
    let (stride, lanes) = (table.stride, L::Elem::LANES);
    let zero = L::splat(L::Elem::ZERO);
    let (mut v, mut g) = ([zero; C], [zero; C]);
    for q in 0..C {
        v[q] = L::load(table.part(j + q, at, lanes));
        g[q] = L::load(&gradient[(j + q) * stride + at..]);
    }
    for (i, pull) in (0..rows.rows.len()).zip(pulls.chunks_exact(2 * stride)) {
        let x = &rows.row(i)[j..][..C];
        let pull = [L::load(&pull[at..]), L::load(&pull[stride + at..])];
        for q in 0..C {
            g[q] = added::<L>(g[q], L::splat(x[q]), v[q], pull);
        }
    }
    for (q, g) in g.into_iter().enumerate() {
        g.store(&mut gradient[(j + q) * stride + at..]);
    }
}
