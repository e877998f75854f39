//! AdamW: Adam with weight decay apart from the gradient.

use super::decay::Decay;
use super::lazy::LazyUpdate;
use super::{Adam, EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `w -= learning_rate weight_decay w` before the step of [`Adam`].
///
/// Source: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    adam: Adam,
    weight_decay: f64,
}

impl Update for AdamW {
    const NAME: &'static str = "AdamW";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self { adam: Adam::from_options(options)?, weight_decay: Decay::strength_of(options)? })
    }

    fn n_vectors(&self) -> usize {
        self.adam.n_vectors()
    }

    fn decay(&self) -> Decay {
        Decay::Decoupled(self.weight_decay)
    }

    fn lazy_update(&self, _t: u64, _learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Frozen
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        self.adam.step(step)
    }
}
