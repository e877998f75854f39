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
mod in_parts;
pub mod lazy;
mod lion;
pub mod metric;
mod moments;
mod nadam;
mod optimizer;
mod radam;
mod rmsprop;
mod rule;
mod saga;
pub mod schedule;
mod schedule_free;
mod schedule_free_adamw;
mod schedule_free_sgd;
mod sgd;
mod sgld;
mod svrg;

pub use average::{Average, AverageState, approach};
pub use clip::Clip;
pub use decay::Decay;
pub use entries::Entries;
pub use in_parts::StepInParts;
pub use metric::Preconditioner;
pub use moments::MomentDecays;
pub use optimizer::{Optimizer, OptimizerState};
pub use rule::{InitContext, StepContext, Update, VarianceReduction};
pub use schedule::Schedule;
pub(crate) use sgd::{SgdArithmetic, SgdStep};

pub use crate::step_size::EffectiveStepSize;

rule::rules! {
    sgd::Sgd,
    adam::Adam,
    adagrad::Adagrad,
    rmsprop::RmsProp,
    adadelta::Adadelta,
    adamw::AdamW,
    nadam::NAdam,
    radam::RAdam,
    adamax::Adamax,
    lion::Lion,
    ftrl::Ftrl,
    sgld::Sgld,
    schedule_free_sgd::ScheduleFreeSgd,
    schedule_free_adamw::ScheduleFreeAdamW,
    dog::DoG,
    saga::Saga,
    svrg::Svrg,
}
