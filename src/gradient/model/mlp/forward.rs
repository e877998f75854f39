//! Rows through the network, to their scores.

use super::{Activations, Layer, Mlp};
use crate::data::{MatrixParams, TileMatrix, TileMatrixMut, TileRows};
use crate::gradient::model::ParamsOfPass;
use crate::kernel::matrix::{Product, RowList, Transpose};
use crate::kernel::{Activate, Prefetch, Tier};
use crate::scalar::Scalar;

impl Mlp {
    /// Writes the scores of the rows of a tile, one padded row per output, and keeps what the way back needs.
    pub(in crate::gradient::model) fn forward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        scores: &mut [T],
        kept: &mut Activations<T>,
    ) {
        let n_rows = rows.len();
        for (l, layer) in self.layers.iter().enumerate() {
            let stride = layer.stride::<T>();
            let (before, from) = kept.outputs.split_at_mut(l);
            let to = TileMatrixMut { values: &mut from[0][..n_rows * stride], stride };
            let bias = layer.intercepts(at.params);
            let w = MatrixParams { weights: layer.weights(at.params), n_outputs: layer.n_out, bias };
            match before.last() {
                None => rows.product(tier, w, to),
                Some(input) => {
                    let a = block_as_rows(&self.layers[l - 1], input, &kept.rows[..n_rows]);
                    product(tier, a, w, to);
                }
            }
            let Some(activation) = layer.activation else { continue };
            let z = &mut from[0][..n_rows * stride];
            let derivative = match at.is_for_gradient {
                true => &mut kept.derivatives[l][..n_rows * stride],
                false => &mut [],
            };
            tier.run(Activate { activation, z: &mut *z, derivative: &mut *derivative });
            if let Some(masks) = at.masks.filter(|_| self.dropout > 0.0) {
                let units = (self.n_units(), layer.unit, layer.n_out);
                masks.apply(tier, self.dropout, units, (&mut *z, derivative, stride));
            }
        }
        let Some((last, z)) = self.layers.last().zip(kept.outputs.last()) else { return };
        let to_stride = n_rows.next_multiple_of(T::LANES);
        let (from_stride, n_columns) = (last.stride::<T>(), last.n_out);
        tier.run(Transpose { from: z, from_stride, n_rows, n_columns, to: &mut *scores, to_stride });
        for scores in scores.chunks_exact_mut(to_stride) {
            scores[n_rows..].fill(T::ZERO);
        }
    }
}

/// The outputs of a layer as rows of a matrix.
pub(super) fn block_as_rows<'a, T: Scalar>(
    layer: &Layer,
    values: &'a [T],
    rows: &'a [usize],
) -> RowList<'a, T> {
    RowList { values, stride: layer.stride::<T>(), n_columns: layer.n_out, rows }
}

/// A block of numbers times a matrix.
pub(super) fn product<T: Scalar>(
    tier: Tier,
    a: RowList<'_, T>,
    w: MatrixParams<'_, T>,
    to: TileMatrixMut<'_, T>,
) {
    let MatrixParams { weights: b, n_outputs, bias } = w;
    let (c, c_stride) = (to.values, to.stride);
    let (ahead, prefetch) = (&[][..], Prefetch::NONE);
    tier.run(Product { a, ahead, prefetch, b, b_stride: n_outputs, n_outputs, bias, c, c_stride });
}

/// The numbers of the rows of a tile in a layer.
pub(super) fn block_of<'a, T: Scalar>(layer: &Layer, values: &'a [T]) -> TileMatrix<'a, T> {
    TileMatrix { values, stride: layer.stride::<T>(), n_outputs: layer.n_out }
}
