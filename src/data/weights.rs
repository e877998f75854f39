//! How much each row counts.

use crate::error::{Error, Result, try_reserved};
use crate::scalar::Scalar;

/// Sample weights scaled to mean 1, or none: all equal to 1.
#[derive(Debug, Clone, Default)]
pub struct Weights<T> {
    scaled: Option<Vec<T>>,
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
        if weights.len() != n_rows {
            return Err(Error::Shape {
                argument: "sample_weight",
                expected: format!("{n_rows} entries, one per row of X"),
                got: format!("{}", weights.len()),
            });
        }
        if let Some(row) = weights.iter().position(|&s| !(s.is_finite() && s >= T::ZERO)) {
            return Err(Error::InvalidEntry {
                argument: "sample_weight",
                condition: "finite and >= 0",
                row,
                value: weights[row].to_string(),
            });
        }
        // Relative to the largest, so that neither huge nor tiny weights leave the range of a double.
        let largest = weights.iter().fold(0.0, |m, &s| s.to_f64().max(m));
        if largest == 0.0 {
            return Err(Error::OutOfRange {
                argument: "sample_weight",
                condition: "positive for at least one row",
                value: "only zeros".into(),
            });
        }
        let mean = weights.iter().map(|&s| s.to_f64() / largest).sum::<f64>() / n_rows as f64;
        let mut scaled = try_reserved("sample weights", n_rows)?;
        scaled.extend(weights.iter().map(|&s| T::from_f64(s.to_f64() / largest / mean)));
        Ok(Self { scaled: Some(scaled) })
    }

    /// The weight of a row.
    pub fn of(&self, row: usize) -> f64 {
        self.scaled.as_ref().map_or(1.0, |s| s[row].to_f64())
    }

    /// Copies the weights of `rows`, then zeros up to the end of `to`.
    pub(crate) fn gather(&self, rows: &[usize], to: &mut [T]) {
        match &self.scaled {
            Some(s) => to.iter_mut().zip(rows).for_each(|(to, &r)| *to = s[r]),
            None => to[..rows.len()].fill(T::ONE),
        }
        to[rows.len()..].fill(T::ZERO);
    }

    /// Asks the memory for the weights of `rows`.
    pub(crate) fn prefetch(&self, rows: &[usize]) {
        if let Some(s) = &self.scaled {
            for &r in rows {
                crate::kernel::prefetch(&s[r..=r]);
            }
        }
    }
}
