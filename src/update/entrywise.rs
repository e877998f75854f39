//! The loop of the rules that move every parameter by its own gradient and memory alone.

use super::{Rate, Step};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// What a rule does to one parameter, with `N` numbers remembered of it.
///
/// Implementations are `#[inline(always)]`, in plain arithmetic that is rounded as written, and leave a zero
/// with a zero gradient and no memory where it is.
pub(super) trait Formula<T, const N: usize>: Copy {
    /// Moves `w` against `g`. Returns the rate: the step this would have been had all gradients been 1.
    fn step(self, w: &mut T, g: T, memory: [&mut T; N]) -> T;
}

/// Moves all parameters by a formula, with the first `N` vectors of the memory.
pub(super) fn entrywise<'r, T: Scalar, F: Formula<T, N>, const N: usize>(
    formula: F,
    step: Step<'_, 'r, T>,
) -> Rate<'r, T> {
    let Step { tier, memory, params, grad, wants_rates, rates, .. } = step;
    let Some(memory) = memory.first_chunk_mut::<N>() else { unreachable!("checked by Optimizer::step") };
    let memory = memory.each_mut().map(Vec::as_mut_slice);
    let wanted = if wants_rates { &mut *rates } else { &mut [] };
    tier.run(Entrywise { formula, params, grad, memory, rates: wanted });
    Rate::Each(rates)
}

struct Entrywise<'a, T, F, const N: usize> {
    formula: F,
    params: &'a mut [T],
    grad: &'a [T],
    memory: [&'a mut [T]; N],
    /// Of the length of the parameters, or empty.
    rates: &'a mut [T],
}

impl<T: Scalar, F: Formula<T, N>, const N: usize> Kernel<T> for Entrywise<'_, T, F, N> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { formula, params, grad, memory, rates } = self;
        // Slices of one length known to the compiler, so that no index is checked in the loop.
        let n = params.len();
        let mut memory = memory.map(|vector| &mut vector[..n]);
        let entries = params.iter_mut().zip(&grad[..n]).enumerate();
        if rates.is_empty() {
            for (i, (w, &g)) in entries {
                formula.step(w, g, memory.each_mut().map(|vector| &mut vector[i]));
            }
        } else {
            let rates = &mut rates[..n];
            for (i, (w, &g)) in entries {
                rates[i] = formula.step(w, g, memory.each_mut().map(|vector| &mut vector[i]));
            }
        }
    }
}
