//! How the parameters move: one optimizer a file.
//!
//! Hyperparameters are immutable, what changes from step to step is in a [`State`], and the learning rate is
//! a pure function of the step.

mod adam;
mod clip;
pub mod idle;
mod optimizer;
pub mod schedule;
mod sgd;

pub use adam::Adam;
pub use clip::Clip;
pub use optimizer::{Optimizer, Rule, State, Step, Update};
pub use schedule::Schedule;
pub use sgd::Sgd;

pub use crate::rate::Rate;
