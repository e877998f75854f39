//! Block shuffling: orders whose reads stay local, for data larger than memory.
//!
//! The rows are cut into blocks of consecutive rows: all of one length, the last one perhaps shorter, or of lengths that are
//! given, as those of the chunks of a source. The blocks are permuted uniformly, so many of them in a row make a window,
//! and the rows of a window are permuted uniformly. Only one window of rows is wanted at a time, and it is read in runs as
//! long as a block.
//!
//! The blocks come in the order of a full shuffle of so many rows. The rows of the window that begins at position `p`
//! are permuted alike, by words of the stream `WINDOW` from word `2 p` on.

use std::ops::Range;
use std::sync::Arc;

use super::permutation::{permutation, permute};
use super::workspace::{RowBuffers, resize};
use crate::data::RowNumber;
use crate::error::{Error, Result, try_filled, try_reserved};
use crate::rng::{ORDER, Stream, WINDOW};

/// Blocks of consecutive rows, and how many of them make a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    lengths: BlockLengths,
    window: usize,
}

/// How the rows are cut into blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum BlockLengths {
    /// All of so many rows, the last one of what is left.
    Equal(usize),
    /// Where each begins, and where the last one ends.
    Given(Arc<[usize]>),
}

impl Block {
    /// Blocks of `rows` rows, shuffled among each other in windows of `window` blocks.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for zeros.
    pub fn new(rows: usize, window: usize) -> Result<Self> {
        at_least_one("rows", rows)?;
        at_least_one("window", window)?;
        Ok(Self { lengths: BlockLengths::Equal(rows), window })
    }

    /// Blocks of these numbers of rows, one after the other, shuffled among each other in windows of `window` blocks.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] for zeros, and if there are no blocks or more rows than can be counted.
    pub fn of_lengths(lengths: &[usize], window: usize) -> Result<Self> {
        at_least_one("rows", lengths.len())?;
        at_least_one("window", window)?;
        let mut bounds = try_reserved("the blocks of rows", lengths.len() + 1)?;
        let mut end = 0_usize;
        bounds.push(end);
        for &length in lengths {
            at_least_one("rows", length)?;
            end = end.checked_add(length).ok_or_else(|| Error::TooLarge {
                what: "the number of rows of all blocks",
                size: format!("{end} + {length}"),
            })?;
            bounds.push(end);
        }
        Ok(Self { lengths: BlockLengths::Given(bounds.into()), window })
    }

    /// How many rows the blocks have together, if their lengths are given.
    pub(super) fn n_rows(&self) -> Option<usize> {
        match &self.lengths {
            BlockLengths::Equal(_) => None,
            BlockLengths::Given(bounds) => bounds.last().copied(),
        }
    }

    fn n_blocks(&self, n_rows: usize) -> usize {
        match &self.lengths {
            BlockLengths::Equal(rows) => n_rows.div_ceil(*rows),
            BlockLengths::Given(bounds) => bounds.len() - 1,
        }
    }

    fn rows_of(&self, block: usize, n_rows: usize) -> Range<usize> {
        match &self.lengths {
            BlockLengths::Equal(rows) => block * rows..n_rows.min((block + 1).saturating_mul(*rows)),
            BlockLengths::Given(bounds) => bounds[block]..bounds[block + 1],
        }
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
        resize("the order of blocks", blocks, self.n_blocks(n_rows))?;
        permutation(Stream::new(seed, epoch, ORDER), blocks, interrupted)?;
        let stream = Stream::new(seed, epoch, WINDOW);
        let rows_of = |block: R| self.rows_of(block.row(), n_rows);
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

    /// The blocks in their order of an epoch, of which every `window` in a row make a window.
    pub(super) fn blocks(
        &self,
        (seed, epoch): (u64, u32),
        n_rows: usize,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Vec<usize>> {
        let mut blocks = try_filled("the order of blocks", self.n_blocks(n_rows), 0)?;
        permutation(Stream::new(seed, epoch, ORDER), &mut blocks, interrupted)?;
        Ok(blocks)
    }
}

fn at_least_one(argument: &'static str, value: usize) -> Result<()> {
    match value {
        0 => Err(Error::OutOfRange { argument, condition: ">= 1", value: "0".into() }),
        _ => Ok(()),
    }
}
