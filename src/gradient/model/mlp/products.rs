//! The products of a layer: with the rows of the data, dense or sparse, or with the outputs of the layer before.

use super::Layer;
use crate::data::VisitRows;
use crate::kernel::matrix::{AccumulateProduct, Product, RowList};
use crate::kernel::sparse::Index;
use crate::kernel::sparse_matrix::{SparseAccumulateProduct, SparseProduct, SparseRowList};
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

/// Writes rows times a matrix, each begun from the intercepts.
pub(super) struct RowsTimesMatrix<'a, T> {
    pub(super) tier: Tier,
    /// Rows of the data to prefetch meanwhile, and how.
    pub(super) ahead: (&'a [usize], Prefetch),
    /// Row by row, without padding.
    pub(super) matrix: &'a [T],
    pub(super) n_outputs: usize,
    /// One for each column of the matrix, or none for zeros.
    pub(super) intercepts: &'a [T],
    pub(super) to: &'a mut [T],
    /// Distance between the beginnings of consecutive rows of `to`.
    pub(super) to_stride: usize,
}

impl<T: Scalar> VisitRows<T> for RowsTimesMatrix<'_, T> {
    fn dense(self, a: RowList<'_, T>) {
        let Self { tier, ahead: (ahead, prefetch), matrix: b, n_outputs, intercepts: bias, to: c, to_stride } =
            self;
        let (b_stride, c_stride) = (n_outputs, to_stride);
        tier.run(Product { a, ahead, prefetch, b, b_stride, n_outputs, bias, c, c_stride });
    }

    fn sparse<I: Index>(self, a: SparseRowList<'_, T, I>) {
        let Self { tier, matrix: b, n_outputs, intercepts: bias, to: c, to_stride: c_stride, .. } = self;
        tier.run(SparseProduct { a, b, b_stride: n_outputs, n_outputs, bias, c, c_stride });
    }
}

/// Adds the product of transposed rows with deltas, a row of which is for each of them, to a matrix, or of dense rows
/// writes it there.
pub(super) struct TransposedTimesDeltas<'a, T> {
    pub(super) tier: Tier,
    pub(super) deltas: &'a [T],
    /// Distance between the beginnings of consecutive rows of `deltas`.
    pub(super) stride: usize,
    pub(super) n_outputs: usize,
    pub(super) to: &'a mut [T],
    pub(super) overwrites: bool,
}

impl<T: Scalar> VisitRows<T> for TransposedTimesDeltas<'_, T> {
    fn dense(self, a: RowList<'_, T>) {
        let Self { tier, deltas: slopes, stride: slopes_stride, n_outputs, to: g, overwrites } = self;
        tier.run(AccumulateProduct {
            a,
            slopes,
            slopes_stride,
            n_outputs,
            g,
            g_stride: n_outputs,
            overwrites,
        });
    }

    fn sparse<I: Index>(self, a: SparseRowList<'_, T, I>) {
        let Self { tier, deltas: slopes, stride: slopes_stride, n_outputs, to: g, .. } = self;
        tier.run(SparseAccumulateProduct { a, slopes, slopes_stride, n_outputs, g, g_stride: n_outputs });
    }
}

/// What a layer has of the rows of a tile, as rows of a matrix.
pub(super) fn rows_of<'a, T: Scalar>(layer: &Layer, values: &'a [T], rows: &'a [usize]) -> RowList<'a, T> {
    RowList { values, stride: layer.stride::<T>(), n_columns: layer.n_out, rows }
}
