//! Instruments: what the noise of batch gradients is doing, and what to choose because of it.

mod batch_size;
mod interval;
mod line;
mod path;
mod step_cost;

pub use batch_size::{Advice, Regime, optimal_batch_size};
pub use interval::{binomial_interval, normal_quantile, student_quantile};
pub use line::{Line, LineFit};
pub use path::{mean_cosine, rise_fraction};
pub use step_cost::StepCost;
