//! `Products`: of some rows with some vectors, a tile of 64 rows at a time, and sums of rows that are weighted by them.
//!
//! Both are products of matrices, by the kernels of [`matrix`](crate::kernel::matrix). Of a single vector, as power
//! iterations have it, they are those of a linear model with one output, whose kernels have a lane for each column instead.

use super::Vectors;
use crate::error::{Result, try_collected, try_filled};
use crate::kernel::matrix::{self, AccumulateProduct, Product, RowList, Transpose};
use crate::kernel::rows::{Accumulate, Scores};
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

/// Rows of a tile.
pub(super) const TILE: usize = 64;
/// Where rows lie one after the other.
const NUMBERS: [usize; TILE] = {
    let (mut numbers, mut i) = ([0; TILE], 0);
    while i < TILE {
        numbers[i] = i;
        i += 1;
    }
    numbers
};

/// Vectors whose products are made together: as many as a block of [`Product`] has.
const PANEL: usize = 48;

/// Vectors as products with them need them: entry by entry, or a single one as it is.
#[derive(Debug)]
pub(super) struct Transposed<T> {
    values: Vec<T>,
    n: usize,
    stride: usize,
    width: usize,
    /// Of each [`PANEL`] of vectors, how many entries it takes to have all that are not zero: the rows of a triangular matrix
    /// have half of them.
    n_entries: Vec<usize>,
}

impl<T: Scalar> Transposed<T> {
    /// A copy of these vectors.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn of(vectors: &Vectors<T>, tier: Tier) -> Result<Self> {
        let (n, width) = (vectors.n(), vectors.width);
        if n == 1 {
            let n_entries = Vec::new();
            return Ok(Self { values: vectors.copied()?.values, n, stride: 1, width, n_entries });
        }
        let stride = matrix::stride::<T>(n);
        let mut values = try_filled("products with a sample", width.saturating_mul(stride), T::ZERO)?;
        tier.run(Transpose {
            from: &vectors.values,
            from_stride: width,
            n_rows: n,
            n_columns: width,
            to: &mut values,
            to_stride: stride,
        });
        let n_entries = |panel: &[T]| {
            let last = |vector: &[T]| vector.iter().rposition(|&entry| entry != T::ZERO).map_or(0, |j| j + 1);
            panel.chunks_exact(width).map(last).max().unwrap_or(0)
        };
        let n_entries =
            try_collected("products with a sample", vectors.values.chunks(PANEL * width).map(n_entries))?;
        Ok(Self { values, n, stride, width, n_entries })
    }

    /// How many vectors.
    pub(super) fn n(&self) -> usize {
        self.n
    }
}

/// For each row of a tile a number for each vector.
#[derive(Debug)]
pub(super) struct Products<T> {
    values: Vec<T>,
    n_vectors: usize,
    /// Numbers of a row, padded to whole vectors of lanes; a single one is not.
    stride: usize,
}

impl<T: Scalar> Products<T> {
    /// Room for so many vectors.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn room(n_vectors: usize) -> Result<Self> {
        let stride = if n_vectors == 1 { 1 } else { n_vectors.next_multiple_of(T::LANES) };
        let values = try_filled("products with a sample", TILE.saturating_mul(stride), T::ZERO)?;
        Ok(Self { values, n_vectors, stride })
    }

    /// The numbers of the first rows.
    pub(super) fn rows(&mut self, n_rows: usize) -> impl Iterator<Item = &mut [T]> {
        let n_vectors = self.n_vectors;
        self.values.chunks_exact_mut(self.stride).take(n_rows).map(move |row| &mut row[..n_vectors])
    }

    /// The products of up to 64 rows with so many vectors.
    pub(super) fn of_rows(
        &mut self,
        tier: Tier,
        rows: &[T],
        with: &Transposed<T>,
    ) -> impl Iterator<Item = &mut [T]> {
        let width = with.width;
        let n_rows = rows.len() / width;
        if self.n_vectors == 1 {
            tier.run(Scores {
                values: rows,
                n_columns: width,
                rows: &NUMBERS[..n_rows],
                ahead: &[],
                prefetch: Prefetch::NONE,
                coef: &with.values,
                intercept: &[T::ZERO],
                scores: &mut self.values[..n_rows.next_multiple_of(T::LANES)],
            });
        } else {
            for (panel, &n_columns) in with.n_entries.iter().enumerate() {
                let first = panel * PANEL;
                tier.run(Product {
                    a: RowList { values: rows, stride: width, n_columns, rows: &NUMBERS[..n_rows] },
                    ahead: &[],
                    prefetch: Prefetch::NONE,
                    b: &with.values[first..],
                    b_stride: with.stride,
                    n_outputs: PANEL.min(self.n_vectors - first),
                    bias: &[],
                    c: &mut self.values[first..],
                    c_stride: self.stride,
                });
            }
        }
        self.rows(n_rows)
    }

    /// Adds the rows to every vector, each times its number for that vector.
    pub(super) fn add_rows(&mut self, tier: Tier, rows: &[T], to: &mut Vectors<T>) {
        let width = to.width;
        let n_rows = rows.len() / width;
        let numbers = &NUMBERS[..n_rows];
        if self.n_vectors == 1 {
            let slopes = &mut self.values[..n_rows.next_multiple_of(T::LANES)];
            slopes[n_rows..].fill(T::ZERO);
            tier.run(Accumulate {
                values: rows,
                n_columns: width,
                rows: numbers,
                slopes,
                coef: &mut to.values,
                intercept: &mut [T::ZERO],
                ahead: &[],
                prefetch: Prefetch::NONE,
            });
        } else {
            tier.run(AccumulateProduct {
                a: RowList {
                    values: &self.values,
                    stride: self.stride,
                    n_columns: self.n_vectors,
                    rows: numbers,
                },
                slopes: rows,
                slopes_stride: width,
                n_outputs: width,
                g: &mut to.values,
                g_stride: width,
                overwrites: false,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    /// Of one vector and of several, full tiles and others, on every tier.
    #[test]
    fn products_and_sums_are_those_of_plain_loops() {
        let drawn = |n: usize, stream| -> Vec<f64> {
            (0..n as u64)
                .map(|i| f64::from(Stream::new(stream, 0, 0).word(i)) / 2_f64.powi(31) - 1.0)
                .collect()
        };
        for (n_vectors, n_rows, width) in [(1, 5, 8), (1, 64, 24), (2, 1, 8), (17, 63, 40), (40, 64, 16)] {
            let vectors = Vectors { values: drawn(n_vectors * width, 1), width };
            let rows = drawn(n_rows * width, 2);
            for tier in Tier::available() {
                let mut room = Products::room(n_vectors).unwrap();
                let transposed = Transposed::of(&vectors, tier).unwrap();
                assert_eq!(transposed.n(), n_vectors);
                let mut sums = Vectors::zeros(n_vectors, width).unwrap();
                let mut expected = vec![0.0; n_vectors * width];
                for (products, row) in room.of_rows(tier, &rows, &transposed).zip(rows.chunks(width)) {
                    for (v, &product) in products.iter().enumerate() {
                        let plain: f64 = row.iter().zip(vectors.row(v)).map(|(x, v)| x * v).sum();
                        assert!((product - plain).abs() < 1e-13, "{n_vectors} vectors, {n_rows} rows");
                        row.iter().enumerate().for_each(|(j, x)| expected[v * width + j] += plain * x);
                    }
                }
                room.add_rows(tier, &rows, &mut sums);
                let differences =
                    sums.values.iter().zip(expected).map(|(sum, expected)| (sum - expected).abs());
                assert!(differences.fold(0.0, f64::max) < 1e-12, "{n_vectors} vectors, {n_rows} rows");
            }
        }
    }
}
