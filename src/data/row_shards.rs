//! `RowShards`: rows cut into shards, of each of which every run of positions of an epoch has its share.
//!
//! Of n rows and S shards, shard s has `floor((n + s) / S)` consecutive ones, in order of s. Among the first e positions of
//! an epoch are `floor((e + s) / S)` rows of it: these numbers add up to e (Hermite's identity), and of all positions to n.
//! Within the positions of a step, or of a pass, shards come in order.

use std::ops::Range;

/// Rows in a power of two shards, of which a process has all or some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowShards {
    n_shards: usize,
    n_rows: usize,
    own: (usize, usize),
}

impl RowShards {
    /// So many rows in so many shards, a power of two, all of which are there.
    pub(crate) fn new(n_shards: usize, n_rows: usize) -> Self {
        Self { n_shards, n_rows, own: (0, n_shards) }
    }

    /// The same where a process of several has its equal share of the shards; None if they cannot be shared equally.
    pub fn of_rank(self, rank: usize, size: usize) -> Option<Self> {
        let each = self.n_shards / size;
        let own = (rank * each, (rank + 1) * each);
        self.n_shards.is_multiple_of(size).then_some(Self { own, ..self })
    }

    /// How many shards there are.
    pub fn n_shards(self) -> usize {
        self.n_shards
    }

    /// Rows of all shards, n.
    pub fn n_rows(self) -> usize {
        self.n_rows
    }

    /// The shards that this process has.
    pub fn own(self) -> Range<usize> {
        self.own.0..self.own.1
    }

    /// Rows of all shards before this one among the first so many positions.
    fn start(self, shard: usize, position: usize) -> usize {
        // The number of shards is a power of two: without divisions, of which there would be many for a row.
        let (each, left) = (position >> self.n_shards.trailing_zeros(), position & (self.n_shards - 1));
        shard * each + (shard + left).saturating_sub(self.n_shards)
    }

    /// Rows of a shard among the first so many positions.
    pub fn n_before(self, shard: usize, position: usize) -> usize {
        self.start(shard + 1, position) - self.start(shard, position)
    }

    /// The rows of some shards.
    pub fn rows(self, shards: Range<usize>) -> Range<usize> {
        self.start(shards.start, self.n_rows)..self.start(shards.end, self.n_rows)
    }

    /// The rows that this process has.
    pub fn own_rows(self) -> Range<usize> {
        self.rows(self.own())
    }

    /// Where among the positions of a step or a pass those of some shards are.
    pub fn positions(self, of: &Range<usize>, shards: Range<usize>) -> Range<usize> {
        let at = |shard| of.start + (self.start(shard, of.end) - self.start(shard, of.start));
        at(shards.start)..at(shards.end)
    }

    /// Where the row of a position of a step or a pass is among the rows of this process, shard by shard and each in the order
    /// of the epoch; and how many of the same shard follow there. Of the position of another process it is anywhere.
    pub fn place(self, of: &Range<usize>, position: usize) -> (usize, usize) {
        let mut shards = 0..self.n_shards;
        while shards.len() > 1 {
            let middle = shards.start.midpoint(shards.end);
            let is_below = position < self.positions(of, middle..middle).start;
            shards = if is_below { shards.start..middle } else { middle..shards.end };
        }
        let shard = shards.start;
        let share = self.positions(of, shard..shard + 1);
        let first = self.start(shard, self.n_rows) + self.n_before(shard, of.start);
        let place = (first + (position - share.start)).saturating_sub(self.own_rows().start);
        (place, share.end.saturating_sub(position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_have_all_rows_and_every_run_of_positions_its_share_of_each() {
        for n_shards in [1, 2, 8, 32] {
            for n_rows in [1, 2, 7, 8, 63, 100] {
                let shards = RowShards::new(n_shards, n_rows);
                let lengths = (0..n_shards).map(|s| shards.rows(s..s + 1).len());
                assert!(lengths.eq((0..n_shards).map(|s| (n_rows + s) / n_shards)));
                for start in 0..=n_rows {
                    for end in start..=n_rows {
                        let run = start..end;
                        let mut next = start;
                        for s in 0..n_shards {
                            let share = shards.positions(&run, s..s + 1);
                            assert_eq!(share.start, next);
                            assert!(share.len().abs_diff(run.len() / n_shards) <= 1);
                            next = share.end;
                            for position in share.clone() {
                                let (place, n_left) = shards.place(&run, position);
                                assert!(shards.rows(s..s + 1).contains(&place));
                                assert_eq!(n_left, share.end - position);
                            }
                        }
                        assert_eq!(next, end);
                    }
                }
            }
        }
    }

    #[test]
    fn runs_of_positions_that_follow_each_other_have_every_row_once() {
        let shards = RowShards::new(4, 31);
        let (mut seen, mut start) = (vec![0; 31], 0);
        for n in [5, 1, 0, 9, 16] {
            let run = start..start + n;
            run.clone().for_each(|position| seen[shards.place(&run, position).0] += 1);
            start += n;
        }
        assert!(seen.iter().all(|&n| n == 1));
    }

    #[test]
    fn processes_have_neighbouring_shards() {
        let shards = RowShards::new(8, 30);
        assert!(shards.of_rank(0, 3).is_none() && shards.of_rank(0, 16).is_none());
        let rows: Vec<usize> = (0..4).flat_map(|rank| shards.of_rank(rank, 4).unwrap().own_rows()).collect();
        assert!(rows.into_iter().eq(0..30));
        let second = shards.of_rank(1, 2).unwrap();
        assert_eq!(second.place(&(0..30), second.positions(&(0..30), 4..5).start), (0, 4));
    }
}
