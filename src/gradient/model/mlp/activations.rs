//! `Activations`: what a network remembers of a tile of rows from its way forward to its way back.

use super::Mlp;
use crate::data::MergedRows;
use crate::error::{Result, try_filled};
use crate::gradient::sum::LEAF_ROWS;
use crate::scalar::Scalar;

/// The numbers of [`LEAF_ROWS`] rows: of each layer a row of as many numbers as it has units, padded.
#[derive(Debug, Default)]
pub(in crate::gradient::model) struct Activations<T> {
    /// What comes out of each layer: the activations, of the last layer the scores.
    pub(super) outputs: Vec<Vec<T>>,
    /// The derivatives of these by the scores of the layer; of hidden layers only.
    pub(super) derivatives: Vec<Vec<T>>,
    /// The derivatives of the weighted losses by the scores of each layer.
    pub(super) deltas: Vec<Vec<T>>,
    /// Products of rows with a direction, for the widest layer.
    pub(super) along: Vec<T>,
    /// The rows of the tile, as these buffers have them.
    pub(super) rows: Vec<usize>,
    /// Room for [`TileRows::visit`], which never merges rows for a network.
    pub(super) merged: MergedRows<T>,
    /// A one for each row.
    pub(super) ones: Vec<T>,
}

impl<T: Scalar> Activations<T> {
    /// Room for tiles of this network.
    pub(in crate::gradient::model) fn new(mlp: &Mlp) -> Result<Self> {
        let block = |n: usize| try_filled("activations", n.saturating_mul(LEAF_ROWS), T::ZERO);
        let strides = || mlp.layers.iter().map(|layer| layer.stride::<T>());
        let blocks = || strides().map(block).collect::<Result<Vec<_>>>();
        let mut derivatives = blocks()?;
        derivatives.pop();
        Ok(Self {
            outputs: blocks()?,
            derivatives,
            deltas: blocks()?,
            along: block(strides().max().unwrap_or(0))?,
            rows: (0..LEAF_ROWS).collect(),
            merged: MergedRows::default(),
            ones: vec![T::ONE; LEAF_ROWS],
        })
    }
}
