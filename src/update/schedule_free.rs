//! What the schedule-free rules have in common: an average in the place of a schedule.

use super::moments::{fraction, not_negative};
use crate::error::Result;
use crate::kernel::{Kernel, Lanes, Tier};
use crate::options::Options;
use crate::scalar::Scalar;

/// Slot of z, the point that is stepped.
pub(super) const Z: usize = 0;
/// Slot of x, the average, which is the model.
pub(super) const X: usize = 1;

/// Three points: z makes steps along gradients at y, x is the mean of all z weighted by
/// `max_(s <= t) learning_rate_s ^ weight_lr_power`, and `y = momentum x + (1 - momentum) z`.
///
/// The parameters that are trained are y. A step leaves the new z there, for a proximal map to act on, and
/// `post_prox` makes y of it.
///
/// Source: A. Defazio et al., The road less scheduled, NeurIPS 2024.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ScheduleFree {
    momentum: f64,
    weight_lr_power: f64,
}

impl ScheduleFree {
    /// Momentum in [0, 1), the power >= 0.
    pub(super) fn new(momentum: f64, options: &dyn Options) -> Result<Self> {
        Ok(Self {
            momentum: fraction("momentum", momentum)?,
            weight_lr_power: not_negative("weight_lr_power", options.number("weight_lr_power")?)?,
        })
    }

    /// Starts at the parameters, and counts the step of this learning rate. The numbers of the state are the largest
    /// rate, and the sum of weights in units of the last one, which is the largest.
    pub(super) fn begin<T: Scalar>(
        &self,
        t: u64,
        learning_rate: f64,
        slots: &mut [&mut [T]],
        scalars: &mut [f64],
        params: &[T],
    ) {
        if t == 0 {
            slots[Z].copy_from_slice(params);
            slots[X].copy_from_slice(params);
        }
        let largest = scalars[0].max(learning_rate);
        // As long as all rates are zero no step counts more than another: none has moved anything.
        let ratio = if largest > 0.0 { scalars[0] / largest } else { 0.0 };
        let before = scalars[1] * ratio.powf(self.weight_lr_power);
        (scalars[0], scalars[1]) = (largest, before + 1.0);
    }

    /// Leaves no weight to the steps made so far: x will be the next z.
    pub(super) fn forget(scalars: &mut [f64]) {
        scalars[1] = 0.0;
    }

    /// Adds the z in `params` to x, and replaces it by y.
    pub(super) fn post_prox<T: Scalar>(
        &self,
        tier: Tier,
        slots: &mut [Vec<T>],
        scalars: &[f64],
        params: &mut [T],
    ) {
        let [z, x, ..] = slots else { unreachable!("checked by Optimizer::step") };
        let share = 1.0 / scalars[1];
        z.copy_from_slice(params);
        tier.run(Interpolate {
            share: T::from_f64(share),
            share_before: T::from_f64(1.0 - share),
            momentum: T::from_f64(self.momentum),
            rest: T::from_f64(1.0 - self.momentum),
            z,
            x,
            y: params,
        });
    }
}

struct Interpolate<'a, T> {
    share: T,
    share_before: T,
    momentum: T,
    rest: T,
    z: &'a [T],
    x: &'a mut [T],
    y: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Interpolate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { share, share_before, momentum, rest, z, x, y } = self;
        for ((y, x), &z) in y.iter_mut().zip(x).zip(z) {
            *x = share_before * *x + share * z;
            *y = momentum * *x + rest * z;
        }
    }
}
