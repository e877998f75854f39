//! RAdam: Adam that scales its steps only once the second moment can be trusted.

use super::decay::Decay;
use super::entrywise::{Formula, entrywise};
use super::lazy::LazyUpdate;
use super::moments::{MomentDecays, MomentsAt, unbias};
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// With `r = 2 / (1 - beta2) - 1` and `r_t = r - 2 t beta2^t / (1 - beta2^t)`, t from 1: where r_t > 5 the step
/// of Adam, times `sqrt((r_t - 4)(r_t - 2) r / ((r - 4)(r - 2) r_t))`, else `w -= learning_rate m^`.
///
/// As in PyTorch eps is added to `sqrt(v)` before v is unbiased.
///
/// Source: L. Liu et al., On the variance of the adaptive learning rate and beyond, ICLR 2020.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RAdam {
    moments: MomentDecays,
    decay: Decay,
}

impl RAdam {
    /// The factor of Adam's scaled step at step t, counted from 0; None as long as the second moment is not trusted.
    fn rectification(&self, t: u64) -> Option<f64> {
        let beta2 = self.moments.beta2;
        let n = t as f64 + 1.0;
        let last = 2.0 / (1.0 - beta2) - 1.0;
        let now = last - 2.0 * n * beta2.powf(n) / unbias(beta2, t);
        let squared = (now - 4.0) * (now - 2.0) * last / ((last - 4.0) * (last - 2.0) * now);
        (now > 5.0).then(|| squared.sqrt())
    }
}

impl Update for RAdam {
    const NAME: &'static str = "RAdam";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let strength = Decay::strength_of(options)?;
        Ok(Self {
            moments: MomentDecays::from_options(options)?,
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

    fn decay(&self) -> Decay {
        self.decay
    }

    fn lazy_update(&self, _t: u64, _learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Frozen
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let StepContext { t, learning_rate, .. } = step;
        let moments = self.moments.at(t);
        let unbias1 = unbias(self.moments.beta1, t);
        match self.rectification(t) {
            None => {
                let (rate, unit) = (T::from_f64(learning_rate / unbias1), T::from_f64(learning_rate));
                entrywise(Unscaled { moments, rate, unit }, step)
            }
            Some(factor) => {
                let unit = learning_rate * factor * unbias(self.moments.beta2, t).sqrt();
                let (rate, unit) = (T::from_f64(unit / unbias1), T::from_f64(unit));
                entrywise(RectifiedFormula { moments, rate, unit }, step)
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Unscaled<T> {
    moments: MomentsAt<T>,
    rate: T,
    unit: T,
}

impl<T: Scalar> Formula<T, 2> for Unscaled<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [m, v]: [&mut T; 2]) -> T {
        self.moments.update(m, v, g);
        *w -= self.rate * *m;
        self.unit
    }
}

#[derive(Clone, Copy)]
struct RectifiedFormula<T> {
    moments: MomentsAt<T>,
    rate: T,
    unit: T,
}

impl<T: Scalar> Formula<T, 2> for RectifiedFormula<T> {
    #[inline(always)]
    fn step(self, w: &mut T, g: T, [m, v]: [&mut T; 2]) -> T {
        self.moments.update(m, v, g);
        let divisor = v.sqrt() + self.moments.eps;
        *w -= self.rate * *m / divisor;
        self.unit / divisor
    }
}
