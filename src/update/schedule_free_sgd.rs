//! Gradient descent without a schedule.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::schedule_free::{ScheduleFree, X};
use super::{EffectiveStepSize, StepContext, Update};
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

    fn forget_average(&self, scalars: &mut [f64]) {
        ScheduleFree::forget(scalars);
    }

    fn has_uniform_step_size(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        self.average.begin(step.t, step.learning_rate, step.slots, step.scalars, step.params);
        let rate = T::from_f64(step.learning_rate);
        entrywise(ScheduleFreeSgdFormula { rate }, step);
        EffectiveStepSize::Uniform(rate)
    }

    fn post_prox<T: Scalar>(&self, tier: Tier, slots: &mut [Vec<T>], scalars: &[f64], params: &mut [T]) {
        self.average.post_prox(tier, slots, scalars, params);
    }
}

#[derive(Clone, Copy)]
struct ScheduleFreeSgdFormula<T> {
    rate: T,
}

impl<T: Scalar> Formula<T, 1> for ScheduleFreeSgdFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [z]: [&mut T; 1]) -> T {
        *w = *z - self.rate * g;
        self.rate
    }
}
