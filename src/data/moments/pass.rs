//! `MomentPass`: adds up all columns over all rows, in chunks of rows that depend on the data alone.

use std::ops::Range;

use super::column_sums::{Change, ColumnSums, Totals};
use crate::data::{Csr, Dataset, Dense, GatheredRows, Rows};
use crate::error::{Error, Result, try_collected, try_filled, try_reserved};
use crate::kernel::moments::AddMoments;
use crate::kernel::{Prefetch, Tier};
use crate::pool;
use crate::scalar::Scalar;

/// Rows whose sums are in the type of the data.
const RUN: usize = 64;
/// Entries of a chunk, if there are so many.
const CHUNK_ENTRIES: usize = 1 << 18;
/// Chunks at most. Each has sums for all columns.
const MAX_CHUNKS: usize = 64;
/// Chunks of sparse rows at most, and how many entries there are for each of the columns of a chunk.
const MAX_SPARSE_CHUNKS: usize = 16;
const ENTRIES_OF_SPARSE_COLUMN: usize = 8;
/// Entries between two polls: about a millisecond.
const ENTRIES_BETWEEN_POLLS: usize = 1 << 20;

/// How far moments can be trusted that follow from sums.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trust {
    /// A variance that is less than this part of the square of the distance between mean and shift is what is left of a
    /// difference, and not precise.
    of_distance: f64,
    /// Smaller mean squares are sums of squares that underflowed.
    smallest_square: f64,
}

impl Trust {
    /// The shift is the mean, and the scale that of the entries.
    pub(super) const FULL: Self = Self { of_distance: 0.0, smallest_square: 0.0 };

    fn of<T: Scalar>(of_distance: f64) -> Self {
        Self { of_distance, smallest_square: T::SMALLEST_NORMAL / T::EPSILON }
    }

    /// Whether it reaches so far.
    pub(super) fn reaches(self, square: f64, variance: f64, distance: f64) -> bool {
        square.is_finite()
            && square >= self.smallest_square
            && variance >= self.of_distance * distance * distance
    }
}

/// The sums of the first pass, how it saw the entries of each column, and how far they can be trusted.
pub(super) struct QuickSums {
    pub(super) sums: Vec<ColumnSums>,
    pub(super) changes: Vec<Change>,
    pub(super) trust: Trust,
}

/// A pass over all rows.
pub(super) struct MomentPass<'p, 'a, T> {
    pub(super) data: &'p Dataset<'a, T>,
    pub(super) tier: Tier,
    pub(super) n_threads: usize,
    pub(super) interrupted: &'p (dyn Fn() -> bool + Sync),
    pub(super) totals: Totals,
}

impl<T: Scalar> MomentPass<'_, '_, T> {
    /// The sums of all columns, in the time that reading them takes.
    pub(super) fn quick(&self) -> Result<QuickSums> {
        match self.data.rows {
            Rows::Dense(x) => {
                let shift = self.shift(x)?;
                let mut changes = try_reserved("shifts of columns", x.n_columns())?;
                changes
                    .extend(shift[..x.n_columns()].iter().map(|k| Change { scale: 1.0, shift: k.to_f64() }));
                let scratch = || DenseScratch::new(x.n_columns());
                let work = |scratch: &mut DenseScratch<T>,
                            rows,
                            sums: &mut [ColumnSums],
                            poll: &dyn Fn() -> bool| {
                    scratch.add(self, x, &shift, rows, sums, poll)
                };
                let sums = self.in_chunks(x.n_columns(), scratch, work)?;
                Ok(QuickSums { sums, changes, trust: Trust::of::<T>(1.0 / 16.0) })
            }
            Rows::Csr(x) => {
                let changes = try_filled("shifts of columns", x.n_columns(), Change::NONE)?;
                // The sums are in double, in which a lot can be lost.
                Ok(QuickSums { sums: self.sparse(x, &changes)?, changes, trust: Trust::of::<f64>(1e-6) })
            }
        }
    }

    /// The sums of some columns in double, each seen as its change says.
    ///
    /// # Errors
    /// At an entry of these that is not finite, beside those of all passes.
    pub(super) fn careful(&self, columns: &[usize], changes: &[Change]) -> Result<Vec<ColumnSums>> {
        match self.data.rows {
            Rows::Dense(x) => {
                let work =
                    |_: &mut (), rows: Range<usize>, sums: &mut [ColumnSums], poll: &dyn Fn() -> bool| {
                        let mut polls = Polls::new(poll);
                        for position in rows {
                            polls.after(columns.len())?;
                            let row = self.data.stored_row(position);
                            let weight = self.data.weights.of(row);
                            if weight == 0.0 {
                                continue;
                            }
                            let entries = &x.values()[row * x.n_columns()..][..x.n_columns()];
                            for ((sums, &column), &change) in sums.iter_mut().zip(columns).zip(changes) {
                                let value = entries[column].to_f64();
                                if !value.is_finite() {
                                    return Err(Error::NotFinite { argument: "X", row, column, value });
                                }
                                sums.add(value, weight, change);
                            }
                        }
                        Ok(())
                    };
                self.in_chunks(columns.len(), || Ok(()), work)
            }
            Rows::Csr(x) => {
                let mut of_all = try_filled("shifts of columns", x.n_columns(), Change::NONE)?;
                columns.iter().zip(changes).for_each(|(&column, &change)| of_all[column] = change);
                let sums = self.sparse(x, &of_all)?;
                let mut chosen = try_reserved("moments of columns", columns.len())?;
                chosen.extend(columns.iter().map(|&column| sums[column]));
                Ok(chosen)
            }
        }
    }

    /// The sums of all columns of sparse rows.
    fn sparse(&self, x: Csr<'_, T>, changes: &[Change]) -> Result<Vec<ColumnSums>> {
        let work = |merged: &mut Vec<(usize, f64)>,
                    rows: Range<usize>,
                    sums: &mut [ColumnSums],
                    poll: &dyn Fn() -> bool| {
            let mut polls = Polls::new(poll);
            for position in rows {
                let row = self.data.stored_row(position);
                let weight = self.data.weights.of(row);
                if weight == 0.0 {
                    continue;
                }
                let n_entries = x.each_entry(row, merged, |column, value| {
                    sums[column].add(value, weight, changes[column]);
                });
                polls.after(n_entries + 1)?;
            }
            Ok(())
        };
        self.in_chunks(x.n_columns(), || Ok(Vec::new()), work)
    }

    /// How many chunks there are of so many rows with so many entries.
    fn n_chunks(&self, n_rows: usize, n_stored: usize) -> usize {
        match self.data.rows {
            Rows::Dense(x) => {
                let n_entries = n_rows.saturating_mul(x.n_columns());
                (n_entries / CHUNK_ENTRIES).min(n_rows / (4 * RUN)).clamp(1, MAX_CHUNKS)
            }
            Rows::Csr(x) => {
                let for_each_column = n_stored / x.n_columns() / ENTRIES_OF_SPARSE_COLUMN;
                for_each_column.min(n_stored / CHUNK_ENTRIES).min(n_rows).clamp(1, MAX_SPARSE_CHUNKS)
            }
        }
    }

    /// Has `work` add rows to sums, shard by shard, if there are such, and adds up those of the shards in their order.
    fn in_chunks<S>(
        &self,
        n_columns: usize,
        scratch: impl Fn() -> Result<S> + Sync + Send,
        work: impl Fn(&mut S, Range<usize>, &mut [ColumnSums], &dyn Fn() -> bool) -> Result<()> + Sync + Send,
    ) -> Result<Vec<ColumnSums>> {
        let Some(sharding) = self.data.sharding else {
            let n_stored = if let Rows::Csr(x) = self.data.rows { x.n_entries() } else { 0 };
            return self.in_chunks_of((0..self.data.n_rows(), n_stored), n_columns, &scratch, &work);
        };
        let entries_of_row = if let Rows::Csr(x) = self.data.rows { x.entries_of_row() } else { 0 };
        let mut own = try_reserved("moments of columns", 6 * n_columns * sharding.shards.own().len())?;
        for rows in sharding.own_rows_by_shard() {
            let n_stored = rows.len() * entries_of_row;
            let sums = self.in_chunks_of((rows, n_stored), n_columns, &scratch, &work)?;
            own.extend(sums.iter().flat_map(ColumnSums::numbers));
        }
        let mut all = try_filled("moments of columns", n_columns, ColumnSums::NONE)?;
        for (i, &numbers) in sharding.of_all(own)?.as_chunks::<6>().0.iter().enumerate() {
            all[i % n_columns].merge(&ColumnSums::of_numbers(numbers));
        }
        Ok(all)
    }

    /// Has `work` add rows to sums, chunk by chunk, and adds up those of the chunks in their order.
    fn in_chunks_of<S>(
        &self,
        (of, n_stored): (Range<usize>, usize),
        n_columns: usize,
        scratch: &(impl Fn() -> Result<S> + Sync + Send),
        work: &(impl Fn(&mut S, Range<usize>, &mut [ColumnSums], &dyn Fn() -> bool) -> Result<()> + Sync + Send),
    ) -> Result<Vec<ColumnSums>> {
        let n_rows = of.len();
        let n_chunks = self.n_chunks(n_rows, n_stored);
        let too_large =
            || Error::TooLarge { what: "moments of columns", size: format!("{n_chunks} x {n_columns}") };
        let size = n_chunks.checked_mul(n_columns).ok_or_else(too_large)?;
        let mut sums = try_filled("moments of columns", size, ColumnSums::NONE)?;
        let rows_of_chunk = n_rows.div_ceil(n_chunks).next_multiple_of(RUN);
        let one = |scratch: &mut S, i: usize, sums: &mut [ColumnSums], poll: &dyn Fn() -> bool| {
            let at = |chunk: usize| of.start + (chunk * rows_of_chunk).min(n_rows);
            work(scratch, at(i)..at(i + 1), sums, poll)
        };
        let n_threads = self.n_threads.min(n_chunks);
        pool::each_chunk(n_threads, &mut sums, n_columns, self.interrupted, scratch, one)?;
        let (all, others) = sums.split_at_mut(n_columns);
        for chunk in others.chunks_exact(n_columns) {
            all.iter_mut().zip(chunk).for_each(|(all, sums)| all.merge(sums));
        }
        sums.truncate(n_columns);
        Ok(sums)
    }

    /// Numbers near the means of the columns, padded: what is taken off entries, so that the squares of large ones do not
    /// hide how they differ. Means over a few rows, evenly spread.
    fn shift(&self, x: Dense<'_, T>) -> Result<Vec<T>> {
        const SAMPLE: usize = 64;
        let n_rows = self.data.n_rows();
        let n_sampled = n_rows.min(SAMPLE);
        let mut means = try_filled("shifts of columns", x.n_columns(), 0.0)?;
        // In the middle of each of as many parts; the product would overflow with no less than 2^57 rows.
        let rows = (0..n_sampled).map(|i| (2 * i + 1) * n_rows / (2 * n_sampled));
        let rows = try_collected("rows", rows)?;
        let gathered =
            self.data.among().map(|among| GatheredRows::of(self.data, among, &rows)).transpose()?;
        let of_all = gathered.as_ref().map(|rows| rows.dataset(self.data, self.tier)).transpose()?;
        for (i, &row) in rows.iter().enumerate() {
            let (x, row) = match &of_all {
                Some(Dataset { rows: Rows::Dense(gathered), .. }) => (*gathered, i),
                _ => (x, self.data.stored_row(row)),
            };
            for (mean, entry) in means.iter_mut().zip(&x.values()[row * x.n_columns()..]) {
                *mean += entry.to_f64() / n_sampled as f64;
            }
        }
        let mut shift = try_filled("shifts of columns", x.n_columns().next_multiple_of(T::LANES), T::ZERO)?;
        shift.iter_mut().zip(&means).for_each(|(shift, &mean)| *shift = T::from_f64(mean));
        Ok(shift)
    }
}

/// Asks whether the work is to end, now and then.
struct Polls<'p> {
    interrupted: &'p dyn Fn() -> bool,
    n_entries: usize,
}

impl<'p> Polls<'p> {
    fn new(interrupted: &'p dyn Fn() -> bool) -> Self {
        Self { interrupted, n_entries: 0 }
    }

    /// After so many more entries.
    #[inline(always)]
    fn after(&mut self, n_entries: usize) -> Result<()> {
        self.n_entries += n_entries;
        if self.n_entries < ENTRIES_BETWEEN_POLLS {
            return Ok(());
        }
        self.n_entries = 0;
        if (self.interrupted)() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// The rows of a run, which all count.
struct CountedRows<T> {
    rows: [usize; RUN],
    weights: [T; RUN],
    n: usize,
}

impl<T: Scalar> CountedRows<T> {
    /// The next rows of positive weight among these positions, which are used up.
    fn next(data: &Dataset<'_, T>, positions: &mut Range<usize>) -> Self {
        let mut run = Self { rows: [0; RUN], weights: [T::ONE; RUN], n: 0 };
        while run.n < RUN {
            let Some(position) = positions.next() else { break };
            let row = data.stored_row(position);
            let weight = data.weights.of(row);
            if weight > 0.0 {
                run.rows[run.n] = row;
                run.weights[run.n] = T::from_f64(weight);
                run.n += 1;
            }
        }
        run
    }
}

/// What a thread needs for dense rows. All are padded.
struct DenseScratch<T> {
    run_sums: Vec<T>,
    run_squares: Vec<T>,
    sums: Vec<f64>,
    squares: Vec<f64>,
    smallest: Vec<T>,
    largest: Vec<T>,
}

impl<T: Scalar> DenseScratch<T> {
    fn new(n_columns: usize) -> Result<Self> {
        let n = n_columns.next_multiple_of(T::LANES);
        let numbers = || try_filled("moments of columns", n, T::ZERO);
        let doubles = || try_filled("moments of columns", n, 0.0);
        let (run_sums, run_squares, smallest, largest) = (numbers()?, numbers()?, numbers()?, numbers()?);
        Ok(Self { run_sums, run_squares, sums: doubles()?, squares: doubles()?, smallest, largest })
    }

    /// Adds a chunk of rows to the sums.
    fn add(
        &mut self,
        pass: &MomentPass<'_, '_, T>,
        x: Dense<'_, T>,
        shift: &[T],
        mut positions: Range<usize>,
        sums: &mut [ColumnSums],
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let (data, n_columns) = (pass.data, x.n_columns());
        self.sums.fill(0.0);
        self.squares.fill(0.0);
        self.smallest.fill(T::INFINITY);
        self.largest.fill(-T::INFINITY);
        let (mut n_entries, mut weight) = (0, 0.0);
        let prefetch = pass.data.rows.prefetches(false)[0];
        let is_ahead = prefetch != Prefetch::NONE;
        let mut polls = Polls::new(interrupted);
        let mut run = CountedRows::next(data, &mut positions);
        while run.n > 0 {
            polls.after(run.n * n_columns)?;
            let ahead = CountedRows::next(data, &mut positions);
            let (rows, weights) = (&run.rows[..run.n], &run.weights[..run.n]);
            n_entries += rows.len() as u64;
            weight += weights.iter().map(|s| s.to_f64()).sum::<f64>();
            pass.tier.run(AddMoments {
                values: x.values(),
                n_columns,
                rows,
                ahead: if is_ahead { &ahead.rows[..ahead.n] } else { &[] },
                prefetch,
                weights: if data.weights.are_equal() { &[] } else { weights },
                shift,
                run_sums: &mut self.run_sums,
                run_squares: &mut self.run_squares,
                sums: &mut self.sums,
                squares: &mut self.squares,
                smallest: &mut self.smallest,
                largest: &mut self.largest,
            });
            run = ahead;
        }
        for (column, to) in sums.iter_mut().enumerate() {
            let (sum, squares) = (self.sums[column], self.squares[column]);
            let (smallest, largest) = (self.smallest[column].to_f64(), self.largest[column].to_f64());
            *to = ColumnSums { n_entries, weight, sum, squares, smallest, largest };
        }
        Ok(())
    }
}
