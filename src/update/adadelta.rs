//! Adadelta: steps in the units of the parameters.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::LazyUpdate;
use super::moments::{fraction, positive};
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `v = rho v + (1 - rho) g^2`, `d = sqrt(u + eps) / sqrt(v + eps) g`, `u = rho u + (1 - rho) d^2`,
/// `w -= learning_rate d`.
///
/// Source: M. D. Zeiler, ADADELTA: an adaptive learning rate method, 2012.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adadelta {
    rho: f64,
    eps: f64,
    weight_decay: f64,
}

impl Update for Adadelta {
    const NAME: &'static str = "Adadelta";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self {
            rho: fraction("rho", options.number("rho")?)?,
            eps: positive("eps", options.number("eps")?)?,
            weight_decay: Decay::strength_of(options)?,
        })
    }

    /// The means v of squared gradients and u of squared steps.
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
        let formula = Delta {
            rho: T::from_f64(self.rho),
            rest: T::from_f64(1.0 - self.rho),
            eps: T::from_f64(self.eps),
            learning_rate: T::from_f64(step.learning_rate),
        };
        entrywise(formula, step)
    }
}

#[derive(Clone, Copy)]
struct Delta<T> {
    rho: T,
    rest: T,
    eps: T,
    learning_rate: T,
}

impl<T: Scalar> Formula<T, 2> for Delta<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [v, u]: [&mut T; 2]) -> T {
        *v = self.rho * *v + self.rest * g * g;
        let scale = (*u + self.eps).sqrt() / (*v + self.eps).sqrt();
        let delta = scale * g;
        *u = self.rho * *u + self.rest * delta * delta;
        *w -= self.learning_rate * delta;
        self.learning_rate * scale
    }
}
