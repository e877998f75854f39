//! What all optimizers have in common: a rule, a learning rate, and a state to be stepped.

use super::{Adam, Rate, Schedule, Sgd};
use crate::error::{Error, Result, try_filled};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// A rule that turns gradients into steps, and the schedule of its learning rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// How a gradient becomes a step.
    pub rule: Rule,
    /// How long the steps are.
    pub learning_rate: Schedule,
}

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// See [`Sgd`].
    Sgd(Sgd),
    /// See [`Adam`].
    Adam(Adam),
}

/// What an optimizer remembers between steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State<T> {
    /// Steps made.
    pub n_steps: u64,
    /// One vector per thing remembered, as long as the parameters; which is what is up to the rule.
    pub memory: Vec<Vec<T>>,
    /// Rates of the last step, if they were wanted and differ between parameters; a scratch.
    pub(super) rates: Vec<T>,
}

impl<T> State<T> {
    /// The state of an optimizer that has made `n_steps` and remembers these vectors.
    pub fn new(n_steps: u64, memory: Vec<Vec<T>>) -> Self {
        Self { n_steps, memory, rates: Vec::new() }
    }
}

impl Optimizer {
    /// A state for `n_params` parameters that has made no step.
    pub fn init<T: Scalar>(&self, n_params: usize) -> Result<State<T>> {
        let n_vectors = match self.rule {
            Rule::Sgd(sgd) => sgd.n_vectors(),
            Rule::Adam(_) => Adam::N_VECTORS,
        };
        let memory = (0..n_vectors).map(|_| try_filled("optimizer state", n_params, T::ZERO));
        Ok(State::new(0, memory.collect::<Result<_>>()?))
    }

    /// Moves `params` against `grad`, in place. With `wants_rates` the returned rate is valid, else it may
    /// be anything.
    ///
    /// # Errors
    /// If the lengths differ or the state is another optimizer's.
    pub fn step<'s, T: Scalar>(
        &self,
        tier: Tier,
        state: &'s mut State<T>,
        params: &mut [T],
        grad: &[T],
        wants_rates: bool,
    ) -> Result<Rate<'s, T>> {
        if params.len() != grad.len() {
            return Err(Error::Shape {
                argument: "grad",
                expected: format!("{} entries, as params", params.len()),
                got: format!("{}", grad.len()),
            });
        }
        let n_vectors = match self.rule {
            Rule::Sgd(sgd) => sgd.n_vectors(),
            Rule::Adam(_) => Adam::N_VECTORS,
        };
        if state.memory.len() != n_vectors || state.memory.iter().any(|v| v.len() != params.len()) {
            return Err(Error::Shape {
                argument: "state",
                expected: format!("{n_vectors} vectors of {} entries", params.len()),
                got: format!("{} of {:?}", state.memory.len(), state.memory.first().map_or(0, Vec::len)),
            });
        }
        if wants_rates && state.rates.len() != params.len() && matches!(self.rule, Rule::Adam(_)) {
            state.rates = try_filled("rates", params.len(), T::ZERO)?;
        }
        let learning_rate = self.learning_rate.at(state.n_steps);
        let t = state.n_steps;
        state.n_steps += 1;
        Ok(match self.rule {
            Rule::Sgd(sgd) => sgd.step(tier, t, learning_rate, state, params, grad),
            Rule::Adam(adam) => adam.step(tier, t, learning_rate, state, params, grad, wants_rates),
        })
    }
}
