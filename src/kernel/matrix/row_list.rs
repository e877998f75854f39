//! A matrix whose rows lie anywhere in an array.

/// Row i is `values[rows[i] * stride..][..n_columns]`.
#[derive(Debug, Clone, Copy)]
pub struct RowList<'a, T> {
    /// All rows there are.
    pub values: &'a [T],
    /// Distance between the beginnings of consecutive rows of `values`.
    pub stride: usize,
    /// Entries of a row.
    pub n_columns: usize,
    /// Which rows, in order, repeated ones among them.
    pub rows: &'a [usize],
}

impl<'a, T> RowList<'a, T> {
    /// Row i of the list.
    #[inline(always)]
    pub(in crate::kernel) fn row(&self, i: usize) -> &'a [T] {
        &self.values[self.rows[i] * self.stride..][..self.n_columns]
    }
}
