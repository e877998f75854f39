//! How far the objective still is from its least value, about.

use super::Solver;
use crate::error::{Result, try_copied, try_filled};
use crate::gradient::{AtStep, Baseline, ControlVariate, Evaluator, Problem};
use crate::scalar::Scalar;
use crate::train::Config;

impl<T: Scalar> Solver<T> {
    /// By how much the objective would come down in its quadratic model, of the metric and the mean gradient that is known:
    /// `g^T P^-1 g / 2` without a kink in the penalty. None if there is no metric, or no mean gradient.
    pub(in crate::train) fn estimated_gap(
        &self,
        problem: &Problem<'_, T>,
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
            } else {
                let slope = T::from_f64(problem.intercept_slope());
                gradient[..model.layout().n_outputs()].iter_mut().for_each(|g| *g += slope);
            }
        }
        self.gap_of(config, gradient, evaluator)
    }

    /// What rounding makes of the objective at the start: no gap can be told from less.
    pub(in crate::train) fn rounding(&self) -> f64 {
        T::EPSILON * self.safeguard.first_loss.abs()
    }

    /// The same, of the gradient over all rows, by one pass; or what the objective has still to come down by as it has come
    /// down in the last epochs, the last of mean objective `loss`, if that is more: a metric may not know directions in which
    /// it comes down slowly. With it the objective.
    pub(in crate::train) fn gap(
        &self,
        config: &Config,
        (loss, is_tried): (f64, bool),
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<Option<(f64, f64)>> {
        let extrapolated = self.extrapolated((loss, is_tried));
        let loss = evaluator.gradient_of_all()?;
        let gradient = try_copied("a gradient", evaluator.last())?;
        let gap = self.gap_of(config, gradient, evaluator)?.filter(|gap| gap.is_finite() && loss.is_finite());
        Ok(gap.map(|gap| (gap.max(extrapolated.min(loss.abs())), loss)))
    }

    /// What the objective has still to come down by, by how it has come down: infinite if there were too few epochs. Where a
    /// rate is tried, epochs say nothing of that.
    pub(in crate::train) fn extrapolated(&self, (loss, is_tried): (f64, bool)) -> f64 {
        if is_tried { 0.0 } else { self.safeguard.extrapolated_gap(loss) }
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
        let product = |a: &[T], b: &[T]| a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
        if !penalty.has_prox() {
            let mut direction = try_copied("a gradient", &gradient)?;
            let (coef, intercept) = direction.split_at_mut(layout.n_coef());
            metric.directions(tier, layout.stride(), coef, &mut intercept[..layout.n_outputs()])?;
            return Ok(Some(0.5 * product(&gradient, &direction)));
        }
        // By how much the quadratic model comes down along the step that the metric and the proximal map make together.
        let mut solver = Self { metric: Some(metric.clone()), ..Self::unbegun() };
        let before = try_copied("parameters", params)?;
        let mut after = try_copied("parameters", params)?;
        let mut direction = gradient.clone();
        let (coef, intercept) = direction.split_at_mut(layout.n_coef());
        let mut metric = metric.clone();
        metric.precondition_by_diagonal(layout.stride(), coef, &mut intercept[..layout.n_outputs()]);
        after.iter_mut().zip(&direction).for_each(|(w, &step)| *w -= step);
        solver.prox((penalty, layout, tier), &before, &mut after, 1.0)?;
        let mut moved = try_copied("parameters", &after)?;
        moved.iter_mut().zip(&before).for_each(|(to, &from)| *to -= from);
        let smooth = |w: &[T]| {
            let mut gradient = try_filled("a gradient", layout.n_coef(), T::ZERO)?;
            penalty.add_to(tier, layout, &mut gradient, T::ZERO, &w[..layout.n_coef()]);
            Result::Ok(0.5 * product(&w[..layout.n_coef()], &gradient))
        };
        let kink = |w: &[T]| Result::Ok(penalty.value(tier, layout, &w[..layout.n_coef()]) - smooth(w)?);
        let curvature = metric.square(layout.stride(), layout.n_coef(), layout.n_outputs(), &moved, tier)?;
        Ok(Some(kink(&before)? - kink(&after)? - product(&gradient, &moved) - 0.5 * curvature))
    }
}
