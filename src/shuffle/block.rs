//! Block shuffling: orders whose reads stay local, for data larger than memory.
//!
//! The rows are cut into blocks of consecutive rows, the last one perhaps shorter. The blocks are permuted
//! uniformly, so many of them in a row make a window, and the rows of a window are permuted uniformly. Only
//! one window of rows is wanted at a time, and it is read in runs as long as a block.
//!
//! The blocks come in the order of a full shuffle of so many rows. Position `p` of the order before the rows of
//! windows are permuted has the key `word(WINDOW[0], p) << 32 | word(WINDOW[1], p)`; the rows of a window are
//! sorted by it.

use std::ops::Range;

use super::permutation::{permute, permute_from};
use super::workspace::{RowBuffers, resize};
use crate::data::RowNumber;
use crate::error::{Error, Result};
use crate::rng::{Stream, WINDOW};

/// Blocks of consecutive rows, and how many of them make a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    rows: usize,
    window: usize,
}

impl Block {
    /// Blocks of `rows` rows, shuffled among each other in windows of `window` blocks.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for zeros.
    pub fn new(rows: usize, window: usize) -> Result<Self> {
        for (argument, value) in [("rows", rows), ("window", window)] {
            if value == 0 {
                return Err(Error::OutOfRange { argument, condition: ">= 1", value: value.to_string() });
            }
        }
        Ok(Self { rows, window })
    }

    /// Writes the rows at `positions` of an epoch; of the windows only those they are in are shuffled.
    pub(super) fn order<R: RowNumber>(
        &self,
        (seed, epoch): (u64, u32),
        n_rows: usize,
        positions: Range<usize>,
        out: &mut [R],
        buffers: &mut RowBuffers<R>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let RowBuffers { sort, permutation, window, places, .. } = buffers;
        permute(seed, epoch, n_rows.div_ceil(self.rows), permutation, sort, interrupted)?;
        let streams = WINDOW.map(|number| Stream::new(seed, epoch, number));
        let rows_of = |block: R| {
            let block = block.row();
            block * self.rows..n_rows.min((block + 1).saturating_mul(self.rows))
        };
        let mut end = 0;
        for blocks in permutation.chunks(self.window) {
            let start = end;
            end += blocks.iter().map(|&block| rows_of(block).len()).sum::<usize>();
            let (from, to) = (start.max(positions.start), end.min(positions.end));
            if from >= to {
                continue;
            }
            resize("a window of rows", window, end - start)?;
            window
                .iter_mut()
                .zip(blocks.iter().flat_map(|&b| rows_of(b)))
                .for_each(|(to, row)| *to = R::of(row));
            permute_from(streams, start, end - start, places, sort, interrupted)?;
            let out = &mut out[from - positions.start..to - positions.start];
            for (row, &place) in out.iter_mut().zip(&places[from - start..]) {
                *row = window[place.row()];
            }
        }
        Ok(())
    }
}
