//! `FactorSums`: what a factorization machine remembers of the rows of a tile.

use super::FactorizationMachine;
use crate::data::MergedRows;
use crate::error::{Result, try_filled};
use crate::gradient::sum::LEAF_ROWS;
use crate::scalar::Scalar;

/// Room for a tile of at most [`LEAF_ROWS`] rows.
#[derive(Debug)]
pub(in crate::gradient::model) struct FactorSums<T> {
    /// 1 where a padded row of the table has a coefficient, 0 elsewhere.
    pub(super) is_coef: Vec<T>,
    /// Of each row the sum of the rows of the table, times its entries.
    pub(super) sums: Vec<T>,
    /// See [`Pulls`](crate::kernel::factorization_machine::Pulls); in a forward pass what adds up to scores.
    pub(super) pulls: Vec<T>,
    /// Room for [`FactorSquares`](crate::kernel::factorization_machine::FactorSquares).
    pub(super) room: Vec<f64>,
    /// Room for rows in which a column comes twice.
    pub(super) merged: MergedRows<T>,
}

impl<T: Scalar> FactorSums<T> {
    /// Room for the rows of a tile of this model; none where it is another.
    pub(in crate::gradient::model) fn new(model: Option<&FactorizationMachine>) -> Result<Self> {
        let stride = model.map_or(0, |model| model.layout.stride());
        let mut is_coef = try_filled("the factors", stride, T::ZERO)?;
        if let Some(model) = model {
            is_coef.iter_mut().take(model.layout.row_len()).step_by(1 + model.rank).for_each(|c| *c = T::ONE);
        }
        let filled = |n: usize| try_filled("sums of factors", stride.saturating_mul(n * LEAF_ROWS), T::ZERO);
        Ok(Self {
            is_coef,
            sums: filled(1)?,
            pulls: filled(2)?,
            room: try_filled("sums of factors", stride.saturating_mul(3), 0.0)?,
            merged: MergedRows::default(),
        })
    }
}
