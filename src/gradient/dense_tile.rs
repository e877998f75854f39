//! `DenseTile`: what is computed of a tile of dense rows for one output, to be inlined into one call of the tier.

use super::loss::{EachOutput, Pointwise, TileOf};
use crate::data::{Dense, Tile};
use crate::kernel::rows::{Accumulate, Scores};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Some rows. Parameters and gradients have the coefficients, padded, then the intercept, padded.
#[derive(Debug)]
pub(crate) struct DenseTile<'t, 'a, T> {
    pub(crate) x: Dense<'a, T>,
    pub(crate) tile: Tile<'t>,
}

impl<T: Scalar> DenseTile<'_, '_, T> {
    /// Writes the scores of the rows at `params`.
    #[inline(always)]
    pub(crate) fn scores<L: Lanes<Elem = T>>(&self, params: &[T], scores: &mut [T]) {
        let (values, n_columns) = (self.x.values(), self.x.n_columns());
        let Tile { rows, ahead, prefetch } = self.tile;
        let (coef, intercept) = params.split_at(params.len() - T::LANES);
        let intercept = &intercept[..1];
        Scores { values, n_columns, rows, ahead, prefetch, coef, intercept, scores }.run::<L>();
    }

    /// Adds to `gradient` what the slopes of the rows make of them.
    #[inline(always)]
    pub(crate) fn accumulate<L: Lanes<Elem = T>>(&self, slopes: &[T], gradient: &mut [T]) {
        let (values, n_columns, rows) = (self.x.values(), self.x.n_columns(), self.tile.rows);
        let (coef, intercept) = gradient.split_at_mut(gradient.len() - T::LANES);
        let intercept = &mut intercept[..1];
        Accumulate { values, n_columns, rows, slopes, coef, intercept }.run::<L>();
    }
}

/// Turns the scores of a tile into weighted slopes, and returns the sum of the weighted losses.
#[inline(always)]
pub(crate) fn slopes<L: Lanes, F: Pointwise>(loss: F, tile: TileOf<'_, L::Elem>) -> f64 {
    let unit = tile.unit;
    EachOutput { loss, tile }.run::<L>().to_f64() * loss.of_scaled(unit)
}
