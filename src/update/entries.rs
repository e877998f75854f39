//! Which entries of a vector are parameters, and which of those are coefficients.

use std::ops::Range;

/// Which entries of the vectors are what: weight decay does not apply to intercepts, and padding has to stay zero
/// where noise is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entries {
    n_columns: usize,
    stride: usize,
    n_coef: usize,
    n_intercepts: usize,
    array: u32,
}

impl Entries {
    /// All `n` entries of array number `array` of several that are moved together: each a coefficient.
    pub fn all(n: usize, array: u32) -> Self {
        Self { n_columns: n, stride: n, n_coef: n, n_intercepts: 0, array }
    }

    /// Rows of `n_columns` coefficients, `stride` apart and `n_coef` entries in all, then so many intercepts that are
    /// trained.
    pub fn padded(n_columns: usize, stride: usize, n_coef: usize, n_intercepts: usize) -> Self {
        Self { n_columns, stride, n_coef, n_intercepts, array: 0 }
    }

    /// Where the intercepts begin.
    pub fn n_coef(&self) -> usize {
        self.n_coef
    }

    /// Number of the array among those that are moved together.
    pub fn array(&self) -> u32 {
        self.array
    }

    /// Where parameters lie, in their order and without the padding.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let Self { n_columns, stride, n_coef, n_intercepts, .. } = *self;
        let n_rows = n_coef.checked_div(stride).unwrap_or(0);
        let rows = (0..n_rows).map(move |row| row * stride..row * stride + n_columns);
        rows.chain(std::iter::once(n_coef..n_coef + n_intercepts))
    }
}
