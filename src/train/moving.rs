//! How a step moves the parameters: at once, or a shard of them by each worker.

use super::config::Config;
use super::parameters::entries_of;
use super::run::Run;
use crate::error::Result;
use crate::gradient::AtStep;
use crate::kernel::{first_not_finite, norm};
use crate::scalar::Scalar;
use crate::update::EffectiveStepSize;

/// Slot vectors of an optimizer, at most.
const MOST_SLOTS: usize = 3;

impl<T: Scalar> Run<'_, '_, T> {
    /// Shortens the gradient if it is to be. Returns its norm before, where somebody wants to know it.
    #[inline]
    pub(super) fn clip(&mut self) -> f64 {
        let Config { clip, record, tier, .. } = *self.config;
        if clip.is_none() && !record.wants_step(self.state.optimizer.n_steps) {
            return f64::NAN;
        }
        let gradient = self.evaluator.last();
        let mut norm = norm(tier, gradient);
        let (_, square) = self.params.of_inactive();
        if square > 0.0 {
            norm = (norm * norm + square).sqrt();
        }
        if let Some(clip) = clip {
            clip.apply(gradient, norm);
        }
        norm
    }

    /// Moves the parameters, unless they or the loss would become non-finite: then returns which.
    #[inline]
    pub(super) fn step(&mut self, loss: f64) -> Result<Option<&'static str>> {
        if let Some(is_finite) = self.step_in_shards() {
            let non_finite = match (loss.is_finite(), is_finite) {
                (false, _) => Some("the loss"),
                (true, false) => Some("a parameter"),
                (true, true) => return Ok(None),
            };
            self.evaluator.params().copy_from_slice(&self.last_finite);
            return Ok(non_finite);
        }
        let tier = self.config.tier;
        if let Some(solver) = &mut self.state.control.solver {
            solver.precondition(tier, self.evaluator.at_step());
        }
        let AtStep { model, penalty, params, gradient, .. } = self.evaluator.at_step();
        let layout = model.layout();
        self.last_finite.clear();
        self.last_finite.extend_from_slice(params);
        let wants_step_sizes = penalty.has_prox();
        let state = &mut self.state.optimizer;
        let step_size = self.optimizer.step_checked(
            tier,
            entries_of(model),
            state,
            params,
            gradient,
            wants_step_sizes,
        )?;
        match (&mut self.state.control.solver, step_size) {
            _ if !wants_step_sizes => {}
            (Some(solver), EffectiveStepSize::Uniform(rate)) => {
                solver.prox((penalty, layout, tier), &self.last_finite, params, rate.to_f64())?
            }
            _ => penalty.prox(layout, &mut params[..layout.n_coef()], step_size),
        }
        let non_finite = match loss.is_finite() {
            false => Some("the loss"),
            true => first_not_finite(tier, params).map(|_| "a parameter"),
        };
        match non_finite {
            None => self.optimizer.post_prox(tier, &mut self.state.optimizer, params),
            Some(_) => params.copy_from_slice(&self.last_finite),
        }
        Ok(non_finite)
    }

    /// Moves the parameters as [`Run::step`] does, with the same bits, if the workers have shared the gradient and the rule
    /// looks at each parameter alone. Returns whether it was done, and then whether all parameters stayed finite.
    pub(super) fn step_in_shards(&mut self) -> Option<bool> {
        let Self { state, evaluator, optimizer, last_finite, config, .. } = self;
        let tier = config.tier;
        let AtStep { model, penalty, params, .. } = evaluator.at_step();
        let (entries, has_prox, n) = (entries_of(model), penalty.has_prox(), params.len());
        if !evaluator.shares(n) || has_prox || self.params.is_lazy() || state.control.solver.is_some() {
            return None;
        }
        let step = optimizer.step_in_parts(tier, entries, &mut state.optimizer, evaluator.params())?;
        last_finite.resize(n, T::ZERO);
        let mut params = std::mem::take(evaluator.params());
        let mut gradient = std::mem::take(evaluator.last());
        let mut vectors = vec![&mut params, last_finite, &mut gradient];
        vectors.extend(&mut state.optimizer.slots);
        let on_shard = move |first: usize, shards: &mut [&mut [T]]| {
            let [params, before, gradient, slots @ ..] = shards else { return true };
            let mut lent: [&mut [T]; MOST_SLOTS] = Default::default();
            let n_slots = slots.len();
            lent.iter_mut().zip(slots).for_each(|(lent, slot)| *lent = slot);
            before.copy_from_slice(params);
            step.make(first, params, gradient, &mut lent[..n_slots]);
            first_not_finite(tier, params).is_none()
        };
        let is_finite = evaluator.in_shards(&mut vectors, Box::new(on_shard));
        *evaluator.params() = params;
        *evaluator.last() = gradient;
        Some(is_finite)
    }
}
