//! How wrong the model is on a batch, and which way is down.

mod batch;
mod layout;
pub mod loss;
mod noise;
mod objective;
pub mod penalty;
mod problem;
mod row_gradients;
mod sharing;
mod smoothness;
mod step;
pub mod sum;

pub use batch::{BatchGradient, Work, n_seats_worth};
pub use layout::Layout;
pub use loss::Loss;
pub use noise::Noise;
pub use objective::objective;
pub use penalty::Penalty;
pub use problem::Problem;
pub use row_gradients::RowGradients;
pub use smoothness::Smoothness;
