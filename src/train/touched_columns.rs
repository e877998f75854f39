//! `TouchedColumns`: the columns of sparse rows in which the steps of some rank have had entries since ranks have met.
//!
//! What belongs to any other column is the same on all ranks, since the steps that it has missed have moved it alike, and
//! is its own mean. So where few columns were touched, these and their values are all that has to be exchanged.

use std::iter::from_fn;
use std::ops::Range;

use super::parameters::Parameters;
use crate::data::{Csr, Rows};
use crate::error::{Result, try_filled};
use crate::gradient::{Evaluator, Layout, Problem};
use crate::ranks::{Gathered, Ranks};
use crate::scalar::Scalar;

/// A bit for each column, and how many rows there were.
pub(super) struct TouchedColumns<'a, T> {
    csr: Csr<'a, T>,
    layout: Layout,
    bits: Vec<u64>,
    /// Of all ranks.
    n_rows: usize,
    gathered: Gathered,
}

impl<'a, T: Scalar> TouchedColumns<'a, T> {
    /// None so far; nothing where steps move all parameters.
    pub(super) fn of(problem: &Problem<'a, T>, params: &Parameters<'a, T>) -> Result<Option<Self>> {
        let Rows::Csr(csr) = problem.data.rows else { return Ok(None) };
        if !params.is_lazy() {
            return Ok(None);
        }
        let layout = problem.layout();
        let bits = try_filled("touched columns", layout.n_columns().div_ceil(64), 0)?;
        Ok(Some(Self { csr, layout, bits, n_rows: 0, gathered: Gathered::default() }))
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        self.bits.fill(0);
        self.n_rows = 0;
    }

    /// Counts the rows of a batch, of which each rank sees its share.
    pub(super) fn count(&mut self, n_rows: usize) {
        self.n_rows = self.n_rows.saturating_add(n_rows);
    }

    /// Sees the rows at some positions.
    pub(super) fn see(&mut self, positions: Range<usize>, evaluator: &mut Evaluator<'_, 'a, T>) {
        for row in evaluator.stored_rows(positions) {
            self.csr.entries_of(row).for_each(|(column, _)| self.bits[column / 64] |= 1 << (column % 64));
        }
    }

    /// Whether an exchange of columns, and of their entries in so many vectors, has fewer bytes than one of the vectors. All
    /// ranks decide alike, before they know the columns of the others: by as many as there can be.
    pub(super) fn are_few(&self, ranks: &Ranks, n_vectors: usize) -> bool {
        let most = self.csr.entries_of_row().saturating_mul(self.n_rows);
        let of_column = self.layout.n_runs() * self.layout.run(0, 0).len();
        let n_few = most.saturating_mul(of_column).saturating_add(self.layout.len() - self.layout.n_coef());
        let bytes = |n_entries: usize| {
            let n_bytes = n_entries.saturating_mul(n_vectors * size_of::<T>());
            match ranks.size().is_power_of_two() {
                true => ranks.bytes_of_sum(n_bytes),
                false => ranks.bytes_of_gathering(n_bytes),
            }
        };
        let of_columns = ranks.bytes_of_gathering(size_of_val(&self.bits[..]));
        bytes(n_few).saturating_add(of_columns) < bytes(self.layout.len())
    }

    /// Makes them those of all ranks.
    pub(super) fn unite(&mut self, ranks: &Ranks) -> Result<()> {
        let own = self.gathered.begin();
        self.bits.iter().for_each(|word| own.extend_from_slice(&word.to_le_bytes()));
        ranks.gather(&mut self.gathered)?;
        for rank in 0..ranks.size() {
            let words = self.gathered.block(rank).chunks_exact(8);
            for (word, theirs) in self.bits.iter_mut().zip(words) {
                *word |= u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| theirs[i]));
            }
        }
        Ok(())
    }

    /// Where in a vector of parameters they lie, and what belongs to no column.
    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let layout = self.layout;
        let of_run = move |run| self.columns().map(move |column| layout.run(run, column));
        let last = layout.n_coef()..layout.len();
        (0..layout.n_runs()).flat_map(of_run).chain([last])
    }

    fn columns(&self) -> impl Iterator<Item = usize> {
        self.bits.iter().enumerate().flat_map(|(i, &word)| {
            let mut left = word;
            from_fn(move || {
                let column = (left != 0).then(|| 64 * i + left.trailing_zeros() as usize);
                left &= left.wrapping_sub(1);
                column
            })
        })
    }
}
