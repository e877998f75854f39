//! Which rows the positions of a pass have, and which are to be prefetched meanwhile.

use std::ops::Range;

use super::pass::Pass;
use super::scratch::Own;
use crate::data::RowShards;
use crate::kernel::Prefetch;
use crate::scalar::Scalar;

impl<T: Scalar> Pass<'_, T> {
    /// The positions that a worker does before all others, now and in the next pass: its neighbour's rows would be
    /// prefetched in vain, and taken from the neighbour.
    pub(super) fn own(&self, worker: usize, leaf: usize) -> Own {
        let Range { start, end } = self.own_leaves;
        let own =
            start + worker * self.leaves_of_worker..end.min(start + (worker + 1) * self.leaves_of_worker);
        let in_next_pass = |position| self.positions.end + (position - self.positions.start);
        match own.contains(&leaf) {
            true => {
                let own = self.leaves.range(own);
                Own { end: own.end, next: in_next_pass(own.start) }
            }
            false => Own { end: self.own_positions.end, next: in_next_pass(self.own_positions.start) }, // it helps another out
        }
    }

    /// Copies the stored rows at positions `from..from + out.len()`.
    #[inline(always)]
    pub(super) fn rows_at(&self, from: usize, out: &mut [usize]) {
        match self.shards {
            None => self.order.copy_to(from, out),
            Some(shards) => self.sharded_rows_at(shards, from, out),
        }
        self.problem.data.to_stored_rows(out);
    }

    /// The same of an order of rows in shards, at positions of this pass or the next one. Of the rows of other processes, which
    /// are not to be read, it copies some that are there.
    fn sharded_rows_at(&self, shards: RowShards, from: usize, out: &mut [usize]) {
        let (n_own, next) = (shards.own_rows().len(), self.positions.end);
        let next_pass = next..shards.n_rows().min(next + self.positions.len());
        let (mut position, mut left) = (from, out);
        while !left.is_empty() && n_own > 0 {
            let of = if position < next { &self.positions } else { &next_pass };
            let (place, n) = shards.place(of, position);
            let (to, rest) = left.split_at_mut(n.clamp(1, left.len()).min(n_own));
            self.order.copy_to(place.min(n_own - to.len()), to);
            (position, left) = (position + to.len(), rest);
        }
    }

    /// The stored rows at positions of a pass to come, of those whose rows this process has.
    pub(super) fn stored_rows(
        &self,
        positions: Range<usize>,
    ) -> impl ExactSizeIterator<Item = usize> + Clone {
        let own = self.shards.map_or(positions.clone(), |shards| shards.positions(&positions, shards.own()));
        own.map(move |position| {
            let place = self.shards.map_or(position, |shards| shards.place(&positions, position).0);
            self.problem.data.stored_row(self.order.row(place))
        })
    }

    /// Writes the rows to prefetch while those from `position` on are read. Returns how many.
    #[inline(always)]
    pub(super) fn rows_ahead(&self, position: usize, own: Own, ahead: &mut [usize]) -> usize {
        if self.prefetch == Prefetch::NONE {
            return 0;
        }
        let n_listed = || self.order.n_listed().unwrap_or(self.problem.data.n_rows());
        let n_positions = self.shards.map_or_else(n_listed, RowShards::n_rows);
        let first = position + self.prefetch.n_ahead;
        let n_own = ahead.len().min(own.end.saturating_sub(first));
        let first_after = if first < own.end { own.next } else { own.next + (first - own.end) };
        let n_after = (ahead.len() - n_own).min(n_positions.saturating_sub(first_after));
        self.rows_at(first.min(n_positions), &mut ahead[..n_own]);
        self.rows_at(first_after.min(n_positions), &mut ahead[n_own..n_own + n_after]);
        n_own + n_after
    }
}
