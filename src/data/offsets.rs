//! Offsets: known parts of the scores of rows, beside what the model makes of the rows.

use crate::error::{Error, Result};
use crate::kernel::{Tier, prefetch, prefetch_one};
use crate::scalar::Scalar;

/// Borrowed numbers that are added to scores, row-major of shape (n, k), or none. All are finite.
///
/// A count over an exposure has the logarithm of the exposure for an offset: `exp(x . w + b + o)` is then the exposure
/// times a rate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offsets<'a, T> {
    values: Option<&'a [T]>,
    per_row: usize,
}

impl<'a, T: Scalar> Offsets<'a, T> {
    /// Scores are those of the model.
    pub fn none() -> Self {
        Self { values: None, per_row: 0 }
    }

    /// Views `values` as `n_outputs` offsets for each of `n_rows` rows.
    ///
    /// # Errors
    /// If the length does not fit, or at the first entry that is not finite.
    pub fn new(tier: Tier, values: &'a [T], n_rows: usize, n_outputs: usize) -> Result<Self> {
        let offsets = Self { values: Some(values), per_row: n_outputs };
        offsets.check(n_rows, n_outputs)?;
        if let Some(i) = super::find_not_finite(tier, values, &|| false)? {
            let (row, column) = (i / n_outputs, i % n_outputs);
            return Err(Error::NotFinite { argument: "offset", row, column, value: values[i].to_f64() });
        }
        Ok(offsets)
    }

    /// Refuses offsets of other rows or scores than these.
    pub(crate) fn check(&self, n_rows: usize, n_outputs: usize) -> Result<()> {
        match self.values {
            Some(values)
                if self.per_row != n_outputs || n_rows.checked_mul(n_outputs) != Some(values.len()) =>
            {
                Err(Error::Shape {
                    argument: "offset",
                    expected: format!("{n_rows} rows of {n_outputs}, a number for each score of a row of X"),
                    got: format!("{} entries in rows of {}", values.len(), self.per_row),
                })
            }
            _ => Ok(()),
        }
    }

    /// How many a row has; none if there are none.
    pub(crate) fn per_row(&self) -> usize {
        self.per_row
    }

    /// Those of a row.
    pub(crate) fn of(&self, row: usize) -> &'a [T] {
        self.values.map_or(&[], |values| &values[row * self.per_row..][..self.per_row])
    }

    /// Whether scores are those of the model.
    pub(crate) fn are_none(&self) -> bool {
        self.values.is_none()
    }

    /// Adds the offsets of `rows` to their scores, one row of `stride` entries per output. Padding stays as it is.
    #[inline(always)]
    pub(crate) fn add_to(&self, rows: &[usize], stride: usize, scores: &mut [T]) {
        if let Some(values) = self.values {
            add(values, self.per_row, rows, stride, scores);
        }
    }

    /// Prefetches the offsets of `rows`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, rows: &[usize]) {
        if let Some(values) = self.values {
            prefetch_all(values, self.per_row, rows);
        }
    }
}

// Out of line, that steps of the many runs without offsets have a test and no more.

#[cold]
#[inline(never)]
fn prefetch_all<T: Scalar>(values: &[T], per_row: usize, rows: &[usize]) {
    for &r in rows {
        match per_row {
            1 => prefetch_one(&values[r]),
            per_row => prefetch(&values[r * per_row..][..per_row]),
        }
    }
}

#[cold]
#[inline(never)]
fn add<T: Scalar>(values: &[T], per_row: usize, rows: &[usize], stride: usize, scores: &mut [T]) {
    for (c, scores) in scores.chunks_exact_mut(stride).enumerate() {
        match per_row {
            1 => scores.iter_mut().zip(rows).for_each(|(z, &r)| *z += values[r]),
            _ => scores.iter_mut().zip(rows).for_each(|(z, &r)| *z += values[r * per_row + c]),
        }
    }
}
