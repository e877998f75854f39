//! The proximal map of the penalty, in the metric of the step.

use super::Solver;
use crate::error::{Result, try_filled};
use crate::gradient::{Layout, Penalty};
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::step_size::EffectiveStepSize;
use crate::update::metric::Proximal;

impl<T: Scalar> Solver<T> {
    /// The proximal map after a step of this rate from the parameters `before`.
    pub(in crate::train) fn prox(
        &mut self,
        (penalty, layout, tier): (&Penalty, Layout, Tier),
        before: &[T],
        params: &mut [T],
        rate: f64,
    ) -> Result<()> {
        let Some(metric) = &self.metric else { return Ok(()) };
        if !metric.is_diagonal() {
            if self.proximal.is_none() {
                self.proximal = Some(Proximal::of(metric, tier)?);
            }
            let Some(proximal) = &mut self.proximal else { return Ok(()) };
            let (coef, intercepts) = params.split_at_mut(layout.n_coef());
            let mut strengths = try_filled("the strengths of a penalty", layout.n_columns(), 0.0)?;
            let of_outputs = coef.chunks_exact_mut(layout.stride()).zip(intercepts);
            for (c, (coef, intercept)) in of_outputs.enumerate() {
                penalty.l1_of_output(layout, c, &mut strengths);
                let before = (&before[c * layout.stride()..][..layout.stride()], before[layout.n_coef() + c]);
                proximal.apply(metric, tier, (rate, &strengths), before, coef, intercept)?;
            }
            return Ok(());
        }
        let sizes = &mut self.step_sizes;
        if sizes.len() != layout.n_coef() {
            *sizes = try_filled("step sizes", layout.n_coef(), T::ZERO)?;
        }
        sizes.chunks_exact_mut(layout.stride()).for_each(|sizes| metric.step_sizes(rate, sizes));
        let (coef, intercept) = params.split_at_mut(layout.n_coef());
        let columns = &metric.columns;
        let of_output = |coef: &[T], c: usize| columns.product_with_centre(&coef[c * layout.stride()..]);
        // The intercept of the centred columns stays where it is.
        for (c, b) in intercept[..layout.n_outputs()].iter_mut().enumerate() {
            *b = T::from_f64(b.to_f64() + of_output(coef, c));
        }
        penalty.prox(tier, layout, coef, EffectiveStepSize::PerParameter(sizes));
        for (c, b) in intercept[..layout.n_outputs()].iter_mut().enumerate() {
            *b = T::from_f64(b.to_f64() - of_output(coef, c));
        }
        Ok(())
    }
}
