//! Block shuffling: orders whose reads stay local, for data larger than memory.
//!
//! The rows are cut into blocks of consecutive rows, the last one perhaps shorter. The blocks are permuted
//! uniformly, so many of them in a row make a window, and the rows of a window are permuted uniformly. Only
//! one window of rows is wanted at a time, and it is read in runs as long as a block.
//!
//! The blocks come in the order of a full shuffle of so many rows. The rows of the window that begins at position `p`
//! are permuted alike, by words of the stream `WINDOW` from word `2 p` on.

use std::ops::Range;

use super::permutation::{permutation, permute};
use super::workspace::{RowBuffers, resize};
use crate::data::RowNumber;
use crate::error::{Error, Result};
use crate::rng::{ORDER, Stream, WINDOW};

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
        let RowBuffers { permutation: blocks, window, .. } = buffers;
        resize("the order of blocks", blocks, n_rows.div_ceil(self.rows))?;
        permutation(Stream::new(seed, epoch, ORDER), blocks, interrupted)?;
        let stream = Stream::new(seed, epoch, WINDOW);
        let rows_of = |block: R| {
            let block = block.row();
            block * self.rows..n_rows.min((block + 1).saturating_mul(self.rows))
        };
        let mut end = 0;
        for blocks in blocks.chunks(self.window) {
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
            permute(stream, 2 * start as u64, window, interrupted)?;
            out[from - positions.start..to - positions.start]
                .copy_from_slice(&window[from - start..to - start]);
        }
        Ok(())
    }
}
