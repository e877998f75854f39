//! Norms and products of the gradients of rows, without the gradients.

use super::scores::add_parts;
use super::{FactorTable, RowEntries};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Numbers handled at a time.
const WIDTH: usize = 8;

/// The squared norms of the gradients of the rows of a tile by the table, in double: squares of single-precision numbers
/// soon overflow or underflow. In row x the entry `x_j` has the gradient `r x_j` by the
/// coefficient of an output, and `r x_j (P_f - x_j v_jf)` by its factors.
#[derive(Debug)]
pub struct FactorSquares<'a, T, E> {
    /// The rows of the tile.
    pub rows: E,
    /// Coefficients and factors.
    pub table: FactorTable<'a, T>,
    /// P, see [`FactorScores`](super::FactorScores).
    pub sums: &'a [T],
    /// Slopes, one padded row per output.
    pub slopes: &'a [T],
    /// How many outputs there are.
    pub n_outputs: usize,
    /// Room for three padded rows.
    pub room: &'a mut [f64],
    /// One square per row.
    pub squares: &'a mut [f64],
}

impl<T: Scalar, E: RowEntries<T>> Kernel<T> for FactorSquares<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { rows, table, sums, slopes, n_outputs, room, squares } = self;
        let FactorTable { stride, width, is_coef, .. } = table;
        let r_stride = rows.n_rows().next_multiple_of(T::LANES);
        let (slope, room) = room.split_at_mut(stride);
        let (base, factor) = room.split_at_mut(stride);
        slope.fill(0.0);
        for (factor, is_coef) in factor.iter_mut().zip(is_coef) {
            *factor = 1.0 - is_coef.to_f64();
        }
        for (i, (sums, square)) in sums.chunks_exact(stride).zip(squares).enumerate() {
            let mut totals = [0.0; WIDTH];
            for c in 0..n_outputs {
                slope[c * width..][..width].fill(slopes[c * r_stride + i].to_f64());
            }
            for (base, (sum, is_coef)) in base.iter_mut().zip(sums.iter().zip(is_coef)) {
                *base = if *is_coef > T::ZERO { 1.0 } else { sum.to_f64() };
            }
            for p in 0..rows.n_entries(i) {
                let (column, x) = rows.entry(i, p);
                let (x, v) = (x.to_f64(), table.part(column, 0, stride));
                for at in (0..stride).step_by(WIDTH) {
                    for (q, total) in totals.iter_mut().enumerate() {
                        let at = at + q;
                        let g = slope[at] * x * (base[at] - x * factor[at] * v[at].to_f64());
                        *total += g * g;
                    }
                }
            }
            *square = totals.iter().sum();
        }
    }
}

/// What the scores of rows change by along a direction D of the table and the intercepts:
/// `sum_j x_j D_jw + sum_f (P_f sum_j x_j D_jf - sum_j x_j^2 v_jf D_jf)`, and the intercept of D.
#[derive(Debug)]
pub struct FactorScoresAlong<'a, T, E> {
    /// The rows of the tile.
    pub rows: E,
    /// Coefficients and factors.
    pub table: FactorTable<'a, T>,
    /// P, see [`FactorScores`](super::FactorScores).
    pub sums: &'a [T],
    /// The direction, of the shape of the table.
    pub direction: &'a [T],
    /// Its intercepts, one per output.
    pub intercept: &'a [T],
    /// Room for a padded row for each row of the tile.
    pub parts: &'a mut [T],
    /// The changes, one padded row per output.
    pub along: &'a mut [T],
}

impl<T: Scalar, E: RowEntries<T>> Kernel<T> for FactorScoresAlong<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { rows, table, sums, direction, intercept, parts, along } = self;
        let (stride, lanes, zero) = (table.stride, T::LANES, L::splat(T::ZERO));
        let direction = FactorTable { values: direction, ..table };
        for (i, (sums, parts)) in
            (0..rows.n_rows()).zip(sums.chunks_exact(stride).zip(parts.chunks_exact_mut(stride)))
        {
            for at in (0..stride).step_by(lanes) {
                let (mut products, mut squares) = (zero, zero);
                for p in 0..rows.n_entries(i) {
                    let (column, x) = rows.entry(i, p);
                    let (x, v) = (L::splat(x), L::load(table.part(column, at, lanes)));
                    let change = L::load(direction.part(column, at, lanes)).mul(x);
                    products = products.add(change);
                    squares = v.mul(x).mul_add(change, squares);
                }
                let pairs = L::load(&sums[at..]).mul(products).sub(squares);
                let is_coef = zero.lt(L::load(&table.is_coef[at..]));
                L::select(is_coef, products, pairs).store(&mut parts[at..]);
            }
        }
        add_parts::<L>(rows.n_rows(), parts, (stride, table.width), intercept, along);
    }
}
