//! `TileRows`: the rows of a tile, where they are stored or on the columns of their batch.

use std::ops::Range;

use super::{Active, Indices, LinearParams, LinearParamsMut, MergedRows, Rows, Tile};
use crate::kernel::matrix::RowList;
use crate::kernel::sparse::Index;
use crate::kernel::sparse_matrix::SparseRowList;
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

/// The rows of a tile, and from where they are read.
#[derive(Debug)]
pub enum TileRows<'t, 'a, T> {
    /// Where the data have them.
    Stored(&'t Rows<'a, T>, Tile<'t>),
    /// A range of the rows of a batch, on the columns that this has entries in.
    Active(&'t Active<T>, Range<usize>),
}

/// Work on the rows of a tile, of one kind or the other.
pub(crate) trait VisitRows<T> {
    /// Computes with dense rows.
    fn dense(self, rows: RowList<'_, T>);
    /// Computes with sparse rows.
    fn sparse<I: Index>(self, rows: SparseRowList<'_, T, I>);
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

    /// Rows of the tile.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Stored(_, tile) => tile.rows.len(),
            Self::Active(_, range) => range.len(),
        }
    }

    /// Whether the rows are dense.
    #[inline(always)]
    pub(crate) fn are_dense(&self) -> bool {
        matches!(self, Self::Stored(Rows::Dense(_), _))
    }

    /// Rows to prefetch while these are read, and how.
    #[inline(always)]
    pub(crate) fn ahead(&self) -> (&[usize], Prefetch) {
        match self {
            Self::Stored(_, tile) => (tile.ahead, tile.prefetch),
            Self::Active(..) => (&[], Prefetch::NONE),
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

    /// Prefetches the rows that are to come.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        match self {
            Self::Stored(Rows::Dense(x), tile) => {
                let d = x.n_columns();
                tile.ahead.iter().for_each(|&row| tile.prefetch.row(&x.values()[row * d..][..d]));
            }
            Self::Stored(Rows::Csr(x), tile) => tile.ahead.iter().for_each(|&row| x.prefetch(row)),
            Self::Active(..) => {}
        }
    }

    /// Shows the rows. Where entries of a column were to be [merged](Rows::merging), no column of a row comes twice;
    /// `merged` is room for that.
    #[inline(always)]
    pub(crate) fn visit<V: VisitRows<T>>(&self, merged: &mut MergedRows<T>, visitor: V) {
        match self {
            Self::Stored(Rows::Dense(x), tile) => {
                let (values, n_columns) = (x.values(), x.n_columns());
                visitor.dense(RowList { values, stride: n_columns, n_columns, rows: tile.rows })
            }
            Self::Stored(Rows::Csr(x), tile) => {
                let mut spans = [const { 0..0 }; 64];
                let rows = x.spans(tile.rows, &mut spans);
                match x.indices {
                    Indices::Narrow(indices) if x.merges => {
                        visitor.sparse(merged.of(SparseRowList { values: x.values, indices, rows }))
                    }
                    Indices::Wide(indices) if x.merges => {
                        visitor.sparse(merged.of(SparseRowList { values: x.values, indices, rows }))
                    }
                    Indices::Narrow(indices) => {
                        visitor.sparse(SparseRowList { values: x.values, indices, rows })
                    }
                    Indices::Wide(indices) => {
                        visitor.sparse(SparseRowList { values: x.values, indices, rows })
                    }
                }
            }
            Self::Active(batch, range) => visitor.sparse(batch.row_list(range.clone())),
        }
    }
}
