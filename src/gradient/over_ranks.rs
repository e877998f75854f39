//! `SharedSums`: sums of which each process of a run adds up a part, where that pays.
//!
//! A batch is cut into pieces of equally many leaves, a power of two: subtrees of the tree of [`TreeSum`], as the parts of a
//! team are. So the sum has the bits of one process. Whether a sum is shared follows from its size alone, because all ranks
//! must decide alike.

use std::ops::Range;

use super::control_variate::Baseline;
use super::pass::Wanted;
use super::sum::Partial;
use super::work::{Work, exclusive};
use super::{ControlVariate, Evaluator};
use crate::error::Result;
use crate::parallel::LEADER;
use crate::ranks::{Gathered, MOST_BYTES, Numbers, Ranks};
use crate::scalar::Scalar;

/// Multiply-adds that a round of an exchange is worth: some 4 us.
const WORK_OF_ROUND: usize = 1 << 15;
/// The same for a byte: 2 GB a second.
const WORK_OF_BYTE: usize = 4;
/// Pieces of a rank, at most, where the number of ranks is no power of two and more pieces share the rows better.
const MOST_PIECES: usize = 4;

/// The ranks, and room for what they say.
#[derive(Debug)]
pub(super) struct SharedSums<'a, T> {
    pub(super) ranks: &'a Ranks,
    incoming: Vec<T>,
    gathered: Gathered,
}

impl<'a, T> SharedSums<'a, T> {
    pub(super) fn new(ranks: &'a Ranks) -> Self {
        Self { ranks, incoming: Vec::new(), gathered: Gathered::default() }
    }
}

/// How leaves are cut into pieces, which follow one another as the ranks do that have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cut {
    leaves_of_piece: usize,
    /// At most.
    pieces_of_rank: usize,
    n_pieces: usize,
    n_ranks: usize,
}

impl Cut {
    /// The cut of so many leaves for so many ranks, with sums of so many bytes.
    fn of(n_leaves: usize, size: usize, n_bytes: usize) -> Self {
        let cut = |pieces_of_rank| {
            let leaves_of_piece = n_leaves.div_ceil(size * pieces_of_rank).next_power_of_two();
            let n_pieces = n_leaves.div_ceil(leaves_of_piece);
            Self { leaves_of_piece, pieces_of_rank, n_pieces, n_ranks: size }
        };
        if size.is_power_of_two() {
            return cut(1);
        }
        let is_short = |pieces: &usize| *pieces == 1 || size * pieces * n_bytes <= MOST_BYTES;
        let cuts = (0..=MOST_PIECES.ilog2()).map(|i| 1 << i).filter(is_short).map(cut);
        cuts.min_by_key(Self::most_leaves).unwrap_or_else(|| cut(1))
    }

    /// Leaves of the rank that has most.
    fn most_leaves(&self) -> usize {
        self.leaves_of_piece * self.n_pieces.div_ceil(self.n_ranks)
    }

    /// Of a power of two ranks, the pairs of which make the tree, rank r has piece r, if there is one; of others each has as
    /// many as any other, or one more.
    fn pieces_of(&self, rank: usize) -> Range<usize> {
        match self.n_ranks.is_power_of_two() {
            true => rank.min(self.n_pieces)..(rank + 1).min(self.n_pieces),
            false => rank * self.n_pieces / self.n_ranks..(rank + 1) * self.n_pieces / self.n_ranks,
        }
    }

    /// Whether the multiply-adds that a rank saves, of all that there are, are worth the exchange of sums, and of so many bytes
    /// of each rank beside them.
    fn is_worth(
        &self,
        n_leaves: usize,
        work: usize,
        (n_bytes, n_beside): (usize, usize),
        ranks: &Ranks,
    ) -> bool {
        let (size, n_rounds) = (ranks.size(), ranks.n_rounds() as usize);
        let n_moved = match size.is_power_of_two() {
            true => ranks.bytes_of_sum(n_bytes - size_of::<Numbers>()),
            false => ranks.bytes_of_gathering(n_bytes.saturating_mul(self.pieces_of_rank)),
        };
        let of_slopes = if n_beside > 0 { ranks.bytes_of_gathering(n_beside) } else { 0 };
        let n_moved = n_moved.saturating_add(of_slopes);
        let n_rounds = if n_beside > 0 { 2 * n_rounds } else { n_rounds };
        let cost = (n_rounds * WORK_OF_ROUND).saturating_add(n_moved.saturating_mul(WORK_OF_BYTE));
        let saved = work / n_leaves.max(1) * n_leaves.saturating_sub(self.most_leaves());
        saved >= cost
    }
}

/// What of a sum is not a gradient.
fn numbers_of<T>(sum: &Partial<T>) -> Numbers {
    [sum.loss, sum.of_rows[0], sum.of_rows[1]]
}

fn set_numbers<T>(sum: &mut Partial<T>, [loss, first, second]: Numbers) {
    (sum.loss, sum.of_rows) = (loss, [first, second]);
}

impl<'a, T: Scalar> Evaluator<'_, 'a, T> {
    /// The processes that make the same run, if there are several.
    #[inline]
    pub fn ranks(&self) -> Option<&'a Ranks> {
        self.among.as_ref().map(|among| among.ranks)
    }

    /// The processes, if each has rows of its own only.
    #[inline]
    pub fn ranks_with_own_rows(&mut self) -> Option<&'a Ranks> {
        self.team.job().pass.problem.data.among()?.ranks
    }

    /// From now on sums are shared with other processes, which ask for the same ones.
    pub fn set_ranks(&mut self, ranks: Option<&'a Ranks>) {
        self.among = ranks.map(SharedSums::new);
    }

    /// [`Self::sum`] by all ranks: each its part if that pays, or else each all of it.
    #[cold]
    #[inline(never)]
    pub(super) fn sum_among(&mut self, positions: Range<usize>, wanted: Wanted) -> Result<()> {
        let Some(mut among) = self.among.take() else { return self.sum_alone(positions, wanted) };
        let summed = self.sum_with(&mut among, positions, wanted);
        self.among = Some(among);
        summed
    }

    fn sum_with(
        &mut self,
        among: &mut SharedSums<'_, T>,
        positions: Range<usize>,
        wanted: Wanted,
    ) -> Result<()> {
        let Work { pass, .. } = self.team.job();
        let leaves = pass.leaves_of(positions.clone());
        let n_leaves = leaves.n();
        let n_bytes = pass.n_summed(wanted) * size_of::<T>() + size_of::<Numbers>();
        let has_table = matches!(pass.variate, Some(ControlVariate { baseline: Baseline::Table(_), .. }));
        // Of rows of their own, ranks have tables of their own.
        let has_own_rows = pass.problem.data.among().is_some();
        let keeps_slopes = has_table && wanted != Wanted::Value && !has_own_rows;
        let bytes_of_slopes = size_of::<u64>() + pass.model.layout().n_outputs() * size_of::<T>();
        let work = self.team.job().work_of(positions.len());
        let cut = Cut::of(n_leaves, among.ranks.size(), n_bytes);
        let n_beside =
            if keeps_slopes { cut.most_leaves() * leaves.rows_of_leaf() * bytes_of_slopes } else { 0 };
        if !has_own_rows && !cut.is_worth(n_leaves, work, (n_bytes, n_beside), among.ranks) {
            self.sum_alone(positions, wanted)?;
            return among.ranks.count(work);
        }
        let leaves_of = |pieces: Range<usize>| {
            let at = |piece: usize| n_leaves.min(piece * cut.leaves_of_piece);
            at(pieces.start)..at(pieces.end)
        };
        let own_leaves = leaves_of(cut.pieces_of(among.ranks.rank()));
        let rows_of_rank = {
            let leaves = leaves.clone();
            move |rank: usize| leaves.range(leaves_of(cut.pieces_of(rank))).len()
        };
        self.sum_parts(leaves, own_leaves, wanted, cut.leaves_of_piece)?;
        match among.ranks.size().is_power_of_two() {
            true => self.add_subtrees(among, cut, wanted)?,
            false => self.gather_subtrees(among, cut, wanted)?,
        }
        if keeps_slopes {
            self.share_slopes(among, n_beside, rows_of_rank)?;
        }
        self.parallelism.end(self.team.was_helped());
        Ok(())
    }

    /// Tells all ranks the slopes that this one has seen, in blocks of so many bytes, and learns those of the others, each of so
    /// many rows.
    fn share_slopes(
        &mut self,
        among: &mut SharedSums<'_, T>,
        len_of_block: usize,
        n_rows_of: impl Fn(usize) -> usize,
    ) -> Result<()> {
        let Work { pass, workers, .. } = self.team.job();
        let n_outputs = pass.model.layout().n_outputs();
        let block = among.gathered.begin();
        workers.iter_mut().for_each(|worker| exclusive(worker).seen.write_rows(block));
        workers.iter_mut().for_each(|worker| exclusive(worker).seen.write_slopes(block));
        block.resize(len_of_block, 0);
        among.ranks.gather(&mut among.gathered)?;
        let seen = &mut exclusive(&mut workers[LEADER]).seen;
        for rank in (0..among.ranks.size()).filter(|&rank| rank != among.ranks.rank()) {
            seen.read(among.gathered.block(rank), n_rows_of(rank), n_outputs)?;
        }
        Ok(())
    }

    /// Adds up the parts of one of this rank's pieces, in `total`. Of a piece without rows the sum is zero.
    fn add_piece(&mut self, piece: usize, cut: Cut, wanted: Wanted) -> Result<()> {
        let Work { pass, .. } = self.team.job();
        let (n_own, n_summed) = (pass.own_leaves.len(), pass.n_summed(wanted));
        let n_parts = n_own.div_ceil(pass.leaves_of_part);
        let parts_of_piece = cut.leaves_of_piece / pass.leaves_of_part;
        let parts = (piece * parts_of_piece).min(n_parts)..((piece + 1) * parts_of_piece).min(n_parts);
        self.total.reserve(n_summed, parts.len())?;
        self.total.reset();
        match parts.is_empty() {
            true => self.total.push(|_| ()),
            false => self.add_parts(parts, n_summed),
        }
        Ok(())
    }

    fn add_subtrees(&mut self, among: &mut SharedSums<'_, T>, cut: Cut, wanted: Wanted) -> Result<()> {
        self.add_piece(0, cut, wanted)?;
        let tier = self.team.job().pass.tier;
        let sum = self.total.finish();
        let mut numbers = numbers_of(sum);
        among.ranks.sum(tier, cut.n_pieces, (&mut numbers, &mut sum.gradient), &mut among.incoming)?;
        set_numbers(sum, numbers);
        Ok(())
    }

    fn gather_subtrees(&mut self, among: &mut SharedSums<'_, T>, cut: Cut, wanted: Wanted) -> Result<()> {
        among.gathered.begin();
        for piece in 0..cut.pieces_of_rank {
            self.add_piece(piece, cut, wanted)?;
            let sum = self.total.finish();
            among.gathered.append(&numbers_of(sum), &sum.gradient);
        }
        among.ranks.gather(&mut among.gathered)?;
        let n_summed = self.team.job().pass.n_summed(wanted);
        self.total.reserve(n_summed, cut.n_pieces)?;
        self.total.reset();
        for rank in 0..among.ranks.size() {
            for i in 0..cut.pieces_of(rank).len() {
                self.total.push_written(|sum| {
                    let numbers = among.gathered.read(rank, i, &mut sum.gradient);
                    set_numbers(sum, numbers);
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_has_one_owner() {
        for size in 1..20 {
            for n_leaves in 1..200 {
                let cut = Cut::of(n_leaves, size, 100);
                assert!(cut.leaves_of_piece.is_power_of_two());
                let owned: Vec<usize> = (0..size).flat_map(|rank| cut.pieces_of(rank)).collect();
                assert_eq!(owned, (0..cut.n_pieces).collect::<Vec<_>>(), "{size} {n_leaves} {cut:?}");
            }
        }
    }

    #[test]
    fn ranks_share_leaves_as_evenly_as_powers_of_two_allow() {
        assert_eq!(Cut::of(96, 3, 100).most_leaves(), 32);
        assert_eq!(Cut::of(64, 3, 100).most_leaves(), 24); // three pieces of 8, of eight in all
        assert_eq!(Cut::of(64, 4, 100).most_leaves(), 16);
    }
}
