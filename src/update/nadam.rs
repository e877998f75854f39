//! NAdam: Adam with Nesterov momentum.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::LazyUpdate;
use super::moments::{MomentDecays, MomentsAt, not_negative};
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// With `mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)`, t from 1, and `p_t = mu_1 ... mu_t`:
/// `w -= learning_rate ((1 - mu_t) / (1 - p_t) g + mu_(t+1) / (1 - p_(t+1)) m) / (sqrt(v^) + eps)`, the moments
/// m and v as in [`super::Adam`].
///
/// Source: T. Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NAdam {
    moments: MomentDecays,
    momentum_decay: f64,
    decay: Decay,
}

impl NAdam {
    /// The momentum of step t, counted from 1.
    fn momentum(&self, t: f64) -> f64 {
        self.moments.beta1 * (1.0 - 0.5 * 0.96_f64.powf(t * self.momentum_decay))
    }
}

impl Update for NAdam {
    const NAME: &'static str = "NAdam";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let strength = Decay::strength_of(options)?;
        Ok(Self {
            moments: MomentDecays::from_options(options)?,
            momentum_decay: not_negative("momentum_decay", options.number("momentum_decay")?)?,
            decay: match options.flag("decoupled_weight_decay")? {
                true => Decay::Decoupled(strength),
                false => Decay::Coupled(strength),
            },
        })
    }

    /// The moments m and v.
    fn n_vectors(&self) -> usize {
        2
    }

    /// 1 less the product of all momenta.
    fn n_scalars(&self) -> usize {
        1
    }

    fn decay(&self) -> Decay {
        self.decay
    }

    fn lazy_update(&self, _t: u64, _learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Frozen
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let t = step.t as f64 + 1.0;
        let (now, next) = (self.momentum(t), self.momentum(t + 1.0));
        let product = (1.0 - step.scalars[0]) * now;
        step.scalars[0] = 1.0 - product;
        let of_grad = step.learning_rate * (1.0 - now) / (1.0 - product);
        let of_mean = step.learning_rate * next / (1.0 - product * next);
        // After t gradients of 1 the mean is 1 - beta1^t.
        let unit = of_grad + of_mean * (1.0 - self.moments.beta1.powf(t));
        let formula = LookAhead {
            moments: self.moments.at(step.t),
            of_grad: T::from_f64(of_grad),
            of_mean: T::from_f64(of_mean),
            unit: T::from_f64(unit),
        };
        entrywise(formula, step)
    }
}

#[derive(Clone, Copy)]
struct LookAhead<T> {
    moments: MomentsAt<T>,
    of_grad: T,
    of_mean: T,
    unit: T,
}

impl<T: Scalar> Formula<T, 2> for LookAhead<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [m, v]: [&mut T; 2]) -> T {
        self.moments.update(m, v, g);
        let divisor = self.moments.divisor(*v);
        *w -= (self.of_grad * g + self.of_mean * *m) / divisor;
        self.unit / divisor
    }
}
