//! Products of rows with a table that has a row for each of their columns: factorization machines.
//!
//! A row of the table has for each output a coefficient w and factors v, and then zeros up to whole vectors. A row x of
//! the data makes two sums of such rows, `P = sum_j x_j (w_j, v_j)` and `Q = sum_j (x_j v_j)^2`, of which the score is
//! `P_0 + 1/2 sum_f (P_f^2 - Q_f)`. In the order of the entries of x, each lane of P and Q is one chain of fused
//! multiply-adds, and each entry of the gradient is one in the order of the rows. So they have the same bits on every
//! instruction set, and for sparse rows as for dense ones.

mod accumulate;
mod bucket;
mod noise;
mod row_entries;
mod scores;

pub use accumulate::{DenseFactorAccumulate, FactorAccumulate, Pulls};
pub use bucket::{BucketAccumulate, BucketEntry, WritePulls};
pub use noise::{FactorScoresAlong, FactorSquares};
pub use row_entries::RowEntries;
pub use scores::{DenseFactorScores, FactorScores};

/// A row for each column of the data.
#[derive(Debug, Clone, Copy)]
pub struct FactorTable<'a, T> {
    /// Padded rows.
    pub values: &'a [T],
    /// Entries of a padded row: a multiple of the lanes.
    pub stride: usize,
    /// Entries of a row for each output: a coefficient and its factors.
    pub width: usize,
    /// A padded row that is 1 where a row has a coefficient, and 0 elsewhere.
    pub is_coef: &'a [T],
}

impl<'a, T> FactorTable<'a, T> {
    /// `len` entries of the row of a column, from `at` on.
    #[inline(always)]
    fn part(&self, column: usize, at: usize, len: usize) -> &'a [T] {
        &self.values[column * self.stride + at..][..len]
    }
}
