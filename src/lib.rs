//! Mini-batch gradient descent on the CPU.

pub mod data;
pub mod error;
pub mod gather;
pub mod gradient;
pub mod kernel;
pub mod parallel;
mod pool;
pub mod predict;
#[cfg(feature = "python")]
mod python;
pub mod rate;
pub mod scalar;
pub mod shuffle;
pub mod train;
pub mod update;
