//! Adagrad: steps scaled by the root of all squared gradients so far.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::{DiagonalStep, Divisor, LazyUpdate};
use super::moments::{not_negative, positive};
use super::{EffectiveStepSize, InitContext, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `s += g^2`, `w -= rate g / (sqrt(s) + eps)` with `rate = learning_rate / (1 + t lr_decay)`, t from 0.
///
/// Source: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods for online learning and stochastic
/// optimization, JMLR 12 (2011).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adagrad {
    lr_decay: f64,
    initial_accumulator_value: f64,
    eps: f64,
    weight_decay: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self { lr_decay: 0.0, initial_accumulator_value: 0.0, eps: 1e-10, weight_decay: 0.0 }
    }
}

impl Adagrad {
    /// The numerator of the step size in step t.
    fn rate_at(&self, t: u64, learning_rate: f64) -> f64 {
        learning_rate / (1.0 + t as f64 * self.lr_decay)
    }
}

impl Update for Adagrad {
    const NAME: &'static str = "Adagrad";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let initial = "initial_accumulator_value";
        Ok(Self {
            lr_decay: not_negative("lr_decay", options.number("lr_decay")?)?,
            initial_accumulator_value: not_negative(initial, options.number(initial)?)?,
            eps: positive("eps", options.number("eps")?)?,
            weight_decay: Decay::strength_of(options)?,
        })
    }

    /// The sum of squares s.
    fn n_vectors(&self) -> usize {
        1
    }

    fn decay(&self) -> Decay {
        Decay::Coupled(self.weight_decay)
    }

    fn begin<T: Scalar>(&self, begin: InitContext<'_, T>) {
        begin.slots[0].fill(T::from_f64(self.initial_accumulator_value));
    }

    fn lazy_update(&self, t: u64, learning_rate: f64, l2: f64) -> LazyUpdate {
        if l2 + self.weight_decay > 0.0 {
            return LazyUpdate::Dense; // a gradient, which changes s
        }
        let rate = self.rate_at(t, learning_rate);
        LazyUpdate::Diagonal(DiagonalStep { t, rate, by: Divisor::Root { eps: self.eps } })
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let rate = T::from_f64(self.rate_at(step.t, step.learning_rate));
        entrywise(AdagradFormula { rate, eps: T::from_f64(self.eps) }, step)
    }
}

#[derive(Clone, Copy)]
struct AdagradFormula<T> {
    rate: T,
    eps: T,
}

impl<T: Scalar> Formula<T, 1> for AdagradFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [s]: [&mut T; 1]) -> T {
        *s += g * g;
        let divisor = s.sqrt() + self.eps;
        *w -= self.rate * g / divisor;
        self.rate / divisor
    }
}
