//! Sharded orders: every batch has its share of the rows of every shard, so that who has some of the shards has its part of
//! every batch.
//!
//! Of n rows and S shards, shard s has `floor((n + s) / S)` consecutive ones, in order of s. They are permuted by words of the
//! stream `SHARD`, from word 2 f on for the shard that begins with row f. The batch that ends at position `e` has, with those
//! before it, the first `floor((e + s) / S)` rows of shard s: these numbers add up to `e` (Hermite's identity), and of all
//! rows to n. Within a batch shards come in order.

use std::ops::Range;

use super::permutation::permute;
use super::poll::{ROWS_BETWEEN_POLLS, poll};
use super::workspace::{RowBuffers, resize};
use crate::data::RowNumber;
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

    /// Rows of a shard among the first so many positions.
    fn n_before(self, shard: usize, position: usize) -> usize {
        // (position + shard) / S, without overflow.
        position / self.n_shards + (position % self.n_shards + shard) / self.n_shards
    }

    /// The rows of a shard.
    fn rows_of(self, shard: usize, first: usize, n_rows: usize) -> Range<usize> {
        first..first + self.n_before(shard, n_rows)
    }

    /// Writes the rows of an epoch.
    pub(super) fn order<R: RowNumber>(
        self,
        (seed, epoch): (u64, u32),
        batch_size: usize,
        order: &mut [R],
        buffers: &mut RowBuffers<R>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let RowBuffers { permutation: shuffled, next: firsts, .. } = buffers;
        let n_rows = order.len();
        resize("the order of rows", shuffled, n_rows)?;
        resize("the beginnings of shards", firsts, self.n_shards)?;
        shuffled.iter_mut().enumerate().for_each(|(row, to)| *to = R::of(row));
        let mut first = 0;
        for (shard, place) in firsts.iter_mut().enumerate() {
            *place = first;
            let rows = self.rows_of(shard, first, n_rows);
            first = rows.end;
            permute(
                Stream::new(seed, epoch, SHARD),
                2 * rows.start as u64,
                &mut shuffled[rows],
                interrupted,
            )?;
        }
        let (mut position, mut next_poll) = (0, 0);
        while position < n_rows {
            if position >= next_poll {
                poll(interrupted)?;
                next_poll = position + ROWS_BETWEEN_POLLS;
            }
            let end = n_rows.min(position.saturating_add(batch_size));
            let mut to = position;
            for (shard, &first) in firsts.iter().enumerate() {
                let share = first + self.n_before(shard, position)..first + self.n_before(shard, end);
                let n = share.len();
                order[to..to + n].copy_from_slice(&shuffled[share]);
                to += n;
            }
            position = end;
        }
        Ok(())
    }
}
