//! The elastic-net family, the same for all coefficients.

use super::{checked_alphas, checked_ratio, shrunk, sign};
use crate::error::Result;
use crate::kernel::{Kernel, Lanes, ScaleAdd, Tier};
use crate::scalar::Scalar;
use crate::step_size::EffectiveStepSize;

/// `alpha (l1_ratio |w|_1 + (1 - l1_ratio)/2 |w|^2)`: l2 and l1 are its two ends, and no penalty has
/// `alpha = 0`.
///
/// Source: H. Zou, T. Hastie, Regularization and variable selection via the elastic net, J. R. Stat. Soc. B
/// 67 (2005).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ElasticNet {
    alpha: f64,
    l1_ratio: f64,
}

impl ElasticNet {
    /// Strength `alpha`, finite and >= 0; `l1_ratio` in [0, 1] is the share of the l1 part.
    pub fn new(alpha: f64, l1_ratio: f64) -> Result<Self> {
        checked_alphas(&[alpha])?;
        Ok(Self { alpha, l1_ratio: checked_ratio(l1_ratio)? })
    }

    /// Strength of the absolute values, `alpha * l1_ratio`.
    pub fn l1(&self) -> f64 {
        self.alpha * self.l1_ratio
    }

    /// Strength of half the squares, `alpha * (1 - l1_ratio)`.
    pub fn l2(&self) -> f64 {
        self.alpha * (1.0 - self.l1_ratio)
    }

    /// The penalty of coefficients `w`, summed in double.
    pub(crate) fn value<T: Scalar>(&self, tier: Tier, w: &[T]) -> f64 {
        if self.alpha == 0.0 { 0.0 } else { tier.run(Cost { penalty: *self, w }) }
    }

    /// The same for kernels.
    #[inline(always)]
    pub(crate) fn value_in_kernel<T: Scalar>(&self, w: &[T]) -> f64 {
        if self.alpha == 0.0 {
            return 0.0;
        }
        // The padded layout is a multiple of 8 long. Eight sums, added in a fixed order.
        let (mut abs, mut squares) = ([0.0_f64; 8], [0.0_f64; 8]);
        let (eights, rest) = w.as_chunks::<8>();
        for eight in eights {
            add_to_sums(&mut abs, &mut squares, eight);
        }
        add_to_sums(&mut abs, &mut squares, rest);
        self.l1() * abs.iter().sum::<f64>() + 0.5 * self.l2() * squares.iter().sum::<f64>()
    }

    pub(super) fn add_to<T: Scalar>(&self, tier: Tier, grad: &mut [T], scale: T, w: &[T]) {
        tier.run(ScaleAdd { y: grad, scale, x: w, factor: T::from_f64(self.l2()) });
    }

    /// `sign(w) max(|w| - l1 * step_size, 0)`.
    pub(super) fn prox<T: Scalar>(&self, tier: Tier, w: &mut [T], step_size: EffectiveStepSize<'_, T>) {
        tier.run(Shrink { l1: T::from_f64(self.l1()), w, step_size });
    }

    /// `l1 sign(w)`.
    pub(super) fn add_subgradient<T: Scalar>(&self, grad: &mut [T], w: &[T]) {
        let l1 = T::from_f64(self.l1());
        grad.iter_mut().zip(w).for_each(|(g, &w)| *g += l1 * sign(w));
    }
}

/// The penalty as a kernel: its loops are compiled for the instructions of a tier.
struct Cost<'a, T> {
    penalty: ElasticNet,
    w: &'a [T],
}

impl<T: Scalar> Kernel<T> for Cost<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> f64 {
        self.penalty.value_in_kernel(self.w)
    }
}

#[inline(always)]
fn add_to_sums<T: Scalar>(abs: &mut [f64; 8], squares: &mut [f64; 8], w: &[T]) {
    for ((abs, squares), w) in abs.iter_mut().zip(squares).zip(w) {
        let w = w.to_f64();
        *abs += w.abs();
        *squares += w * w;
    }
}

/// The proximal map as a kernel.
struct Shrink<'a, 's, T> {
    l1: T,
    w: &'a mut [T],
    step_size: EffectiveStepSize<'s, T>,
}

impl<T: Scalar> Kernel<T> for Shrink<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { l1, w, step_size } = self;
        match step_size {
            EffectiveStepSize::Uniform(step_size) => {
                w.iter_mut().for_each(|w| *w = shrunk(*w, l1 * step_size))
            }
            EffectiveStepSize::PerParameter(step_sizes) => {
                w.iter_mut().zip(step_sizes).for_each(|(w, &step_size)| *w = shrunk(*w, l1 * step_size))
            }
        }
    }
}
