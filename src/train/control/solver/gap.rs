//! How far the objective still is from its least value, about.

use super::Solver;
use crate::error::{Result, try_copied, try_filled};
use crate::gradient::{AtStep, Baseline, ControlVariate, Evaluator};
use crate::scalar::Scalar;
use crate::step_size::EffectiveStepSize;
use crate::train::Config;

impl<T: Scalar> Solver<T> {
    /// By how much the objective would come down in its quadratic model, of the metric and the mean gradient that is known:
    /// `g^T P^-1 g / 2` without a kink in the penalty. None if there is no metric, or no mean gradient.
    pub(in crate::train) fn estimated_gap(
        &self,
        config: &Config,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<Option<f64>> {
        let is_near = |variate: &&mut ControlVariate<T>| {
            variate.uses_mean && matches!(variate.baseline, Baseline::Table(_)) // a snapshot is an epoch old
        };
        let Some(variate) = evaluator.control_variate().filter(is_near) else { return Ok(None) };
        let mut gradient = try_filled("a gradient", variate.mean.len(), T::ZERO)?;
        gradient.iter_mut().zip(&variate.mean).for_each(|(g, &mean)| *g = T::from_f64(mean));
        let AtStep { model, penalty, params, .. } = evaluator.at_step();
        for block in model.blocks() {
            let (gradient, w) = (&mut gradient[block.range.clone()], &params[block.range]);
            if !block.is_trained {
                gradient.fill(T::ZERO);
            } else if block.is_penalised {
                penalty.add_to(config.tier, model.layout(), gradient, T::ONE, w);
            }
        }
        self.gap_of(config, gradient, evaluator)
    }

    /// The same, of the gradient over all rows, by one pass; or what the objective has still to come down by as it has come
    /// down in the last epochs, the last of mean objective `loss`, if that is more: a metric may not know directions in which
    /// it comes down slowly. With it the objective.
    pub(in crate::train) fn gap(
        &self,
        config: &Config,
        loss: f64,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<Option<(f64, f64)>> {
        let extrapolated = self.safeguard.extrapolated_gap(loss);
        let loss = evaluator.gradient_of_all()?;
        let gradient = try_copied("a gradient", evaluator.last())?;
        let gap = self.gap_of(config, gradient, evaluator)?;
        Ok(gap.map(|gap| (gap.max(extrapolated.min(loss.abs())), loss)))
    }

    fn gap_of(
        &self,
        config: &Config,
        gradient: Vec<T>,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<Option<f64>> {
        let tier = config.tier;
        let AtStep { model, penalty, params, .. } = evaluator.at_step();
        let (layout, Some(metric)) = (model.layout(), self.metric.as_ref()) else { return Ok(None) };
        let mut direction = try_copied("a gradient", &gradient)?;
        let (coef, intercept) = direction.split_at_mut(layout.n_coef());
        metric.directions(tier, layout.stride(), coef, &mut intercept[..layout.n_outputs()])?;
        let product = |a: &[T], b: &[T]| a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
        if !penalty.has_prox() {
            return Ok(Some(0.5 * product(&gradient, &direction)));
        }
        // The model along the step that the metric and the proximal map make together.
        let mut sizes = try_filled("step sizes", layout.n_coef(), T::ZERO)?;
        sizes.chunks_exact_mut(layout.stride()).for_each(|sizes| metric.step_sizes(1.0, sizes));
        let before = &params[..layout.n_coef()];
        let mut after = try_copied("parameters", before)?;
        after.iter_mut().zip(&direction).for_each(|(w, &step)| *w -= step);
        penalty.prox(layout, &mut after, EffectiveStepSize::PerParameter(&sizes));
        let smooth = |w: &[T]| {
            let mut gradient = try_filled("a gradient", layout.n_coef(), T::ZERO)?;
            penalty.add_to(tier, layout, &mut gradient, T::ZERO, w);
            Result::Ok(0.5 * product(w, &gradient))
        };
        let kink = |w: &[T]| Result::Ok(penalty.value(layout, w) - smooth(w)?);
        let mut decrease = kink(before)? - kink(&after)?;
        for (i, (&w, &to)) in before.iter().zip(&after).enumerate() {
            let step = to.to_f64() - w.to_f64();
            let size = sizes[i].to_f64();
            if step != 0.0 && size > 0.0 {
                decrease -= (direction[i].to_f64() * step + 0.5 * step * step) / size;
            }
        }
        // Of the intercept of centred columns, which coefficients do not move.
        for (c, coef) in direction[..layout.n_coef()].chunks_exact(layout.stride()).enumerate() {
            let at = layout.n_coef() + c;
            let moved = direction[at].to_f64() + metric.columns.product_with_centre(coef);
            decrease += 0.5 * gradient[at].to_f64() * moved;
        }
        Ok(Some(decrease))
    }
}
