//! `MergedRows`: copies of sparse rows in which no column comes twice.

use std::ops::Range;

use super::csr::{Csr, Indices};
use crate::error::{Result, try_filled};
use crate::kernel::sparse::Index;
use crate::kernel::sparse_matrix::SparseRowList;
use crate::scalar::Scalar;

/// Room for copies of some rows. An entry is the sum of those of its column, in their order, in the place of the first.
#[derive(Debug, Default)]
pub(crate) struct MergedRows<T> {
    values: Vec<T>,
    columns: Vec<i64>,
    rows: Vec<Range<usize>>,
    /// Columns of a row and where they are, sorted.
    sorted: Vec<(i64, usize)>,
}

/// The column of an entry that was added to another.
const GONE: i64 = -1;

impl<T: Scalar> MergedRows<T> {
    /// Copies rows.
    pub(super) fn of<I: Index>(&mut self, from: SparseRowList<'_, T, I>) -> SparseRowList<'_, T, i64> {
        self.values.clear();
        self.columns.clear();
        self.rows.clear();
        for row in 0..from.rows.len() {
            let start = self.values.len();
            for (column, x) in from.entries(row) {
                self.columns.push(column as i64);
                self.values.push(x);
            }
            if !self.columns[start..].is_sorted_by(|a, b| a < b) {
                self.merge_from(start);
            }
            self.rows.push(start..self.values.len());
        }
        SparseRowList { values: &self.values, indices: &self.columns, rows: &self.rows }
    }

    /// Merges the entries of the last row, which begins here.
    fn merge_from(&mut self, start: usize) {
        let Self { values, columns, sorted, .. } = self;
        sorted.clear();
        sorted.extend(columns[start..].iter().copied().zip(start..));
        sorted.sort_unstable();
        for same in sorted.chunk_by(|a, b| a.0 == b.0) {
            for &(_, at) in &same[1..] {
                let x = values[at];
                values[same[0].1] += x;
                columns[at] = GONE;
            }
        }
        let mut end = start;
        for at in start..columns.len() {
            if columns[at] != GONE {
                (columns[end], values[end]) = (columns[at], values[at]);
                end += 1;
            }
        }
        columns.truncate(end);
        values.truncate(end);
    }
}

impl<T: Scalar> Csr<'_, T> {
    /// The same for models to which entries of the same column of a row have to be one, their sum: it is known from now on
    /// whether there are some.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], where columns of a row do not rise.
    pub(super) fn merging(mut self) -> Result<Self> {
        self.merges = match self.indices {
            Indices::Narrow(indices) => self.has_repeats(indices)?,
            Indices::Wide(indices) => self.has_repeats(indices)?,
        };
        Ok(self)
    }

    fn has_repeats<I: Index + PartialOrd>(&self, indices: &[I]) -> Result<bool> {
        let indices = &indices[..self.n_entries()];
        // Few operations for an entry: those that do not rise, but for the first ones of rows.
        let n_falls = indices.iter().zip(indices.iter().skip(1)).filter(|(a, b)| a >= b).count();
        let starts = (0..self.n_rows()).map(|row| self.entries(row)).filter(|entries| !entries.is_empty());
        let n_new_rows = starts.filter(|e| e.start > 0 && indices[e.start - 1] >= indices[e.start]).count();
        if n_falls == n_new_rows {
            return Ok(false);
        }
        let mut last_rows = try_filled("marks of columns", self.n_columns(), usize::MAX)?;
        Ok((0..self.n_rows()).any(|row| {
            indices[self.entries(row)]
                .iter()
                .any(|column| std::mem::replace(&mut last_rows[column.at()], row) == row)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_column_are_added_in_the_place_of_the_first() {
        let (values, indices) = ([1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [3, 1, 3, 0, 1, 3]);
        let rows = [0..5, 5..5, 5..6];
        let mut merged = MergedRows::default();
        let found = merged.of(SparseRowList { values: &values, indices: &indices, rows: &rows });
        assert_eq!(found.values, [5.0, 18.0, 8.0, 32.0]);
        assert_eq!(found.indices, [3, 1, 0, 3]);
        assert_eq!(found.rows, [0..3, 3..3, 3..4]);
    }
}
