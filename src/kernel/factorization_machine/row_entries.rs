//! The entries of rows, of dense ones and of sparse ones.

use crate::kernel::matrix::RowList;
use crate::kernel::sparse::Index;
use crate::kernel::sparse_matrix::SparseRowList;
use crate::scalar::Scalar;

/// Rows by their entries: of sparse rows those that are stored, of dense rows all.
pub trait RowEntries<T>: Copy {
    /// How many rows there are.
    fn n_rows(&self) -> usize;
    /// Entries of a row.
    fn n_entries(&self, row: usize) -> usize;
    /// Column and value of an entry of a row.
    fn entry(&self, row: usize, i: usize) -> (usize, T);
}

impl<T: Scalar> RowEntries<T> for RowList<'_, T> {
    #[inline(always)]
    fn n_rows(&self) -> usize {
        self.rows.len()
    }

    #[inline(always)]
    fn n_entries(&self, _: usize) -> usize {
        self.n_columns
    }

    #[inline(always)]
    fn entry(&self, row: usize, i: usize) -> (usize, T) {
        (i, self.row(row)[i])
    }
}

impl<T: Scalar, I: Index> RowEntries<T> for SparseRowList<'_, T, I> {
    #[inline(always)]
    fn n_rows(&self) -> usize {
        self.rows.len()
    }

    #[inline(always)]
    fn n_entries(&self, row: usize) -> usize {
        self.rows[row].len()
    }

    #[inline(always)]
    fn entry(&self, row: usize, i: usize) -> (usize, T) {
        let at = self.rows[row].start + i;
        (self.indices[at].at(), self.values[at])
    }
}
