//! `ModelScratch`: what a model computes a tile of rows with, allocated once for each worker.

use super::Model;
use super::factorization_machine::FactorSums;
use super::mlp::Activations;
use crate::error::{Result, try_filled};
use crate::gradient::sum::LEAF_ROWS;
use crate::scalar::Scalar;

/// Room for a tile of at most [`LEAF_ROWS`] rows.
#[derive(Debug)]
pub(crate) struct ModelScratch<T> {
    /// Squared norms of the rows.
    pub(super) squares: Vec<f64>,
    /// Scores along a direction.
    pub(super) along: Vec<T>,
    /// What a network remembers of the rows.
    pub(super) activations: Activations<T>,
    /// What a factorization machine remembers of the rows.
    pub(super) factor_sums: FactorSums<T>,
}

impl<T: Scalar> ModelScratch<T> {
    /// Room for tiles of this model.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(crate) fn new(model: &Model) -> Result<Self> {
        let n_outputs = model.layout().n_outputs();
        Ok(Self {
            squares: vec![0.0; LEAF_ROWS],
            activations: match model {
                Model::Mlp(mlp) => Activations::new(mlp)?,
                Model::Linear(_) | Model::FactorizationMachine(_) => Activations::default(),
            },
            factor_sums: FactorSums::new(match model {
                Model::FactorizationMachine(machine) => Some(machine),
                Model::Linear(_) | Model::Mlp(_) => None,
            })?,
            along: try_filled("scores", n_outputs.saturating_mul(LEAF_ROWS), T::ZERO)?,
        })
    }
}
