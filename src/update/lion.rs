//! Lion: steps of one size along the sign of a mean of gradients.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::LazyUpdate;
use super::moments::checked_betas;
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `w -= learning_rate (sign(beta1 m + (1 - beta1) g) + weight_decay w)`, `m = beta2 m + (1 - beta2) g`.
///
/// Its effective step size is the learning rate. A step does not depend on the size of the gradient, so that gradient
/// and penalty do not balance: l1 gives zeros, but not those of the optimum.
///
/// Source: X. Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lion {
    beta1: f64,
    beta2: f64,
    weight_decay: f64,
}

impl Update for Lion {
    const NAME: &'static str = "Lion";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let (beta1, beta2) = options.pair("betas")?;
        let (beta1, beta2) = checked_betas(beta1, beta2)?;
        Ok(Self { beta1, beta2, weight_decay: Decay::strength_of(options)? })
    }

    /// The mean m of gradients.
    fn n_vectors(&self) -> usize {
        1
    }

    fn decay(&self) -> Decay {
        Decay::Decoupled(self.weight_decay)
    }

    fn has_uniform_step_size(&self) -> bool {
        true
    }

    fn lazy_update(&self, _t: u64, _learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Frozen
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let learning_rate = T::from_f64(step.learning_rate);
        let formula = Sign {
            beta1: T::from_f64(self.beta1),
            rest1: T::from_f64(1.0 - self.beta1),
            beta2: T::from_f64(self.beta2),
            rest2: T::from_f64(1.0 - self.beta2),
            learning_rate,
        };
        entrywise(formula, step);
        EffectiveStepSize::Uniform(learning_rate)
    }
}

#[derive(Clone, Copy)]
struct Sign<T> {
    beta1: T,
    rest1: T,
    beta2: T,
    rest2: T,
    learning_rate: T,
}

impl<T: Scalar> Formula<T, 1> for Sign<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [m]: [&mut T; 1]) -> T {
        let direction = self.beta1 * *m + self.rest1 * g;
        *m = self.beta2 * *m + self.rest2 * g;
        let by = if direction > T::ZERO {
            self.learning_rate
        } else if direction < T::ZERO {
            -self.learning_rate
        } else {
            direction // zero, or NaN
        };
        *w -= by;
        self.learning_rate
    }
}
