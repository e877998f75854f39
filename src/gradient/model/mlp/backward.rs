//! Slopes of scores back through the network, to the gradient.

use super::forward::{block_as_rows, block_of, product};
use super::{Activations, Mlp};
use crate::data::{MatrixParams, TileMatrix, TileMatrixMut, TileRows};
use crate::gradient::model::ParamsOfPass;
use crate::kernel::matrix::{AccumulateProduct, RowList, Transpose};
use crate::kernel::{Multiply, Tier};

use crate::scalar::Scalar;

impl Mlp {
    /// Adds to `gradient` what the slopes of the rows of a tile make of it, or of dense rows writes that there. Their scores were the last that were made with
    /// these activations.
    pub(in crate::gradient::model) fn backward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        slopes: &[T],
        gradient: &mut [T],
        kept: &mut Activations<T>,
    ) {
        let n_rows = rows.len();
        self.deltas(tier, n_rows, at, slopes, kept);
        let overwrites = rows.are_dense();
        for (l, layer) in self.layers.iter().enumerate() {
            let delta = block_of(layer, &kept.deltas[l]);
            let of_weights = &mut gradient[layer.weights..][..layer.n_in * layer.n_out];
            match l {
                0 => rows.accumulate_product(tier, delta, of_weights, overwrites),
                _ => {
                    let a = block_as_rows(&self.layers[l - 1], &kept.outputs[l - 1], &kept.rows[..n_rows]);
                    accumulate_product(tier, a, delta, of_weights, overwrites);
                }
            }
            let of_intercepts = &mut gradient[layer.intercepts..][..layer.n_out];
            if self.fit_intercept {
                let ones =
                    RowList { values: &kept.ones, stride: 1, n_columns: 1, rows: &kept.rows[..n_rows] };
                accumulate_product(tier, ones, delta, of_intercepts, overwrites);
            } else if overwrites {
                of_intercepts.fill(T::ZERO);
            }
        }
    }

    /// Writes the deltas of all layers, from the slopes of the scores.
    pub(super) fn deltas<T: Scalar>(
        &self,
        tier: Tier,
        n_rows: usize,
        at: ParamsOfPass<'_, T>,
        slopes: &[T],
        kept: &mut Activations<T>,
    ) {
        let Some((last, delta)) = self.layers.last().zip(kept.deltas.last_mut()) else { return };
        let (n_outputs, to_stride) = (last.n_out, last.stride::<T>());
        let from_stride = n_rows.next_multiple_of(T::LANES);
        tier.run(Transpose {
            from: slopes,
            from_stride,
            n_rows: n_outputs,
            n_columns: n_rows,
            to: delta,
            to_stride,
        });
        for l in (1..self.layers.len()).rev() {
            let (layer, before) = (&self.layers[l], &self.layers[l - 1]);
            let (earlier, later) = kept.deltas.split_at_mut(l);
            let delta = block_as_rows(layer, &later[0], &kept.rows[..n_rows]);
            let stride = before.stride::<T>();
            let to = &mut earlier[l - 1][..n_rows * stride];
            let weights = layer.transposed(at.prepared);
            let w = MatrixParams { weights, n_outputs: layer.n_in, bias: &[] };
            product(tier, delta, w, TileMatrixMut { values: &mut *to, stride });
            tier.run(Multiply { y: to, x: &kept.derivatives[l - 1][..n_rows * stride] });
        }
    }
}

/// Adds the product of the transposed rows with a block to a matrix, or writes it there.
fn accumulate_product<T: Scalar>(
    tier: Tier,
    a: RowList<'_, T>,
    slopes: TileMatrix<'_, T>,
    g: &mut [T],
    overwrites: bool,
) {
    let TileMatrix { values: slopes, stride: slopes_stride, n_outputs } = slopes;
    tier.run(AccumulateProduct { a, slopes, slopes_stride, n_outputs, g, g_stride: n_outputs, overwrites });
}
