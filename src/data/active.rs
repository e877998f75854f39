//! The rows of one batch on the columns they have entries in: a small matrix of its own.

use std::ops::Range;

use super::csr::{Csr, Indices};
use super::{Linear, LinearMut};
use crate::error::{Error, Result, try_filled};
use crate::kernel::Tier;
use crate::kernel::sparse::{Index, SparseAccumulate, SparseScores};
use crate::scalar::Scalar;

/// Rows whose entries are asked of the memory ahead of their copy.
const ROWS_AHEAD: usize = 8;

/// What is known of a column of the data.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    /// The tick of the last batch it was in.
    tick: u32,
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
    columns: Vec<usize>,
    last_ticks: Vec<u32>,
    marks: Vec<Mark>,
}

impl<T: Scalar> Active<T> {
    /// Nothing yet of data with `n_columns`.
    pub fn new(n_columns: usize) -> Result<Self> {
        let marks = try_filled("marks of columns", n_columns, Mark::default())?;
        Ok(Self {
            values: Vec::new(),
            indices: Vec::new(),
            rows: Vec::new(),
            columns: Vec::new(),
            last_ticks: Vec::new(),
            marks,
        })
    }

    /// Takes these rows. `tick` numbers the batch; it is larger than any before.
    ///
    /// # Errors
    /// If a buffer cannot be had.
    pub fn collect(
        &mut self,
        csr: &Csr<'_, T>,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        tick: u32,
    ) -> Result<()> {
        match csr.indices {
            Indices::Narrow(indices) => self.collect_by(indices, csr, rows, tick),
            Indices::Wide(indices) => self.collect_by(indices, csr, rows, tick),
        }
    }

    fn collect_by<I: Index>(
        &mut self,
        indices: &[I],
        csr: &Csr<'_, T>,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        tick: u32,
    ) -> Result<()> {
        self.values.clear();
        self.indices.clear();
        self.rows.clear();
        self.columns.clear();
        self.last_ticks.clear();
        reserve(&mut self.rows, rows.len())?;
        let mut ahead = rows.clone().skip(ROWS_AHEAD);
        for row in rows {
            if let Some(row) = ahead.next() {
                csr.prefetch(row);
            }
            let entries = csr.entries(row);
            let start = self.values.len();
            for buffer in [&mut self.indices, &mut self.last_ticks] {
                reserve(buffer, entries.len())?;
            }
            reserve(&mut self.values, entries.len())?;
            reserve(&mut self.columns, entries.len())?;
            self.values.extend_from_slice(&csr.values[entries.clone()]);
            for column in &indices[entries] {
                let column = column.at();
                let mark = &mut self.marks[column];
                if mark.tick != tick {
                    self.last_ticks.push(mark.tick);
                    *mark = Mark { tick, local: self.columns.len() as u32 };
                    self.columns.push(column);
                }
                self.indices.push(mark.local);
            }
            self.rows.push(start..self.values.len());
        }
        if self.values.len() > u32::MAX as usize {
            let size = format!("{} entries", self.values.len());
            return Err(Error::TooLarge { what: "a batch", size });
        }
        Ok(())
    }

    /// Stored entries of the batch.
    pub fn n_entries(&self) -> usize {
        self.values.len()
    }

    /// Rows of the batch.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// The columns of the batch.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The tick of the last batch each of them was in, 0 for none.
    pub fn last_ticks(&self) -> &[u32] {
        &self.last_ticks
    }

    /// The tick of the last batch a column of the data was in, 0 for none.
    pub fn last_tick(&self, column: usize) -> u32 {
        self.marks[column].tick
    }

    /// Says of every column of the data in which batch it was last.
    pub fn set_last_ticks(&mut self, ticks: impl Iterator<Item = u32>) {
        for (mark, tick) in self.marks.iter_mut().zip(ticks) {
            *mark = Mark { tick, local: 0 };
        }
    }

    /// As [`Rows::scores`](super::Rows::scores) for rows of the batch.
    pub fn scores(&self, tier: Tier, rows: Range<usize>, w: Linear<'_, T>, scores: &mut [T]) {
        let Linear { coef, intercept } = w;
        let (values, indices, rows) = (&*self.values, &*self.indices, &self.rows[rows]);
        let stride = self.columns.len().next_multiple_of(T::LANES);
        tier.run(SparseScores { values, indices, rows, coef, stride, intercept, scores });
    }

    /// As [`Rows::accumulate`](super::Rows::accumulate) for rows of the batch.
    pub fn accumulate(&self, tier: Tier, rows: Range<usize>, slopes: &[T], gradient: LinearMut<'_, T>) {
        let LinearMut { coef, intercept } = gradient;
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
