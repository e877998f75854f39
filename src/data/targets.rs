//! Targets: what the model is to predict for each row.

use crate::error::{Error, Result};
use crate::kernel::{gather, prefetch, prefetch_one};
use crate::scalar::Scalar;

/// What the entries of the targets mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// Real numbers, one or more per row: regression.
    Real,
    /// -1 or +1: classification with two classes.
    Binary,
    /// -1 or +1 for each of several labels: what a row has of them.
    Labels,
    /// An index 0..k, held exactly as a floating-point number: classification with k > 2 classes.
    Class {
        /// The number of classes, k.
        n_classes: usize,
    },
}

/// Which real targets a loss is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// All.
    Real,
    /// y >= 0.
    NonNegative,
    /// y > 0.
    Positive,
}

/// A scale on which the squares of targets, and of numbers 2^20 times smaller or larger, are normal numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// A power of two; 1 unless the largest target is tiny or huge.
    pub scale: f64,
    /// By what squares of scaled numbers are multiplied to be squares of the numbers: `1 / scale^2`.
    pub of_squares: f64,
}

impl Unit {
    /// The numbers as they are.
    pub const ONE: Self = Self { scale: 1.0, of_squares: 1.0 };

    /// For targets of which this is the largest magnitude.
    fn of<T: Scalar>(largest: f64) -> Self {
        const MARGIN: f64 = 1_048_576.0; // 2^20
        let (lowest, highest) = (T::SMALLEST_NORMAL.sqrt() * MARGIN, T::LARGEST.sqrt() / MARGIN);
        if largest == 0.0 || (lowest..=highest).contains(&largest) {
            return Self::ONE;
        }
        let scale = (largest.clamp(lowest, highest) / largest).log2().floor().exp2();
        // Finite: a sum of squares that is 0 stays 0.
        Self { scale, of_squares: (1.0 / scale / scale).min(f64::MAX) }
    }
}

/// The largest magnitude, or the first value that is not finite, in one pass.
fn largest<T: Scalar>(values: &[T]) -> std::result::Result<f64, usize> {
    let (mut largest, mut poison) = ([T::ZERO; 16], [T::ZERO; 16]);
    let (groups, rest) = values.as_chunks::<16>();
    for values in groups.iter().map(<[T; 16]>::as_slice).chain([rest]) {
        for ((value, largest), poison) in values.iter().zip(&mut largest).zip(&mut poison) {
            let magnitude = value.abs();
            *largest = if magnitude > *largest { magnitude } else { *largest };
            *poison += magnitude * T::ZERO; // NaN, and stays so, if the value is not finite
        }
    }
    if poison.iter().any(|poison| !poison.is_finite()) {
        return Err(values.iter().position(|value| !value.is_finite()).unwrap_or_default());
    }
    Ok(largest.iter().fold(0.0, |all, one| one.to_f64().max(all)))
}

/// The first value that is not valid. Whole chunks are looked at without branches, so that these loops become vectors.
fn first_invalid<T: Copy>(values: &[T], is_valid: impl Fn(T) -> bool) -> Option<usize> {
    const CHUNK: usize = 1 << 10;
    let are_valid = |chunk: &[T]| chunk.iter().fold(true, |all, &value| all & is_valid(value));
    let chunk = values.chunks(CHUNK).position(|chunk| !are_valid(chunk))?;
    values[chunk * CHUNK..].iter().position(|&value| !is_valid(value)).map(|at| chunk * CHUNK + at)
}

/// Borrowed targets, row-major of shape (n, m); m = 1 unless the kind is `Real` or `Labels`. All entries are
/// valid for their kind.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a, T> {
    values: &'a [T],
    per_row: usize,
    kind: TargetKind,
    unit: Unit,
}

impl<'a, T: Scalar> Targets<'a, T> {
    /// Views `values` as `per_row` targets for each of `n_rows` rows.
    ///
    /// # Errors
    /// If the length does not fit, or at the first entry that is not valid for its kind.
    pub fn new(values: &'a [T], n_rows: usize, per_row: usize, kind: TargetKind) -> Result<Self> {
        if per_row == 0 || n_rows.checked_mul(per_row) != Some(values.len()) {
            return Err(Error::Shape {
                argument: "y",
                expected: format!("{n_rows} rows, one per row of X"),
                got: format!("{} entries in rows of {per_row}", values.len()),
            });
        }
        let (condition, invalid) = match kind {
            TargetKind::Real => {
                let largest = largest(values).map_err(|i| {
                    let (row, column) = (i / per_row, i % per_row);
                    Error::NotFinite { argument: "y", row, column, value: values[i].to_f64() }
                })?;
                return Ok(Self { values, per_row, kind, unit: Unit::of::<T>(largest) });
            }
            TargetKind::Binary | TargetKind::Labels => {
                ("-1 or 1", first_invalid(values, |y| y.abs() == T::ONE))
            }
            TargetKind::Class { n_classes } => {
                let is_index = |y: T| {
                    let index = y.to_f64() as i64;
                    (index as f64 == y.to_f64()) & (0..n_classes as i64).contains(&index)
                };
                ("the index of a class", first_invalid(values, is_index))
            }
        };
        match invalid {
            Some(i) => {
                let (row, value) = (i / per_row, values[i].to_string());
                Err(Error::InvalidEntry { argument: "y", condition, row, value })
            }
            None => Ok(Self { values, per_row, kind, unit: Unit::ONE }),
        }
    }

    /// Refuses the first target outside of the domain of a loss.
    pub(crate) fn check_domain(&self, domain: Domain, loss: &'static str) -> Result<()> {
        let (condition, is_inside): (_, fn(T) -> bool) = match domain {
            Domain::Real => return Ok(()),
            Domain::NonNegative => (">= 0", |y| y >= T::ZERO),
            Domain::Positive => ("> 0", |y| y > T::ZERO),
        };
        match self.values.iter().position(|&y| !is_inside(y)) {
            None => Ok(()),
            Some(i) => {
                let (row, value) = (i / self.per_row, format!("{:?}", self.values[i]));
                Err(Error::OutsideDomain { condition, loss, row, value })
            }
        }
    }

    /// What the entries mean.
    pub fn kind(&self) -> TargetKind {
        self.kind
    }

    /// In which the targets are neither tiny nor huge.
    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }

    /// The same in the unit of others, of which these are some.
    pub(crate) fn in_unit_of(self, others: Targets<'_, T>) -> Self {
        Self { unit: others.unit, ..self }
    }

    /// The same where they are some of others, the largest magnitude of which is this.
    pub fn of_part(self, largest: f64) -> Self {
        Self { unit: Unit::of::<T>(largest), ..self }
    }

    /// All entries.
    pub(crate) fn values(&self) -> &'a [T] {
        self.values
    }

    /// Entries per row.
    pub fn per_row(&self) -> usize {
        self.per_row
    }

    /// Number of scores for these targets, k.
    pub fn n_outputs(&self) -> usize {
        match self.kind {
            TargetKind::Real | TargetKind::Labels => self.per_row,
            TargetKind::Binary => 1,
            TargetKind::Class { n_classes } => n_classes,
        }
    }

    /// Copies the targets of `rows`, one row of `stride` entries per target, filled up with the last row's.
    #[inline(always)]
    pub(crate) fn gather(&self, rows: &[usize], stride: usize, to: &mut [T]) {
        let Some((&last, others)) = rows.split_last() else { return };
        for c in 0..self.per_row {
            let to = &mut to[c * stride..][..stride];
            // By whole vectors: the loads that follow would wait for narrower stores.
            to.chunks_exact_mut(T::LANES).for_each(|to| to.fill(self.values[last * self.per_row + c]));
            if self.per_row == 1 {
                gather(self.values, others, to);
            } else {
                to.iter_mut().zip(others).for_each(|(to, &r)| *to = self.values[r * self.per_row + c]);
            }
        }
    }

    /// Prefetches the targets of `rows`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, rows: &[usize]) {
        for &r in rows {
            match self.per_row {
                1 => prefetch_one(&self.values[r]),
                per_row => prefetch(&self.values[r * per_row..][..per_row]),
            }
        }
    }
}
