//! `Shards`: a vector of which several threads change a shard each.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// A vector that is cut into shards. Each is lent once.
#[derive(Debug)]
pub struct Shards<T> {
    /// Not touched until it is given back.
    values: Vec<T>,
    start: *mut T,
    /// Where each shard ends and the next begins: they do not decrease, and none is past the end of the vector.
    ends: Vec<usize>,
    is_lent: Vec<AtomicBool>,
}

// SAFETY: what is shared is `lend`, which gives each part of the vector to a single caller.
unsafe impl<T: Send> Sync for Shards<T> {}
// SAFETY: `start` points into `values`, which is sent along.
unsafe impl<T: Send> Send for Shards<T> {}

impl<T> Shards<T> {
    /// Takes a vector, to be cut into shards of equal length, but for the last, which may be shorter.
    ///
    /// # Panics
    /// If shards have no entry.
    pub fn of(values: Vec<T>, len_of_shard: usize) -> Self {
        let n = values.len();
        Self::cut(values, (1..=n.div_ceil(len_of_shard)).map(|i| n.min(i * len_of_shard)).collect())
    }

    /// Takes a vector, to be cut where its shards are to end.
    ///
    /// # Panics
    /// If a shard would end before it begins, or past the end of the vector.
    pub fn cut(mut values: Vec<T>, ends: Vec<usize>) -> Self {
        assert!(ends.is_sorted() && ends.last().is_none_or(|&end| end <= values.len()), "{ends:?}");
        let start = values.as_mut_ptr();
        let is_lent = ends.iter().map(|_| AtomicBool::new(false)).collect();
        Self { values, start, ends, is_lent }
    }

    /// The entries that a shard has.
    pub fn range(&self, shard: usize) -> Range<usize> {
        let first = if shard == 0 { 0 } else { self.ends[shard - 1] };
        first..self.ends[shard]
    }

    /// Lends a shard.
    ///
    /// # Panics
    /// If it is lent already, or not there.
    #[expect(clippy::mut_from_ref, reason = "every shard is lent once")]
    pub fn lend(&self, shard: usize) -> &mut [T] {
        assert!(!self.is_lent[shard].swap(true, Ordering::AcqRel), "shard {shard} is lent already");
        let range = self.range(shard);
        // SAFETY: the range lies in the vector, whose entries nobody touches but the borrowers of shards; no two shards
        // overlap, and this one was not lent before. The borrow ends before the vector is given back, which takes `self`.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Gives the vector back.
    pub fn into_inner(self) -> Vec<T> {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_change_a_shard_each() {
        for (n, len) in [(0, 1), (1, 1), (10, 3), (12, 4), (5, 100)] {
            let shards = Shards::of((0..n).collect::<Vec<usize>>(), len);
            std::thread::scope(|scope| {
                for shard in 0..n.div_ceil(len) {
                    let shards = &shards;
                    scope.spawn(move || shards.lend(shard).iter_mut().for_each(|x| *x += 1));
                }
            });
            assert_eq!(shards.into_inner(), (1..=n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shards_are_cut_where_they_are_to_end() {
        let shards = Shards::cut((0..7).collect::<Vec<usize>>(), vec![0, 3, 3, 6]);
        let lent: Vec<_> = (0..4).map(|shard| shards.lend(shard).to_vec()).collect();
        assert_eq!(lent, [vec![], vec![0, 1, 2], vec![], vec![3, 4, 5]]);
        assert!(std::panic::catch_unwind(|| Shards::cut(vec![1, 2], vec![2, 1])).is_err());
        assert!(std::panic::catch_unwind(|| Shards::cut(vec![1, 2], vec![3])).is_err());
    }

    #[test]
    #[should_panic = "lent already"]
    fn a_shard_is_lent_once() {
        let shards = Shards::of(vec![1, 2], 1);
        shards.lend(1);
        shards.lend(1);
    }
}
