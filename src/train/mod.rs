//! The loop around shuffle, gradient and update. `descent.rs` is the algorithm: begin there.

mod auto_batch_size;
mod catch_up;
mod checkpoints;
mod config;
mod control;
mod descent;
mod fingerprint;
mod fit;
mod history;
mod in_place;
mod lazy;
mod local_steps;
mod moving;
mod noise_history;
mod noise_probe;
mod observers;
mod parameters;
mod pilot;
mod recorder;
mod run;
mod state;
mod step;
mod stop;
mod stop_reason;
mod stopping;
mod streak;
mod touched_columns;
mod validation;
mod view;

pub use auto_batch_size::{AutoBatchSize, FEWEST_ROWS, auto_batch_size};
pub use checkpoints::{CheckpointInterval, Checkpoints, SaveCheckpoint};
pub use config::{Config, Record, StepsTold, Window};
pub use control::{
    AdaptiveBatchSize, AutoRate, Control, Method, Safeguard, Solver, Spectral, Standardisation, Trials,
};
pub use fingerprint::Fingerprint;
pub use fit::{Fit, fit, fit_among, fit_with, is_worth_threads};
pub use history::History;
pub use lazy::FLUSH_INTERVAL;
pub use noise_history::NoiseHistory;
pub use observers::{Progress, StepProgress};
pub use parameters::COLUMNS_FOR_ENTRY;
pub use pilot::{Pilot, Tuned, safe_rate, sampled_loss};
pub use state::State;
pub use stop_reason::StopReason;
pub use stopping::{
    BestCheckpoint, Converged, EarlyStoppingState, MaxSeconds, MaxSteps, Mode, Monitor, NoImprovement,
    StopRule, TargetLoss,
};
pub use validation::{Validation, ValidationRows};
