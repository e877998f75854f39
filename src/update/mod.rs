//! Optimizers: how the parameters move, one rule a file.
//!
//! Hyperparameters are immutable, what changes from step to step is in an [`OptimizerState`], and the learning rate is
//! a pure function of the step.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod average;
mod clip;
mod decay;
mod dog;
mod entries;
mod entrywise;
mod ftrl;
pub mod lazy;
mod lion;
mod moments;
mod nadam;
mod optimizer;
mod radam;
mod rmsprop;
mod rule;
pub mod schedule;
mod schedule_free;
mod schedule_free_adamw;
mod schedule_free_sgd;
mod sgd;
mod sgld;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use average::{Average, AverageState, approach};
pub use clip::Clip;
pub use decay::Decay;
pub use dog::DoG;
pub use entries::Entries;
pub use ftrl::Ftrl;
pub use lion::Lion;
pub use moments::MomentDecays;
pub use nadam::NAdam;
pub use optimizer::{Optimizer, OptimizerState};
pub use radam::RAdam;
pub use rmsprop::RmsProp;
pub use rule::{InitContext, Rule, StepContext, Update};
pub use schedule::Schedule;
pub use schedule_free_adamw::ScheduleFreeAdamW;
pub use schedule_free_sgd::ScheduleFreeSgd;
pub use sgd::Sgd;
pub use sgld::Sgld;

pub use crate::step_size::EffectiveStepSize;
