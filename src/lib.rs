//! Mini-batch gradient descent on the CPU: linear models, networks and factorization machines trained fast, and with the same bits whatever the
//! number of threads or the width of the vectors.
//!
//! A step is three verbs, and each has a module: [`shuffle`] says which rows come next, [`gradient`] how wrong
//! the model is on them, [`update`] how the parameters move. [`train`] is the loop around the three and
//! [`predict`] what the trained model says. Below them are [`data`], the borrowed arrays, and [`kernel`], the
//! vector instructions and, but for what a team of threads shares, all of the `unsafe` code.
//!
//! The objective is `mean_i s_i loss(x_i . W + b + o_i, y_i)` plus a [`Penalty`](gradient::Penalty) of W, the sample
//! weights s scaled to mean 1, the [offsets](data::Offsets) o zero by default. Every part checks its arguments when it is made and says in an
//! [`Error`](error::Error) which one is wrong, so that what can be put together can be run.
//!
//! Logistic regression: is x at least one half?
//!
//! ```
//! use std::ops::ControlFlow;
//!
//! use mbgd_rs::data::{Dense, Offsets, Rows, TargetKind, Targets, Weights};
//! use mbgd_rs::gradient::loss::LogLoss;
//! use mbgd_rs::gradient::{Loss, Penalty, Problem};
//! use mbgd_rs::kernel::Tier;
//! use mbgd_rs::predict::{Link, predict};
//! use mbgd_rs::shuffle::{Batches, BatchesConfig};
//! use mbgd_rs::train::{COLUMNS_FOR_ENTRY, Config, Record, State, fit};
//! use mbgd_rs::update::schedule::Constant;
//! use mbgd_rs::update::{Optimizer, Rule, Schedule, Sgd};
//!
//! // 100 rows of one column, and a target of -1 or +1 for each.
//! let x: Vec<f32> = (0..100).map(|i| i as f32 / 100.0).collect();
//! let y: Vec<f32> = x.iter().map(|&x| if x < 0.5 { -1.0 } else { 1.0 }).collect();
//!
//! let tier = Tier::current()?;
//! let rows = Rows::Dense(Dense::new(tier, &x, 100, 1)?);
//! let targets = Targets::new(&y, 100, 1, TargetKind::Binary)?;
//! let loss = Loss::LogLoss(LogLoss::default());
//! let problem = Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), true)?;
//!
//! let config = Config {
//!     batches: Batches::new(BatchesConfig::new(100, 10))?,
//!     optimizer: Optimizer {
//!         rule: Rule::Sgd(Sgd::new(0.9, false)?),
//!         learning_rate: Schedule::Constant(Constant::new(0.5)?),
//!     },
//!     accumulate: std::num::NonZeroUsize::MIN,
//!     average: None,
//!     clip: None,
//!     n_epochs: 20,
//!     record: Record::default(),
//!     n_threads: 2,
//!     tier,
//!     sync_every: None,
//!     columns_for_entry: COLUMNS_FOR_ENTRY,
//!     window: None,
//! };
//! let n_params = problem.layout().len();
//! let state = State::new(vec![0.0; n_params], config.optimizer.init(n_params)?);
//! let fit = fit(&problem, &config, state, &|| false, &mut |_| ControlFlow::Continue(()))?;
//! assert_eq!(fit.state.optimizer.n_steps, 20 * 10);
//!
//! let link = Link::Probability(loss, TargetKind::Binary);
//! let p = predict((rows, Offsets::none()), problem.model(), &fit.state.params, link, tier, 2, &|| false)?;
//! let n_right = p.chunks(2).zip(&y).filter(|(p, y)| (p[1] > 0.5) == (**y > 0.0)).count();
//! assert!(n_right > 95);
//! # Ok::<(), mbgd_rs::error::Error>(())
//! ```
//!
//! The Python package of the same name is built on this crate with the feature `python`, without which there
//! is no Python in it. ARCHITECTURE.md in the repository is the way in for whoever wants to change something.

pub mod data;
pub mod diagnose;
pub mod error;
pub mod gather;
pub mod gradient;
pub mod kernel;
pub mod landscape;
pub mod options;
pub mod parallel;
mod pool;
pub mod predict;
pub mod prefetcher;
#[cfg(feature = "python")]
mod python;
pub mod ranks;
pub mod rng;
pub mod scalar;
pub mod shuffle;
pub mod step_size;
pub mod train;
pub mod update;
