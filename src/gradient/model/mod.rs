//! `Model`: what turns rows and parameters into scores, and slopes into a gradient.

mod linear;

pub use linear::LinearModel;

use std::ops::Range;

use super::Layout;
use crate::data::{Rows, TileRows};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// The models. A new one is a variant here and a file beside [`LinearModel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl Model {
    /// Where the parameters lie.
    #[inline(always)]
    pub fn layout(&self) -> Layout {
        match self {
            Self::Linear(model) => model.layout,
        }
    }

    /// The parameters by name, in the order of the flat vector.
    #[inline(always)]
    pub fn blocks(&self) -> [ParameterBlock; 2] {
        match self {
            Self::Linear(model) => model.blocks(),
        }
    }

    /// Writes the scores of the rows of a tile at `params`, one padded row per output.
    #[inline(always)]
    pub(super) fn forward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        scores: &mut [T],
    ) {
        match self {
            Self::Linear(model) => model.forward(tier, rows, params, scores),
        }
    }

    /// Adds to `gradient`, in the layout of the parameters, what the slopes of the rows of a tile make of it.
    #[inline(always)]
    pub(super) fn backward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        slopes: &[T],
        gradient: &mut [T],
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
        scratch: &mut RowScratch<T>,
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
        scratch: &mut RowScratch<T>,
    ) -> [f64; 2] {
        match self {
            Self::Linear(model) => model.row_products(tier, rows, slopes, direction, scratch),
        }
    }
}

/// What gradients of single rows are computed with.
#[derive(Debug)]
pub(super) struct RowScratch<T> {
    /// Squared norms of the rows of a tile.
    pub(super) squares: Vec<f64>,
    /// Scores of a tile along a direction.
    pub(super) along: Vec<T>,
}
