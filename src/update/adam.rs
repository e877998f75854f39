//! Adam: steps scaled by running moments of the gradient.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::LazyUpdate;
use super::moments::{MomentDecays, MomentsAt, unbias};
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
/// `w -= learning_rate m^ / (sqrt(v^) + eps)` with `m^ = m / (1 - beta1^t)`, `v^ = v / (1 - beta2^t)`, t from 1.
/// With `amsgrad` the largest v so far takes the place of v.
///
/// Sources: D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015; S. J. Reddi, S. Kale,
/// S. Kumar, On the convergence of Adam and beyond, ICLR 2018.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    moments: MomentDecays,
    is_amsgrad: bool,
    weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        let moments = MomentDecays { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        Self { moments, is_amsgrad: false, weight_decay: 0.0 }
    }
}

impl Adam {
    /// Both betas in [0, 1), eps finite and > 0.
    pub fn new(beta1: f64, beta2: f64, eps: f64) -> Result<Self> {
        Ok(Self { moments: MomentDecays::new(beta1, beta2, eps)?, ..Self::default() })
    }
}

impl Update for Adam {
    const NAME: &'static str = "Adam";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self {
            moments: MomentDecays::from_options(options)?,
            is_amsgrad: options.flag("amsgrad")?,
            weight_decay: Decay::strength_of(options)?,
        })
    }

    /// The moments m and v, and with AMSGrad the largest v.
    fn n_vectors(&self) -> usize {
        2 + usize::from(self.is_amsgrad)
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
        let formula = AdamFormula {
            moments: self.moments.at(step.t),
            rate: T::from_f64(step.learning_rate / unbias(self.moments.beta1, step.t)),
            learning_rate: T::from_f64(step.learning_rate),
        };
        if self.is_amsgrad {
            entrywise::<T, _, 3>(formula, step)
        } else {
            entrywise::<T, _, 2>(formula, step)
        }
    }
}

#[derive(Clone, Copy)]
struct AdamFormula<T> {
    moments: MomentsAt<T>,
    /// The learning rate divided by what unbiases m.
    rate: T,
    learning_rate: T,
}

impl<T: Scalar> AdamFormula<T> {
    #[inline(always)]
    fn move_by(&self, w: &mut T, m: T, v: T) -> T {
        let divisor = self.moments.divisor(v);
        *w -= self.rate * m / divisor;
        self.learning_rate / divisor // the unbiased m of a constant gradient is itself
    }
}

impl<T: Scalar> Formula<T, 2> for AdamFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [m, v]: [&mut T; 2]) -> T {
        self.moments.update(m, v, g);
        self.move_by(w, *m, *v)
    }
}

impl<T: Scalar> Formula<T, 3> for AdamFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [m, v, largest]: [&mut T; 3]) -> T {
        self.moments.update(m, v, g);
        *largest = if *largest > *v { *largest } else { *v };
        self.move_by(w, *m, *largest)
    }
}
