//! `StepInParts`: a step of which parts of the parameters are made one by one, by whichever thread.

use super::decay::shrink;
use super::rule::{InitContext, StepContext, lent};
use super::{Decay, Entries, Optimizer, OptimizerState, Rule, Schedule};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// What a step does to each entry.
#[derive(Debug, Clone, Copy)]
pub struct StepInParts {
    tier: Tier,
    rule: Rule,
    t: u64,
    learning_rate: f64,
    entries: Entries,
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
        let is_coupled = matches!(rule.decay(), Decay::Coupled(strength) if strength > 0.0);
        if is_coupled || !rule.is_entrywise() || matches!(self.learning_rate, Schedule::Auto(_)) {
            return None;
        }
        state.n_steps += 1;
        if t == 0 {
            rule.begin(InitContext { learning_rate, entries, slots: &mut state.slots, params });
        }
        Some(StepInParts { tier, rule, t, learning_rate, entries })
    }
}

impl StepInParts {
    /// Moves the parameters from number `first` on against their gradient.
    pub fn make<'s, T: Scalar>(
        &self,
        first: usize,
        params: &mut [T],
        grad: &[T],
        slots: impl Iterator<Item = &'s mut [T]>,
    ) {
        let Self { tier, rule, t, learning_rate, entries } = *self;
        if let Decay::Decoupled(strength) = rule.decay() {
            let n_weights = entries.n_coef().saturating_sub(first).min(params.len());
            shrink(tier, &mut params[..n_weights], learning_rate, strength);
        }
        let (mut slots, n_slots) = lent(slots);
        let (scalars, step_sizes) = (&mut [][..], &mut [][..]);
        let wants_step_sizes = false;
        rule.step(StepContext {
            tier,
            t,
            learning_rate,
            entries,
            slots: &mut slots[..n_slots],
            scalars,
            params,
            grad,
            wants_step_sizes,
            step_sizes,
        });
    }
}
