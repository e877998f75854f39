//! What all optimizers have in common: a rule, a learning rate, and a state to be stepped.

use super::schedule::Auto;
use super::{Adam, Rate, Schedule, Sgd};
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

/// How a gradient becomes a step: immutable hyperparameters.
pub trait Update: Sized {
    /// The class of the Python package that stands for it.
    const NAME: &'static str;

    /// The rule with its hyperparameters.
    ///
    /// # Errors
    /// If one of them is out of its range.
    fn from_options(options: &dyn Options) -> Result<Self>;

    /// How many vectors are remembered, each as long as the parameters.
    fn n_vectors(&self) -> usize;

    /// How many numbers are remembered beside them.
    fn n_scalars(&self) -> usize {
        0
    }

    /// Moves the parameters of `step`. With `wants_rates` the returned rate is valid, else it may be anything.
    fn step<'r, T: Scalar>(&self, step: Step<'_, 'r, T>) -> Rate<'r, T>;
}

/// One step of an optimizer: what it is told, what it remembers and what it moves.
#[derive(Debug)]
pub struct Step<'a, 'r, T> {
    /// Instructions to compute with.
    pub tier: Tier,
    /// The step, counted from 0.
    pub t: u64,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// Vectors remembered, zero before the first step.
    pub memory: &'a mut [Vec<T>],
    /// Numbers remembered, zero before the first step.
    pub scalars: &'a mut [f64],
    /// Moved in place.
    pub params: &'a mut [T],
    /// Of the same length.
    pub grad: &'a [T],
    /// Whether somebody will look at the rate.
    pub wants_rates: bool,
    /// Room for [`Rate::Each`], as long as the parameters if rates are wanted.
    pub rates: &'r mut [T],
}

/// Makes the enum of all rules: a new one is a line of the list below.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident,)*) => {
        /// The rules.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Rule {
            $($(#[$doc])* $rule($rule),)*
        }

        impl Rule {
            fn n_vectors(&self) -> usize {
                match self {
                    $(Rule::$rule(rule) => rule.n_vectors(),)*
                }
            }

            fn n_scalars(&self) -> usize {
                match self {
                    $(Rule::$rule(rule) => rule.n_scalars(),)*
                }
            }

            fn step<'r, T: Scalar>(&self, step: Step<'_, 'r, T>) -> Rate<'r, T> {
                match self {
                    $(Rule::$rule(rule) => rule.step(step),)*
                }
            }

            /// The rule these options are of; None if they are of something else.
            fn from_options(options: &dyn Options) -> Result<Option<Self>> {
                match options.name().as_str() {
                    $($rule::NAME => $rule::from_options(options).map(Rule::$rule).map(Some),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

rules! {
    /// See [`Sgd`].
    Sgd,
    /// See [`Adam`].
    Adam,
}

/// What an optimizer remembers between steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State<T> {
    /// Steps made.
    pub n_steps: u64,
    /// One vector per thing remembered, as long as the parameters; which is what is up to the rule.
    pub memory: Vec<Vec<T>>,
    /// Numbers remembered; which is what is up to the rule.
    pub scalars: Vec<f64>,
    /// Rates of the last step, if they were wanted; a scratch.
    rates: Vec<T>,
}

impl<T> State<T> {
    /// The state of an optimizer that has made `n_steps` and remembers these vectors and numbers.
    pub fn new(n_steps: u64, memory: Vec<Vec<T>>, scalars: Vec<f64>) -> Self {
        Self { n_steps, memory, scalars, rates: Vec::new() }
    }
}

impl Optimizer {
    /// The optimizer these options are of.
    ///
    /// # Errors
    /// If they are not of one, or a hyperparameter is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        let Some(rule) = Rule::from_options(options)? else { return Ok(None) };
        let learning_rate = match options.text("learning_rate") {
            Ok(word) => Schedule::Auto(Auto::named(&word, matches!(rule, Rule::Sgd(_)))?),
            Err(_) => Schedule::from_options(&*options.child("learning_rate")?)?,
        };
        Ok(Some(Self { rule, learning_rate }))
    }

    /// A state for `n_params` parameters that has made no step.
    pub fn init<T: Scalar>(&self, n_params: usize) -> Result<State<T>> {
        let memory = (0..self.rule.n_vectors()).map(|_| try_filled("optimizer state", n_params, T::ZERO));
        Ok(State::new(0, memory.collect::<Result<_>>()?, vec![0.0; self.rule.n_scalars()]))
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
        self.check(state, params, grad)?;
        if let Schedule::Auto(auto) = self.learning_rate {
            return auto.refuse();
        }
        if wants_rates && state.rates.len() != params.len() {
            state.rates = try_filled("rates", params.len(), T::ZERO)?;
        }
        let t = state.n_steps;
        state.n_steps += 1;
        let State { memory, scalars, rates, .. } = state;
        let learning_rate = self.learning_rate.at(t);
        Ok(self.rule.step(Step { tier, t, learning_rate, memory, scalars, params, grad, wants_rates, rates }))
    }

    fn check<T: Scalar>(&self, state: &State<T>, params: &[T], grad: &[T]) -> Result<()> {
        if params.len() != grad.len() {
            return Err(Error::Shape {
                argument: "grad",
                expected: format!("{} entries, as params", params.len()),
                got: format!("{}", grad.len()),
            });
        }
        let (n_vectors, n_scalars) = (self.rule.n_vectors(), self.rule.n_scalars());
        let is_ours = state.memory.len() == n_vectors && state.scalars.len() == n_scalars;
        if !is_ours || state.memory.iter().any(|v| v.len() != params.len()) {
            let (n, len) = (state.memory.len(), state.memory.first().map_or(0, Vec::len));
            return Err(Error::Shape {
                argument: "state",
                expected: format!("{n_vectors} vectors of {} entries and {n_scalars} numbers", params.len()),
                got: format!("{n} of {len} and {}", state.scalars.len()),
            });
        }
        Ok(())
    }
}
