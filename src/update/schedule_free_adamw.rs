//! AdamW without a schedule.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::moments::{MomentDecays, MomentsAt};
use super::schedule_free::{ScheduleFree, X};
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::kernel::Tier;
use crate::options::Options;
use crate::scalar::Scalar;

/// `z -= learning_rate (g / (sqrt(v^) + eps) + weight_decay y)` along gradients at `y = beta1 x + (1 - beta1) z`;
/// v is the second moment of [`super::Adam`], the model x the mean of all z.
///
/// Source: A. Defazio et al., The road less scheduled, NeurIPS 2024.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleFreeAdamW {
    average: ScheduleFree,
    moments: MomentDecays,
    weight_decay: f64,
}

impl Update for ScheduleFreeAdamW {
    const NAME: &'static str = "ScheduleFreeAdamW";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let moments = MomentDecays::from_options(options)?;
        let average = ScheduleFree::new(moments.beta1, options)?;
        Ok(Self { average, moments, weight_decay: Decay::strength_of(options)? })
    }

    /// z, x and the second moment.
    fn n_vectors(&self) -> usize {
        3
    }

    fn n_scalars(&self) -> usize {
        2
    }

    fn model(&self) -> Option<usize> {
        Some(X)
    }

    fn forget_average(&self, scalars: &mut [f64]) {
        ScheduleFree::forget(scalars);
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        self.average.begin(step.t, step.learning_rate, step.slots, step.scalars, step.params);
        let formula = ScheduleFreeAdamWFormula {
            moments: self.moments.at(step.t),
            rate: T::from_f64(step.learning_rate),
        };
        // Decay is of y, not of the z that is stepped, so that it cannot be done before the step.
        let decay = T::from_f64(step.learning_rate * self.weight_decay);
        let z = &mut step.slots[super::schedule_free::Z];
        for (z, &y) in z.iter_mut().zip(&step.params[..step.entries.n_coef()]) {
            *z -= decay * y;
        }
        entrywise(formula, step)
    }

    fn post_prox<T: Scalar>(&self, tier: Tier, slots: &mut [Vec<T>], scalars: &[f64], params: &mut [T]) {
        self.average.post_prox(tier, slots, scalars, params);
    }
}

#[derive(Clone, Copy)]
struct ScheduleFreeAdamWFormula<T> {
    moments: MomentsAt<T>,
    rate: T,
}

impl<T: Scalar> Formula<T, 3> for ScheduleFreeAdamWFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [z, _x, v]: [&mut T; 3]) -> T {
        *v = self.moments.beta2 * *v + self.moments.rest2 * g * g;
        let rate = self.rate / self.moments.divisor(*v);
        *w = *z - rate * g;
        rate
    }
}
