//! `Sharding`: rows in shards, and the processes that have rows of their own, if there are some.

use std::ops::Range;

use super::RowShards;
use crate::error::Result;
use crate::ranks::Ranks;
use crate::scalar::Scalar;

/// The shards that the rows of a dataset are cut into; of each process its own, or all.
#[derive(Debug, Clone, Copy)]
pub struct Sharding<'a> {
    /// Which rows they have.
    pub shards: RowShards,
    /// The processes, if each has rows of its own only.
    pub ranks: Option<&'a Ranks>,
}

impl Sharding<'_> {
    /// The first row that this process has.
    pub(crate) fn first_row(&self) -> usize {
        self.shards.own_rows().start
    }

    /// The largest of all processes, of each number.
    ///
    /// # Errors
    /// As [`Ranks::gather_all`].
    pub(crate) fn largest(&self, numbers: &mut [f64]) -> Result<()> {
        let Some(ranks) = self.ranks else { return Ok(()) };
        for theirs in ranks.gather_entries(numbers)?.chunks_exact(numbers.len()) {
            numbers.iter_mut().zip(theirs).for_each(|(x, y)| *x = x.max(*y));
        }
        Ok(())
    }

    /// The rows of each shard of this process, counted from its first.
    pub(crate) fn own_rows_by_shard(self) -> impl Iterator<Item = Range<usize>> {
        let (shards, first_row) = (self.shards, self.first_row());
        shards.own().map(move |shard| {
            let rows = shards.rows(shard..shard + 1);
            rows.start - first_row..rows.end - first_row
        })
    }

    /// What there is of all shards or rows, of what this process has of its own.
    ///
    /// # Errors
    /// As [`Ranks::gather_entries`].
    pub(crate) fn of_all<T: Scalar>(&self, own: Vec<T>) -> Result<Vec<T>> {
        match self.ranks {
            None => Ok(own),
            Some(ranks) => ranks.gather_entries(&own),
        }
    }
}
