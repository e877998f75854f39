//! Adagrad: steps scaled by the root of all squared gradients so far.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::moments::{not_negative, positive};
use super::{Rate, Step, Update};
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

    fn step<'r, T: Scalar>(&self, step: Step<'_, 'r, T>) -> Rate<'r, T> {
        if step.t == 0 {
            step.memory[0].fill(T::from_f64(self.initial_accumulator_value));
        }
        let rate = T::from_f64(step.learning_rate / (1.0 + step.t as f64 * self.lr_decay));
        entrywise(Scaled { rate, eps: T::from_f64(self.eps) }, step)
    }
}

#[derive(Clone, Copy)]
struct Scaled<T> {
    rate: T,
    eps: T,
}

impl<T: Scalar> Formula<T, 1> for Scaled<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [s]: [&mut T; 1]) -> T {
        *s += g * g;
        let divisor = s.sqrt() + self.eps;
        *w -= self.rate * g / divisor;
        self.rate / divisor
    }
}
