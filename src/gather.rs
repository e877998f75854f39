//! Copies of selected rows, for training loops outside of the core.

use std::ops::Range;

use crate::error::{Error, Result, try_filled, try_reserved};
use crate::kernel::prefetch;
use crate::pool;

/// Bytes copied by one task.
const TASK_BYTES: usize = 1 << 18;
/// Rows prefetched before they are copied.
const N_AHEAD: usize = 16;

/// The first `n` of the selected rows of a matrix, one after the other. A row is `width` bytes of any type. Of those
/// behind, which another call may be about, the next are prefetched.
///
/// # Errors
/// [`Error::OutOfRange`] if a row does not exist; [`Error::TooLarge`] or [`Error::OutOfMemory`] if the result
/// does not fit in memory; [`Error::Interrupted`].
pub fn gathered_rows(
    values: &[u8],
    width: usize,
    rows: &[usize],
    n: usize,
    n_threads: usize,
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<u8>> {
    let n_rows = values.len().checked_div(width).unwrap_or(usize::MAX);
    let wanted = &rows[..n];
    check(wanted, n_rows)?;
    let n_bytes = n
        .checked_mul(width)
        .ok_or_else(|| Error::TooLarge { what: "a batch of rows", size: format!("{n} x {width} bytes") })?;
    if n_threads > 1 && n_bytes >= 4 * TASK_BYTES {
        let mut out = try_filled("a batch of rows", n_bytes, 0)?;
        gather_rows(values, width, wanted, &mut out, n_threads, interrupted)?;
        return Ok(out);
    }
    let mut out = try_reserved("a batch of rows", n_bytes)?;
    let n_at_once = (4 * TASK_BYTES / width.max(1)).max(1);
    for start in (0..n).step_by(n_at_once) {
        if interrupted() {
            return Err(Error::Interrupted);
        }
        let (rows, n) = (&rows[start..], n_at_once.min(n - start));
        match width {
            0 => {}
            1 => extend_by::<1>(values, rows, n, &mut out),
            2 => extend_by::<2>(values, rows, n, &mut out),
            4 => extend_by::<4>(values, rows, n, &mut out),
            8 => extend_by::<8>(values, rows, n, &mut out),
            16 => extend_by::<16>(values, rows, n, &mut out),
            _ => {
                for (i, &row) in rows[..n].iter().enumerate() {
                    if let Some(&ahead) = rows.get(i + N_AHEAD).filter(|&&ahead| ahead < n_rows) {
                        prefetch(&values[ahead * width..][..width]);
                    }
                    out.extend_from_slice(&values[row * width..][..width]);
                }
            }
        }
    }
    Ok(out)
}

/// Appends rows of a width known at compile time, each copied through a register.
fn extend_by<const WIDTH: usize>(values: &[u8], rows: &[usize], n: usize, out: &mut Vec<u8>) {
    let values = values.as_chunks::<WIDTH>().0;
    for (i, &row) in rows[..n].iter().enumerate() {
        if let Some(ahead) = rows.get(i + N_AHEAD).and_then(|&ahead| values.get(ahead)) {
            prefetch(ahead);
        }
        out.extend_from_slice(&values[row]);
    }
}

/// `out[i] = values[rows[i]]` for rows of `width` bytes of any type.
///
/// # Errors
/// If a row does not exist, `out` does not have the size of the selected rows, or the work was interrupted.
pub fn gather_rows(
    values: &[u8],
    width: usize,
    rows: &[usize],
    out: &mut [u8],
    n_threads: usize,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    if rows.len().checked_mul(width) != Some(out.len()) {
        let expected = format!("{} rows of {width} bytes", rows.len());
        return Err(Error::Shape { argument: "out", expected, got: format!("{} bytes", out.len()) });
    }
    if width == 0 {
        return Ok(());
    }
    check(rows, values.len() / width)?;
    let row = |r: usize| &values[r * width..][..width];
    let rows_of_task = (TASK_BYTES / width).max(1);
    let copy = |_: &mut (), task: usize, out: &mut [u8], _: &dyn Fn() -> bool| {
        let rows = &rows[task * rows_of_task..];
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            if let Some(&ahead) = rows.get(i + N_AHEAD) {
                prefetch(row(ahead));
            }
            out.copy_from_slice(row(rows[i]));
        }
        Ok(())
    };
    let n_tasks = rows.len().div_ceil(rows_of_task);
    pool::each_chunk(n_threads.min(n_tasks), out, rows_of_task * width, interrupted, || Ok(()), copy)
}

fn check(rows: &[usize], n_rows: usize) -> Result<()> {
    match rows.iter().find(|&&row| row >= n_rows) {
        None => Ok(()),
        Some(row) => {
            let condition = "less than the number of rows";
            Err(Error::OutOfRange { argument: "rows", condition, value: row.to_string() })
        }
    }
}

/// A matrix of compressed sparse rows in native byte order: row `i` has the entries
/// `indptr[i]..indptr[i + 1]` of `indices` and of `data`.
#[derive(Debug, Clone, Copy)]
pub struct Compressed<'a> {
    /// One more entry than rows.
    pub indptr: &'a [u8],
    /// Column indices, of the same type as `indptr`.
    pub indices: &'a [u8],
    /// Bytes of an entry of `indptr` and of `indices`: 4 or 8.
    pub index_width: usize,
    /// Values.
    pub data: &'a [u8],
    /// Bytes of a value.
    pub data_width: usize,
}

impl Compressed<'_> {
    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        (self.indptr.len() / self.index_width).saturating_sub(1)
    }

    /// Bytes of a row, on average.
    pub fn bytes_of_row(&self) -> usize {
        (self.indices.len() + self.data.len()) / self.n_rows().max(1) + self.index_width
    }

    /// The selected rows, as `[indptr, indices, data]`.
    ///
    /// # Errors
    /// If a row does not exist, if its entries are out of range, if there are more of them than the type of
    /// `indptr` can count, or if an allocation failed.
    pub fn gathered(&self, rows: &[usize]) -> Result<[Vec<u8>; 3]> {
        check(rows, self.n_rows())?;
        let mut indptr = try_reserved("the rows of a batch", (rows.len() + 1) * self.index_width)?;
        let mut n_entries = 0_usize;
        self.push_index(0, &mut indptr)?;
        for &row in rows {
            n_entries = n_entries.saturating_add(self.entries_of(row)?.len());
            self.push_index(n_entries, &mut indptr)?;
        }
        let mut indices = try_reserved("the columns of a batch", n_entries * self.index_width)?;
        let mut data = try_reserved("the values of a batch", n_entries.saturating_mul(self.data_width))?;
        for (i, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(i + N_AHEAD) {
                let Range { start, end } = self.entries_of(ahead)?;
                prefetch(&self.indices[start * self.index_width..end * self.index_width]);
                prefetch(&self.data[start * self.data_width..end * self.data_width]);
            }
            let Range { start, end } = self.entries_of(row)?;
            indices.extend_from_slice(&self.indices[start * self.index_width..end * self.index_width]);
            data.extend_from_slice(&self.data[start * self.data_width..end * self.data_width]);
        }
        Ok([indptr, indices, data])
    }

    /// The range of the entries of a row, checked to be within the matrix.
    fn entries_of(&self, row: usize) -> Result<Range<usize>> {
        let n_entries = (self.indices.len() / self.index_width)
            .min(self.data.len().checked_div(self.data_width).unwrap_or(usize::MAX));
        let (start, end) = (self.index(row), self.index(row + 1));
        match (usize::try_from(start), usize::try_from(end)) {
            (Ok(start), Ok(end)) if start <= end && end <= n_entries => Ok(start..end),
            _ => Err(Error::InvalidEntry {
                argument: "indptr",
                condition: "rising and at most the number of entries",
                row,
                value: format!("{start} to {end}, of {n_entries} entries"),
            }),
        }
    }

    fn index(&self, i: usize) -> i64 {
        match self.index_width {
            4 => i32::from_ne_bytes(self.indptr.as_chunks().0[i]).into(),
            _ => i64::from_ne_bytes(self.indptr.as_chunks().0[i]),
        }
    }

    fn push_index(&self, index: usize, to: &mut Vec<u8>) -> Result<()> {
        let too_large = |_| Error::TooLarge {
            what: "the number of entries of a batch",
            size: format!("{index}, with indices of {} bytes", self.index_width),
        };
        match self.index_width {
            4 => to.extend_from_slice(&i32::try_from(index).map_err(too_large)?.to_ne_bytes()),
            _ => to.extend_from_slice(&i64::try_from(index).map_err(too_large)?.to_ne_bytes()),
        }
        Ok(())
    }
}
