//! Shuffling: which rows each step sees.
//!
//! All randomness is a pure function of `(seed, epoch, stream, index)`, see [`rng`](crate::rng): every epoch and every
//! step can be reached without replaying the ones before it, and no thread shares state with another.
//!
//! ```
//! use mbgd_rs::shuffle::{Batches, BatchesConfig};
//!
//! let batches = Batches::new(BatchesConfig { seed: 7, ..BatchesConfig::new(10, 4) })?;
//! let mut rows: Vec<usize> = Vec::new();
//! for step in 0..batches.n_steps() {
//!     rows.extend(batches.batch(3, step, &|| false)?); // epoch 3, without the epochs 0, 1 and 2
//! }
//! rows.sort_unstable();
//! assert_eq!(rows, (0..10).collect::<Vec<_>>());
//! # Ok::<(), mbgd_rs::error::Error>(())
//! ```

mod batch_sizes;
mod batches;
mod block;
mod draws_by_weight;
mod order_by_weight;
mod ordering;
mod permutation;
mod poll;
mod replacement;
mod sharded;
mod split;
mod stratified;
mod weighted;
mod words;
mod workspace;

pub use batch_sizes::{BatchSizes, NormTest};
pub use batches::{Batches, BatchesConfig};
pub use block::Block;
pub use ordering::Shuffle;
pub use sharded::ShardedOrder;
pub use split::{Split, split};
pub use stratified::Stratified;
pub use weighted::WeightedSampling;
pub use workspace::Workspace;

pub use crate::data::Order;
