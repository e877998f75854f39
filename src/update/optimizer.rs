//! An optimizer: a rule, a learning rate, and the state that changes from step to step.

use std::ops::Range;

use super::decay::{couple, shrink};
use super::lazy::LazyUpdate;
use super::rule::{InitContext, StepContext, lent};
use super::schedule::{Auto, PlateauState, Schedule};
use super::{Decay, EffectiveStepSize, Entries, Rule};
use crate::error::{Error, Result, try_filled};
use crate::kernel::Tier;
use crate::options::Options;
use crate::scalar::Scalar;

/// A rule that turns gradients into steps, and the schedule of its learning rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimizer {
    /// How a gradient becomes a step.
    pub rule: Rule,
    /// How long the steps are.
    pub learning_rate: Schedule,
}

/// The state of an optimizer, which changes from step to step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OptimizerState<T> {
    /// Steps made.
    pub n_steps: u64,
    /// Slot vectors, each as long as the parameters; what they mean is up to the rule.
    pub slots: Vec<Vec<T>>,
    /// Numbers; what they mean is up to the rule.
    pub scalars: Vec<f64>,
    /// How far the learning rate has fallen on plateaus of the loss.
    pub plateau: PlateauState,
    /// Effective step sizes of the last step, if they were wanted: scratch.
    step_sizes: Vec<T>,
    /// The last gradient plus coupled weight decay: scratch.
    decayed: Vec<T>,
}

impl<T> OptimizerState<T> {
    /// The state of an optimizer that has made `n_steps`, with these slots and numbers.
    pub fn new(n_steps: u64, slots: Vec<Vec<T>>, scalars: Vec<f64>) -> Self {
        let plateau = PlateauState::default();
        Self { n_steps, slots, scalars, plateau, step_sizes: Vec::new(), decayed: Vec::new() }
    }
}

impl Optimizer {
    /// The optimizer that these options describe.
    ///
    /// # Errors
    /// If they describe none, or a hyperparameter is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        let Some(rule) = Rule::from_options(options)? else { return Ok(None) };
        let learning_rate = match options.is_text("learning_rate")? {
            true => {
                let word = options.text("learning_rate")?;
                Schedule::Auto(Auto::named(&word, rule.finds_rate())?)
            }
            false => Schedule::from_options(&*options.child("learning_rate")?)?,
        };
        Ok(Some(Self { rule, learning_rate }))
    }

    /// A state for `n_params` parameters that has made no step.
    pub fn init<T: Scalar>(&self, n_params: usize) -> Result<OptimizerState<T>> {
        let slots = (0..self.rule.n_vectors()).map(|_| try_filled("optimizer state", n_params, T::ZERO));
        Ok(OptimizerState::new(0, slots.collect::<Result<_>>()?, vec![0.0; self.rule.n_scalars()]))
    }

    /// The same optimizer with a learning rate given as a function evaluated for these steps; None if its learning rate
    /// is not a function.
    ///
    /// # Errors
    /// As [`Schedule::tabulate`].
    pub fn tabulate(&self, steps: Range<u64>) -> Result<Option<Self>> {
        Ok(self.learning_rate.tabulate(steps)?.map(|learning_rate| Self { learning_rate, ..self.clone() }))
    }

    /// The learning rate of step `t` in the current epoch.
    #[inline]
    pub fn learning_rate_at<T>(&self, t: u64, state: &OptimizerState<T>) -> f64 {
        self.learning_rate.at_plateau(t, &state.plateau)
    }

    /// Notes the loss of an epoch, for a schedule that depends on it.
    pub fn end_epoch<T>(&self, state: &mut OptimizerState<T>, loss: f64) {
        self.learning_rate.end_epoch(&mut state.plateau, loss);
    }

    /// See [`super::Update::lazy_update`].
    pub fn lazy_update<T>(&self, t: u64, state: &OptimizerState<T>, l2: f64) -> LazyUpdate {
        self.rule.lazy_update(t, self.learning_rate_at(t, state), l2)
    }

    /// Sets up the state of all parameters before the first step. The first step does so for the parameters that it
    /// moves: this is for runs whose steps do not move all.
    ///
    /// # Errors
    /// As [`Schedule::tabulate`].
    pub fn begin<T: Scalar>(
        &self,
        entries: Entries,
        state: &mut OptimizerState<T>,
        params: &[T],
    ) -> Result<()> {
        let evaluated = self.tabulate(0..1)?;
        let learning_rate = evaluated.as_ref().unwrap_or(self).learning_rate_at(0, state);
        self.rule.begin(InitContext { learning_rate, entries, slots: &mut state.slots, params });
        Ok(())
    }

    /// Moves `params` against `grad`, in place. A learning rate that is a function has to be evaluated before, see
    /// [`Optimizer::tabulate`]. The returned step size is valid with `wants_step_sizes` only. A proximal map may follow;
    /// then [`Optimizer::post_prox`] has to.
    ///
    /// # Errors
    /// If the lengths differ or the state is another optimizer's.
    pub fn step<'s, T: Scalar>(
        &self,
        tier: Tier,
        entries: Entries,
        state: &'s mut OptimizerState<T>,
        params: &mut [T],
        grad: &[T],
        wants_step_sizes: bool,
    ) -> Result<EffectiveStepSize<'s, T>> {
        self.check_lengths(params, grad)?;
        self.check(state, params.len())?;
        self.step_checked(tier, entries, state, params, grad, wants_step_sizes)
    }

    /// [`Optimizer::step`] where all lengths are known to fit: what a run does at every step.
    #[inline]
    pub(crate) fn step_checked<'s, T: Scalar>(
        &self,
        tier: Tier,
        entries: Entries,
        state: &'s mut OptimizerState<T>,
        params: &mut [T],
        grad: &[T],
        wants_step_sizes: bool,
    ) -> Result<EffectiveStepSize<'s, T>> {
        if let Schedule::Auto(auto) = self.learning_rate {
            return auto.refuse();
        }
        if wants_step_sizes && state.step_sizes.len() != params.len() {
            let n_more = params.len().saturating_sub(state.step_sizes.len());
            let bytes = n_more.saturating_mul(size_of::<T>());
            let reserved = state.step_sizes.try_reserve(n_more);
            reserved.map_err(|_| Error::OutOfMemory { what: "step sizes", bytes })?;
            state.step_sizes.resize(params.len(), T::ZERO);
        }
        let t = state.n_steps;
        state.n_steps += 1;
        let learning_rate = self.learning_rate_at(t, state);
        let OptimizerState { slots, scalars, step_sizes, decayed, .. } = state;
        if t == 0 {
            self.rule.begin(InitContext { learning_rate, entries, slots, params });
        }
        let mut grad = grad;
        match self.rule.decay() {
            Decay::Coupled(strength) if strength > 0.0 => {
                decayed.clear();
                decayed.try_reserve_exact(grad.len()).map_err(|_| Error::OutOfMemory {
                    what: "the decayed gradient",
                    bytes: size_of_val(grad),
                })?;
                decayed.extend_from_slice(grad);
                couple(tier, decayed, strength, &params[..entries.n_coef()]);
                grad = decayed;
            }
            Decay::Coupled(_) => {}
            Decay::Decoupled(strength) => {
                shrink(tier, &mut params[..entries.n_coef()], learning_rate, strength);
            }
        }
        let (mut slots, n_slots) = lent(slots.iter_mut().map(Vec::as_mut_slice));
        let step = StepContext {
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
        };
        Ok(self.rule.step(step))
    }

    /// Ends a step, after the proximal map if there is one.
    pub fn post_prox<T: Scalar>(&self, tier: Tier, state: &mut OptimizerState<T>, params: &mut [T]) {
        self.rule.post_prox(tier, &mut state.slots, &state.scalars, params);
    }

    /// The model to predict with, if it is not the parameters.
    pub fn model<'s, T>(&self, state: &'s OptimizerState<T>) -> Option<&'s Vec<T>> {
        let has_begun = state.n_steps > 0;
        self.rule.model().filter(|_| has_begun).map(|i| &state.slots[i])
    }

    /// Whether the rule has a weight decay of its own.
    pub fn decays(&self) -> bool {
        self.rule.decay() != Decay::NONE
    }

    /// Whether the model is an average of earlier parameters.
    pub fn averages(&self) -> bool {
        self.rule.model().is_some()
    }

    /// Begins the average that is the model, if the rule makes one, anew with the next step.
    pub fn forget_average<T>(&self, state: &mut OptimizerState<T>) {
        self.rule.forget_average(&mut state.scalars);
    }

    fn check_lengths<T: Scalar>(&self, params: &[T], grad: &[T]) -> Result<()> {
        if params.len() != grad.len() {
            return Err(Error::Shape {
                argument: "grad",
                expected: format!("{} entries, as params", params.len()),
                got: format!("{}", grad.len()),
            });
        }
        Ok(())
    }

    /// Checks that a state is of this optimizer, for so many parameters.
    ///
    /// # Errors
    /// If it is not.
    #[inline]
    pub fn check<T: Scalar>(&self, state: &OptimizerState<T>, n_params: usize) -> Result<()> {
        let (n_vectors, n_scalars) = (self.rule.n_vectors(), self.rule.n_scalars());
        let is_ours = state.slots.len() == n_vectors && state.scalars.len() == n_scalars;
        if !is_ours || state.slots.iter().any(|v| v.len() != n_params) {
            let (n, len) = (state.slots.len(), state.slots.first().map_or(0, Vec::len));
            return Err(Error::Shape {
                argument: "state",
                expected: format!("{n_vectors} vectors of {} entries and {n_scalars} numbers", n_params),
                got: format!("{n} of {len} and {}", state.scalars.len()),
            });
        }
        Ok(())
    }
}
