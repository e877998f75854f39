//! `Model`: what turns rows and parameters into scores, and slopes into a gradient.

mod architecture;
mod linear;
mod scratch;

pub use architecture::Architecture;
pub use linear::LinearModel;
pub(crate) use scratch::ModelScratch;

use std::ops::Range;

use super::Layout;
use super::sum::LEAF_ROWS;
use crate::data::{Rows, TileRows};
use crate::error::Result;
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// The models. A new one is a variant here and a file beside [`LinearModel`].
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// See [`LinearModel`].
    Linear(LinearModel),
}

/// Parameters that belong together: a run of the flat vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterBlock {
    /// What users call them.
    pub name: &'static str,
    /// Where they are, padding included.
    pub range: Range<usize>,
    /// Whether the penalty applies to them.
    pub is_penalised: bool,
    /// Whether training moves them.
    pub is_trained: bool,
}

/// Where a model is asked: at these parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParamsOfPass<'p, T> {
    /// In the layout of the model.
    pub(crate) params: &'p [T],
    /// What [`Model::prepare`] has made of them.
    #[expect(dead_code, reason = "a linear model needs nothing")]
    pub(crate) prepared: &'p [T],
}

impl Model {
    /// Where the parameters lie.
    #[inline(always)]
    pub fn layout(&self) -> Layout {
        match self {
            Self::Linear(model) => model.layout,
        }
    }

    /// What users call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
        }
    }

    /// The parameters by name, in the order of the flat vector.
    #[inline(always)]
    pub fn blocks(&self) -> [ParameterBlock; 2] {
        match self {
            Self::Linear(model) => model.blocks(),
        }
    }

    /// Whether training moves the intercepts.
    pub fn fits_intercept(&self) -> bool {
        match self {
            Self::Linear(model) => model.fit_intercept,
        }
    }

    /// The linear model, where it is one.
    pub fn linear(&self) -> Option<&LinearModel> {
        match self {
            Self::Linear(model) => Some(model),
        }
    }

    /// The model of the same scores over other columns: those of a batch.
    ///
    /// # Errors
    /// If the parameters would not fit the address space.
    pub fn on_columns<T: Scalar>(&self, n_columns: usize) -> Result<Self> {
        match self {
            Self::Linear(model) => model.on_columns::<T>(n_columns).map(Self::Linear),
        }
    }

    /// Rows of a tile: few enough to be in the first-level cache when they are touched again, and at most
    /// [`LEAF_ROWS`].
    pub(crate) fn rows_of_tile<T: Scalar>(&self, rows: &Rows<'_, T>) -> usize {
        match self {
            Self::Linear(_) => rows.rows_of_tile(),
        }
        .min(LEAF_ROWS)
    }

    /// What a row costs, in multiply-adds of dense rows.
    pub(super) fn work_of_row<T: Scalar>(&self, rows: &Rows<'_, T>) -> usize {
        match self {
            Self::Linear(model) => rows.work_of_row(model.layout.n_outputs(), model.layout.len()),
        }
    }

    /// Makes of the parameters what all rows of a pass read, beside the parameters themselves.
    #[inline(always)]
    pub(super) fn prepare<T: Scalar>(&self, _tier: Tier, _params: &[T], _prepared: &mut Vec<T>) {
        match self {
            Self::Linear(_) => {}
        }
    }

    /// Writes the scores of the rows of a tile at `params`, one padded row per output.
    #[inline(always)]
    pub(crate) fn forward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        scores: &mut [T],
        _scratch: &mut ModelScratch<T>,
    ) {
        match self {
            Self::Linear(model) => model.forward(tier, rows, at.params, scores),
        }
    }

    /// Adds to `gradient`, in the layout of the parameters, what the slopes of the rows of a tile make of it. The scores
    /// of these rows were the last that were made with this scratch.
    #[inline(always)]
    pub(super) fn backward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        _at: ParamsOfPass<'_, T>,
        slopes: &[T],
        gradient: &mut [T],
        _scratch: &mut ModelScratch<T>,
    ) {
        match self {
            Self::Linear(model) => model.backward(tier, rows, slopes, gradient),
        }
    }

    /// The sum over the rows of a tile of the squared norms of their gradients, from their weighted slopes.
    pub(super) fn row_squares<T: Scalar>(
        &self,
        tier: Tier,
        data: &Rows<'_, T>,
        rows: &[usize],
        slopes: &[T],
        scratch: &mut ModelScratch<T>,
    ) -> f64 {
        match self {
            Self::Linear(model) => model.row_squares(tier, data, rows, slopes, scratch),
        }
    }

    /// The sums over the rows of a tile of the products of their gradients with `direction`, and of the squares of
    /// these products.
    pub(super) fn row_products<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        slopes: &[T],
        direction: &[T],
        scratch: &mut ModelScratch<T>,
    ) -> [f64; 2] {
        match self {
            Self::Linear(model) => model.row_products(tier, rows, slopes, direction, scratch),
        }
    }
}
