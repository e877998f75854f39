//! Sharded orders: every batch has its share of the rows of every shard, so that who has some of the shards has its part of
//! every batch.
//!
//! [`RowShards`] says which rows a shard has, and how many of them are among the first positions of an epoch. They are
//! permuted by words of the stream `SHARD`, from word 2 f on for the shard that begins with row f.

use super::batches::checked_epoch;
use super::permutation::permute;
use super::poll::{ROWS_BETWEEN_POLLS, poll};
use super::workspace::{RowBuffers, resize};
use super::{Batches, Shuffle};
use crate::data::{Order, RowNumber, RowShards};
use crate::error::{Error, Result};
use crate::rng::{SHARD, Stream};

/// Shards of consecutive rows, all of them in every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardedOrder {
    n_shards: usize,
}

impl ShardedOrder {
    /// So many shards.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if it is not a power of two.
    pub fn new(n_shards: i64) -> Result<Self> {
        let checked = usize::try_from(n_shards).ok().filter(|n| n.is_power_of_two());
        let refused = || Error::OutOfRange {
            argument: "shards",
            condition: "a power of two",
            value: n_shards.to_string(),
        };
        Ok(Self { n_shards: checked.ok_or_else(refused)? })
    }

    /// So many rows in these shards.
    pub fn shards(self, n_rows: usize) -> RowShards {
        RowShards::new(self.n_shards, n_rows)
    }

    /// Writes the rows of this process, counted from its first, shard by shard and each in the order of the epoch.
    fn list<R: RowNumber>(
        (seed, epoch): (u64, u32),
        shards: RowShards,
        rows: &mut [R],
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        rows.iter_mut().enumerate().for_each(|(row, to)| *to = R::of(row));
        let first_row = shards.own_rows().start;
        for shard in shards.own() {
            let of_shard = shards.rows(shard..shard + 1);
            let (stream, first_word) = (Stream::new(seed, epoch, SHARD), 2 * of_shard.start as u64);
            let own = of_shard.start - first_row..of_shard.end - first_row;
            permute(stream, first_word, &mut rows[own], interrupted)?;
        }
        Ok(())
    }

    /// Writes the rows of an epoch, batch by batch.
    pub(super) fn order<R: RowNumber>(
        self,
        key: (u64, u32),
        batch_size: usize,
        order: &mut [R],
        buffers: &mut RowBuffers<R>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let RowBuffers { permutation: listed, .. } = buffers;
        let n_rows = order.len();
        let shards = self.shards(n_rows);
        resize("the order of rows", listed, n_rows)?;
        Self::list(key, shards, listed, interrupted)?;
        let (mut position, mut next_poll) = (0, 0);
        while position < n_rows {
            if position >= next_poll {
                poll(interrupted)?;
                next_poll = position + ROWS_BETWEEN_POLLS;
            }
            let batch = position..n_rows.min(position.saturating_add(batch_size));
            for shard in 0..self.n_shards {
                let to = shards.positions(&batch, shard..shard + 1);
                let first = shards.rows(shard..shard + 1).start;
                let from = first + shards.n_before(shard, batch.start);
                order[to.clone()].copy_from_slice(&listed[from..from + to.len()]);
            }
            position = batch.end;
        }
        Ok(())
    }
}

impl Batches {
    /// The rows of an epoch that a process has of rows in shards, counted from its first: shard by shard, each in the order of
    /// the epoch. They are made in the buffers of an order no longer needed.
    ///
    /// # Errors
    /// As [`Batches::order`].
    pub fn order_by_shards(
        &self,
        epoch: u64,
        shards: RowShards,
        reuse: Order,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Order> {
        let (key, n_rows) = ((self.seed(), checked_epoch(epoch)?), shards.own_rows().len());
        if Order::is_narrow(n_rows) {
            let mut rows = if let Order::Listed(rows) = reuse { rows } else { Vec::new() };
            resize("the order of an epoch", &mut rows, n_rows)?;
            ShardedOrder::list(key, shards, &mut rows, interrupted)?;
            Ok(Order::Listed(rows))
        } else {
            let mut rows = if let Order::ListedWide(rows) = reuse { rows } else { Vec::new() };
            resize("the order of an epoch", &mut rows, n_rows)?;
            ShardedOrder::list(key, shards, &mut rows, interrupted)?;
            Ok(Order::ListedWide(rows))
        }
    }

    /// The shards of the rows, if they are in some.
    pub fn shards(&self) -> Option<RowShards> {
        match self.shuffle() {
            Shuffle::Sharded(sharded) => Some(sharded.shards(self.n_rows())),
            _ => None,
        }
    }
}
