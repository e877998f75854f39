//! `DenseTile`: what is computed of a tile of dense rows for one output, to be inlined into one call of the tier.

use super::loss::{EachOutput, Pointwise, TileOf};
use crate::data::{Dense, Tile};
use crate::kernel::rows::{Accumulate, Scores};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Vectors of a row from which on the sums of a gradient keep the processor busy: of fewer, each waits for the one before.
const BUSY: usize = 4;

/// Some rows. Parameters and gradients have the coefficients, padded, then the intercept, padded.
#[derive(Debug)]
pub(crate) struct DenseTile<'t, 'a, T> {
    pub(crate) x: Dense<'a, T>,
    pub(crate) tile: Tile<'t>,
}

impl<T: Scalar> DenseTile<'_, '_, T> {
    /// Whether rows ahead are prefetched while the gradient is made, if one is, and not with the scores. Where it waits for
    /// itself the memory is idle: 1,000,000 x 28, b = 256, two threads of an AMD EPYC (Zen 5), 13 instead of 15 to 17 ns a row.
    #[inline(always)]
    fn prefetches_last(&self) -> bool {
        self.x.n_columns() <= (BUSY - 1) * T::LANES
    }

    /// Writes the scores of the rows at `params`; whether a gradient is made next decides what is prefetched now.
    #[inline(always)]
    pub(crate) fn scores<L: Lanes<Elem = T>>(&self, params: &[T], has_gradient: bool, scores: &mut [T]) {
        let (values, n_columns) = (self.x.values(), self.x.n_columns());
        let Tile { rows, ahead, prefetch } = self.tile;
        let ahead = if has_gradient && self.prefetches_last() { &[] } else { ahead };
        let (coef, intercept) = params.split_at(params.len() - T::LANES);
        let intercept = &intercept[..1];
        Scores { values, n_columns, rows, ahead, prefetch, coef, intercept, scores }.run::<L>();
    }

    /// Adds to `gradient` what the slopes of the rows make of them.
    #[inline(always)]
    pub(crate) fn accumulate<L: Lanes<Elem = T>>(&self, slopes: &[T], gradient: &mut [T]) {
        let (values, n_columns) = (self.x.values(), self.x.n_columns());
        let Tile { rows, ahead, prefetch } = self.tile;
        let ahead = if self.prefetches_last() { ahead } else { &[] };
        let (coef, intercept) = gradient.split_at_mut(gradient.len() - T::LANES);
        let intercept = &mut intercept[..1];
        Accumulate { values, n_columns, rows, ahead, prefetch, slopes, coef, intercept }.run::<L>();
    }
}

/// Turns the scores of a tile into weighted slopes, and returns the sum of the weighted losses.
#[inline(always)]
pub(crate) fn slopes<L: Lanes, F: Pointwise>(loss: F, tile: TileOf<'_, L::Elem>) -> f64 {
    let unit = tile.unit;
    EachOutput { loss, tile }.run::<L>().to_f64() * loss.of_scaled(unit)
}
