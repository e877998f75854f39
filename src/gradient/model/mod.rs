//! `Model`: what turns rows and parameters into scores, and slopes into a gradient.

mod architecture;
mod factorization_machine;
mod linear;
mod mlp;
mod scratch;

pub use architecture::Architecture;
pub use factorization_machine::FactorizationMachine;
pub use linear::LinearModel;
pub(crate) use mlp::Masks;
pub use mlp::Mlp;
pub(crate) use scratch::ModelScratch;

use std::ops::Range;
use std::sync::Arc;

use super::Layout;
use super::sum::LEAF_ROWS;
use crate::data::{Rows, TileRows};
use crate::error::{Result, try_filled};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// Sparse rows of a tile of a factorization machine. What takes room is its table, and few rows can be shared evenly.
const SPARSE_ROWS_OF_TILE: usize = 32;

/// The models. A new one is a variant here and a file beside [`LinearModel`].
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// See [`LinearModel`].
    Linear(LinearModel),
    /// See [`Mlp`].
    Mlp(Arc<Mlp>),
    /// See [`FactorizationMachine`].
    FactorizationMachine(FactorizationMachine),
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

/// The rows of a tile where the data have them, also if it is read on the columns of its batch.
pub(super) type StoredRows<'d, 'a, T> = (&'d Rows<'a, T>, &'d [usize]);

/// Where a model is asked: at these parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParamsOfPass<'p, T> {
    /// In the layout of the model.
    pub(crate) params: &'p [T],
    /// What [`Model::prepare`] has made of them.
    pub(crate) prepared: &'p [T],
    /// Whether a gradient is to follow the scores.
    pub(crate) is_for_gradient: bool,
    /// Which hidden units are left out, if some are.
    pub(crate) masks: Option<Masks>,
}

impl Model {
    /// Where the parameters lie.
    #[inline(always)]
    pub fn layout(&self) -> Layout {
        match self {
            Self::Linear(model) => model.layout,
            Self::Mlp(model) => model.layout(),
            Self::FactorizationMachine(model) => model.layout(),
        }
    }

    /// What users call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear(_) => "linear",
            Self::Mlp(_) => "mlp",
            Self::FactorizationMachine(_) => "factorization_machine",
        }
    }

    /// The parameters by name, in the order of the flat vector.
    #[inline(always)]
    pub fn blocks(&self) -> [ParameterBlock; 2] {
        blocks(self.layout(), self.fits_intercept())
    }

    /// Whether training moves the intercepts.
    pub fn fits_intercept(&self) -> bool {
        match self {
            Self::Linear(model) => model.fit_intercept,
            Self::Mlp(model) => model.fits_intercept(),
            Self::FactorizationMachine(model) => model.fits_intercept(),
        }
    }

    /// The linear model, where it is one.
    pub fn linear(&self) -> Option<&LinearModel> {
        match self {
            Self::Linear(model) => Some(model),
            Self::Mlp(_) | Self::FactorizationMachine(_) => None,
        }
    }

    /// The model of the same scores over other columns: those of a batch.
    ///
    /// # Errors
    /// If the parameters would not fit the address space.
    pub fn on_columns<T: Scalar>(&self, n_columns: usize) -> Result<Self> {
        match self {
            Self::Linear(model) => model.on_columns::<T>(n_columns).map(Self::Linear),
            Self::Mlp(_) => Ok(self.clone()),
            Self::FactorizationMachine(model) => {
                model.on_columns::<T>(n_columns).map(Self::FactorizationMachine)
            }
        }
    }

    /// The rows as the model has to see them: those of which a column may come twice in a row.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(crate) fn merging<'a, T: Scalar>(&self, rows: Rows<'a, T>) -> Result<Rows<'a, T>> {
        match self {
            Self::Linear(_) | Self::Mlp(_) => Ok(rows),
            Self::FactorizationMachine(_) => rows.merging(),
        }
    }

    /// Rows of a tile: few enough to be in the first-level cache when they are touched again, and at most
    /// [`LEAF_ROWS`].
    pub(crate) fn rows_of_tile<T: Scalar>(&self, rows: &Rows<'_, T>) -> usize {
        match self {
            Self::FactorizationMachine(_) if matches!(rows, Rows::Csr(_)) => SPARSE_ROWS_OF_TILE,
            Self::Linear(_) | Self::FactorizationMachine(_) => rows.rows_of_tile(),
            Self::Mlp(_) => LEAF_ROWS,
        }
        .min(LEAF_ROWS)
    }

    /// What a row costs, in multiply-adds of dense rows.
    pub(super) fn work_of_row<T: Scalar>(&self, rows: &Rows<'_, T>) -> usize {
        match self {
            Self::Linear(model) => rows.work_of_row(model.layout.n_outputs(), model.layout.len()),
            Self::Mlp(model) => model.work_of_row(rows.work_of_row(1, rows.n_columns())),
            Self::FactorizationMachine(model) => model.work_of_row(rows),
        }
    }

    /// Room for what [`Model::prepare`] writes.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn room_to_prepare<T: Scalar>(&self) -> Result<Vec<T>> {
        let n = match self {
            Self::Linear(_) | Self::FactorizationMachine(_) => 0,
            Self::Mlp(model) => model.n_prepared(),
        };
        try_filled("transposed weights", n, T::ZERO)
    }

    /// Makes of the parameters what all rows of a pass read, beside the parameters themselves.
    #[inline(always)]
    pub(super) fn prepare<T: Scalar>(&self, tier: Tier, params: &[T], prepared: &mut [T]) {
        match self {
            Self::Linear(_) | Self::FactorizationMachine(_) => {}
            Self::Mlp(model) => model.prepare(tier, params, prepared),
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
        scratch: &mut ModelScratch<T>,
    ) {
        match self {
            Self::Linear(model) => model.forward(tier, rows, at.params, scores),
            Self::Mlp(model) => model.forward(tier, rows, at, scores, &mut scratch.activations),
            Self::FactorizationMachine(model) => {
                model.forward(tier, rows, at.params, scores, &mut scratch.factor_sums)
            }
        }
    }

    /// Whether [`Model::backward`] writes over the gradient, of which a tile is a whole leaf then.
    #[inline(always)]
    pub(super) fn writes_gradient<T: Scalar>(&self, rows: &Rows<'_, T>) -> bool {
        matches!((self, rows), (Self::Mlp(_), Rows::Dense(_)))
    }

    /// Adds to `gradient`, in the layout of the parameters, what the slopes of the rows of a tile make of it, or
    /// [writes](Model::writes_gradient) that there. The scores of these rows were the last that were made with this scratch.
    #[inline(always)]
    pub(super) fn backward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        slopes: &[T],
        gradient: &mut [T],
        scratch: &mut ModelScratch<T>,
    ) {
        match self {
            Self::Linear(model) => model.backward(tier, rows, slopes, gradient),
            Self::Mlp(model) => model.backward(tier, rows, at, slopes, gradient, &mut scratch.activations),
            Self::FactorizationMachine(model) => {
                model.backward(tier, rows, at.params, slopes, gradient, &mut scratch.factor_sums)
            }
        }
    }

    /// Of a factorization machine: writes what the rows of a tile pull those of the table with, from their slopes, and adds
    /// these up, by output. The scores of these rows were the last that were made with this scratch.
    pub(super) fn pull<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        slopes: &[T],
        pulls: (&mut [T], &mut [T]),
        scratch: &mut ModelScratch<T>,
    ) {
        if let Self::FactorizationMachine(model) = self {
            model.pull(tier, rows, params, slopes, pulls, &mut scratch.factor_sums);
        }
    }

    /// The sum over the rows of a tile of the squared norms of their gradients, from their weighted slopes.
    pub(super) fn row_squares<T: Scalar>(
        &self,
        tier: Tier,
        (stored, rows): (StoredRows<'_, '_, T>, &TileRows<'_, '_, T>),
        at: ParamsOfPass<'_, T>,
        slopes: &[T],
        scratch: &mut ModelScratch<T>,
    ) -> f64 {
        if let Self::Linear(model) = self {
            return model.row_squares(tier, stored, slopes, scratch);
        }
        let mut squares = [0.0; LEAF_ROWS];
        self.squares_of_rows(tier, (stored, rows), at, slopes, &mut squares[..rows.len()], scratch);
        squares.iter().sum()
    }

    /// The sums over the rows of a tile of the products of their gradients with `direction`, and of the squares of
    /// these products.
    pub(super) fn row_products<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        (slopes, direction): (&[T], &[T]),
        scratch: &mut ModelScratch<T>,
    ) -> [f64; 2] {
        if let Self::Linear(model) = self {
            return model.row_products(tier, rows, slopes, direction, scratch);
        }
        let mut products = [0.0; LEAF_ROWS];
        self.products_of_rows(tier, rows, at, (slopes, direction), &mut products[..rows.len()], scratch);
        products.iter().fold([0.0; 2], |[sum, squares], p| [sum + p, squares + p * p])
    }

    /// Writes the squared norms of the gradients of the rows of a tile, from their weighted slopes.
    pub(super) fn squares_of_rows<T: Scalar>(
        &self,
        tier: Tier,
        (stored, rows): (StoredRows<'_, '_, T>, &TileRows<'_, '_, T>),
        at: ParamsOfPass<'_, T>,
        slopes: &[T],
        to: &mut [f64],
        scratch: &mut ModelScratch<T>,
    ) {
        match self {
            Self::Linear(model) => model.squares_of_rows(stored, slopes, to),
            Self::Mlp(model) => model.squares_of_rows(tier, stored, at, slopes, to, &mut scratch.activations),
            Self::FactorizationMachine(model) => {
                model.squares_of_rows(tier, rows, at.params, slopes, to, &mut scratch.factor_sums)
            }
        }
    }

    /// Writes the products of the gradients of the rows of a tile with `direction`, from their weighted slopes.
    pub(super) fn products_of_rows<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        (slopes, direction): (&[T], &[T]),
        to: &mut [f64],
        scratch: &mut ModelScratch<T>,
    ) {
        match self {
            Self::Linear(model) => model.products_of_rows(tier, rows, (slopes, direction), to, scratch),
            Self::Mlp(model) => {
                let kept = &mut scratch.activations;
                model.products_of_rows(tier, rows, at, (slopes, direction), to, kept);
            }
            Self::FactorizationMachine(model) => {
                let (kept, along) = (&mut scratch.factor_sums, &mut scratch.along);
                model.products_of_rows(tier, rows, at.params, (slopes, direction), to, (kept, along));
            }
        }
    }
}

/// The matrix, and the intercepts.
#[inline(always)]
fn blocks(layout: Layout, fit_intercept: bool) -> [ParameterBlock; 2] {
    let (n_coef, len) = (layout.n_coef(), layout.len());
    [
        ParameterBlock { name: "coef", range: 0..n_coef, is_penalised: true, is_trained: true },
        ParameterBlock {
            name: "intercept",
            range: n_coef..len,
            is_penalised: false,
            is_trained: fit_intercept,
        },
    ]
}
