//! `LinearModel`: scores `x . W + b`.

use super::{ModelScratch, StoredRows};
use crate::data::TileRows;
use crate::error::Result;
use crate::gradient::Layout;
use crate::kernel::Tier;
use crate::kernel::noise::{RowProducts, RowSquares};
use crate::scalar::Scalar;

/// One row of coefficients and one intercept for each score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinearModel {
    /// Where coefficients and intercepts lie.
    pub layout: Layout,
    /// Whether the intercepts move; otherwise they stay where they start.
    pub fit_intercept: bool,
}

impl LinearModel {
    /// The model of the same scores over other columns: those of a batch.
    ///
    /// # Errors
    /// If the parameters would not fit the address space.
    pub fn on_columns<T: Scalar>(&self, n_columns: usize) -> Result<Self> {
        Ok(Self { layout: self.layout.on_columns::<T>(n_columns)?, ..*self })
    }

    #[inline(always)]
    pub(super) fn forward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        scores: &mut [T],
    ) {
        rows.scores(tier, self.layout.linear(params), scores);
    }

    #[inline(always)]
    pub(super) fn backward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        slopes: &[T],
        gradient: &mut [T],
    ) {
        rows.accumulate(tier, slopes, self.layout.linear_mut(gradient));
    }

    /// The gradient of row i is `r_i (x_i, 1)`, so that its squared norm is `|r_i|^2 (|x_i|^2 + 1)`.
    pub(super) fn row_squares<T: Scalar>(
        &self,
        tier: Tier,
        (data, rows): StoredRows<'_, '_, T>,
        slopes: &[T],
        scratch: &mut ModelScratch<T>,
    ) -> f64 {
        let squares = &mut scratch.squares[..rows.len().next_multiple_of(T::LANES)];
        data.squared_norms(tier, rows, &mut squares[..rows.len()]);
        squares[rows.len()..].fill(0.0);
        let one = f64::from(u8::from(self.fit_intercept));
        tier.run(RowSquares { slopes, squares, one })
    }

    /// The product of the gradient of row i with v is `r_i` times the score that v would give as a model.
    pub(super) fn row_products<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        slopes: &[T],
        direction: &[T],
        scratch: &mut ModelScratch<T>,
    ) -> [f64; 2] {
        let along = &mut scratch.along[..slopes.len()];
        rows.scores(tier, self.layout.linear(direction), along);
        tier.run(RowProducts { slopes, along, stride: slopes.len() / self.layout.n_outputs() })
    }

    /// The squares whose sum is [`Self::row_squares`].
    pub(super) fn squares_of_rows<T: Scalar>(
        &self,
        (data, rows): StoredRows<'_, '_, T>,
        slopes: &[T],
        to: &mut [f64],
    ) {
        let stride = slopes.len() / self.layout.n_outputs();
        let one = f64::from(u8::from(self.fit_intercept));
        for (i, to) in to.iter_mut().enumerate() {
            let of_slopes: f64 = slopes.iter().skip(i).step_by(stride).map(|r| r.to_f64().powi(2)).sum();
            *to = of_slopes * (data.squared_norm(rows[i]) + one);
        }
    }

    /// The products whose sum is the first of [`Self::row_products`].
    pub(super) fn products_of_rows<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        (slopes, direction): (&[T], &[T]),
        to: &mut [f64],
        scratch: &mut ModelScratch<T>,
    ) {
        let along = &mut scratch.along[..slopes.len()];
        rows.scores(tier, self.layout.linear(direction), along);
        let stride = slopes.len() / self.layout.n_outputs();
        for (i, to) in to.iter_mut().enumerate() {
            let of_row = slopes.iter().zip(&*along).skip(i).step_by(stride);
            *to = of_row.map(|(r, z)| r.to_f64() * z.to_f64()).sum();
        }
    }
}
