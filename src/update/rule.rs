//! A rule: how a gradient becomes a step.

use super::lazy::LazyUpdate;
use super::metric::Preconditioner;
use super::{Decay, EffectiveStepSize, Entries};
use crate::error::Result;
use crate::kernel::Tier;
use crate::options::Options;
use crate::scalar::Scalar;

/// How a gradient becomes a step: immutable hyperparameters.
pub trait Update: Sized {
    /// Name of its class in the Python package.
    const NAME: &'static str;

    /// The rule with these hyperparameters.
    ///
    /// # Errors
    /// If one of them is out of its range.
    fn from_options(options: &dyn Options) -> Result<Self>;

    /// Number of slot vectors, each as long as the parameters.
    fn n_vectors(&self) -> usize;

    /// Number of further numbers in the state.
    fn n_scalars(&self) -> usize {
        0
    }

    /// Whether the effective step size that `step` returns is always [`EffectiveStepSize::Uniform`].
    fn has_uniform_step_size(&self) -> bool {
        false
    }

    /// Whether `learning_rate="auto"` is possible: where steps are proportional to the gradient, the curvature of the
    /// objective bounds the rate.
    fn finds_rate(&self) -> bool {
        false
    }

    /// The metric that gradients are turned into directions by, if there is to be one.
    fn preconditioner(&self) -> Option<Preconditioner> {
        None
    }

    /// What makes the noise of gradients die away, if something is to.
    fn variance_reduction(&self) -> Option<VarianceReduction> {
        None
    }

    /// Sets up the state, which is zero, before the first step. To do so again for some of the parameters changes
    /// nothing.
    fn begin<T: Scalar>(&self, _begin: InitContext<'_, T>) {}

    /// What step `t` does to a parameter whose only gradient is `l2 w`, for steps on sparse rows. The variant is the
    /// same for all steps.
    fn lazy_update(&self, _t: u64, _learning_rate: f64, _l2: f64) -> LazyUpdate {
        LazyUpdate::Dense
    }

    /// How weights decay, which is done before `step`.
    fn decay(&self) -> Decay {
        Decay::NONE
    }

    /// The slot that is the model to predict with, if it is not the parameters.
    fn model(&self) -> Option<usize> {
        None
    }

    /// Begins an average of its own anew, with the next step: what it was made of says nothing of another objective.
    fn forget_average(&self, _scalars: &mut [f64]) {}

    /// Whether a step moves each parameter by its own gradient and slots alone, and changes no scalars: then parts of the
    /// parameters can be moved by several threads.
    fn is_entrywise(&self) -> bool {
        false
    }

    /// Moves the parameters of `step`. The returned step size is valid with `wants_step_sizes` only.
    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T>;

    /// Ends a step, after a proximal map may have acted on the parameters.
    fn post_prox<T: Scalar>(&self, _tier: Tier, _slots: &mut [Vec<T>], _scalars: &[f64], _params: &mut [T]) {}
}

/// Which slopes those of a batch are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VarianceReduction {
    /// Those of when its rows were last seen.
    Saga,
    /// Those at a snapshot of the parameters.
    Svrg {
        /// Epochs between snapshots.
        every: u64,
    },
}

/// What a rule is given to set up its state.
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

/// Slot vectors of a rule, at most.
const MOST_SLOTS: usize = 3;

/// Slots for a [`StepContext`], and how many they are.
pub(super) fn lent<'s, T>(slots: impl Iterator<Item = &'s mut [T]>) -> ([&'s mut [T]; MOST_SLOTS], usize) {
    let (mut lent, mut n_slots): ([&mut [T]; MOST_SLOTS], _) = Default::default();
    for (lent, slot) in lent.iter_mut().zip(slots) {
        *lent = slot;
        n_slots += 1;
    }
    (lent, n_slots)
}

/// What a rule is given for a step.
#[derive(Debug)]
pub struct StepContext<'a, 'r, T> {
    /// Instruction set to compute with.
    pub tier: Tier,
    /// The step, counted from 0.
    pub t: u64,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// Which entries are parameters.
    pub entries: Entries,
    /// Slot vectors, zero before the first step.
    pub slots: &'a mut [&'a mut [T]],
    /// Numbers of the state, zero before the first step.
    pub scalars: &'a mut [f64],
    /// Moved in place.
    pub params: &'a mut [T],
    /// The gradient, of the same length.
    pub grad: &'a [T],
    /// Whether the effective step sizes are wanted.
    pub wants_step_sizes: bool,
    /// Buffer for [`EffectiveStepSize::PerParameter`], as long as the parameters if step sizes are wanted.
    pub step_sizes: &'r mut [T],
}

/// Makes the enum of all rules, of the list in `mod.rs`: a new one is a line there.
macro_rules! rules {
    ($($module:ident::$rule:ident,)*) => {
        use self::lazy::LazyUpdate;
        use $crate::error::Result;
        use $crate::kernel::Tier;
        use $crate::options::Options;
        use $crate::scalar::Scalar;

        $(pub use self::$module::$rule;)*

        /// The rules.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub enum Rule {
            $(#[doc = concat!("See [`", stringify!($rule), "`].")] $rule($rule),)*
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

            /// Whether `learning_rate="auto"` is possible.
            pub fn finds_rate(&self) -> bool {
                match self {
                    $(Rule::$rule(rule) => rule.finds_rate(),)*
                }
            }

            /// The metric that gradients are turned into directions by, if there is to be one.
            pub fn preconditioner(&self) -> Option<Preconditioner> {
                match self {
                    $(Rule::$rule(rule) => rule.preconditioner(),)*
                }
            }

            /// What makes the noise of gradients die away, if something is to.
            pub fn variance_reduction(&self) -> Option<VarianceReduction> {
                match self {
                    $(Rule::$rule(rule) => rule.variance_reduction(),)*
                }
            }

            fn decay(&self) -> Decay {
                match self {
                    $(Rule::$rule(rule) => rule.decay(),)*
                }
            }

            fn model(&self) -> Option<usize> {
                match self {
                    $(Rule::$rule(rule) => rule.model(),)*
                }
            }

            fn forget_average(&self, scalars: &mut [f64]) {
                match self {
                    $(Rule::$rule(rule) => rule.forget_average(scalars),)*
                }
            }

            fn post_prox<T: Scalar>(&self, tier: Tier, slots: &mut [Vec<T>], scalars: &[f64], params: &mut [T]) {
                match self {
                    $(Rule::$rule(rule) => rule.post_prox(tier, slots, scalars, params),)*
                }
            }

            fn begin<T: Scalar>(&self, begin: InitContext<'_, T>) {
                match self {
                    $(Rule::$rule(rule) => rule.begin(begin),)*
                }
            }

            fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
                match self {
                    $(Rule::$rule(rule) => rule.step(step),)*
                }
            }

            /// Whether parts of the parameters can be moved by several threads.
            pub fn is_entrywise(&self) -> bool {
                match self {
                    $(Rule::$rule(rule) => rule.is_entrywise(),)*
                }
            }

            /// Name of the rule in the Python package.
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

            fn lazy_update(&self, t: u64, learning_rate: f64, l2: f64) -> LazyUpdate {
                match self {
                    $(Rule::$rule(rule) => rule.lazy_update(t, learning_rate, l2),)*
                }
            }

            /// The rule that these options describe; None if they describe something else.
            fn from_options(options: &dyn Options) -> Result<Option<Self>> {
                match options.name().as_str() {
                    $($rule::NAME => $rule::from_options(options).map(Rule::$rule).map(Some),)*
                    _ => Ok(None),
                }
            }
        }
    };
}
pub(super) use rules;
