//! The loop around shuffle, gradient and update.

mod auto_rate;
mod config;
mod epoch;
mod history;
mod orders;
mod state;
mod stopping;

pub use auto_rate::{AutoRate, Method, Spectral, Trials};
pub use config::{Config, Record};
pub use epoch::{Fit, Progress, fit};
pub use history::History;
pub use state::State;
pub use stopping::StopReason;
