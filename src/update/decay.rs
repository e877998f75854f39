//! Weight decay: shrinking of the coefficients by the optimizer, outside of the objective.

use crate::error::{Result, checked};
use crate::kernel::{Kernel, Lanes, ScaleAdd, Tier};
use crate::options::Options;
use crate::scalar::Scalar;

/// How a rule decays weights, and by how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decay {
    /// Added to the gradient, `g + weight_decay w`, and scaled and accumulated with it.
    Coupled(f64),
    /// Apart from the gradient, before the step: `w -= learning_rate weight_decay w`.
    ///
    /// Source: I. Loshchilov, F. Hutter, Decoupled weight decay regularization, ICLR 2019.
    Decoupled(f64),
}

impl Decay {
    /// No decay.
    pub const NONE: Self = Self::Coupled(0.0);

    /// The strength, `weight_decay`, of some options: finite and >= 0.
    pub(super) fn strength_of(options: &dyn Options) -> Result<f64> {
        let strength = options.number("weight_decay")?;
        checked("weight_decay", "finite and >= 0", strength, |decay| decay.is_finite() && decay >= 0.0)
    }
}

/// Multiplies weights by `1 - learning_rate strength`.
pub(super) fn shrink<T: Scalar>(tier: Tier, weights: &mut [T], learning_rate: f64, strength: f64) {
    let scale = T::from_f64(1.0 - learning_rate * strength);
    tier.run(ScaleAdd { y: weights, scale, x: &[], factor: T::ZERO });
}

/// Adds `strength w` to a gradient; `w` may be shorter, and then the rest does not change.
pub(super) fn couple<T: Scalar>(tier: Tier, grad: &mut [T], strength: f64, w: &[T]) {
    struct Couple<'a, T> {
        grad: &'a mut [T],
        strength: T,
        w: &'a [T],
    }

    impl<T: Scalar> Kernel<T> for Couple<'_, T> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self) {
            let strength = self.strength;
            self.grad.iter_mut().zip(self.w).for_each(|(g, &w)| *g += strength * w);
        }
    }

    tier.run(Couple { grad, strength: T::from_f64(strength), w });
}
