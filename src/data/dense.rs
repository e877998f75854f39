//! Row-major rows, borrowed without a copy.

use super::{LinearParams, LinearParamsMut, Tile};
use crate::error::{Error, Result};
use crate::kernel::outputs::{OutputAccumulate, OutputScores};
use crate::kernel::rows::{Accumulate, Scores, SquaredNorms};
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

/// A borrowed C-order matrix of shape (n, d). All entries are finite, or known to be when [`Dense::scan`] has been.
#[derive(Debug, Clone, Copy)]
pub struct Dense<'a, T> {
    values: &'a [T],
    n_rows: usize,
    n_columns: usize,
}

/// Bytes of rows that are computed with twice, for scores and for the gradient, while they are in the
/// first-level cache.
const TILE_BYTES: usize = 16 << 10;
/// Rows that may be prefetched: longer ones the hardware is better at.
const LONG_ROW_BYTES: usize = 4 << 10;
/// Data of fewer bytes are in some cache after their first epoch, and asking for what is there costs 2 to 4 ns a row.
const SMALL_BYTES: usize = 1 << 20;
/// One of these was the best everywhere: 64 rows ahead to the second level with 200,000 x 100 and 1,000,000 x 28, also in
/// sequence, where the hardware alone took 40 instead of 25 ns a row of 400 bytes; 8 or 16 to the first at b = 1; and
/// nothing where data of some megabytes are in the last-level cache.
const PREFETCHES: &[Prefetch] = &[
    Prefetch { n_ahead: 64, to_second_level: true },
    Prefetch { n_ahead: 16, to_second_level: false },
    Prefetch { n_ahead: 8, to_second_level: false },
    Prefetch::NONE,
];
/// Rows of which so many are in the first-level cache beside a tile.
const SHORT_ROW_BYTES: usize = 128;
const PREFETCHES_OF_SHORT_ROWS: &[Prefetch] = &[
    Prefetch { n_ahead: 64, to_second_level: true },
    Prefetch { n_ahead: 64, to_second_level: false },
    Prefetch { n_ahead: 16, to_second_level: false },
    Prefetch::NONE,
];

impl<'a, T: Scalar> Dense<'a, T> {
    /// Views `values` as rows.
    ///
    /// # Errors
    /// If there is no row or no column, if the sizes do not fit, or at the first entry that is not finite.
    pub fn new(tier: Tier, values: &'a [T], n_rows: usize, n_columns: usize) -> Result<Self> {
        Self::new_until(tier, values, n_rows, n_columns, &|| false)
    }

    /// The same, unless `interrupted` says meanwhile that the work is to end.
    ///
    /// # Errors
    /// As [`Dense::new`], and [`Error::Interrupted`].
    pub fn new_until(
        tier: Tier,
        values: &'a [T],
        n_rows: usize,
        n_columns: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let dense = Self::unscanned(values, n_rows, n_columns)?;
        dense.scan(tier, interrupted)?;
        Ok(dense)
    }

    /// The same without a look at the entries, for who will see from the scores whether they are finite: the score of
    /// a row with an entry that is not finite is not finite itself, whatever the coefficients.
    ///
    /// # Errors
    /// If there is no row or no column, or if the sizes do not fit.
    pub fn unscanned(values: &'a [T], n_rows: usize, n_columns: usize) -> Result<Self> {
        if n_rows == 0 || n_columns == 0 {
            return Err(Error::Shape {
                argument: "X",
                expected: "at least one row and one column".into(),
                got: format!("shape ({n_rows}, {n_columns})"),
            });
        }
        let size = n_rows
            .checked_mul(n_columns)
            .ok_or_else(|| Error::TooLarge { what: "X", size: format!("{n_rows} x {n_columns}") })?;
        if size != values.len() {
            return Err(Error::Shape {
                argument: "X",
                expected: format!("{size} entries for shape ({n_rows}, {n_columns})"),
                got: format!("{}", values.len()),
            });
        }
        Ok(Self { values, n_rows, n_columns })
    }

    /// Looks at all entries, unless `interrupted` says meanwhile that the work is to end.
    ///
    /// # Errors
    /// At the first entry that is not finite, and [`Error::Interrupted`].
    pub fn scan(&self, tier: Tier, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let Some(i) = super::find_not_finite(tier, self.values, interrupted)? else { return Ok(()) };
        let (row, column) = (i / self.n_columns, i % self.n_columns);
        Err(Error::NotFinite { argument: "X", row, column, value: self.values[i].to_f64() })
    }

    /// All rows, one after the other.
    pub(crate) fn values(&self) -> &'a [T] {
        self.values
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    fn row_bytes(&self) -> usize {
        self.n_columns * size_of::<T>()
    }

    pub(crate) fn rows_of_tile(&self) -> usize {
        (TILE_BYTES / self.row_bytes()).next_multiple_of(8).clamp(8, 64)
    }

    pub(super) fn prefetches(&self) -> &'static [Prefetch] {
        let is_small = size_of_val(self.values) <= SMALL_BYTES;
        match self.row_bytes() {
            _ if is_small => &[Prefetch::NONE],
            n if n > LONG_ROW_BYTES => &[Prefetch::NONE],
            n if n > SHORT_ROW_BYTES => PREFETCHES,
            _ => PREFETCHES_OF_SHORT_ROWS,
        }
    }

    pub(super) fn squared_norm(&self, row: usize) -> f64 {
        let mut sums = [0.0; 8];
        for entries in self.values[row * self.n_columns..][..self.n_columns].chunks(8) {
            for (sum, x) in sums.iter_mut().zip(entries) {
                *sum += x.to_f64() * x.to_f64();
            }
        }
        sums.iter().sum()
    }

    pub(super) fn squared_norms(&self, tier: Tier, rows: &[usize], squares: &mut [f64]) {
        let (values, n_columns) = (self.values, self.n_columns);
        tier.run(SquaredNorms { values, n_columns, rows, squares: &mut *squares });
        // What is too large or too small to be squared in this type is squared in double.
        let smallest = if size_of::<T>() == 4 { 1e-30 } else { 1e-290 };
        if !squares.iter().fold(true, |all, &square| all & (square > smallest) & (square < f64::INFINITY)) {
            squares.iter_mut().zip(rows).for_each(|(square, &row)| *square = self.squared_norm(row));
        }
    }

    pub(super) fn scores(&self, tier: Tier, tile: Tile<'_>, w: LinearParams<'_, T>, scores: &mut [T]) {
        let (values, n_columns) = (self.values, self.n_columns);
        let Tile { rows, ahead, prefetch } = tile;
        let LinearParams { coef, intercept } = w;
        let kernel = Scores { values, n_columns, rows, ahead, prefetch, coef, intercept, scores };
        if intercept.len() == 1 { tier.run(kernel) } else { tier.run(OutputScores(kernel)) }
    }

    #[inline(always)]
    pub(super) fn accumulate(
        &self,
        tier: Tier,
        rows: &[usize],
        slopes: &[T],
        gradient: LinearParamsMut<'_, T>,
    ) {
        let (values, n_columns) = (self.values, self.n_columns);
        let LinearParamsMut { coef, intercept } = gradient;
        let is_single = intercept.len() == 1;
        let kernel = Accumulate {
            values,
            n_columns,
            rows,
            slopes,
            coef,
            intercept,
            ahead: &[],
            prefetch: Prefetch::NONE,
        };
        if is_single { tier.run(kernel) } else { tier.run(OutputAccumulate(kernel)) }
    }
}
