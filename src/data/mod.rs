//! The data: rows, their targets, weights and offsets.
//!
//! A data view has two verbs: [`scores`](Rows::scores), Z = X W, and [`accumulate`](Rows::accumulate),
//! G += X^T R, both over a tile of rows.

mod active;
mod buckets;
mod csr;
mod dataset;
mod dense;
mod gathered_rows;
mod merged_rows;
mod moments;
mod offsets;
mod order;
mod raw_numbers;
mod row_shards;
mod sharding;
mod svmlight;
mod targets;
mod tile_rows;
mod weights;

pub use active::Active;
pub use buckets::Buckets;
pub use csr::{Csr, Indices};
pub use dataset::Dataset;
pub use dense::Dense;
pub use gathered_rows::GatheredRows;
pub(crate) use merged_rows::MergedRows;
pub use moments::ColumnMoments;
pub use offsets::Offsets;
pub use order::{Order, RowNumber};
pub use raw_numbers::{RawNumber, cast_numbers, encode_labels};
pub use row_shards::RowShards;
pub use sharding::Sharding;
pub use svmlight::SvmlightLines;
pub use targets::{Domain, TargetKind, Targets, Unit};
pub use tile_rows::TileRows;
pub(crate) use tile_rows::VisitRows;
pub use weights::Weights;

use crate::error::{Error, Result};
use crate::kernel::{Prefetch, Tier, first_not_finite};
use crate::scalar::Scalar;

/// A view of the rows of a data matrix.
#[derive(Debug, Clone, Copy)]
pub enum Rows<'a, T> {
    /// Row-major values.
    Dense(Dense<'a, T>),
    /// Compressed sparse rows.
    Csr(Csr<'a, T>),
}

impl<'a, T: Scalar> Rows<'a, T> {
    /// Number of rows, n.
    pub fn n_rows(&self) -> usize {
        match self {
            Rows::Dense(x) => x.n_rows(),
            Rows::Csr(x) => x.n_rows(),
        }
    }

    /// Number of columns, d.
    pub fn n_columns(&self) -> usize {
        match self {
            Rows::Dense(x) => x.n_columns(),
            Rows::Csr(x) => x.n_columns(),
        }
    }

    /// The same for models to which entries of the same column of a row have to be one, their sum.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn merging(self) -> Result<Self> {
        match self {
            Rows::Dense(_) => Ok(self),
            Rows::Csr(x) => x.merging().map(Rows::Csr),
        }
    }

    /// Bytes of a row that have to be read, on average.
    pub(crate) fn bytes_of_row(&self) -> usize {
        match self {
            Rows::Dense(x) => x.n_columns() * size_of::<T>(),
            Rows::Csr(x) => x.entries_of_row() * (size_of::<T>() + size_of::<u32>()),
        }
    }

    /// What a row costs, in multiply-adds of dense rows, where there are `n_params` parameters for them.
    pub(crate) fn work_of_row(&self, n_outputs: usize, n_params: usize) -> usize {
        match self {
            Rows::Dense(_) => n_params,
            Rows::Csr(x) => x.work_of_row().saturating_mul(n_outputs),
        }
    }

    /// Rows whose second touch still finds them in the first-level cache, in 8..=64.
    pub fn rows_of_tile(&self) -> usize {
        match self {
            Rows::Dense(x) => x.rows_of_tile(),
            Rows::Csr(x) => x.rows_of_tile(),
        }
    }

    /// How rows may be prefetched that come in sequence, or in random order: what may be fastest, at first what most
    /// likely is.
    pub(crate) fn prefetches(&self, is_random: bool) -> &'static [Prefetch] {
        match self {
            Rows::Dense(x) => x.prefetches(),
            Rows::Csr(_) if is_random => Csr::<T>::PREFETCHES,
            Rows::Csr(_) => &[Prefetch::NONE], // the hardware does
        }
    }

    /// `|x_i|^2` of row i, summed in double.
    pub fn squared_norm(&self, row: usize) -> f64 {
        match self {
            Rows::Dense(x) => x.squared_norm(row),
            Rows::Csr(x) => x.squared_norm(row),
        }
    }

    /// Writes `|x_i|^2` for the rows i of a tile.
    pub(crate) fn squared_norms(&self, tier: Tier, rows: &[usize], squares: &mut [f64]) {
        match self {
            Rows::Dense(x) => x.squared_norms(tier, rows, squares),
            Rows::Csr(x) => squares.iter_mut().zip(rows).for_each(|(s, &row)| *s = x.squared_norm(row)),
        }
    }

    /// Writes `x_i . w_c + b_c` for the rows i of a tile and every output c, see [`kernel::rows`](crate::kernel::rows).
    pub fn scores(&self, tier: Tier, tile: Tile<'_>, w: LinearParams<'_, T>, scores: &mut [T]) {
        match self {
            Rows::Dense(x) => x.scores(tier, tile, w, scores),
            Rows::Csr(x) => x.scores(tier, tile, w, scores),
        }
    }

    /// Adds `r_c[i] x_i` and `r_c[i]` over the rows i of a tile to the gradient by coefficients and intercept
    /// of every output c.
    #[inline(always)] // part of every step's fixed cost, as are gather and slopes
    pub fn accumulate(&self, tier: Tier, rows: &[usize], slopes: &[T], gradient: LinearParamsMut<'_, T>) {
        match self {
            Rows::Dense(x) => x.accumulate(tier, rows, slopes, gradient),
            Rows::Csr(x) => x.accumulate(tier, rows, slopes, gradient),
        }
    }
}

/// The rows to compute with, and the rows to prefetch meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    /// Rows to compute with.
    pub rows: &'a [usize],
    /// Rows to prefetch.
    pub ahead: &'a [usize],
    /// How.
    pub prefetch: Prefetch,
}

/// Coefficients and intercepts of a linear map, in the padded layout of [`crate::gradient::Layout`].
#[derive(Debug, Clone, Copy)]
pub struct LinearParams<'a, T> {
    /// One padded row per output.
    pub coef: &'a [T],
    /// One entry per output.
    pub intercept: &'a [T],
}

/// A gradient by coefficients and intercepts, in the same layout.
#[derive(Debug)]
pub struct LinearParamsMut<'a, T> {
    /// One padded row per output.
    pub coef: &'a mut [T],
    /// One entry per output.
    pub intercept: &'a mut [T],
}

/// The first entry that is not finite. Asks `interrupted` about every millisecond.
fn find_not_finite<T: Scalar>(
    tier: Tier,
    values: &[T],
    interrupted: &dyn Fn() -> bool,
) -> Result<Option<usize>> {
    const CHUNK: usize = 1 << 20;
    for (i, chunk) in values.chunks(CHUNK).enumerate() {
        if interrupted() {
            return Err(Error::Interrupted);
        }
        if let Some(at) = first_not_finite(tier, chunk) {
            return Ok(Some(i * CHUNK + at));
        }
    }
    Ok(None)
}
