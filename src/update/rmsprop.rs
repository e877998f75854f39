//! RMSprop: steps scaled by the root of a running mean of squared gradients.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::LazyUpdate;
use super::moments::{fraction, positive};
use super::sgd::powers;
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `v = alpha v + (1 - alpha) g^2`, `w -= learning_rate g / (sqrt(v) + eps)`; with `centered`, `v - a^2` takes
/// the place of v, a being the running mean of g; with momentum, `b = momentum b + g / (sqrt(v) + eps)` and
/// `w -= learning_rate b`.
///
/// Sources: T. Tieleman, G. Hinton, Lecture 6.5 of Neural networks for machine learning, 2012; A. Graves,
/// Generating sequences with recurrent neural networks, 2013 (centered).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    alpha: f64,
    eps: f64,
    is_centered: bool,
    momentum: f64,
    weight_decay: f64,
}

impl Update for RmsProp {
    const NAME: &'static str = "RMSprop";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self {
            alpha: fraction("alpha", options.number("alpha")?)?,
            eps: positive("eps", options.number("eps")?)?,
            is_centered: options.flag("centered")?,
            momentum: fraction("momentum", options.number("momentum")?)?,
            weight_decay: Decay::strength_of(options)?,
        })
    }

    /// The mean of squares; the direction, with momentum; the mean of gradients, if centered.
    fn n_vectors(&self) -> usize {
        1 + usize::from(self.momentum > 0.0) + usize::from(self.is_centered)
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
        let formula = RmsPropFormula {
            alpha: T::from_f64(self.alpha),
            rest: T::from_f64(1.0 - self.alpha),
            eps: T::from_f64(self.eps),
            momentum: T::from_f64(self.momentum),
            learning_rate: T::from_f64(step.learning_rate),
            gain: T::from_f64(step.learning_rate * powers(self.momentum, step.t.saturating_add(1))),
        };
        match (self.momentum > 0.0, self.is_centered) {
            (false, false) => entrywise::<T, _, 1>(formula, step),
            (false, true) => entrywise::<T, _, 2>(CenteredFormula(formula), step),
            (true, false) => entrywise::<T, _, 2>(formula, step),
            (true, true) => entrywise::<T, _, 3>(CenteredFormula(formula), step),
        }
    }
}

#[derive(Clone, Copy)]
struct RmsPropFormula<T> {
    alpha: T,
    rest: T,
    eps: T,
    momentum: T,
    learning_rate: T,
    /// The learning rate times the gain of momentum for a constant gradient.
    gain: T,
}

impl<T: Scalar> RmsPropFormula<T> {
    #[inline(always)]
    fn mean(&self, mean: &mut T, x: T) -> T {
        *mean = self.alpha * *mean + self.rest * x;
        *mean
    }

    /// The divisor of the gradient, centered if there is a mean of gradients.
    #[inline(always)]
    fn divisor(&self, g: T, v: &mut T, a: Option<&mut T>) -> T {
        let square = self.mean(v, g * g);
        let variance = match a {
            None => square,
            Some(a) => {
                let a = self.mean(a, g);
                let variance = square - a * a;
                // Rounding may make this negative for equal gradients. A NaN stays NaN.
                if variance < T::ZERO { T::ZERO } else { variance }
            }
        };
        variance.sqrt() + self.eps
    }

    #[inline(always)]
    fn plain(&self, w: &mut T, g: T, divisor: T) -> T {
        *w -= self.learning_rate * g / divisor;
        self.learning_rate / divisor
    }

    #[inline(always)]
    fn with_momentum(&self, w: &mut T, g: T, divisor: T, b: &mut T) -> T {
        *b = self.momentum * *b + g / divisor;
        *w -= self.learning_rate * *b;
        self.gain / divisor
    }
}

#[derive(Clone, Copy)]
struct CenteredFormula<T>(RmsPropFormula<T>);

impl<T: Scalar> Formula<T, 1> for RmsPropFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [v]: [&mut T; 1]) -> T {
        let divisor = self.divisor(g, v, None);
        self.plain(w, g, divisor)
    }
}

impl<T: Scalar> Formula<T, 2> for RmsPropFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [v, b]: [&mut T; 2]) -> T {
        let divisor = self.divisor(g, v, None);
        self.with_momentum(w, g, divisor, b)
    }
}

impl<T: Scalar> Formula<T, 2> for CenteredFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [v, a]: [&mut T; 2]) -> T {
        let divisor = self.0.divisor(g, v, Some(a));
        self.0.plain(w, g, divisor)
    }
}

impl<T: Scalar> Formula<T, 3> for CenteredFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [v, b, a]: [&mut T; 3]) -> T {
        let divisor = self.0.divisor(g, v, Some(a));
        self.0.with_momentum(w, g, divisor, b)
    }
}
