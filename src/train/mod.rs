//! The loop around shuffle, gradient and update.

mod adaptive_batch_size;
mod apart;
mod auto_batch_size;
mod auto_rate;
mod columns;
mod config;
mod epoch;
mod history;
mod model;
mod noise;
mod orders;
mod pilot;
mod selection;
mod state;
mod stop_reason;
mod stopping;

pub use adaptive_batch_size::AdaptiveBatchSize;
pub use auto_batch_size::{AutoBatchSize, FEWEST_ROWS, auto_batch_size};
pub use auto_rate::{AutoRate, Method, Spectral, Trials};
pub use config::{Config, Record};
pub use epoch::{Fit, Progress, fit, fit_with};
pub use history::History;
pub use noise::NoiseHistory;
pub use pilot::{Pilot, Tuned, safe_rate, sampled_loss};
pub use selection::Selection;
pub use state::State;
pub use stop_reason::StopReason;
pub use stopping::{
    BestCheckpoint, EarlyStoppingState, MaxSeconds, MaxSteps, Mode, Monitor, NoImprovement, StopRule,
    TargetLoss,
};
