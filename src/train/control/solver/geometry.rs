//! `Standardisation`: centres and scales of the columns, of all rows.

use super::samples::draw;
use crate::data::{ColumnMoments, Rows};
use crate::error::{Result, try_filled};
use crate::gradient::{Problem, row_curvatures};
use crate::scalar::Scalar;
use crate::train::Config;
use crate::update::metric::Columns;

/// Rows from which a bound on the curvature is guessed where the loss has none.
const N_ROWS: usize = 256;
/// The scale of a column is at least this part of its largest entry: a rare category has a small standard deviation for
/// another reason than its unit.
const SHARE_OF_LARGEST: f64 = 0.2;

/// The change of variables, and what it makes of penalty and entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardisation<T> {
    /// Centres and scales.
    pub columns: Columns<T>,
    /// What the penalty adds to the curvature, in standardised columns.
    pub penalty: Vec<f64>,
    /// The squares of the largest entries of standardised columns.
    pub largest_squares: Vec<f64>,
}

impl<T: Scalar> Standardisation<T> {
    /// Of no columns.
    pub(super) fn unknown() -> Self {
        let columns = Columns { centre: Vec::new(), inverse_scale: Vec::new() };
        Self { columns, penalty: Vec::new(), largest_squares: Vec::new() }
    }

    /// Columns as they are.
    pub(super) fn none(problem: &Problem<'_, T>) -> Result<Self> {
        let layout = problem.layout();
        let d = layout.n_columns();
        let (zeros, ones) = (try_filled("columns", d, 0.0)?, try_filled("columns", d, 1.0)?);
        let penalty = problem.penalty().l2_by_column(layout)?;
        Ok(Self { columns: Columns::new(&zeros, &ones)?, penalty, largest_squares: zeros })
    }

    /// Columns centred, where there is an intercept to make up for it and no zeros to be kept, and scaled: by the standard
    /// deviation or a share of the largest entry, and by what the penalty adds to the curvature of the column, so that a
    /// column of tiny entries is one with a stiff penalty.
    pub(super) fn of(
        problem: &Problem<'_, T>,
        params: &[T],
        config: &Config,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let layout = problem.layout();
        let moments = ColumnMoments::of(&problem.data, config.tier, config.n_threads, interrupted)?;
        let (rows, _) = draw(problem, config.batches.seed(), 0, N_ROWS)?;
        let largest = || {
            problem.on_rows(&rows, config.tier, |problem, rows| {
                let sampled = row_curvatures(problem, params, rows, config.tier)?;
                let of_row =
                    |(&h, &row): (&f64, &usize)| h / problem.data.weights.of(row).max(f64::MIN_POSITIVE);
                Ok(sampled.iter().zip(rows).map(of_row).fold(0.0, f64::max))
            })
        };
        let bound = problem.curvature().map_or_else(largest, Ok)?;
        let bound = if bound > 0.0 && bound.is_finite() { bound } else { 1.0 };
        let is_centred = problem.fits_intercept() && matches!(problem.data.rows, Rows::Dense(_));
        let mut penalty = problem.penalty().l2_by_column(layout)?;
        let d = layout.n_columns();
        let mut centre = try_filled("columns", d, 0.0)?;
        let (mut scale, mut largest_squares) =
            (try_filled("columns", d, 1.0)?, try_filled("columns", d, 0.0)?);
        for j in 0..d {
            let ColumnMoments { mean, variance, mean_square, smallest, largest } = &moments;
            if is_centred {
                centre[j] = mean[j];
            }
            let square = if is_centred { variance[j] } else { mean_square[j] };
            let largest = (largest[j] - centre[j]).max(centre[j] - smallest[j]);
            let least = SHARE_OF_LARGEST * largest;
            let of_entries = if square > 0.0 { square.max(least * least) } else { 0.0 };
            let of_both = (of_entries + penalty[j] / bound).sqrt();
            scale[j] = if of_both > 0.0 && of_both.is_finite() { of_both } else { 1.0 };
            penalty[j] /= scale[j] * scale[j];
            largest_squares[j] = (largest / scale[j]).powi(2);
        }
        Ok(Self { columns: Columns::new(&centre, &scale)?, penalty, largest_squares })
    }
}
