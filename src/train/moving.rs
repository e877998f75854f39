//! How a step moves the parameters: at once, or block by block, and each worker a shard of them.

use super::config::Config;
use super::parameters::entries_of;
use super::run::Run;
use crate::error::Result;
use crate::gradient::AtStep;
use crate::kernel::{first_not_finite, norm};
use crate::scalar::Scalar;
use crate::update::EffectiveStepSize;

/// Entries that are worked on before the next ones: all there is of them stays in the second-level cache meanwhile.
const BLOCK: usize = 1 << 12;
/// Vectors of fewer entries are in this cache anyway.
pub(super) const MANY_ENTRIES: usize = 1 << 15;

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
        if let Some(is_finite) = self.step_in_blocks() {
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
            _ => penalty.prox(tier, layout, &mut params[..layout.n_coef()], step_size),
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

    /// Moves the parameters as [`Run::step`] does, with the same bits, if the rule looks at each parameter alone and there are
    /// many: block by block, and with all workers if they have shared the gradient. Returns whether it was done, and then
    /// whether all parameters stayed finite.
    pub(super) fn step_in_blocks(&mut self) -> Option<bool> {
        let Self { state, evaluator, optimizer, last_finite, config, .. } = self;
        let tier = config.tier;
        let n = evaluator.params().len();
        let is_shared = evaluator.shares(n);
        if !(is_shared || n >= MANY_ENTRIES) || state.control.solver.is_some() {
            return None;
        }
        let AtStep { model, penalty, .. } = evaluator.at_step();
        let (entries, has_prox) = (entries_of(model), penalty.has_prox());
        if has_prox {
            return None;
        }
        let step = optimizer.step_in_parts(tier, entries, &mut state.optimizer, evaluator.params())?;
        last_finite.resize(n, T::ZERO);
        let mut params = std::mem::take(evaluator.params());
        let mut gradient = std::mem::take(evaluator.last());
        let mut vectors = vec![&mut params, last_finite, &mut gradient];
        vectors.extend(&mut state.optimizer.slots);
        let on_shard = move |first: usize, shards: &mut [&mut [T]]| {
            let n = shards[0].len();
            let mut is_finite = true;
            for start in (0..n).step_by(BLOCK) {
                let block = start..n.min(start + BLOCK);
                let [params, before, gradient, slots @ ..] = &mut *shards else { return true };
                let slots = slots.iter_mut().map(|slot| &mut slot[block.clone()]);
                let params = &mut params[block.clone()];
                before[block.clone()].copy_from_slice(params);
                step.make(first + start, params, &gradient[block.clone()], slots);
                is_finite &= first_not_finite(tier, params).is_none();
            }
            is_finite
        };
        let is_finite = match is_shared {
            true => evaluator.in_shards(&mut vectors, Box::new(on_shard)),
            false => {
                on_shard(0, &mut vectors.iter_mut().map(|vector| vector.as_mut_slice()).collect::<Vec<_>>())
            }
        };
        *evaluator.params() = params;
        *evaluator.last() = gradient;
        Some(is_finite)
    }
}
