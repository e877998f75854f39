//! DoG, distance over gradients: gradient descent without a learning rate to tune.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::moments::positive;
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::kernel::{distance, norm};
use crate::options::Options;
use crate::scalar::Scalar;

/// `w -= learning_rate r_t / sqrt(G_t + eps) g`: r_t the largest distance so far from the start, at least
/// `reps_rel (1 + |start|)`, and G_t the sum of all squared norms of gradients. The learning rate is a factor
/// to be left at 1.
///
/// Source: M. Ivgi, O. Hinder, Y. Carmon, DoG is SGD's best friend: a parameter-free dynamic step size
/// schedule, ICML 2023.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoG {
    reps_rel: f64,
    eps: f64,
    weight_decay: f64,
}

impl Default for DoG {
    fn default() -> Self {
        Self { reps_rel: 1e-6, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl DoG {
    /// The first distance, relative to `1 + |start|`, and what is added to the sum of squares: finite and > 0.
    pub fn new(reps_rel: f64, eps: f64) -> Result<Self> {
        Ok(Self { reps_rel: positive("reps_rel", reps_rel)?, eps: positive("eps", eps)?, weight_decay: 0.0 })
    }
}

impl Update for DoG {
    const NAME: &'static str = "DoG";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let dog = Self::new(options.number("reps_rel")?, options.number("eps")?)?;
        Ok(Self { weight_decay: Decay::strength_of(options)?, ..dog })
    }

    /// The start.
    fn n_vectors(&self) -> usize {
        1
    }

    /// The largest distance and the root of the sum of squares.
    fn n_scalars(&self) -> usize {
        2
    }

    fn decay(&self) -> Decay {
        Decay::Coupled(self.weight_decay)
    }

    fn has_uniform_step_size(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let StepContext { tier, t, learning_rate, .. } = step;
        let start = &mut step.slots[0];
        let farthest = if t == 0 {
            start.copy_from_slice(step.params);
            self.reps_rel * (1.0 + norm(tier, start))
        } else {
            step.scalars[0].max(distance(tier, step.params, start))
        };
        // As a root the sum can be of gradients whose squares would be infinite or zero.
        let root = step.scalars[1].hypot(norm(tier, step.grad));
        (step.scalars[0], step.scalars[1]) = (farthest, root);
        let rate = T::from_f64(learning_rate * (farthest / root.hypot(self.eps.sqrt())));
        entrywise(Along { rate }, step);
        EffectiveStepSize::Uniform(rate)
    }
}

#[derive(Clone, Copy)]
struct Along<T> {
    rate: T,
}

impl<T: Scalar> Formula<T, 0> for Along<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, []: [&mut T; 0]) -> T {
        *w -= self.rate * g;
        self.rate
    }
}
