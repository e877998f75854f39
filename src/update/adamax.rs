//! Adamax: Adam with the largest gradient in place of the second moment.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::LazyUpdate;
use super::moments::{MomentDecays, MomentsAt, unbias};
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `m = beta1 m + (1 - beta1) g`, `u = max(beta2 u, |g| + eps)`, `w -= learning_rate / (1 - beta1^t) m / u`,
/// t from 1.
///
/// Source: D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015, section 7.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adamax {
    moments: MomentDecays,
    weight_decay: f64,
}

impl Update for Adamax {
    const NAME: &'static str = "Adamax";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self { moments: MomentDecays::from_options(options)?, weight_decay: Decay::strength_of(options)? })
    }

    /// The mean m of gradients and the largest u.
    fn n_vectors(&self) -> usize {
        2
    }

    fn decay(&self) -> Decay {
        Decay::Coupled(self.weight_decay)
    }

    fn lazy_update(&self, _t: u64, _learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Frozen
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let formula = Largest {
            moments: self.moments.at(step.t),
            rate: T::from_f64(step.learning_rate / unbias(self.moments.beta1, step.t)),
            unit: T::from_f64(step.learning_rate),
        };
        entrywise(formula, step)
    }
}

#[derive(Clone, Copy)]
struct Largest<T> {
    moments: MomentsAt<T>,
    rate: T,
    unit: T,
}

impl<T: Scalar> Formula<T, 2> for Largest<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [m, u]: [&mut T; 2]) -> T {
        let MomentsAt { beta1, rest1, beta2, eps, .. } = self.moments;
        *m = beta1 * *m + rest1 * g;
        let (before, now) = (beta2 * *u, g.abs() + eps);
        *u = if before > now { before } else { now };
        *w -= self.rate * *m / *u;
        self.unit / *u
    }
}
