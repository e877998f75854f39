//! The rows that stand for all: which they are, and how they are gathered.

use crate::data::Rows;
use crate::error::{Result, try_filled, try_reserved};
use crate::gradient::{Problem, row_curvatures};
use crate::kernel::Tier;
use crate::rng::{SAMPLE, Stream};
use crate::scalar::Scalar;
use crate::update::metric::{Columns, Sample, SparseRows};

/// Rows that the objective is estimated from at the start.
pub(super) const N_SPREAD: usize = 2048;

/// The rows of two samples of `n_wanted` rows each; if there are not so many, all rows and no second sample.
///
/// The rows are cut into as many runs as are wanted in all, and one is drawn of each, so that a sample of rows that are
/// sorted has its share of every part; runs belong to the samples in turn.
pub(super) fn draw<T: Scalar>(
    problem: &Problem<'_, T>,
    seed: u64,
    n_builds: u64,
    n_wanted: usize,
) -> Result<(Vec<usize>, Option<Vec<usize>>)> {
    let (n, n_runs) = (problem.n_rows(), 2 * n_wanted);
    if n < n_runs {
        let mut rows = try_reserved("rows", n)?;
        rows.extend(0..n);
        return Ok((rows, None));
    }
    let stream = Stream::new(seed, n_builds as u32, SAMPLE);
    let row = |run: usize| {
        let start = |run: usize| (run as u128 * n as u128 / n_runs as u128) as u64;
        let (first, end) = (start(run), start(run + 1));
        let within = (u128::from(stream.word64(run as u64)) * u128::from(end - first)) >> 64;
        (first + within as u64) as usize
    };
    let of_sample = |k: usize| {
        let mut rows = try_reserved("rows", n_wanted)?;
        rows.extend((0..n_wanted).map(|i| row(2 * i + k)));
        Result::Ok(rows)
    };
    Ok((of_sample(0)?, Some(of_sample(1)?)))
}

/// Standardised rows, with the curvature of their loss at `params`: sparse ones by their entries, if columns are to be apart.
pub(super) fn gather<T: Scalar>(
    problem: &Problem<'_, T>,
    params: &[T],
    (columns, are_apart): (&Columns<T>, bool),
    rows: &[usize],
    tier: Tier,
) -> Result<Sample<T>> {
    problem.on_rows(rows, tier, |problem, stored_rows| {
        gather_stored(problem, params, (columns, are_apart), stored_rows, tier)
    })
}

fn gather_stored<T: Scalar>(
    problem: &Problem<'_, T>,
    params: &[T],
    (columns, are_apart): (&Columns<T>, bool),
    stored_rows: &[usize],
    tier: Tier,
) -> Result<Sample<T>> {
    let d = columns.n();
    let width = (d + 1).next_multiple_of(T::LANES);
    let one = if problem.fits_intercept() { T::ONE } else { T::ZERO };
    let curvatures = row_curvatures(problem, params, stored_rows, tier)?;
    if let (Rows::Csr(x), true) = (&problem.data.rows, are_apart && !columns.are_centred()) {
        let n_entries = stored_rows.iter().map(|&row| x.entries_of(row).count() + 1).sum();
        let mut sparse = SparseRows::with_room(stored_rows.len(), n_entries)?;
        for &row in stored_rows {
            let scaled = x.entries_of(row).map(|(column, x)| (column, x * columns.inverse_scale[column]));
            sparse.push(scaled.chain([(d, one)]));
        }
        return Ok(Sample { rows: Vec::new(), sparse: Some(sparse), width, curvatures });
    }
    let mut rows = try_filled("a sample of rows", stored_rows.len().saturating_mul(width), T::ZERO)?;
    let mut dense = try_filled("a row", d, T::ZERO)?;
    for (to, &row) in rows.chunks_exact_mut(width).zip(stored_rows) {
        match &problem.data.rows {
            Rows::Dense(x) => columns.standardise(&x.values()[row * d..][..d], one, to),
            Rows::Csr(x) => {
                dense.fill(T::ZERO);
                x.add_row_to(row, &mut dense);
                columns.standardise(&dense, one, to);
            }
        }
    }
    Ok(Sample { rows, sparse: None, width, curvatures })
}
