//! The buffers in which orders are made.

use crate::error::{Result, try_reserved};

/// The buffers in which the order of an epoch is made. Kept from epoch to epoch, they are allocated once.
#[derive(Debug, Default)]
pub struct Workspace {
    /// For at most 2^32 rows.
    pub(super) narrow: RowBuffers<u32>,
    /// For any number of rows.
    pub(super) wide: RowBuffers<usize>,
}

/// The buffers for rows numbered by `R`.
#[derive(Debug, Default)]
pub(super) struct RowBuffers<R> {
    /// A permutation made on the way to the order: of blocks, or of rows.
    pub(super) permutation: Vec<R>,
    /// The rows of a window of blocks.
    pub(super) window: Vec<R>,
    /// A permutation of the batches.
    pub(super) batches: Vec<R>,
    /// Where the next row of every stratum, and of every batch, goes.
    pub(super) next: Vec<usize>,
    /// Waiting times, as integers that sort as they do, and their rows.
    pub(super) times: Vec<(u64, R)>,
}

/// Gives the buffer `len` items of any content.
pub(super) fn resize<T: Clone + Default>(what: &'static str, buffer: &mut Vec<T>, len: usize) -> Result<()> {
    if buffer.capacity() < len {
        *buffer = Vec::new(); // Freed first, or both would have to fit the memory.
        *buffer = try_reserved(what, len)?;
    }
    buffer.resize(len, T::default());
    Ok(())
}
