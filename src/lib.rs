//! Mini-batch gradient descent on the CPU.

pub mod error;
pub mod shuffle;
