//! Gradient descent, with momentum if wanted.

use super::{Rate, Step, Update};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Lanes};
use crate::options::Options;
use crate::scalar::Scalar;

/// `v = momentum v + g`, `w -= learning_rate v`; with `nesterov`, `w -= learning_rate (g + momentum v)`.
/// Without momentum `w -= learning_rate g` and nothing is remembered.
///
/// As in PyTorch: the first v is g, and the learning rate is outside of the memory.
///
/// Source: I. Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sgd {
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// Momentum in [0, 1); Nesterov's variant needs some.
    pub fn new(momentum: f64, nesterov: bool) -> Result<Self> {
        if !(0.0..1.0).contains(&momentum) {
            return Err(Error::OutOfRange {
                argument: "momentum",
                condition: "in [0, 1)",
                value: momentum.to_string(),
            });
        }
        if nesterov && momentum == 0.0 {
            return Err(Error::OutOfRange {
                argument: "momentum",
                condition: "> 0 when nesterov=True",
                value: "0".into(),
            });
        }
        Ok(Self { momentum, nesterov })
    }

    /// The momentum.
    pub fn momentum(&self) -> f64 {
        self.momentum
    }

    /// What `v` (or Nesterov's direction) is after step t when all gradients have been 1: 1 + m + m^2 + ...
    fn gain(&self, t: u64) -> f64 {
        let m = self.momentum;
        // 1 - m^(t+1) for the velocity; Nesterov looks one step further.
        let n_terms = (t + 1).saturating_add(u64::from(self.nesterov));
        (1.0 - m.powi(n_terms.min(i32::MAX as u64) as i32)) / (1.0 - m)
    }
}

impl Update for Sgd {
    const NAME: &'static str = "SGD";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(options.number("momentum")?, options.flag("nesterov")?)
    }

    fn n_vectors(&self) -> usize {
        usize::from(self.momentum > 0.0)
    }

    fn step<'r, T: Scalar>(&self, step: Step<'_, 'r, T>) -> Rate<'r, T> {
        let Step { tier, t, learning_rate, memory, params, grad, .. } = step;
        let rate = T::from_f64(learning_rate);
        let Some(velocity) = memory.first_mut() else {
            tier.run(Plain { rate, params, grad });
            return Rate::Same(rate);
        };
        let momentum = T::from_f64(self.momentum);
        tier.run(Momentum { rate, momentum, nesterov: self.nesterov, velocity, params, grad });
        Rate::Same(T::from_f64(learning_rate * self.gain(t)))
    }
}

struct Plain<'a, T> {
    rate: T,
    params: &'a mut [T],
    grad: &'a [T],
}

impl<T: Scalar> Kernel<T> for Plain<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        for (w, &g) in self.params.iter_mut().zip(self.grad) {
            *w -= self.rate * g;
        }
    }
}

struct Momentum<'a, T> {
    rate: T,
    momentum: T,
    nesterov: bool,
    velocity: &'a mut [T],
    params: &'a mut [T],
    grad: &'a [T],
}

impl<T: Scalar> Kernel<T> for Momentum<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { rate, momentum, nesterov, velocity, params, grad } = self;
        for ((w, v), &g) in params.iter_mut().zip(velocity).zip(grad) {
            *v = momentum * *v + g;
            let direction = if nesterov { g + momentum * *v } else { *v };
            *w -= rate * direction;
        }
    }
}
