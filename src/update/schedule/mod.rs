//! The learning rate as a pure function of the step: one schedule a file.

mod auto;
mod constant;
mod cosine;
mod cosine_restarts;
mod exponential;
mod function;
mod inverse_scaling;
mod linear;
mod multi_step;
mod one_cycle;
mod optimal;
mod piecewise;
mod plateau;
mod polynomial;
mod step_decay;
mod warmup;

pub use auto::Auto;
pub use constant::Constant;
pub use cosine::Cosine;
pub use cosine_restarts::CosineRestarts;
pub use exponential::Exponential;
pub use function::Function;
pub use inverse_scaling::InverseScaling;
pub use linear::Linear;
pub use multi_step::MultiStep;
pub use one_cycle::{OneCycle, OneCycleConfig};
pub use optimal::Optimal;
pub use piecewise::Piecewise;
pub use plateau::{Plateau, PlateauRule, PlateauState, Tolerance};
pub use polynomial::Polynomial;
pub use step_decay::StepDecay;
pub use warmup::Warmup;

use std::ops::Range;

use crate::error::{Error, Result, checked, try_reserved};
use crate::options::Options;

/// A learning rate by step.
pub trait Rates: Sized {
    /// Name of its class in the Python package.
    const NAME: &'static str;
    /// The schedule with its parameters.
    ///
    /// # Errors
    /// If a parameter is out of its range.
    fn from_options(options: &dyn Options) -> Result<Self>;
    /// The learning rate of step `t`, counted from 0 over the whole run.
    fn at(&self, t: u64) -> f64;
}

/// Makes the enum of all schedules: a new one is a line of the list below.
macro_rules! schedules {
    ($($(#[$doc:meta])* $schedule:ident,)*) => {
        /// The schedules.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Schedule {
            $($(#[$doc])* $schedule($schedule),)*
            /// See [`Function`].
            Function(Function),
        }

        impl Schedule {
            /// The learning rate of step `t`, counted from 0 over the whole run; of a [`Plateau`] before its
            /// first fall, of a [`Function`] only if [`Schedule::tabulate`] knows the step, else NaN.
            #[inline]
            pub fn at(&self, t: u64) -> f64 {
                match self {
                    $(Schedule::$schedule(s) => s.at(t),)*
                    Schedule::Function(s) => s.at(t),
                }
            }

            fn named(options: &dyn Options) -> Result<Option<Self>> {
                match options.name().as_str() {
                    $($schedule::NAME => $schedule::from_options(options).map(Schedule::$schedule).map(Some),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

schedules! {
    /// See [`Constant`].
    Constant,
    /// See [`Optimal`].
    Optimal,
    /// See [`InverseScaling`].
    InverseScaling,
    /// See [`StepDecay`].
    StepDecay,
    /// See [`MultiStep`].
    MultiStep,
    /// See [`Exponential`].
    Exponential,
    /// See [`Polynomial`].
    Polynomial,
    /// See [`Linear`].
    Linear,
    /// See [`Cosine`].
    Cosine,
    /// See [`CosineRestarts`].
    CosineRestarts,
    /// See [`OneCycle`].
    OneCycle,
    /// See [`Piecewise`].
    Piecewise,
    /// See [`Plateau`].
    Plateau,
    /// See [`Warmup`].
    Warmup,
    /// See [`Auto`].
    Auto,
}

impl Schedule {
    /// The schedule that these options describe; a number is a constant rate.
    ///
    /// # Errors
    /// If they describe none, or a parameter is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Self> {
        if let Some(rate) = options.as_number() {
            return Ok(Schedule::Constant(Constant::new(rate)?));
        }
        if let Some(schedule) = Self::named(options)? {
            return Ok(schedule);
        }
        let function = options.as_function().ok_or_else(|| Error::WrongType {
            argument: "learning_rate",
            expected: "a number, a schedule or a function of the step",
            got: options.written(),
        })?;
        Ok(Schedule::Function(Function::new(function)))
    }

    /// The same schedule with its functions evaluated, if it has any, so that [`Schedule::at`] knows these
    /// steps; None if it knows all steps as it is.
    ///
    /// # Errors
    /// The error of a function, or if it gives no rate.
    pub fn tabulate(&self, steps: Range<u64>) -> Result<Option<Self>> {
        Ok(match self {
            Schedule::Function(function) => Some(Schedule::Function(function.evaluated(steps)?)),
            Schedule::Warmup(warmup) => {
                let schedule = warmup.schedule.tabulate(warmup.inner_steps(steps))?;
                schedule.map(|schedule| Schedule::Warmup(warmup.with_schedule(schedule)))
            }
            Schedule::Plateau(plateau) => {
                let schedule = plateau.schedule.tabulate(steps)?;
                schedule.map(|schedule| Schedule::Plateau(plateau.with_schedule(schedule)))
            }
            _ => None,
        })
    }

    /// Whether it asks a function of the caller's.
    pub fn asks_a_function(&self) -> bool {
        match self {
            Schedule::Function(_) => true,
            Schedule::Warmup(warmup) => warmup.schedule.asks_a_function(),
            Schedule::Plateau(plateau) => plateau.schedule.asks_a_function(),
            _ => false,
        }
    }

    /// The learning rate of step `t` in a run with this state of the plateau.
    #[inline]
    pub fn at_plateau(&self, t: u64, state: &PlateauState) -> f64 {
        match self.plateau() {
            None => self.at(t),
            Some(plateau) => plateau.lowered(self.at(t), state),
        }
    }

    /// Tells the plateau, if there is one, the loss of an epoch.
    pub fn end_epoch(&self, state: &mut PlateauState, loss: f64) {
        if let Some(plateau) = self.plateau() {
            plateau.end_epoch(state, loss);
        }
    }

    /// The plateau in this schedule, if there is one.
    #[inline]
    fn plateau(&self) -> Option<&Plateau> {
        match self {
            Schedule::Plateau(plateau) => Some(plateau),
            Schedule::Warmup(warmup) => warmup.schedule.plateau(),
            _ => None,
        }
    }
}

/// From `first` to `last` along half a cosine, at the share `done` of the way.
fn half_cosine(first: f64, last: f64, done: f64) -> f64 {
    last + (first - last) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

fn positive_rate(learning_rate: f64) -> Result<f64> {
    checked("learning_rate", "finite and > 0", learning_rate, |rate| rate.is_finite() && rate > 0.0)
}

/// The rate at the end of a fall, which may be zero.
fn final_rate(rate: f64) -> Result<f64> {
    final_rate_of("final_learning_rate", rate)
}

fn final_rate_of(argument: &'static str, rate: f64) -> Result<f64> {
    checked(argument, "finite and >= 0", rate, |rate| rate.is_finite() && rate >= 0.0)
}

fn positive_factor(argument: &'static str, factor: f64) -> Result<f64> {
    checked(argument, "finite and > 0", factor, |factor| factor.is_finite() && factor > 0.0)
}

/// A number of steps, of which there may be none.
fn steps_or_none(argument: &'static str, n_steps: i64) -> Result<u64> {
    let refused = |_| Error::OutOfRange { argument, condition: ">= 0", value: n_steps.to_string() };
    u64::try_from(n_steps).map_err(refused)
}

/// A number of steps, which has to be at least 1.
fn positive_steps(argument: &'static str, n_steps: i64) -> Result<u64> {
    match u64::try_from(n_steps) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(Error::OutOfRange { argument, condition: ">= 1", value: n_steps.to_string() }),
    }
}

/// Steps as numbers, which have to be whole, at least 1 and increasing.
fn increasing_steps(argument: &'static str, numbers: &[f64]) -> Result<Vec<u64>> {
    let mut steps = try_reserved("the steps of a schedule", numbers.len())?;
    for &number in numbers {
        let is_step = number.fract() == 0.0 && number >= 1.0 && number < 2.0_f64.powi(53);
        if !is_step || steps.last().is_some_and(|&last| number as u64 <= last) {
            let value = format!("{number} at entry {}", steps.len());
            let condition = "whole numbers >= 1 in increasing order";
            return Err(Error::OutOfRange { argument, condition, value });
        }
        steps.push(number as u64);
    }
    Ok(steps)
}
