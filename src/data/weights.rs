//! Sample weights, scaled to mean 1.

use std::sync::Arc;

use crate::error::{Error, Result, try_reserved};
use crate::kernel::{gather, prefetch_one};
use crate::scalar::Scalar;

/// Sample weights scaled to mean 1, or none: all equal to 1.
#[derive(Debug, Clone, Default)]
pub struct Weights<T> {
    scaled: Option<Arc<Vec<T>>>,
}

impl<T: Scalar> Weights<T> {
    /// Every row counts the same.
    pub fn equal() -> Self {
        Self { scaled: None }
    }

    /// Scales `weights`, one per row, so that their mean is 1.
    ///
    /// # Errors
    /// If their number is not `n_rows`, or at the first that is negative or not finite, or if all are zero.
    pub fn new(weights: &[T], n_rows: usize) -> Result<Self> {
        Self::scaled_over(weights, n_rows, n_rows, || 0..n_rows)
    }

    /// Scales `weights`, one per row of the data, so that their mean over `rows`, which are rows of it, is 1.
    ///
    /// # Errors
    /// As [`Weights::new`], and if a row is not there, or all of these have weight zero.
    pub fn subset(weights: &[T], n_rows: usize, rows: &[usize]) -> Result<Self> {
        if let Some(row) = rows.iter().find(|&&row| row >= n_rows) {
            let (argument, condition) = ("rows", "less than the number of rows of X");
            return Err(Error::OutOfRange { argument, condition, value: row.to_string() });
        }
        Self::scaled_over(weights, n_rows, rows.len(), || rows.iter().copied())
    }

    /// The same weights with a mean of 1 over `rows`, which are there.
    ///
    /// # Errors
    /// If all of these have weight zero, or an allocation failed.
    pub(crate) fn rescaled(&self, rows: &[usize]) -> Result<Self> {
        match &self.scaled {
            None => Ok(Self::equal()),
            Some(scaled) => Self::subset(scaled, scaled.len(), rows),
        }
    }

    /// The weights of some rows of many: `largest` is the largest of all, and `mean` the mean of all, in units of that.
    ///
    /// # Errors
    /// As [`Weights::new`].
    pub fn of_part(weights: &[T], n_rows: usize, (largest, mean): (f64, f64)) -> Result<Self> {
        check(weights, n_rows)?;
        Self::scaled(weights, largest, mean)
    }

    fn scaled_over<I: Iterator<Item = usize>>(
        weights: &[T],
        n_rows: usize,
        n_chosen: usize,
        chosen: impl Fn() -> I,
    ) -> Result<Self> {
        check(weights, n_rows)?;
        // Relative to the largest, so that neither huge nor tiny weights overflow or underflow.
        let largest = chosen().fold(0.0, |m, row| weights[row].to_f64().max(m));
        if largest == 0.0 {
            return Err(Error::OutOfRange {
                argument: "sample_weight",
                condition: "positive for at least one row",
                value: "only zeros".into(),
            });
        }
        let mean = chosen().map(|row| weights[row].to_f64() / largest).sum::<f64>() / n_chosen as f64;
        Self::scaled(weights, largest, mean)
    }

    fn scaled(weights: &[T], largest: f64, mean: f64) -> Result<Self> {
        let mut scaled = try_reserved("sample weights", weights.len())?;
        scaled.extend(weights.iter().map(|&s| T::from_f64(s.to_f64() / largest / mean)));
        Ok(Self { scaled: Some(Arc::new(scaled)) })
    }

    /// Weights as others have scaled them.
    pub(crate) fn of_scaled(scaled: Vec<T>) -> Self {
        Self { scaled: Some(Arc::new(scaled)) }
    }

    /// The weight of a row.
    #[inline(always)]
    pub(crate) fn of(&self, row: usize) -> f64 {
        self.scaled.as_ref().map_or(1.0, |s| s[row].to_f64())
    }

    /// Whether every row counts the same.
    pub(crate) fn are_equal(&self) -> bool {
        self.scaled.is_none()
    }

    /// Copies the weights of `rows`, then zeros up to the end of `to`.
    #[inline(always)]
    pub(crate) fn gather(&self, rows: &[usize], to: &mut [T]) {
        match &self.scaled {
            Some(s) => gather(s, rows, to),
            None => to[..rows.len()].fill(T::ONE),
        }
        to[rows.len()..].fill(T::ZERO);
    }

    /// Prefetches the weights of `rows`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, rows: &[usize]) {
        if let Some(s) = &self.scaled {
            for &r in rows {
                prefetch_one(&s[r]);
            }
        }
    }
}

fn check<T: Scalar>(weights: &[T], n_rows: usize) -> Result<()> {
    if weights.len() != n_rows {
        return Err(Error::Shape {
            argument: "sample_weight",
            expected: format!("{n_rows} entries, one per row of X"),
            got: format!("{}", weights.len()),
        });
    }
    match weights.iter().position(|&s| !(s.is_finite() && s >= T::ZERO)) {
        None => Ok(()),
        Some(row) => Err(Error::InvalidEntry {
            argument: "sample_weight",
            condition: "finite and >= 0",
            row,
            value: weights[row].to_string(),
        }),
    }
}
