//! The loop of the rules that move each parameter by its own gradient and state alone.

use super::{EffectiveStepSize, StepContext};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// What a rule does to one parameter and its `N` slots.
///
/// Implementations are `#[inline(always)]`, in plain arithmetic that is rounded as written, and leave a
/// parameter at zero if its gradient and slots are zero.
pub(super) trait Formula<T, const N: usize>: Copy {
    /// Moves `w` against `g`. Returns the effective step size: the step if all gradients had been 1.
    fn step(self, w: &mut T, g: T, slots: [&mut T; N]) -> T;
}

/// Moves all parameters by a formula, with the first `N` slot vectors.
pub(super) fn entrywise<'r, T: Scalar, F: Formula<T, N>, const N: usize>(
    formula: F,
    step: StepContext<'_, 'r, T>,
) -> EffectiveStepSize<'r, T>
where
    for<'a> Entrywise<'a, T, F, N>: Kernel<T>,
{
    let StepContext { tier, slots, params, grad, wants_step_sizes, step_sizes, .. } = step;
    let Some(slots) = slots.first_chunk_mut::<N>() else { unreachable!("checked by Optimizer::step") };
    let slots = slots.each_mut().map(|slot| &mut **slot);
    let wanted = if wants_step_sizes { &mut *step_sizes } else { &mut [] };
    tier.run(Entrywise { formula, params, grad, slots, step_sizes: wanted });
    EffectiveStepSize::PerParameter(step_sizes)
}

/// The loop, as a kernel.
pub(super) struct Entrywise<'a, T, F, const N: usize> {
    formula: F,
    params: &'a mut [T],
    grad: &'a [T],
    slots: [&'a mut [T]; N],
    /// Of the length of the parameters, or empty.
    step_sizes: &'a mut [T],
}

/// One variable for each slot vector: the compiler does not vectorize over an array of slices.
macro_rules! impl_kernel {
    ($n:literal: $($vector:ident)*) => {
        impl<T: Scalar, F: Formula<T, $n>> Kernel<T> for Entrywise<'_, T, F, $n> {
            type Output = ();

            #[inline(always)]
            #[allow(clippy::needless_range_loop)] // a zip of so many is harder to read
            fn run<L: Lanes<Elem = T>>(self) {
                let Self { formula, params, grad, slots: [$($vector),*], step_sizes } = self;
                // Slices of one known length, so that no index is checked in the loop.
                let n = params.len();
                let grad = &grad[..n];
                $(let $vector = &mut $vector[..n];)*
                if step_sizes.is_empty() {
                    for i in 0..n {
                        formula.step(&mut params[i], grad[i], [$(&mut $vector[i]),*]);
                    }
                } else {
                    let step_sizes = &mut step_sizes[..n];
                    for i in 0..n {
                        step_sizes[i] = formula.step(&mut params[i], grad[i], [$(&mut $vector[i]),*]);
                    }
                }
            }
        }
    };
}

impl_kernel!(0:);
impl_kernel!(1: a);
impl_kernel!(2: a b);
impl_kernel!(3: a b c);
