//! `TileRows`: the rows of a tile, where they are stored or on the columns of their batch.

use std::ops::Range;

use super::{Active, LinearParams, LinearParamsMut, Rows, Tile};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// The rows of a tile, and from where they are read.
#[derive(Debug)]
pub enum TileRows<'t, 'a, T> {
    /// Where the data have them.
    Stored(&'t Rows<'a, T>, Tile<'t>),
    /// A range of the rows of a batch, on the columns that this has entries in.
    Active(&'t Active<T>, Range<usize>),
}

impl<T: Scalar> TileRows<'_, '_, T> {
    /// See [`Rows::scores`].
    #[inline(always)]
    pub fn scores(&self, tier: Tier, w: LinearParams<'_, T>, scores: &mut [T]) {
        match self {
            Self::Stored(rows, tile) => rows.scores(tier, *tile, w, scores),
            Self::Active(batch, range) => batch.scores(tier, range.clone(), w, scores),
        }
    }

    /// See [`Rows::accumulate`].
    #[inline(always)]
    pub fn accumulate(&self, tier: Tier, slopes: &[T], gradient: LinearParamsMut<'_, T>) {
        match self {
            Self::Stored(rows, tile) => rows.accumulate(tier, tile.rows, slopes, gradient),
            Self::Active(batch, range) => batch.accumulate(tier, range.clone(), slopes, gradient),
        }
    }
}
