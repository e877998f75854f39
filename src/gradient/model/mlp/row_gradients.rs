//! Gradients of single rows, of which only norms and products are wanted.
//!
//! The gradient of row i by the matrix of layer l is `a_i delta_i^T`, with the input a of the layer, and by its intercepts
//! `delta_i`. So its squared norm is the sum over layers of `|delta_i|^2 (|a_i|^2 + 1)`, and its product with a direction
//! the sum of `delta_i . (a_i V_l + v_l)`.

use super::products::{RowsTimesMatrix, rows_of};
use super::{Activations, Mlp};
use crate::data::{TileRows, VisitRows};
use crate::gradient::model::{ParamsOfPass, StoredRows};
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

impl Mlp {
    /// Writes the squared norms of the gradients of the rows of a tile, from their weighted slopes.
    pub(in crate::gradient::model) fn squares_of_rows<T: Scalar>(
        &self,
        tier: Tier,
        (data, rows): StoredRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        slopes: &[T],
        to: &mut [f64],
        kept: &mut Activations<T>,
    ) {
        self.deltas(tier, rows.len(), at, slopes, kept);
        let one = f64::from(u8::from(self.fit_intercept));
        for (i, to) in to.iter_mut().enumerate() {
            *to = 0.0;
            for (l, layer) in self.layers.iter().enumerate() {
                let delta = squared(&kept.deltas[l][i * layer.stride::<T>()..][..layer.n_out]);
                let input = match l {
                    0 => data.squared_norm(rows[i]),
                    _ => {
                        let before = &self.layers[l - 1];
                        squared(&kept.outputs[l - 1][i * before.stride::<T>()..][..before.n_out])
                    }
                };
                *to += delta * (input + one);
            }
        }
    }

    /// Writes the products of the gradients of the rows of a tile with `direction`, from their weighted slopes.
    pub(in crate::gradient::model) fn products_of_rows<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        at: ParamsOfPass<'_, T>,
        (slopes, direction): (&[T], &[T]),
        to: &mut [f64],
        kept: &mut Activations<T>,
    ) {
        let n_rows = rows.len();
        self.deltas(tier, n_rows, at, slopes, kept);
        to.fill(0.0);
        for (l, layer) in self.layers.iter().enumerate() {
            let stride = layer.stride::<T>();
            let product = RowsTimesMatrix {
                tier,
                ahead: (&[], Prefetch::NONE),
                matrix: layer.weights(direction),
                n_outputs: layer.n_out,
                intercepts: if self.fit_intercept { layer.intercepts(direction) } else { &[] },
                to: &mut kept.along[..n_rows * stride],
                to_stride: stride,
            };
            match l {
                0 => rows.visit(&mut kept.merged, product),
                _ => {
                    let before = &self.layers[l - 1];
                    product.dense(rows_of(before, &kept.outputs[l - 1], &kept.rows[..n_rows]));
                }
            }
            for (i, to) in to.iter_mut().enumerate() {
                let of_row = i * stride..i * stride + layer.n_out;
                let (delta, along) = (&kept.deltas[l][of_row.clone()], &kept.along[of_row]);
                *to += delta.iter().zip(along).map(|(d, a)| d.to_f64() * a.to_f64()).sum::<f64>();
            }
        }
    }
}

fn squared<T: Scalar>(values: &[T]) -> f64 {
    values.iter().map(|x| x.to_f64() * x.to_f64()).sum()
}
