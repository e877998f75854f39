//! The order of an epoch: an exactly uniform permutation, the rows sorted by random keys.
//!
//! Row `i` has the 64-bit key `word(ORDER, i) << 32 | word(TIES, i)`, see [`rng`](crate::rng); the order is
//! the rows sorted by `(key, i)`. It is uniform but for ties of whole keys, whose probability is below
//! `n^2 / 2^65`. Unlike a Fisher-Yates shuffle it touches memory in order, can be specified in one line
//! (`np.argsort(keys, kind="stable")`), and the key of a row depends on nothing but its address.

use super::bucket_sort::{BucketBuffers, Keys, sort_rows};
use crate::data::RowNumber;
use crate::error::Result;
use crate::rng::{ORDER, Stream, TIES};

/// The buffers in which rows are sorted, and how many threads do it. Kept from epoch to epoch, the buffers are
/// allocated once.
#[derive(Debug, Default)]
pub(super) struct SortBuffers {
    narrow: BucketBuffers<u64>,
    wide: BucketBuffers<u128>,
    /// Threads to use at most, the calling one among them; 0 is as good as 1. The order does not depend on it.
    pub(super) n_threads: usize,
}

/// Makes `order` the order of an epoch of `n_rows` rows.
///
/// # Errors
/// [`Error::OutOfMemory`], and [`Error::Interrupted`] soon after `interrupted` says so.
pub(super) fn permute<R: RowNumber>(
    seed: u64,
    epoch: u32,
    n_rows: usize,
    order: &mut Vec<R>,
    workspace: &mut SortBuffers,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let streams = [ORDER, TIES].map(|number| Stream::new(seed, epoch, number));
    permute_from(streams, 0, n_rows, order, workspace, interrupted)
}

/// Makes `order` the permutation of `n_items` items whose keys are those from `first` on of two streams, high
/// halves and low halves.
pub(super) fn permute_from<R: RowNumber>(
    [high, low]: [Stream; 2],
    first: usize,
    n_items: usize,
    order: &mut Vec<R>,
    workspace: &mut SortBuffers,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let keys = KeysFrom { first, keys: PhiloxKeys { high, low } };
    if n_items as u64 <= 1 << 32 {
        sort_rows(&keys, n_items, order, &mut workspace.narrow, workspace.n_threads, interrupted)
    } else {
        sort_rows(&keys, n_items, order, &mut workspace.wide, workspace.n_threads, interrupted)
    }
}

/// The words of two streams.
pub(super) struct PhiloxKeys {
    pub(super) high: Stream,
    pub(super) low: Stream,
}

impl Keys for PhiloxKeys {
    #[inline(always)]
    fn high_words(&self, first: usize, words: &mut [u32]) {
        self.high.words(first as u64, words);
    }
    fn low_word(&self, row: usize) -> u32 {
        self.low.word(row as u64)
    }
}

/// Keys with those before `first` left out.
struct KeysFrom<K> {
    first: usize,
    keys: K,
}

impl<K: Keys> Keys for KeysFrom<K> {
    #[inline(always)]
    fn high_words(&self, first: usize, words: &mut [u32]) {
        self.keys.high_words(self.first + first, words);
    }
    fn low_word(&self, row: usize) -> u32 {
        self.keys.low_word(self.first + row)
    }
}
