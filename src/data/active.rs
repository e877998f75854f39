//! The rows of one batch on the columns they have entries in: a small matrix of its own.

use std::ops::Range;

use super::csr::{Csr, Indices};
use super::{LinearParams, LinearParamsMut};
use crate::error::{Error, Result, try_filled};
use crate::kernel::sparse::{Index, SparseAccumulate, SparseScores};
use crate::kernel::sparse_matrix::SparseRowList;
use crate::kernel::{Tier, advise_huge_pages, prefetch};
use crate::ranks::Ranks;
use crate::scalar::Scalar;

/// Rows whose row pointers are prefetched.
const POINTERS_AHEAD: usize = 32;
/// Rows whose entries are prefetched.
const ROWS_AHEAD: usize = 16;
/// Rows the marks of whose columns are prefetched, if the marks do not fit the cache.
const MARKS_AHEAD: usize = 4;
const CACHE_BYTES: usize = 256 << 10;

/// When a column of the data was last in a batch.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// The step of the last batch it was in.
    last_update_step: u32,
    /// Its number in that batch.
    local: u32,
}

/// A copy of the rows of a batch. Its columns are the distinct columns of these rows in the order in which
/// they occur first, so that everything computed on it costs what the batch has entries, however many columns
/// the data have.
#[derive(Debug)]
pub struct Active<T> {
    values: Vec<T>,
    indices: Vec<u32>,
    rows: Vec<Range<usize>>,
    /// Rows and stored entries of the batch: of all processes, if each has rows of its own.
    n_rows: usize,
    n_entries: usize,
    columns: Vec<usize>,
    last_update_steps: Vec<u32>,
    marks: Vec<Mark>,
    /// By column of the batch, where it was last seen in a row whose entries are merged.
    places: Vec<usize>,
}

impl<T: Scalar> Active<T> {
    /// An empty batch of data with `n_columns`.
    pub fn new(n_columns: usize) -> Result<Self> {
        let marks = try_filled("marks of columns", n_columns, Mark::default())?;
        advise_huge_pages(&marks);
        Ok(Self {
            values: Vec::new(),
            indices: Vec::new(),
            rows: Vec::new(),
            n_rows: 0,
            n_entries: 0,
            columns: Vec::new(),
            last_update_steps: Vec::new(),
            marks,
            places: Vec::new(),
        })
    }

    /// Copies these rows. `step` is the number of the batch, larger than any before.
    ///
    /// # Errors
    /// If an allocation failed.
    pub fn collect(
        &mut self,
        csr: &Csr<'_, T>,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        step: u32,
    ) -> Result<()> {
        match csr.indices {
            Indices::Narrow(indices) => self.collect_by(indices, csr, rows, step),
            Indices::Wide(indices) => self.collect_by(indices, csr, rows, step),
        }
    }

    #[inline(never)]
    fn collect_by<I: Index>(
        &mut self,
        indices: &[I],
        csr: &Csr<'_, T>,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        step: u32,
    ) -> Result<()> {
        self.rows.clear();
        reserve(&mut self.rows, rows.len())?;
        let mut n_entries = 0;
        let mut ahead = rows.clone();
        ahead.by_ref().take(POINTERS_AHEAD).for_each(|row| csr.prefetch_pointer(row));
        for (i, row) in rows.clone().enumerate() {
            ahead.by_ref().take(1).for_each(|row| csr.prefetch_pointer(row));
            if i < ROWS_AHEAD {
                csr.prefetch(row);
            }
            let n = csr.entries(row).len();
            self.rows.push(n_entries..n_entries + n);
            n_entries += n;
        }
        if n_entries > u32::MAX as usize {
            let size = format!("{n_entries} entries");
            return Err(Error::TooLarge { what: "a batch", size });
        }
        resize(&mut self.values, n_entries)?;
        resize(&mut self.indices, n_entries)?;
        // One more than needed: columns that are not new are written behind the end and overwritten.
        resize(&mut self.columns, n_entries + 1)?;
        resize(&mut self.last_update_steps, n_entries + 1)?;
        let is_large = size_of_val(&*self.marks) > CACHE_BYTES;
        let mut ahead = rows.clone().skip(ROWS_AHEAD);
        let mut marks_ahead = rows.clone().skip(MARKS_AHEAD);
        let mut n_columns = 0;
        for (row, to) in rows.zip(&self.rows) {
            ahead.by_ref().take(1).for_each(|row| csr.prefetch(row));
            if is_large && let Some(row) = marks_ahead.next() {
                for column in &indices[csr.entries(row)] {
                    prefetch(&self.marks[column.at()..][..1]);
                }
            }
            let from = csr.entries(row);
            self.values[to.clone()].copy_from_slice(&csr.values[from.clone()]);
            for (index, column) in self.indices[to.clone()].iter_mut().zip(&indices[from]) {
                let column = column.at();
                let mark = &mut self.marks[column];
                self.columns[n_columns] = column;
                self.last_update_steps[n_columns] = mark.last_update_step;
                let is_new = mark.last_update_step != step;
                let local = if is_new { n_columns as u32 } else { mark.local };
                *mark = Mark { last_update_step: step, local };
                *index = local;
                n_columns += usize::from(is_new);
            }
        }
        self.columns.truncate(n_columns);
        self.last_update_steps.truncate(n_columns);
        if csr.merges {
            self.merge()?;
        }
        (self.n_rows, self.n_entries) = (self.rows.len(), self.values.len());
        Ok(())
    }

    /// Makes one entry of those that a row has in a column: their sum, in the place of the first.
    #[cold]
    fn merge(&mut self) -> Result<()> {
        let Self { values, indices, rows, columns, places, .. } = self;
        resize(places, columns.len())?;
        places.fill(usize::MAX);
        let mut n = 0;
        for row in rows {
            let start = n;
            for from in row.clone() {
                let (x, column) = (values[from], indices[from]);
                let place = &mut places[column as usize];
                if (start..n).contains(place) {
                    values[*place] += x;
                } else {
                    (values[n], indices[n], *place) = (x, column, n);
                    n += 1;
                }
            }
            *row = start..n;
        }
        values.truncate(n);
        indices.truncate(n);
        Ok(())
    }

    /// Makes these the rows of a process in a batch of so many rows of several: with the columns of all of them, in the order in
    /// which they occur first.
    ///
    /// # Errors
    /// As [`Ranks::gather_all`].
    pub fn meet(&mut self, ranks: &Ranks, n_rows: usize, step: u32) -> Result<()> {
        let mut own = Vec::new();
        own.extend_from_slice(&(self.n_entries as u64).to_le_bytes());
        self.columns.iter().for_each(|&column| own.extend_from_slice(&(column as u64).to_le_bytes()));
        let said = ranks.gather_all(&own)?;
        let (mut columns, mut steps, mut places) = (Vec::new(), Vec::new(), Vec::new());
        self.forget();
        self.n_entries = 0;
        for (rank, bytes) in said.iter().enumerate() {
            let (numbers, _) = bytes.as_chunks::<8>();
            let mut numbers = numbers.iter().map(|number| u64::from_le_bytes(*number) as usize);
            self.n_entries += numbers.next().unwrap_or(0);
            for column in numbers {
                let mark = &mut self.marks[column];
                if mark.last_update_step != step {
                    steps.push(mark.last_update_step);
                    *mark = Mark { last_update_step: step, local: columns.len() as u32 };
                    columns.push(column);
                }
                if rank == ranks.rank() {
                    places.push(mark.local);
                }
            }
        }
        self.indices.iter_mut().for_each(|index| *index = places[*index as usize]);
        (self.columns, self.last_update_steps, self.n_rows) = (columns, steps, n_rows);
        Ok(())
    }

    /// Stored entries of the batch.
    pub fn n_entries(&self) -> usize {
        self.n_entries
    }

    /// Rows of the batch.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// The columns of the batch.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The step of the last batch each of them was in, 0 for none.
    pub fn last_update_steps(&self) -> &[u32] {
        &self.last_update_steps
    }

    /// Undoes `collect`: the columns of the batch have their last-update steps of before.
    pub fn forget(&mut self) {
        for (&column, &step) in self.columns.iter().zip(&self.last_update_steps) {
            self.marks[column].last_update_step = step;
        }
    }

    /// The step of the last batch that a column of the data was in, 0 for none.
    pub fn last_update_step(&self, column: usize) -> u32 {
        self.marks[column].last_update_step
    }

    /// Sets the last-update step of every column of the data.
    pub fn set_last_update_steps(&mut self, steps: impl Iterator<Item = u32>) {
        for (mark, step) in self.marks.iter_mut().zip(steps) {
            *mark = Mark { last_update_step: step, local: 0 };
        }
    }

    /// As [`Rows::scores`](super::Rows::scores) for rows of the batch.
    pub fn scores(&self, tier: Tier, rows: Range<usize>, w: LinearParams<'_, T>, scores: &mut [T]) {
        let LinearParams { coef, intercept } = w;
        let (values, indices, rows) = (&*self.values, &*self.indices, &self.rows[rows]);
        let stride = self.columns.len().next_multiple_of(T::LANES);
        tier.run(SparseScores { values, indices, rows, coef, stride, intercept, scores });
    }

    /// The entries of rows of the batch.
    #[inline(always)]
    pub(super) fn row_list(&self, rows: Range<usize>) -> SparseRowList<'_, T, u32> {
        SparseRowList { values: &self.values, indices: &self.indices, rows: &self.rows[rows] }
    }

    /// As [`Rows::accumulate`](super::Rows::accumulate) for rows of the batch.
    pub fn accumulate(&self, tier: Tier, rows: Range<usize>, slopes: &[T], gradient: LinearParamsMut<'_, T>) {
        let LinearParamsMut { coef, intercept } = gradient;
        let (values, indices, rows) = (&*self.values, &*self.indices, &self.rows[rows]);
        let stride = self.columns.len().next_multiple_of(T::LANES);
        tier.run(SparseAccumulate { values, indices, rows, slopes, coef, stride, intercept });
    }
}

/// Room for `n` more, grown as vectors grow; the largest batch decides.
fn reserve<V>(buffer: &mut Vec<V>, n: usize) -> Result<()> {
    let bytes = n.saturating_mul(size_of::<V>());
    buffer.try_reserve(n).map_err(|_| Error::OutOfMemory { what: "the rows of a batch", bytes })
}

fn resize<V: Copy + Default>(buffer: &mut Vec<V>, len: usize) -> Result<()> {
    reserve(buffer, len.saturating_sub(buffer.len()))?;
    buffer.resize(len, V::default());
    Ok(())
}
