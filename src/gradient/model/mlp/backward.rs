//! Slopes of scores back through the network, to the gradient.

use super::products::{RowsTimesMatrix, TransposedTimesDeltas, rows_of};
use super::{Activations, Mlp};
use crate::data::{TileRows, VisitRows};
use crate::gradient::model::ParamsOfPass;
use crate::kernel::matrix::{RowList, Transpose};
use crate::kernel::{Multiply, Prefetch, Tier};

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
        let n_coef = self.layout.n_coef();
        let (gradient, of_all_intercepts) = gradient.split_at_mut(n_coef);
        for (l, layer) in self.layers.iter().enumerate() {
            let times_deltas = |to| TransposedTimesDeltas {
                tier,
                deltas: &kept.deltas[l],
                stride: layer.stride::<T>(),
                n_outputs: layer.n_out,
                to,
                overwrites,
            };
            let of_weights = times_deltas(&mut gradient[layer.weights..][..layer.n_in * layer.n_out]);
            let numbers = &kept.rows[..n_rows];
            match l {
                0 => rows.visit(&mut kept.merged, of_weights),
                _ => of_weights.dense(rows_of(&self.layers[l - 1], &kept.outputs[l - 1], numbers)),
            }
            let of_intercepts = &mut of_all_intercepts[layer.intercepts - n_coef..][..layer.n_out];
            if self.fit_intercept {
                let ones = RowList { values: &kept.ones, stride: 1, n_columns: 1, rows: numbers };
                times_deltas(of_intercepts).dense(ones);
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
            let to_stride = before.stride::<T>();
            let to = &mut earlier[l - 1][..n_rows * to_stride];
            let product = RowsTimesMatrix {
                tier,
                ahead: (&[], Prefetch::NONE),
                matrix: layer.transposed(at.prepared),
                n_outputs: layer.n_in,
                intercepts: &[],
                to: &mut *to,
                to_stride,
            };
            product.dense(rows_of(layer, &later[0], &kept.rows[..n_rows]));
            tier.run(Multiply { y: to, x: &kept.derivatives[l - 1][..n_rows * to_stride] });
        }
    }
}
