//! Mean, variance and extremes of every column: what a change of variables to standardised columns needs.

mod column_sums;
mod pass;

use column_sums::{Change, ColumnSums, Totals};
use pass::{MomentPass, Trust};

use super::Dataset;
use crate::error::{Result, try_filled, try_reserved};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// Moments of the columns over the rows of a dataset, weighted; all finite. Rows of weight 0 count for nothing. Zeros of
/// sparse rows that are not stored count as any others do, and stored entries of the same row and column add up first.
///
/// ```
/// use mbgd_rs::data::{ColumnMoments, Dataset, Dense, Rows, TargetKind, Targets, Weights};
/// use mbgd_rs::kernel::Tier;
/// let tier = Tier::current()?;
/// let x = Dense::new(tier, &[1.0, 7.0, 3.0, 7.0], 2, 2)?;
/// let targets = Targets::new(&[0.0, 1.0], 2, 1, TargetKind::Real)?;
/// let data = Dataset::new(Rows::Dense(x), targets, Weights::equal());
/// let moments = ColumnMoments::of(&data, tier, 1, &|| false)?;
/// assert_eq!((moments.mean, moments.variance), (vec![2.0, 7.0], vec![1.0, 0.0]));
/// # Ok::<(), mbgd_rs::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnMoments {
    /// Weighted means.
    pub mean: Vec<f64>,
    /// Weighted means of the square of the distance to the mean: zero for a column of equal entries, and for no other.
    pub variance: Vec<f64>,
    /// Weighted means of the squares.
    pub mean_square: Vec<f64>,
    /// The smallest entries.
    pub smallest: Vec<f64>,
    /// The largest entries.
    pub largest: Vec<f64>,
}

impl ColumnMoments {
    /// Computes them in one pass over the rows; and in two more those of columns whose entries have squares that
    /// overflow or underflow, or whose mean is far away from where it seemed to be. The bits are the same for every
    /// number of threads and every tier.
    ///
    /// # Errors
    /// At an entry that is not finite, [`Error::Interrupted`](crate::error::Error::Interrupted), and if there is not
    /// enough memory or no thread.
    pub fn of<T: Scalar>(
        data: &Dataset<'_, T>,
        tier: Tier,
        n_threads: usize,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let pass = MomentPass { data, tier, n_threads, interrupted, totals: Totals::of(data)? };
        let quick = pass.quick()?;
        let mut moments = Self::zeros(quick.sums.len())?;
        let mut others = try_reserved("columns", quick.sums.len())?;
        for (column, (sums, &change)) in quick.sums.iter().zip(&quick.changes).enumerate() {
            if !moments.set(column, sums, pass.totals, change, quick.trust) {
                others.push(column);
            }
        }
        if others.is_empty() {
            return Ok(moments);
        }
        let mut changes = try_reserved("columns", others.len())?;
        changes.extend(
            others.iter().map(|&column| Change::for_extremes(quick.sums[column].extremes(pass.totals))),
        );
        let sums = pass.careful(&others, &changes)?;
        for (change, sums) in changes.iter_mut().zip(&sums) {
            change.shift += sums.means(pass.totals, *change).0;
        }
        for ((&column, sums), &change) in others.iter().zip(&pass.careful(&others, &changes)?).zip(&changes) {
            moments.set(column, sums, pass.totals, change, Trust::FULL);
        }
        Ok(moments)
    }

    fn zeros(n_columns: usize) -> Result<Self> {
        let zeros = || try_filled("moments of columns", n_columns, 0.0);
        let (mean, variance, mean_square) = (zeros()?, zeros()?, zeros()?);
        Ok(Self { mean, variance, mean_square, smallest: zeros()?, largest: zeros()? })
    }

    /// Sets those of a column to what follows from its sums, and returns whether they can be trusted.
    fn set(
        &mut self,
        column: usize,
        sums: &ColumnSums,
        totals: Totals,
        change: Change,
        trust: Trust,
    ) -> bool {
        let (smallest, largest) = sums.extremes(totals);
        let is_constant = smallest == largest;
        let (distance, square) = sums.means(totals, change);
        let seen_mean = change.shift + distance;
        let mean = if is_constant { smallest } else { (seen_mean / change.scale).max(smallest).min(largest) };
        let variance = if is_constant { 0.0 } else { (square - distance * distance).max(0.0) };
        let mean_square = (mean * change.scale).mul_add(mean * change.scale, variance);
        // A square that underflows in double is not to seem zero, nor infinite if it overflows.
        let in_double = |is_zero: bool, square: f64| {
            if is_zero {
                0.0
            } else {
                (square / change.scale / change.scale).clamp(f64::MIN_POSITIVE, f64::MAX)
            }
        };
        self.mean[column] = mean;
        self.variance[column] = in_double(is_constant, variance);
        self.mean_square[column] = in_double(is_constant && mean == 0.0, mean_square);
        self.smallest[column] = smallest;
        self.largest[column] = largest;
        let are_finite = seen_mean.is_finite() && smallest.is_finite() && largest.is_finite();
        are_finite && (is_constant || trust.reaches(square, variance, distance))
    }
}
