//! Rows through the network, to their scores.

use super::products::{RowsTimesMatrix, rows_of};
use super::{Activations, Mlp};
use crate::data::{TileRows, VisitRows};
use crate::gradient::model::ParamsOfPass;
use crate::kernel::matrix::Transpose;
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
        if !rows.are_dense() {
            rows.prefetch(); // dense ones are prefetched in the product
        }
        for (l, layer) in self.layers.iter().enumerate() {
            let stride = layer.stride::<T>();
            let (before, from) = kept.outputs.split_at_mut(l);
            let product = RowsTimesMatrix {
                tier,
                ahead: if l == 0 { rows.ahead() } else { (&[], Prefetch::NONE) },
                matrix: layer.weights(at.params),
                n_outputs: layer.n_out,
                intercepts: layer.intercepts(at.params),
                to: &mut from[0][..n_rows * stride],
                to_stride: stride,
            };
            match before.last() {
                None => rows.visit(&mut kept.merged, product),
                Some(input) => product.dense(rows_of(&self.layers[l - 1], input, &kept.rows[..n_rows])),
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
