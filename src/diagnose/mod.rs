//! Diagnostics of the noise of batch gradients, and of the batch size that follows from it.
//!
//! The gradients of many batches at one point, where half of the rows pull in one direction and half in the
//! other:
//!
//! ```
//! use mbgd_rs::data::{Dense, Rows, TargetKind, Targets, Weights};
//! use mbgd_rs::diagnose::{Effort, Point, Sampling, angles, bias, noise};
//! use mbgd_rs::gradient::loss::SquaredError;
//! use mbgd_rs::gradient::{Loss, Penalty, Problem};
//! use mbgd_rs::kernel::Tier;
//! use mbgd_rs::shuffle::Shuffle;
//!
//! let x = [1.0; 100];
//! let y: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
//! let tier = Tier::current()?;
//! let rows = Rows::Dense(Dense::new(tier, &x, 100, 1)?);
//! let targets = Targets::new(&y, 100, 1, TargetKind::Real)?;
//! let loss = Loss::SquaredError(SquaredError);
//! let problem = Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), false)?;
//! let params = vec![0.0; problem.layout().len()];
//! let point = Point { problem: &problem, params, tier, n_threads: 1, interrupted: &|| false };
//!
//! let noise = noise(&point, &[1, 10, 50], 200, 0)?;
//! assert_eq!(noise.trace, 1.0); // every row is one away from the mean, which is zero
//! assert!((noise.with_replacement.line.slope + 1.0).abs() < 0.1);
//! assert!(noise.scale.reason.contains("zero"));
//!
//! let sampling = Sampling { shuffle: Shuffle::Full, replacement: false, seed: 0 };
//! let angles = angles(&point, &sampling, &[1], 200)?;
//! assert!((angles[0].negative_fraction - 0.5).abs() < 0.1);
//! let bias = bias(&point, &sampling, &[10], Effort { n_draws: 100, n_resamples: 99 })?;
//! assert!(bias[0].p_value > 0.01);
//! # Ok::<(), mbgd_rs::error::Error>(())
//! ```

mod angles;
mod batch_size;
mod bias;
mod draws;
mod escape;
mod interval;
mod line;
mod noise;
mod noise_scale;
mod path;
mod recorded;
mod robust_line;
mod step_cost;

pub use angles::{Angles, angles};
pub use batch_size::{Advice, Regime, optimal_batch_size};
pub use bias::{Bias, Effort, bias, bias_of_rows};
pub use draws::{Point, Sampling};
pub use escape::{Descent, Escapes};
pub use interval::{binomial_interval, normal_quantile, student_quantile};
pub use line::Line;
pub use noise::{NoiseByBatchSize, Variances, default_batch_sizes, noise};
pub use noise_scale::NoiseScale;
pub use path::{mean_cosine, rise_fraction};
pub use recorded::{Recorded, RecordedNoise, Unknown, smoothed};
pub use robust_line::{RobustFit, RobustLine};
pub use step_cost::StepCost;
