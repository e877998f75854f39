//! The order of an epoch: an exactly uniform permutation, made by sorting random keys.
//!
//! Row `i` has the 64-bit key `word(ORDER, i) << 32 | word(TIES, i)`, see [`rng`](super::rng); the order is
//! the rows sorted by `(key, i)`. It is uniform but for ties of whole keys, whose probability is below
//! `n^2 / 2^65`. Unlike a Fisher-Yates shuffle it touches memory in order, can be specified in one line
//! (`np.argsort(keys, kind="stable")`), and the key of a row depends on nothing but its address.
//!
//! Uniform keys are sorted by distribution alone, in linear time:
//! 1. by their top bits into buckets that fit the first cache,
//! 2. a bucket by its next bits into slots of half a key on average,
//! 3. by insertion, which moves a key only within its slot,
//! 4. the few runs of equal high words by their low words.

use super::rng::{ORDER, Stream, TIES};
use crate::error::{Error, Result, try_reserved};

/// Mean number of keys of a bucket, at most: with its slots it fits a 32 KiB cache.
const MAX_BUCKET_MEAN: usize = 2048;
/// Slots of a bucket per key: more of them cost counting, fewer cost insertion.
const SLOTS_PER_KEY: usize = 2;
/// Words generated at a time.
const CHUNK: usize = 1024;
/// Rows between two looks at the interrupt: some milliseconds.
pub(super) const ROWS_UNINTERRUPTED: usize = 1 << 18;

/// A high word and its row in one integer that sorts by `(word, row)`.
trait Entry: Copy + Ord + Default {
    fn pack(word: u32, row: usize) -> Self;
    fn word(self) -> u32;
    fn row(self) -> usize;
}

/// For up to 2^32 rows.
impl Entry for u64 {
    #[inline(always)]
    fn pack(word: u32, row: usize) -> Self {
        u64::from(word) << 32 | row as u64
    }
    #[inline(always)]
    fn word(self) -> u32 {
        (self >> 32) as u32
    }
    #[inline(always)]
    fn row(self) -> usize {
        self as u32 as usize
    }
}

/// For any number of rows.
impl Entry for u128 {
    #[inline(always)]
    fn pack(word: u32, row: usize) -> Self {
        u128::from(word) << 64 | row as u128
    }
    #[inline(always)]
    fn word(self) -> u32 {
        (self >> 64) as u32
    }
    #[inline(always)]
    fn row(self) -> usize {
        self as u64 as usize
    }
}

/// The buffers in which an order is made. Kept from epoch to epoch, they are allocated once.
#[derive(Debug, Default)]
pub struct Workspace {
    narrow: Buffers<u64>,
    wide: Buffers<u128>,
}

#[derive(Debug, Default)]
struct Buffers<E> {
    /// Buckets of equal capacity, one after the other.
    buckets: Vec<E>,
    /// How many entries each bucket holds.
    n_entries: Vec<usize>,
    /// One bucket, sorted.
    sorted: Vec<E>,
    /// For each slot of one bucket its end in `sorted`.
    slot_ends: Vec<u32>,
}

/// Makes `order` the order of an epoch of `n_rows` rows.
///
/// # Errors
/// [`Error::OutOfMemory`], and [`Error::Interrupted`] soon after `interrupted` says so.
pub(super) fn permute(
    seed: u64,
    epoch: u32,
    n_rows: usize,
    order: &mut Vec<usize>,
    workspace: &mut Workspace,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let keys = PhiloxKeys { high: Stream::new(seed, epoch, ORDER), low: Stream::new(seed, epoch, TIES) };
    if n_rows as u64 <= 1 << 32 {
        sort_rows(&keys, n_rows, order, &mut workspace.narrow, interrupted)
    } else {
        sort_rows(&keys, n_rows, order, &mut workspace.wide, interrupted)
    }
}

/// The keys by which rows are sorted.
trait Keys {
    /// The high words of rows `first..first + words.len()`.
    fn high_words(&self, first: usize, words: &mut [u32]);
    /// The low word of one row.
    fn low_word(&self, row: usize) -> u32;
}

struct PhiloxKeys {
    high: Stream,
    low: Stream,
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

fn sort_rows<E: Entry>(
    keys: &impl Keys,
    n_rows: usize,
    order: &mut Vec<usize>,
    buffers: &mut Buffers<E>,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let split = Split::of(n_rows);
    resize("the order of an epoch", order, n_rows)?;
    resize("the buckets of a shuffle", &mut buffers.buckets, split.n_buckets() * split.capacity)?;
    resize("the buckets of a shuffle", &mut buffers.n_entries, split.n_buckets())?;
    resize("the buckets of a shuffle", &mut buffers.sorted, split.capacity)?;
    resize("the buckets of a shuffle", &mut buffers.slot_ends, split.n_slots())?;
    let Buffers { buckets, n_entries, sorted, slot_ends } = buffers;

    if !fill_buckets(keys, n_rows, &split, buckets, n_entries, interrupted)? {
        return sort_rows_by_comparison::<E>(keys, n_rows, order);
    }
    let mut rest = order.as_mut_slice();
    let mut n_since_look = 0;
    for (bucket, &len) in buckets.chunks_exact(split.capacity).zip(n_entries.iter()) {
        let rows = rest.split_off_mut(..len).expect("the buckets hold n_rows entries in all");
        let sorted = &mut sorted[..len];
        sort_bucket(&bucket[..len], &split, sorted, slot_ends);
        if write_rows(sorted, rows) {
            order_ties(keys, sorted);
            write_rows(sorted, rows);
        }
        n_since_look += len;
        if n_since_look >= ROWS_UNINTERRUPTED {
            n_since_look = 0;
            look(interrupted)?;
        }
    }
    Ok(())
}

/// How the bits of a high word select a bucket and a slot in it.
struct Split {
    bucket_bits: u32,
    slot_bits: u32,
    capacity: usize,
}

impl Split {
    fn of(n_rows: usize) -> Self {
        let bucket_bits = n_rows.div_ceil(MAX_BUCKET_MEAN).next_power_of_two().ilog2().min(32);
        let mean = (n_rows >> bucket_bits) + 1;
        let slot_bits = (SLOTS_PER_KEY * mean).next_power_of_two().ilog2().min(32 - bucket_bits);
        // The number of entries of a bucket has at most the deviation sqrt(mean). With one bucket there
        // is nothing random about it.
        let slack = if bucket_bits == 0 { 0 } else { 8 * (mean.isqrt() + 1) };
        Self { bucket_bits, slot_bits, capacity: mean + slack }
    }

    fn n_buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    fn n_slots(&self) -> usize {
        1 << self.slot_bits
    }

    #[inline(always)]
    fn bucket(&self, word: u32) -> usize {
        (u64::from(word) >> (32 - self.bucket_bits)) as usize
    }

    #[inline(always)]
    fn slot(&self, word: u32) -> usize {
        (u64::from(word) >> (32 - self.bucket_bits - self.slot_bits)) as usize & (self.n_slots() - 1)
    }
}

/// Distributes the rows over the buckets; false if one is full, which happens about once in 10^14 times.
fn fill_buckets<E: Entry>(
    keys: &impl Keys,
    n_rows: usize,
    split: &Split,
    buckets: &mut [E],
    n_entries: &mut [usize],
    interrupted: &dyn Fn() -> bool,
) -> Result<bool> {
    n_entries.fill(0);
    let mut words = [0; CHUNK];
    for first in (0..n_rows).step_by(CHUNK) {
        if first % ROWS_UNINTERRUPTED == 0 {
            look(interrupted)?;
        }
        let words = &mut words[..CHUNK.min(n_rows - first)];
        keys.high_words(first, words);
        for (i, &word) in words.iter().enumerate() {
            let bucket = split.bucket(word);
            let len = &mut n_entries[bucket];
            if *len == split.capacity {
                return Ok(false);
            }
            buckets[bucket * split.capacity + *len] = E::pack(word, first + i);
            *len += 1;
        }
    }
    Ok(true)
}

/// Writes the entries of a bucket to `sorted`, in order.
fn sort_bucket<E: Entry>(entries: &[E], split: &Split, sorted: &mut [E], slot_ends: &mut [u32]) {
    slot_ends.fill(0);
    for entry in entries {
        slot_ends[split.slot(entry.word())] += 1;
    }
    let mut start = 0;
    for end in slot_ends.iter_mut() {
        start += std::mem::replace(end, start);
    }
    for &entry in entries {
        let end = &mut slot_ends[split.slot(entry.word())];
        sorted[*end as usize] = entry;
        *end += 1;
    }
    for i in 1..sorted.len() {
        let entry = sorted[i];
        let mut hole = i;
        while hole > 0 && sorted[hole - 1] > entry {
            sorted[hole] = sorted[hole - 1];
            hole -= 1;
        }
        sorted[hole] = entry;
    }
}

/// Copies the rows of `sorted`; true if two high words are equal.
fn write_rows<E: Entry>(sorted: &[E], rows: &mut [usize]) -> bool {
    let mut tied = false;
    let mut previous = None;
    for (row, entry) in rows.iter_mut().zip(sorted) {
        *row = entry.row();
        tied |= previous == Some(entry.word());
        previous = Some(entry.word());
    }
    tied
}

/// Sorts the runs of equal high words by their low words, then by row.
fn order_ties<E: Entry>(keys: &impl Keys, sorted: &mut [E]) {
    for run in sorted.chunk_by_mut(|a, b| a.word() == b.word()) {
        if run.len() > 1 {
            run.sort_unstable_by_key(|entry| (keys.low_word(entry.row()), *entry));
        }
    }
}

/// The same order for keys that are not spread evenly.
fn sort_rows_by_comparison<E: Entry>(keys: &impl Keys, n_rows: usize, order: &mut [usize]) -> Result<()> {
    let mut entries: Vec<E> = try_reserved("the keys of a shuffle", n_rows)?;
    let mut words = [0; CHUNK];
    for first in (0..n_rows).step_by(CHUNK) {
        let words = &mut words[..CHUNK.min(n_rows - first)];
        keys.high_words(first, words);
        entries.extend(words.iter().enumerate().map(|(i, &word)| E::pack(word, first + i)));
    }
    entries.sort_unstable();
    if write_rows(&entries, order) {
        order_ties(keys, &mut entries);
        write_rows(&entries, order);
    }
    Ok(())
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

/// [`Error::Interrupted`] if the caller wants the work to end.
pub(super) fn look(interrupted: &dyn Fn() -> bool) -> Result<()> {
    if interrupted() { Err(Error::Interrupted) } else { Ok(()) }
}
