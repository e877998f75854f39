//! `Shuffle`: the ways in which the rows of an epoch can be ordered.

use std::sync::Arc;

use super::{Block, ShardedOrder, Stratified, WeightedSampling};
use crate::error::{Error, Result};

/// How the rows of an epoch are ordered.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Shuffle {
    /// A new permutation every epoch.
    #[default]
    Full,
    /// The permutation of epoch 0, every epoch.
    Once,
    /// The rows as they come.
    Sequential,
    /// Blocks of rows, and rows within windows of blocks.
    Block(Block),
    /// Rows drawn by weights.
    Weighted(Arc<WeightedSampling>),
    /// Every batch with all strata in proportion.
    Stratified(Arc<Stratified>),
    /// Every batch with a share of every shard.
    Sharded(ShardedOrder),
}

impl Shuffle {
    /// The shuffle named `"full"` or `"once"`. [`Shuffle::Sequential`] has no name: it is Python's `False`.
    /// The others are made of more than a name.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn from_name(name: &str) -> Result<Self> {
        const KNOWN: &[&str] = &["\"full\"", "\"once\"", "\"block\"", "\"stratified\"", "False"];
        match name {
            "full" => Ok(Self::Full),
            "once" => Ok(Self::Once),
            _ => Err(Error::UnknownName { argument: "shuffle", value: name.to_owned(), known: KNOWN }),
        }
    }

    /// The argument as the user writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Full => "\"full\"",
            Self::Once => "\"once\"",
            Self::Sequential => "False",
            Self::Block(_) => "\"block\"",
            Self::Weighted(_) => "Weighted",
            Self::Stratified(_) => "\"stratified\"",
            Self::Sharded(_) => "Sharded",
        }
    }
}
