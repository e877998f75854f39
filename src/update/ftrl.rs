//! FTRL-Proximal: per coordinate, the best point for all gradients so far.

use std::ops::Range;

use super::lazy::{DiagonalStep, Divisor, LazyUpdate};
use super::moments::{not_negative, positive};
use super::{EffectiveStepSize, Entries, InitContext, StepContext, Update};
use crate::error::Result;
use crate::kernel::{Kernel, Lanes};
use crate::options::Options;
use crate::scalar::Scalar;

/// With `n += g^2`, `r = (beta + sqrt(n)) / learning_rate` and `z += g - (r - r_before) w`:
/// `w = -sign(z) max(|z| - l1, 0) / (r + l2)`.
///
/// l1 and l2 are strengths over the whole run, as in the paper. A penalty of the objective is added
/// at every step: the step size of its proximal map is t / (r + l2), t counted from 1, which is the closed form for all
/// steps together and has its fixed point at the optimum of the objective.
///
/// The first z is such that w is the start, wherever that is.
///
/// Sources: H. B. McMahan et al., Ad click prediction: a view from the trenches, KDD 2013; H. B. McMahan,
/// Follow-the-regularized-leader and mirror descent: equivalence theorems and L1 regularization, AISTATS 2011.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ftrl {
    beta: f64,
    l1: f64,
    l2: f64,
}

impl Ftrl {
    /// l1 and l2 by range of the entries: strengths of its own are for the coefficients, as those of a penalty are.
    fn strengths(&self, entries: Entries, n_params: usize) -> [(f64, f64, Range<usize>); 2] {
        [(self.l1, self.l2, 0..entries.n_coef()), (0.0, 0.0, entries.n_coef()..n_params)]
    }

    fn closed_form<T: Scalar>(&self, l1: f64, l2: f64, rate_before: f64, rate: f64, t: u64) -> ClosedForm<T> {
        ClosedForm {
            beta: T::from_f64(self.beta),
            l1: T::from_f64(l1),
            l2: T::from_f64(l2),
            rate_before: T::from_f64(rate_before),
            rate: T::from_f64(rate),
            n_steps: T::from_f64(t as f64 + 1.0),
        }
    }
}

impl Update for Ftrl {
    const NAME: &'static str = "FTRL";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self {
            beta: positive("beta", options.number("beta")?)?,
            l1: not_negative("l1", options.number("l1")?)?,
            l2: not_negative("l2", options.number("l2")?)?,
        })
    }

    /// z and n.
    fn n_vectors(&self) -> usize {
        2
    }

    /// The learning rate before.
    fn n_scalars(&self) -> usize {
        1
    }

    fn begin<T: Scalar>(&self, begin: InitContext<'_, T>) {
        let InitContext { learning_rate, entries, slots, params } = begin;
        for (l1, l2, range) in self.strengths(entries, params.len()) {
            let closed_form = self.closed_form(l1, l2, learning_rate, learning_rate, 0);
            let starts = slots[0][range.clone()].iter_mut().zip(&params[range]);
            starts.for_each(|(z, &w)| *z = closed_form.start(w));
        }
    }

    fn lazy_update(&self, t: u64, learning_rate: f64, l2: f64) -> LazyUpdate {
        if l2 > 0.0 {
            return LazyUpdate::Dense; // a gradient, which changes n
        }
        let by = Divisor::ClosedForm { beta: self.beta, l1: self.l1, l2: self.l2 };
        LazyUpdate::Diagonal(DiagonalStep { t, rate: learning_rate, by })
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let StepContext {
            tier,
            t,
            learning_rate,
            entries,
            slots,
            scalars,
            params,
            grad,
            wants_step_sizes,
            step_sizes,
        } = step;
        let [z, n] = slots else { unreachable!("checked by Optimizer::step") };
        let rate_before = if t == 0 { learning_rate } else { scalars[0] };
        scalars[0] = learning_rate;
        for (l1, l2, range) in self.strengths(entries, params.len()) {
            let closed_form = self.closed_form(l1, l2, rate_before, learning_rate, t);
            let z = &mut z[range.clone()];
            let params = &mut params[range.clone()];
            let step_sizes = if wants_step_sizes { &mut step_sizes[range.clone()] } else { &mut [] };
            let (n, grad) = (&mut n[range.clone()], &grad[range]);
            tier.run(Coordinates { closed_form, z, n, params, grad, step_sizes });
        }
        EffectiveStepSize::PerParameter(step_sizes)
    }
}

#[derive(Clone, Copy)]
struct ClosedForm<T> {
    beta: T,
    l1: T,
    l2: T,
    rate_before: T,
    rate: T,
    n_steps: T,
}

impl<T: Scalar> ClosedForm<T> {
    /// The z whose w is this start.
    fn start(&self, w: T) -> T {
        let of_l1 = if w > T::ZERO {
            self.l1
        } else if w < T::ZERO {
            -self.l1
        } else {
            T::ZERO
        };
        -(w * (self.beta / self.rate_before + self.l2) + of_l1)
    }

    /// Adds a gradient and moves w to the best point. Returns the effective step size for a penalty of every step.
    #[inline(always)]
    fn step(&self, w: &mut T, g: T, z: &mut T, n: &mut T) -> T {
        let before = (self.beta + n.sqrt()) / self.rate_before;
        *n += g * g;
        let now = (self.beta + n.sqrt()) / self.rate;
        *z += g - (now - before) * *w;
        let divisor = now + self.l2;
        // In this order a NaN stays NaN instead of becoming zero.
        *w = if z.abs() <= self.l1 {
            T::ZERO
        } else if *z > T::ZERO {
            (self.l1 - *z) / divisor
        } else {
            -(*z + self.l1) / divisor
        };
        self.n_steps / divisor
    }
}

struct Coordinates<'a, T> {
    closed_form: ClosedForm<T>,
    z: &'a mut [T],
    n: &'a mut [T],
    params: &'a mut [T],
    grad: &'a [T],
    /// Of the same length, or empty.
    step_sizes: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for Coordinates<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { closed_form, z, n, params, grad, step_sizes } = self;
        let entries = params.iter_mut().zip(z).zip(n).zip(grad);
        if step_sizes.is_empty() {
            for (((w, z), n), &g) in entries {
                closed_form.step(w, g, z, n);
            }
        } else {
            for ((((w, z), n), &g), rate) in entries.zip(step_sizes) {
                *rate = closed_form.step(w, g, z, n);
            }
        }
    }
}
