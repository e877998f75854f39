//! SAGA: gradient descent on gradients whose noise dies away, by a table of slopes.

use super::lazy::{DriftStep, LazyUpdate};
use super::metric::Preconditioner;
use super::{EffectiveStepSize, SgdArithmetic, SgdStep, StepContext, Update, VarianceReduction};
use crate::error::Result;
use crate::options::Options;
use crate::scalar::Scalar;

/// `w -= learning_rate P^-1 (X_B^T (r - r') / b + X^T r' / n + ...)`, r' the slopes of rows when they were last seen, and P
/// the metric of a preconditioner. The control variate is the evaluator's, the metric the solver's; what is left is the
/// step.
///
/// Source: A. Defazio, F. Bach, S. Lacoste-Julien, SAGA: a fast incremental gradient method with support for non-strongly
/// convex composite objectives, NIPS 2014.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Saga {
    preconditioner: Option<Preconditioner>,
}

impl Update for Saga {
    const NAME: &'static str = "SAGA";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Ok(Self { preconditioner: Preconditioner::from_option(options, "preconditioner")? })
    }

    fn n_vectors(&self) -> usize {
        0
    }

    fn has_uniform_step_size(&self) -> bool {
        true
    }

    fn finds_rate(&self) -> bool {
        true
    }

    fn preconditioner(&self) -> Option<Preconditioner> {
        self.preconditioner
    }

    fn variance_reduction(&self) -> Option<VarianceReduction> {
        Some(VarianceReduction::Saga)
    }

    /// In a metric of columns that are apart, without l1: the mean gradient of a column changes with its steps alone.
    fn lazy_update(&self, _t: u64, learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Drift(DriftStep { rate: learning_rate })
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        plain_step(step)
    }
}

/// `w -= learning_rate g`.
pub(super) fn plain_step<'r, T: Scalar>(step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
    let StepContext { tier, learning_rate, params, grad, .. } = step;
    tier.run(SgdStep { arithmetic: SgdArithmetic::plain(learning_rate), velocity: &mut [], params, grad });
    EffectiveStepSize::Uniform(T::from_f64(learning_rate))
}
