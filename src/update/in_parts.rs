//! `StepInParts`: a step of which parts of the parameters are made one by one, by whichever thread.

use super::rule::{InitContext, StepContext};
use super::{Decay, Entries, Optimizer, OptimizerState, Rule, Schedule};
use crate::kernel::{ScaleAdd, Tier};
use crate::scalar::Scalar;

/// What a step does to each entry.
#[derive(Debug, Clone, Copy)]
pub struct StepInParts {
    tier: Tier,
    rule: Rule,
    t: u64,
    learning_rate: f64,
    entries: Entries,
    /// What weights are multiplied by first.
    decay: f64,
}

impl Optimizer {
    /// The next step, to be made in parts; None if it cannot be. It counts as made.
    pub fn step_in_parts<T: Scalar>(
        &self,
        tier: Tier,
        entries: Entries,
        state: &mut OptimizerState<T>,
        params: &[T],
    ) -> Option<StepInParts> {
        let (t, rule) = (state.n_steps, self.rule);
        let learning_rate = self.learning_rate_at(t, state);
        let decay = match rule.decay() {
            Decay::Coupled(strength) if strength > 0.0 => return None,
            Decay::Coupled(_) => 1.0,
            Decay::Decoupled(strength) => 1.0 - learning_rate * strength,
        };
        if !rule.is_entrywise() || matches!(self.learning_rate, Schedule::Auto(_)) {
            return None;
        }
        state.n_steps += 1;
        if t == 0 {
            rule.begin(InitContext { learning_rate, entries, slots: &mut state.slots, params });
        }
        Some(StepInParts { tier, rule, t, learning_rate, entries, decay })
    }
}

impl StepInParts {
    /// Moves the parameters from number `first` on against their gradient.
    pub fn make<'a, T: Scalar>(
        &self,
        first: usize,
        params: &'a mut [T],
        grad: &'a [T],
        slots: &'a mut [&'a mut [T]],
    ) {
        let Self { tier, rule, t, learning_rate, entries, decay } = *self;
        if matches!(rule.decay(), Decay::Decoupled(_)) {
            let n_weights = entries.n_coef().saturating_sub(first).min(params.len());
            let y = &mut params[..n_weights];
            tier.run(ScaleAdd { y, scale: T::from_f64(decay), x: &[], factor: T::ZERO });
        }
        let (scalars, step_sizes) = (&mut [][..], &mut [][..]);
        let wants_step_sizes = false;
        rule.step(StepContext {
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
        });
    }
}
