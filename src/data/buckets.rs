//! `Buckets`: the entries of some rows by ranges of columns.

use std::ops::Range;

use super::csr::{Csr, Indices};
use crate::error::{Error, Result};
use crate::kernel::factorization_machine::BucketEntry;
use crate::kernel::sparse::Index;
use crate::scalar::Scalar;

/// Rows whose row pointers are prefetched.
const POINTERS_AHEAD: usize = 32;
/// Rows whose entries are prefetched.
const ROWS_AHEAD: usize = 16;

/// A copy of the entries of rows, in buckets of neighbouring columns. In a bucket they are in the order of the rows, and of
/// their entries.
#[derive(Debug, Default)]
pub struct Buckets<T> {
    entries: Vec<BucketEntry<T>>,
    /// Where the buckets begin, and the last ends.
    starts: Vec<u32>,
    spans: Vec<Range<usize>>,
}

impl<T: Scalar> Buckets<T> {
    /// Puts the entries of these rows into as many buckets, those of column j into bucket `j >> shift`. `see` is shown the
    /// columns on the way.
    ///
    /// # Errors
    /// If an allocation failed, or there are too many entries to be counted in 32 bits.
    pub fn collect(
        &mut self,
        csr: &Csr<'_, T>,
        rows: &[usize],
        (n_buckets, shift): (usize, u32),
        see: impl Fn(usize),
    ) -> Result<()> {
        match csr.indices {
            Indices::Narrow(indices) => self.collect_by(indices, csr, rows, (n_buckets, shift), see),
            Indices::Wide(indices) => self.collect_by(indices, csr, rows, (n_buckets, shift), see),
        }
    }

    #[inline(never)]
    fn collect_by<I: Index>(
        &mut self,
        indices: &[I],
        csr: &Csr<'_, T>,
        rows: &[usize],
        (n_buckets, shift): (usize, u32),
        see: impl Fn(usize),
    ) -> Result<()> {
        let Self { entries, starts, spans } = self;
        resize(spans, rows.len(), 0..0)?;
        resize(starts, n_buckets + 1, 0)?;
        let counts = &mut starts[1..];
        counts.fill(0);
        rows.iter().take(POINTERS_AHEAD).for_each(|&row| csr.prefetch_pointer(row));
        let mut n_entries = 0;
        for (i, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(i + POINTERS_AHEAD) {
                csr.prefetch_pointer(ahead);
            }
            if i < ROWS_AHEAD {
                csr.prefetch(row);
            }
            spans[i] = csr.entries(row);
            n_entries += spans[i].len();
        }
        if n_entries > u32::MAX as usize {
            return Err(Error::TooLarge { what: "a batch", size: format!("{n_entries} entries") });
        }
        resize(entries, n_entries, BucketEntry::default())?;
        for (i, span) in spans.iter().enumerate() {
            if let Some(&ahead) = rows.get(i + ROWS_AHEAD) {
                csr.prefetch(ahead);
            }
            for column in &indices[span.clone()] {
                counts[column.at() >> shift] += 1;
            }
        }
        let mut n = 0;
        for count in counts.iter_mut() {
            n += std::mem::replace(count, n);
        }
        // Where a bucket begins moves on to where it ends: where the next begins.
        for (row, span) in spans.iter().enumerate() {
            for (column, &x) in indices[span.clone()].iter().zip(&csr.values[span.clone()]) {
                let column = column.at();
                see(column);
                let at = &mut counts[column >> shift];
                entries[*at as usize] = BucketEntry { column: column as u32, row: row as u32, x };
                *at += 1;
            }
        }
        Ok(())
    }

    /// How many entries there are.
    pub fn n_entries(&self) -> usize {
        self.entries.len()
    }

    /// How many entries these buckets have.
    pub fn n_entries_of(&self, buckets: Range<usize>) -> usize {
        (self.starts[buckets.end] - self.starts[buckets.start]) as usize
    }

    /// The entries of a bucket.
    #[inline(always)]
    pub fn bucket(&self, bucket: usize) -> &[BucketEntry<T>] {
        &self.entries[self.starts[bucket] as usize..self.starts[bucket + 1] as usize]
    }
}

fn resize<V: Clone>(buffer: &mut Vec<V>, len: usize, value: V) -> Result<()> {
    let n_more = len.saturating_sub(buffer.len());
    let bytes = n_more.saturating_mul(size_of::<V>());
    buffer.try_reserve(n_more).map_err(|_| Error::OutOfMemory { what: "the rows of a batch", bytes })?;
    buffer.resize(len, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Tier;

    #[test]
    fn entries_keep_their_order_within_a_bucket() {
        let (values, indices) = ([1.0, 2.0, 3.0, 4.0, 5.0], [7, 0, 3, 6, 0]);
        let indptr = [0, 2, 2, 5];
        let indices = Indices::Narrow(&indices);
        let csr = Csr::new(Tier::best(), &values, indices, Indices::Narrow(&indptr), 3, 8).unwrap();
        let mut buckets = Buckets::<f64>::default();
        for _ in 0..2 {
            buckets.collect(&csr, &[2, 1, 0], (4, 1), |_| {}).unwrap();
            assert_eq!(buckets.n_entries(), 5);
            let of = |bucket: usize| {
                let entries = buckets.bucket(bucket).iter();
                entries.map(|entry| (entry.column, entry.row, entry.x)).collect::<Vec<_>>()
            };
            assert_eq!(of(0), [(0, 0, 5.0), (0, 2, 2.0)]);
            assert_eq!(of(1), [(3, 0, 3.0)]);
            assert_eq!(of(2), []);
            assert_eq!(of(3), [(6, 0, 4.0), (7, 2, 1.0)]);
        }
    }
}
