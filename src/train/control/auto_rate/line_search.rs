//! The first rate where no bound on the curvature is known: a search along the gradient over all rows.

use super::value_at;
use crate::error::{Result, try_copied};
use crate::gradient::Evaluator;
use crate::scalar::Scalar;
use crate::train::Config;
use crate::update::metric::Metric;

/// Rates tried along the line, and the factor between them.
const N_TRIED: usize = 40;
const FACTOR: f64 = 4.0;

/// The rate, `rate` times a power of [`FACTOR`], with which a step along the gradient over all rows, in the metric if there is one, brings the
/// objective down most before it rises again. The objective here is `loss`.
pub(super) fn search<T: Scalar>(
    config: &Config,
    metric: Option<&mut Metric<T>>,
    evaluator: &mut Evaluator<'_, '_, T>,
    loss: f64,
    rate: f64,
) -> Result<f64> {
    evaluator.gradient_of_all()?;
    if let Some(metric) = metric {
        let layout = evaluator.layout();
        let (coef, intercept) = evaluator.last().split_at_mut(layout.n_coef());
        metric.precondition(config.tier, layout.stride(), coef, &mut intercept[..layout.n_outputs()]);
    }
    let direction = try_copied("parameters", evaluator.last())?;
    let start = try_copied("parameters", evaluator.params())?;
    let mut to = try_copied("parameters", &start)?;
    let mut after = |rate: f64| {
        for ((w, &from), &g) in to.iter_mut().zip(&start).zip(&direction) {
            *w = T::from_f64(from.to_f64() - rate * g.to_f64());
        }
        let value = value_at(&to, config, evaluator);
        value.map(|value| if value.is_nan() { f64::INFINITY } else { value })
    };
    let (mut best, mut found) = (after(rate)?, rate);
    let shrinks = best >= loss;
    for _ in 0..N_TRIED {
        let next = if shrinks { found / FACTOR } else { found * FACTOR };
        let value = after(next)?;
        if !shrinks && value >= best {
            break;
        }
        (best, found) = (value, next);
        if shrinks && best < loss {
            break;
        }
    }
    Ok(found)
}
