//! Gradient descent without a schedule.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::schedule_free::{ScheduleFree, X};
use super::{Rate, Step, Update};
use crate::error::Result;
use crate::kernel::Tier;
use crate::options::Options;
use crate::scalar::Scalar;

/// `z -= learning_rate g` along gradients at `y = momentum x + (1 - momentum) z`; the model x is the mean of
/// all z.
///
/// Source: A. Defazio et al., The road less scheduled, NeurIPS 2024.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleFreeSgd {
    average: ScheduleFree,
    weight_decay: f64,
}

impl Update for ScheduleFreeSgd {
    const NAME: &'static str = "ScheduleFreeSGD";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let average = ScheduleFree::new(options.number("momentum")?, options)?;
        Ok(Self { average, weight_decay: Decay::strength_of(options)? })
    }

    fn n_vectors(&self) -> usize {
        2
    }

    fn n_scalars(&self) -> usize {
        2
    }

    fn decay(&self) -> Decay {
        Decay::Coupled(self.weight_decay)
    }

    fn model(&self) -> Option<usize> {
        Some(X)
    }

    fn step<'r, T: Scalar>(&self, step: Step<'_, 'r, T>) -> Rate<'r, T> {
        self.average.begin(step.t, step.learning_rate, step.memory, step.scalars, step.params);
        let rate = T::from_f64(step.learning_rate);
        entrywise(FromZ { rate }, step);
        Rate::Same(rate)
    }

    fn settle<T: Scalar>(&self, tier: Tier, memory: &mut [Vec<T>], scalars: &[f64], params: &mut [T]) {
        self.average.settle(tier, memory, scalars, params);
    }
}

#[derive(Clone, Copy)]
struct FromZ<T> {
    rate: T,
}

impl<T: Scalar> Formula<T, 1> for FromZ<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [z]: [&mut T; 1]) -> T {
        *w = *z - self.rate * g;
        self.rate
    }
}
