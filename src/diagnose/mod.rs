//! Instruments: what the noise of batch gradients is doing, and what to choose because of it.

mod escape;
mod interval;
mod recorded;

pub use escape::{Descent, Escapes};
pub use interval::{binomial_interval, normal_quantile, student_quantile};
pub use recorded::{Recorded, RecordedNoise, Unknown, smoothed};
