//! `Mlp`: a multi-layer perceptron: linear maps with a bent function between one and the next.
//!
//! With `a_0 = x` layer l has `z_l = a_{l-1} W_l + b_l`, a hidden one `a_l = act_l(z_l)`, and the last z are the scores.
//! The slopes of the scores are the last deltas; `delta_{l-1} = delta_l W_l^T * act_{l-1}'(z_{l-1})`, and the gradient of
//! W_l is `a_{l-1}^T delta_l`, that of b_l the sum of its deltas.
//!
//! Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, Learning representations by back-propagating errors, Nature 323
//! (1986).

mod activations;
mod backward;
mod dropout;
mod forward;
mod products;
mod row_gradients;

pub(super) use activations::Activations;
pub(crate) use dropout::Masks;

use crate::error::{Error, Result, checked};
use crate::gradient::Layout;
use crate::kernel::matrix::{self, Transpose};
use crate::kernel::{Activation, Tier};
use crate::scalar::Scalar;

/// Layers and what is between them. In the flat vector the matrices of all layers come first, row by row and without
/// padding, and then the intercepts of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp {
    layout: Layout,
    fit_intercept: bool,
    layers: Vec<Layer>,
    /// The share of hidden units that a training step leaves out.
    dropout: f64,
    /// Numbers of all transposed matrices.
    n_transposed: usize,
}

/// A linear map, and what follows it.
#[derive(Debug, Clone, PartialEq)]
struct Layer {
    n_in: usize,
    n_out: usize,
    /// What its scores go through; none for the last layer, whose scores are those of the model.
    activation: Option<Activation>,
    /// Where its matrix begins in the flat vector.
    weights: usize,
    /// Where its intercepts begin.
    intercepts: usize,
    /// Where its transposed matrix begins among the prepared numbers. The first layer has none: there is no delta of rows.
    transposed: usize,
    /// The first of its units among the words of dropout.
    unit: usize,
}

impl Layer {
    /// Distance between the numbers of consecutive rows of a tile.
    fn stride<T: Scalar>(&self) -> usize {
        matrix::stride::<T>(self.n_out)
    }

    fn weights<'p, T>(&self, params: &'p [T]) -> &'p [T] {
        &params[self.weights..][..self.n_in * self.n_out]
    }

    fn intercepts<'p, T>(&self, params: &'p [T]) -> &'p [T] {
        &params[self.intercepts..][..self.n_out]
    }

    fn transposed<'p, T>(&self, prepared: &'p [T]) -> &'p [T] {
        &prepared[self.transposed..][..self.n_in * self.n_out]
    }
}

impl Mlp {
    /// A network for rows of `n_columns` and `n_outputs` scores, with hidden layers of so many units.
    ///
    /// # Errors
    /// If a layer has no unit, `dropout` is not in [0, 1), or the parameters would not fit the address space.
    pub fn new<T: Scalar>(
        (n_columns, n_outputs): (usize, usize),
        hidden: &[(usize, Activation)],
        dropout: f64,
        fit_intercept: bool,
    ) -> Result<Self> {
        checked("dropout", "in [0, 1)", dropout, |dropout| (0.0..1.0).contains(&dropout))?;
        if hidden.iter().any(|&(n_units, _)| n_units == 0) {
            return Err(Error::OutOfRange {
                argument: "hidden",
                condition: ">= 1 for every layer",
                value: format!("{:?}", hidden.iter().map(|layer| layer.0).collect::<Vec<_>>()),
            });
        }
        let too_large = || Error::TooLarge { what: "the weights", size: format!("{n_columns} columns") };
        let (mut layers, mut n_in) = (Vec::new(), n_columns);
        let (mut n_weights, mut n_intercepts, mut n_transposed, mut n_units) = (0_usize, 0_usize, 0_usize, 0);
        let last = (n_outputs, None);
        for (n_out, activation) in
            hidden.iter().map(|&(n_units, activation)| (n_units, Some(activation))).chain([last])
        {
            let size = n_in.checked_mul(n_out).ok_or_else(too_large)?;
            layers.push(Layer {
                n_in,
                n_out,
                activation,
                weights: n_weights,
                intercepts: n_intercepts,
                transposed: n_transposed,
                unit: n_units,
            });
            n_weights = n_weights.checked_add(size).ok_or_else(too_large)?;
            n_intercepts = n_intercepts.checked_add(n_out).ok_or_else(too_large)?;
            n_transposed += if layers.len() > 1 { size } else { 0 };
            n_units += n_out.next_multiple_of(dropout::WORDS_OF_BLOCK);
            n_in = n_out;
        }
        let layout = Layout::whole::<T>(n_columns, n_outputs, n_weights, n_intercepts)?;
        layers.iter_mut().for_each(|layer| layer.intercepts += layout.n_coef());
        Ok(Self { layout, fit_intercept, layers, dropout, n_transposed })
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn fits_intercept(&self) -> bool {
        self.fit_intercept
    }

    /// Multiply-adds of a row: each weight is multiplied in three products, but for the first layer's, in two.
    pub(super) fn work_of_row(&self, n_entries: usize) -> usize {
        let of_layer = |layer: &Layer| 3 * layer.n_in * layer.n_out;
        let first = &self.layers[0];
        2 * n_entries * first.n_out + self.layers[1..].iter().map(of_layer).sum::<usize>()
    }

    /// Numbers that [`Self::prepare`] writes.
    pub(super) fn n_prepared(&self) -> usize {
        self.n_transposed
    }

    /// Transposes the matrices of all layers but the first.
    pub(super) fn prepare<T: Scalar>(&self, tier: Tier, params: &[T], prepared: &mut [T]) {
        for layer in &self.layers[1..] {
            let (n_rows, n_columns) = (layer.n_in, layer.n_out);
            tier.run(Transpose {
                from: layer.weights(params),
                from_stride: n_columns,
                n_rows,
                n_columns,
                to: &mut prepared[layer.transposed..][..n_rows * n_columns],
                to_stride: n_rows,
            });
        }
    }

    /// Words of dropout that a row has.
    fn n_units(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.unit)
    }
}
