//! Copies of chosen rows, for whoever computes on batches elsewhere.

use crate::error::{Error, Result};
use crate::kernel::prefetch;
use crate::pool;

/// Bytes worth a task of their own.
const TASK_BYTES: usize = 1 << 18;
/// Rows asked of the memory ahead of their copy.
const N_AHEAD: usize = 16;

/// `out[i] = values[rows[i]]` for rows of `width` bytes, whatever they mean.
///
/// # Errors
/// If a row is not there or `out` has not the size of the rows.
pub fn gather_rows(
    values: &[u8],
    width: usize,
    rows: &[usize],
    out: &mut [u8],
    n_threads: usize,
) -> Result<()> {
    if rows.len().checked_mul(width) != Some(out.len()) {
        let expected = format!("{} rows of {width} bytes", rows.len());
        return Err(Error::Shape { argument: "out", expected, got: format!("{} bytes", out.len()) });
    }
    if width == 0 {
        return Ok(());
    }
    let n_rows = values.len() / width;
    if let Some(&row) = rows.iter().find(|&&row| row >= n_rows) {
        let condition = "less than the number of rows";
        return Err(Error::OutOfRange { argument: "rows", condition, value: row.to_string() });
    }
    let row = |r: usize| &values[r * width..][..width];
    let rows_of_task = (TASK_BYTES / width).max(1);
    let copy = |_: &mut (), task: usize, out: &mut [u8]| {
        let rows = &rows[task * rows_of_task..];
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            if let Some(&ahead) = rows.get(i + N_AHEAD) {
                prefetch(row(ahead));
            }
            out.copy_from_slice(row(rows[i]));
        }
    };
    let n_tasks = rows.len().div_ceil(rows_of_task);
    pool::each_chunk(n_threads.min(n_tasks), out, rows_of_task * width, || (), copy);
    Ok(())
}
