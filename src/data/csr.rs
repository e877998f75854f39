//! Compressed sparse rows, borrowed without a copy.

use std::ops::Range;

use super::{LinearParams, LinearParamsMut, Tile};
use crate::error::{Error, Result};
use crate::kernel::sparse::{Index, SparseAccumulate, SparseScores};
use crate::kernel::{Prefetch, Tier, prefetch};
use crate::scalar::Scalar;

/// Row pointers or column numbers, in one of the two widths that SciPy makes.
#[derive(Debug, Clone, Copy)]
pub enum Indices<'a> {
    /// Of 32 bits.
    Narrow(&'a [i32]),
    /// Of 64 bits.
    Wide(&'a [i64]),
}

impl Indices<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Indices::Narrow(indices) => indices.len(),
            Indices::Wide(indices) => indices.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    fn get(&self, i: usize) -> i64 {
        match self {
            Indices::Narrow(indices) => i64::from(indices[i]),
            Indices::Wide(indices) => indices[i],
        }
    }
}

/// A borrowed matrix of shape (n, d) in compressed sparse rows: row i has the entries `values[p]` in the
/// columns `indices[p]` for p from `indptr[i]` to `indptr[i + 1]`. Columns of a row may come in any order;
/// entries of the same column add up. The structure is valid and all values are finite.
#[derive(Debug, Clone, Copy)]
pub struct Csr<'a, T> {
    pub(super) values: &'a [T],
    pub(super) indices: Indices<'a>,
    indptr: Indices<'a>,
    n_rows: usize,
    n_columns: usize,
    /// Stored entries of a row, on average and rounded down.
    entries_of_row: usize,
    /// Whether a row has several entries of a column, and is for a model to which they have to be one.
    pub(super) merges: bool,
}

/// Bytes of a tile of rows, which are computed with twice.
const TILE_BYTES: usize = 16 << 10;
/// Rows prefetched: a tile.
const ROWS_AHEAD: usize = 64;
/// What an entry costs, in multiply-adds of dense rows, of which a vector makes many at a time.
const WORK_OF_ENTRY: usize = 8;

impl<'a, T: Scalar> Csr<'a, T> {
    /// Views three arrays as rows.
    ///
    /// # Errors
    /// If there is no row or no column, at the first row pointer or column number that is not valid, or at
    /// the first value that is not finite.
    pub fn new(
        tier: Tier,
        values: &'a [T],
        indices: Indices<'a>,
        indptr: Indices<'a>,
        n_rows: usize,
        n_columns: usize,
    ) -> Result<Self> {
        Self::new_until(tier, values, indices, indptr, (n_rows, n_columns), &|| false)
    }

    /// The same, unless `interrupted` says meanwhile that the work is to end.
    ///
    /// # Errors
    /// As [`Csr::new`], and [`Error::Interrupted`].
    pub fn new_until(
        tier: Tier,
        values: &'a [T],
        indices: Indices<'a>,
        indptr: Indices<'a>,
        (n_rows, n_columns): (usize, usize),
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Self> {
        let shape = || format!("shape ({n_rows}, {n_columns})");
        if n_rows == 0 || n_columns == 0 {
            let expected = "at least one row and one column".into();
            return Err(Error::Shape { argument: "X", expected, got: shape() });
        }
        if indptr.len().checked_sub(1) != Some(n_rows) {
            let expected = format!("{} entries for {}", n_rows.saturating_add(1), shape());
            return Err(Error::Shape { argument: "X.indptr", expected, got: indptr.len().to_string() });
        }
        if indices.len() != values.len() {
            let expected = format!("{} entries, as X.data", values.len());
            return Err(Error::Shape { argument: "X.indices", expected, got: indices.len().to_string() });
        }
        let entries_of_row = indptr.get(n_rows).max(0) as usize / n_rows;
        let csr = Self { values, indices, indptr, n_rows, n_columns, entries_of_row, merges: false };
        csr.check_pointers()?;
        csr.check_columns()?;
        let n_entries = csr.n_entries();
        if let Some(p) = super::find_not_finite(tier, &values[..n_entries], interrupted)? {
            let (row, column) = (csr.row_of(p), indices.get(p) as usize);
            return Err(Error::NotFinite { argument: "X", row, column, value: values[p].to_f64() });
        }
        Ok(csr)
    }

    fn check_pointers(&self) -> Result<()> {
        let wrong = |condition, row, value: i64| {
            Err(Error::InvalidEntry { argument: "X.indptr", condition, row, value: value.to_string() })
        };
        let mut last = self.indptr.get(0);
        if last != 0 {
            return wrong("0", 0, last);
        }
        for row in 1..=self.n_rows {
            let pointer = self.indptr.get(row);
            if pointer < last {
                return wrong("at least the entry before", row, pointer);
            }
            if pointer > self.values.len() as i64 {
                return wrong("at most the length of X.data", row, pointer);
            }
            last = pointer;
        }
        Ok(())
    }

    fn check_columns(&self) -> Result<()> {
        /// Without an early exit, so that the loop is a few vector instructions.
        fn all_below<I: Copy + Into<i64>>(indices: &[I], bound: i64) -> bool {
            indices.iter().fold(true, |all, &i| {
                let i: i64 = i.into();
                all & (i >= 0) & (i < bound)
            })
        }
        let (n_entries, bound) = (self.n_entries(), self.n_columns as i64);
        let is_valid = match self.indices {
            Indices::Narrow(indices) => all_below(&indices[..n_entries], bound),
            Indices::Wide(indices) => all_below(&indices[..n_entries], bound),
        };
        if is_valid {
            return Ok(());
        }
        let is_wrong = |p: &usize| !(0..bound).contains(&self.indices.get(*p));
        let p = (0..n_entries).find(is_wrong).expect("one is out of range");
        Err(Error::InvalidEntry {
            argument: "X.indices",
            condition: "a column of X, >= 0 and less than its number of columns",
            row: self.row_of(p),
            value: self.indices.get(p).to_string(),
        })
    }

    /// The row that has the stored entry `p`.
    fn row_of(&self, p: usize) -> usize {
        (0..self.n_rows).find(|&row| self.entries(row).contains(&p)).unwrap_or(0)
    }

    /// Number of rows, n.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns, d.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Whether entries of a row that are of the same column are to be one, and there are such.
    pub(crate) fn merges_entries(&self) -> bool {
        self.merges
    }

    /// Stored entries of all rows.
    pub fn n_entries(&self) -> usize {
        self.indptr.get(self.n_rows) as usize
    }

    /// Stored entries of a row, on average and rounded down: of these rows, or of all that they are some of.
    pub fn entries_of_row(&self) -> usize {
        self.entries_of_row
    }

    /// These rows as some of many that have so many entries each, on average. How sums are cut follows from that, so
    /// that it is the same for all parts of the data.
    pub fn of_rows_with(self, entries_of_row: usize) -> Self {
        Self { entries_of_row, ..self }
    }

    /// The same with entries of a column to be one as in others, of which these are some.
    pub(super) fn merging_as(self, others: &Csr<'_, T>) -> Self {
        Self { merges: others.merges, ..self }
    }

    /// Stored entries, row by row.
    pub(crate) fn values(&self) -> &'a [T] {
        self.values
    }

    /// Their columns.
    pub(crate) fn indices(&self) -> Indices<'a> {
        self.indices
    }

    /// Where the entries of a row are.
    #[inline(always)]
    pub(crate) fn entries(&self, row: usize) -> Range<usize> {
        self.indptr.get(row) as usize..self.indptr.get(row + 1) as usize
    }

    /// Adds the entries of a row to those of a vector.
    pub(crate) fn add_row_to(&self, row: usize, to: &mut [T]) {
        for p in self.entries(row) {
            to[self.indices.get(p) as usize] += self.values[p];
        }
    }

    /// The columns and values of a row. A column may come twice.
    pub(crate) fn entries_of(&self, row: usize) -> impl Iterator<Item = (usize, T)> {
        self.entries(row).map(|p| (self.indices.get(p) as usize, self.values[p]))
    }

    /// Entries of the same column add up before they are squared.
    pub(super) fn squared_norm(&self, row: usize) -> f64 {
        let entries = self.entries(row);
        let all = entries.clone().map(|p| (self.indices.get(p), self.values[p].to_f64()));
        if entries.clone().skip(1).all(|p| self.indices.get(p - 1) < self.indices.get(p)) {
            return all.map(|(_, x)| x * x).sum();
        }
        let mut sorted: Vec<_> = all.collect();
        sorted.sort_by_key(|&(column, _)| column);
        let columns = sorted.chunk_by(|a, b| a.0 == b.0);
        columns.map(|entries| entries.iter().map(|(_, x)| x).sum::<f64>().powi(2)).sum()
    }

    /// Calls `see` with the columns and values of a row, and returns how many entries are stored. Those of the same column
    /// are one value, their sum; `merged` is space for that.
    #[inline(always)]
    pub(super) fn each_entry(
        &self,
        row: usize,
        merged: &mut Vec<(usize, f64)>,
        mut see: impl FnMut(usize, f64),
    ) -> usize {
        let entries = self.entries(row);
        let of_entry = |p: usize| (self.indices.get(p) as usize, self.values[p].to_f64());
        if entries.clone().skip(1).all(|p| self.indices.get(p - 1) < self.indices.get(p)) {
            entries.clone().map(of_entry).for_each(|(column, x)| see(column, x));
            return entries.len();
        }
        merged.clear();
        merged.extend(entries.clone().map(of_entry));
        merged.sort_by_key(|&(column, _)| column);
        for same in merged.chunk_by(|a, b| a.0 == b.0) {
            see(same[0].0, same.iter().map(|(_, x)| x).sum());
        }
        entries.len()
    }

    pub(super) fn work_of_row(&self) -> usize {
        (self.entries_of_row + 1) * WORK_OF_ENTRY
    }

    pub(crate) fn rows_of_tile(&self) -> usize {
        let row_bytes = (self.entries_of_row + 1) * (size_of::<T>() + size_of::<u32>());
        (TILE_BYTES / row_bytes).next_multiple_of(8).clamp(8, 64)
    }

    pub(super) const PREFETCHES: &'static [Prefetch] =
        &[Prefetch { n_ahead: ROWS_AHEAD, to_second_level: false }];

    /// Prefetches the pointers of a row.
    pub(crate) fn prefetch_pointer(&self, row: usize) {
        match self.indptr {
            Indices::Narrow(indptr) => prefetch(&indptr[row..row + 2]),
            Indices::Wide(indptr) => prefetch(&indptr[row..row + 2]),
        }
    }

    /// Prefetches the entries of a row.
    pub(crate) fn prefetch(&self, row: usize) {
        let entries = self.entries(row);
        prefetch(&self.values[entries.clone()]);
        match self.indices {
            Indices::Narrow(indices) => prefetch(&indices[entries]),
            Indices::Wide(indices) => prefetch(&indices[entries]),
        }
    }

    pub(super) fn scores(&self, tier: Tier, tile: Tile<'_>, w: LinearParams<'_, T>, scores: &mut [T]) {
        let Tile { rows, ahead, .. } = tile;
        ahead.iter().for_each(|&row| self.prefetch(row));
        match self.indices {
            Indices::Narrow(indices) => self.scores_by(indices, tier, rows, w, scores),
            Indices::Wide(indices) => self.scores_by(indices, tier, rows, w, scores),
        }
    }

    fn scores_by<I: Index>(
        &self,
        indices: &[I],
        tier: Tier,
        rows: &[usize],
        w: LinearParams<'_, T>,
        scores: &mut [T],
    ) {
        let mut spans = [const { 0..0 }; 64];
        let rows = self.spans(rows, &mut spans);
        let (values, stride) = (self.values, self.n_columns.next_multiple_of(T::LANES));
        let LinearParams { coef, intercept } = w;
        tier.run(SparseScores { values, indices, rows, coef, stride, intercept, scores });
    }

    pub(super) fn accumulate(
        &self,
        tier: Tier,
        rows: &[usize],
        slopes: &[T],
        gradient: LinearParamsMut<'_, T>,
    ) {
        match self.indices {
            Indices::Narrow(indices) => self.accumulate_by(indices, tier, rows, slopes, gradient),
            Indices::Wide(indices) => self.accumulate_by(indices, tier, rows, slopes, gradient),
        }
    }

    fn accumulate_by<I: Index>(
        &self,
        indices: &[I],
        tier: Tier,
        rows: &[usize],
        slopes: &[T],
        gradient: LinearParamsMut<'_, T>,
    ) {
        let mut spans = [const { 0..0 }; 64];
        let rows = self.spans(rows, &mut spans);
        let (values, stride) = (self.values, self.n_columns.next_multiple_of(T::LANES));
        let LinearParamsMut { coef, intercept } = gradient;
        tier.run(SparseAccumulate { values, indices, rows, slopes, coef, stride, intercept });
    }

    /// Where the entries of the rows of a tile are.
    pub(super) fn spans<'s>(&self, rows: &[usize], spans: &'s mut [Range<usize>; 64]) -> &'s [Range<usize>] {
        for (span, &row) in spans.iter_mut().zip(rows) {
            *span = self.entries(row);
        }
        &spans[..rows.len()]
    }
}
