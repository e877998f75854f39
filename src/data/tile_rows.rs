//! `TileRows`: the rows of a tile, where they are stored or on the columns of their batch.

use std::ops::Range;

use super::{
    Active, Indices, LinearParams, LinearParamsMut, MatrixParams, MergedRows, Rows, Tile, TileMatrix,
    TileMatrixMut,
};
use crate::kernel::Tier;
use crate::kernel::matrix::RowList;
use crate::kernel::sparse::Index;
use crate::kernel::sparse_matrix::SparseRowList;
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

    /// See [`Rows::product`].
    pub(crate) fn product(&self, tier: Tier, w: MatrixParams<'_, T>, to: TileMatrixMut<'_, T>) {
        match self {
            Self::Stored(rows, tile) => rows.product(tier, *tile, w, to),
            Self::Active(batch, range) => batch.product(tier, range.clone(), w, to),
        }
    }

    /// See [`Rows::accumulate_product`].
    pub(crate) fn accumulate_product(
        &self,
        tier: Tier,
        slopes: TileMatrix<'_, T>,
        to: &mut [T],
        overwrites: bool,
    ) {
        match self {
            Self::Stored(rows, tile) => rows.accumulate_product(tier, *tile, slopes, to, overwrites),
            Self::Active(batch, range) => {
                if overwrites {
                    to.fill(T::ZERO);
                }
                batch.accumulate_product(tier, range.clone(), slopes, to);
            }
        }
    }

    /// `|x_i|^2` of row i of the tile.
    pub(crate) fn squared_norm(&self, i: usize) -> f64 {
        match self {
            Self::Stored(rows, tile) => rows.squared_norm(tile.rows[i]),
            Self::Active(batch, range) => batch.squared_norm(range.start + i),
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
