//! A rule: how a gradient becomes a step.

use super::lazy::LazyUpdate;
use super::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Decay, DoG, EffectiveStepSize, Entries, Ftrl, Lion, NAdam, RAdam,
};
use super::{RmsProp, ScheduleFreeAdamW, ScheduleFreeSgd, Sgd, Sgld};
use crate::error::Result;
use crate::kernel::Tier;
use crate::options::Options;
use crate::scalar::Scalar;

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

    /// Whether the effective step size that `step` returns is always [`EffectiveStepSize::Uniform`].
    fn has_uniform_step_size(&self) -> bool {
        false
    }

    /// Sets up what is remembered, which is zero, before the first step; to do it again for some of the parameters
    /// changes nothing.
    fn begin<T: Scalar>(&self, _begin: InitContext<'_, T>) {}

    /// What step `t` does to a parameter that has no gradient but `l2 w`, for steps on sparse rows. It is always of
    /// the same variant.
    fn lazy_update(&self, _t: u64, _learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Dense
    }

    /// How weights decay. A step is done after it, and with a gradient that has it.
    fn decay(&self) -> Decay {
        Decay::NONE
    }

    /// Which of the vectors remembered is the model to predict with, if it is not the parameters.
    fn model(&self) -> Option<usize> {
        None
    }

    /// Moves the parameters of `step`. With `wants_step_sizes` the returned step size is valid, else it may be anything.
    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T>;

    /// What remains to be done when a proximal map has acted on the parameters.
    fn post_prox<T: Scalar>(&self, _tier: Tier, _slots: &mut [Vec<T>], _scalars: &[f64], _params: &mut [T]) {}
}

/// The beginning of a run: what is to be remembered of what.
#[derive(Debug)]
pub struct InitContext<'a, T> {
    /// The learning rate of the first step.
    pub learning_rate: f64,
    /// Which entries are parameters.
    pub entries: Entries,
    /// See [`StepContext::slots`].
    pub slots: &'a mut [Vec<T>],
    /// Where the run starts.
    pub params: &'a [T],
}

/// One step of an optimizer: what it is told, what it remembers and what it moves.
#[derive(Debug)]
pub struct StepContext<'a, 'r, T> {
    /// Instructions to compute with.
    pub tier: Tier,
    /// The step, counted from 0.
    pub t: u64,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// Which entries are parameters.
    pub entries: Entries,
    /// Vectors remembered, zero before the first step.
    pub slots: &'a mut [Vec<T>],
    /// Numbers remembered, zero before the first step.
    pub scalars: &'a mut [f64],
    /// Moved in place.
    pub params: &'a mut [T],
    /// Of the same length.
    pub grad: &'a [T],
    /// Whether somebody will use the effective step sizes.
    pub wants_step_sizes: bool,
    /// Room for [`EffectiveStepSize::PerParameter`], as long as the parameters if step sizes are wanted.
    pub step_sizes: &'r mut [T],
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
            pub(super) fn n_vectors(&self) -> usize {
                match self {
                    $(Rule::$rule(rule) => rule.n_vectors(),)*
                }
            }

            pub(super) fn n_scalars(&self) -> usize {
                match self {
                    $(Rule::$rule(rule) => rule.n_scalars(),)*
                }
            }

            pub(super) fn decay(&self) -> Decay {
                match self {
                    $(Rule::$rule(rule) => rule.decay(),)*
                }
            }

            pub(super) fn model(&self) -> Option<usize> {
                match self {
                    $(Rule::$rule(rule) => rule.model(),)*
                }
            }

            pub(super) fn post_prox<T: Scalar>(&self, tier: Tier, slots: &mut [Vec<T>], scalars: &[f64], params: &mut [T]) {
                match self {
                    $(Rule::$rule(rule) => rule.post_prox(tier, slots, scalars, params),)*
                }
            }

            pub(super) fn begin<T: Scalar>(&self, begin: InitContext<'_, T>) {
                match self {
                    $(Rule::$rule(rule) => rule.begin(begin),)*
                }
            }

            pub(super) fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
                match self {
                    $(Rule::$rule(rule) => rule.step(step),)*
                }
            }

            /// What users call the rule.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Rule::$rule(_) => $rule::NAME,)*
                }
            }

            /// Whether the effective step size is the same for all parameters.
            pub fn has_uniform_step_size(&self) -> bool {
                match self {
                    $(Rule::$rule(rule) => rule.has_uniform_step_size(),)*
                }
            }

            pub(super) fn lazy_update(&self, t: u64, learning_rate: f64, l2: f64) -> LazyUpdate {
                match self {
                    $(Rule::$rule(rule) => rule.lazy_update(t, learning_rate, l2),)*
                }
            }

            /// The rule these options are of; None if they are of something else.
            pub(super) fn from_options(options: &dyn Options) -> Result<Option<Self>> {
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
    /// See [`Adagrad`].
    Adagrad,
    /// See [`RmsProp`].
    RmsProp,
    /// See [`Adadelta`].
    Adadelta,
    /// See [`AdamW`].
    AdamW,
    /// See [`NAdam`].
    NAdam,
    /// See [`RAdam`].
    RAdam,
    /// See [`Adamax`].
    Adamax,
    /// See [`Lion`].
    Lion,
    /// See [`Ftrl`].
    Ftrl,
    /// See [`Sgld`].
    Sgld,
    /// See [`ScheduleFreeSgd`].
    ScheduleFreeSgd,
    /// See [`ScheduleFreeAdamW`].
    ScheduleFreeAdamW,
    /// See [`DoG`].
    DoG,
}
