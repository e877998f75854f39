//! The objective on a batch, and its gradient.

mod batch;
mod layout;
pub mod loss;
mod noise;
mod objective;
mod parallelism;
pub mod penalty;
mod problem;
mod row_gradients;
mod smoothness;
mod step;
pub mod sum;

pub use batch::{BatchGradient, Work, n_workers_worth};
pub use layout::Layout;
pub use loss::Loss;
pub use noise::BatchNoise;
pub use objective::objective;
pub use penalty::Penalty;
pub use problem::Problem;
pub use row_gradients::RowGradients;
pub use smoothness::Smoothness;
