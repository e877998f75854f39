//! The learning rate as a pure function of the step: one schedule a file.

mod auto;
mod constant;
mod cosine;
mod inverse_scaling;
mod warmup;

pub use auto::Auto;
pub use constant::Constant;
pub use cosine::Cosine;
pub use inverse_scaling::InverseScaling;
pub use warmup::Warmup;

use crate::error::{Error, Result, checked};
use crate::options::Options;

/// A learning rate by step.
pub trait Rates: Sized {
    /// The class of the Python package that stands for it.
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
        }

        impl Schedule {
            /// The learning rate of step `t`, counted from 0 over the whole run.
            pub fn at(&self, t: u64) -> f64 {
                match self {
                    $(Schedule::$schedule(s) => s.at(t),)*
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
    /// See [`InverseScaling`].
    InverseScaling,
    /// See [`Cosine`].
    Cosine,
    /// See [`Warmup`].
    Warmup,
    /// See [`Auto`].
    Auto,
}

impl Schedule {
    /// The schedule these options are of; a number is constant.
    ///
    /// # Errors
    /// If they are of neither, or a parameter is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Self> {
        if let Some(rate) = options.as_number() {
            return Ok(Schedule::Constant(Constant::new(rate)?));
        }
        Self::named(options)?.ok_or_else(|| Error::WrongType {
            argument: "learning_rate",
            expected: "a number or a schedule",
            got: options.written(),
        })
    }
}

fn positive_rate(learning_rate: f64) -> Result<f64> {
    checked("learning_rate", "finite and > 0", learning_rate, |rate| rate.is_finite() && rate > 0.0)
}

/// A number of steps, which has to be at least 1.
fn positive_steps(n_steps: i64) -> Result<u64> {
    match u64::try_from(n_steps) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(Error::OutOfRange { argument: "n_steps", condition: ">= 1", value: n_steps.to_string() }),
    }
}
