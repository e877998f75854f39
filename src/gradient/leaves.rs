//! `Leaves`: how the positions of a pass are cut into leaves.

use std::ops::Range;

use crate::data::RowShards;

/// Leaves of a pass, in order of their positions.
///
/// Of rows in shards every shard has equally many leaves, a power of two, of its share of the positions. So each shard, and
/// each run of shards that is a power of two, is a subtree of the sum, and what has to be added up for it is known to who has
/// its rows. The last leaves of a share may be short or empty, which adds zeros.
#[derive(Debug, Clone)]
pub(super) struct Leaves {
    positions: Range<usize>,
    rows_of_leaf: usize,
    shards: Option<RowShards>,
    /// Of a share.
    n_of_share: usize,
}

impl Leaves {
    /// Leaves of at most so many rows.
    pub(super) fn of(positions: Range<usize>, most_rows: usize, shards: Option<RowShards>) -> Self {
        let Some(of) = shards else {
            return Self { positions, rows_of_leaf: most_rows, shards, n_of_share: 0 };
        };
        let largest = positions.len().div_ceil(of.n_shards());
        let n_of_share = largest.div_ceil(most_rows).next_power_of_two();
        Self { positions, rows_of_leaf: largest.div_ceil(n_of_share), shards, n_of_share }
    }

    /// The positions of all leaves.
    pub(super) fn positions(&self) -> &Range<usize> {
        &self.positions
    }

    /// Rows of a leaf, at most.
    pub(super) fn rows_of_leaf(&self) -> usize {
        self.rows_of_leaf
    }

    /// How many there are.
    pub(super) fn n(&self) -> usize {
        match self.shards {
            None => self.positions.len().div_ceil(self.rows_of_leaf),
            Some(shards) => shards.n_shards() * self.n_of_share,
        }
    }

    /// Where a leaf begins, or the last one ends.
    fn start(&self, leaf: usize) -> usize {
        match self.shards {
            None => self.positions.end.min(self.positions.start + leaf * self.rows_of_leaf),
            Some(shards) => {
                let shard = leaf / self.n_of_share;
                let end = if shard < shards.n_shards() { shard + 1 } else { shard };
                let share = shards.positions(&self.positions, shard..end);
                share.end.min(share.start + leaf % self.n_of_share * self.rows_of_leaf)
            }
        }
    }

    /// The positions of some leaves.
    pub(super) fn range(&self, leaves: Range<usize>) -> Range<usize> {
        self.start(leaves.start)..self.start(leaves.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_have_every_position_once_and_of_shards_none_has_two() {
        for n_shards in [None, Some(1), Some(2), Some(8)] {
            for n_rows in [1, 5, 8, 64, 65, 700, 1025] {
                let shards = n_shards.map(|n| RowShards::new(n, 1025));
                for start in [0, 3] {
                    let positions = start..1025.min(start + n_rows);
                    let leaves = Leaves::of(positions.clone(), 64, shards);
                    let of_leaf = |leaf| leaves.range(leaf..leaf + 1);
                    assert!((0..leaves.n()).flat_map(of_leaf).eq(positions.clone()));
                    assert!((0..leaves.n()).all(|leaf| of_leaf(leaf).len() <= leaves.rows_of_leaf()));
                    assert!(leaves.rows_of_leaf() <= 64);
                    let Some(shards) = shards else { continue };
                    let n_of_share = leaves.n() / shards.n_shards();
                    assert!(n_of_share.is_power_of_two());
                    for shard in 0..shards.n_shards() {
                        let of_shard = leaves.range(shard * n_of_share..(shard + 1) * n_of_share);
                        assert_eq!(of_shard, shards.positions(&positions, shard..shard + 1));
                    }
                }
            }
        }
    }
}
