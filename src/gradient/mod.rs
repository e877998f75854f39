//! The objective on a batch, and its gradient.

mod at_step;
mod control_variate;
mod corrected;
mod curvature;
mod evaluator;
mod layout;
pub mod loss;
pub mod model;
mod noise;
mod objective;
mod parallelism;
mod pass;
pub mod penalty;
mod prefetching;
mod problem;
mod row_gradients;
mod smoothness;
pub mod sum;
mod value_and_gradient;
mod work;

pub use at_step::AtStep;
pub use control_variate::{Baseline, ControlVariate};
pub use curvature::row_curvatures;
pub use evaluator::{Evaluator, with_evaluator};
pub use layout::Layout;
pub use loss::Loss;
pub use model::Model;
pub use noise::BatchNoise;
pub use objective::Objective;
pub use pass::Wanted;
pub use penalty::Penalty;
pub use problem::Problem;
pub use row_gradients::RowGradients;
pub use smoothness::Smoothness;
pub use value_and_gradient::value_and_gradient;
pub use work::n_workers_worth;
