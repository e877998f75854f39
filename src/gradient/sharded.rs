//! Work on the entries of long vectors, which the workers of a team share: a shard of each vector for each of them.
//!
//! What is done to an entry must not depend on other entries, so that shards change no bits.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Evaluator;
use super::sum::merges;
use super::work::{Work, exclusive};
use crate::kernel::{Add, Shards};
use crate::scalar::Scalar;

/// Vectors of fewer entries are not worth a meeting of the workers.
const FEWEST_ENTRIES: usize = 1 << 14;
/// Vectors that are worked on together, at most.
const MOST_VECTORS: usize = 8;

/// What is done to a shard: of its first entry and the shard of each vector. Returns whether all is well.
type OnShard<T> = Box<dyn Fn(usize, &mut [&mut [T]]) -> bool + Send + Sync>;

/// Vectors of the same length, and what is done to them.
pub(super) struct Sharded<T> {
    vectors: Vec<Shards<T>>,
    on_shard: OnShard<T>,
    is_well: AtomicBool,
}

impl<T> std::fmt::Debug for Sharded<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sharded").field("n_vectors", &self.vectors.len()).finish_non_exhaustive()
    }
}

impl<T> Sharded<T> {
    /// Does one shard.
    pub(super) fn part(&self, shard: usize) {
        let mut lent: [&mut [T]; MOST_VECTORS] = Default::default();
        for (lent, vector) in lent.iter_mut().zip(&self.vectors) {
            *lent = vector.lend(shard);
        }
        let first = self.vectors[0].range(shard).start;
        if !(self.on_shard)(first, &mut lent[..self.vectors.len()]) {
            self.is_well.store(false, Ordering::Relaxed);
        }
    }
}

impl<T: Scalar> Evaluator<'_, '_, T> {
    /// Whether workers would share work on vectors of so many entries: where they have shared the last sum.
    pub fn shares(&self, n_entries: usize) -> bool {
        self.has_shared && n_entries >= FEWEST_ENTRIES
    }

    /// Adds up the sums of some parts of a pass, over so many entries.
    pub(super) fn add_parts(&mut self, parts: Range<usize>, n_summed: usize) {
        if parts.len() <= MOST_VECTORS && self.shares(n_summed) {
            return self.add_parts_in_shards(parts);
        }
        for part in &mut self.team.job().parts[parts] {
            self.total.push_sum(exclusive(part));
        }
    }

    fn add_parts_in_shards(&mut self, of: Range<usize>) {
        let tier = self.team.job().pass.tier;
        let merges = merges(of.len());
        let parts = &mut self.team.job().parts[of.clone()];
        let mut sums: Vec<_> =
            parts.iter_mut().map(|part| std::mem::take(exclusive(part).finish())).collect();
        for &(into, from) in &merges {
            let (left, right) = sums.split_at_mut(from);
            left[into].add_numbers(&right[0]);
        }
        let add = move |_: usize, shards: &mut [&mut [T]]| {
            for &(into, from) in &merges {
                let (left, right) = shards.split_at_mut(from);
                tier.run(Add { y: &mut *left[into], x: &*right[0] });
            }
            true
        };
        self.in_shards(&mut sums.iter_mut().map(|sum| &mut sum.gradient).collect::<Vec<_>>(), Box::new(add));
        let parts = &mut self.team.job().parts[of];
        parts.iter_mut().zip(sums).for_each(|(part, sum)| *exclusive(part).finish() = sum);
        self.total.push_sum(exclusive(&mut parts[0]));
    }

    /// Does something to the entries of some vectors, of the same length, with all workers. Returns whether all is well
    /// with every shard.
    pub fn in_shards(&mut self, vectors: &mut [&mut Vec<T>], on_shard: OnShard<T>) -> bool {
        let n_workers = self.team.n_workers();
        let n = vectors.first().map_or(0, |vector| vector.len());
        let len_of_shard = n.div_ceil(n_workers).next_multiple_of(T::LANES).max(1);
        let shards = vectors.iter_mut().map(|vector| Shards::of(std::mem::take(*vector), len_of_shard));
        let sharded = Sharded { vectors: shards.collect(), on_shard, is_well: AtomicBool::new(true) };
        self.team.job().sharded = Some(sharded);
        self.team.run(n.div_ceil(len_of_shard));
        let Work { sharded, .. } = self.team.job();
        let Some(Sharded { vectors: shards, mut is_well, .. }) = sharded.take() else { return true };
        vectors.iter_mut().zip(shards).for_each(|(vector, shards)| **vector = shards.into_inner());
        *is_well.get_mut()
    }
}
