//! A sort by evenly distributed 64-bit keys, in linear time.
//!
//! Uniform words are sorted in linear time:
//! 1. by their top bits into buckets that fit the first cache,
//! 2. each bucket by the next two digits, low digit first,
//! 3. the few entries still out of order by insertion,
//! 4. the few runs of equal high words by their low words, which are computed for these alone.

use std::thread;

use super::poll::{ROWS_BETWEEN_POLLS, poll};
use super::workspace::resize;
use crate::data::RowNumber;
use crate::error::{Result, try_reserved};

/// Rows of a bucket, at most and on average: two buckets and their counts fit a cache of 32 KiB.
const MAX_BUCKET_MEAN: usize = 1024;
/// Bits of a digit by which a bucket is sorted. Two digits leave next to nothing to the insertion sort.
const DIGIT_BITS: u32 = 8;
const N_DIGITS: usize = 1 << DIGIT_BITS;
/// Words generated at a time.
const CHUNK: usize = 1024;
const BUCKETS_BETWEEN_POLLS: usize = ROWS_BETWEEN_POLLS / MAX_BUCKET_MEAN;
/// Buckets that take longer to sort than a thread to start.
const BUCKETS_WORTH_A_THREAD: usize = 64;

/// A high word and its row in one integer that sorts by `(word, row)`.
pub(super) trait Entry: Copy + Ord + Default + Send + Sync {
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

#[derive(Debug, Default)]
pub(super) struct BucketBuffers<E> {
    /// Buckets of equal capacity, one after the other.
    buckets: Vec<E>,
    /// Where in `buckets` the entries of each bucket end.
    ends: Vec<usize>,
    /// Room for one bucket a thread.
    others: Vec<E>,
}

/// The keys by which rows are sorted.
pub(super) trait Keys: Sync {
    /// The high words of rows `first..first + words.len()`.
    fn high_words(&self, first: usize, words: &mut [u32]);
    /// The low word of one row.
    fn low_word(&self, row: usize) -> u32;
}

/// Makes `order` the rows `0..n_rows` sorted by their keys, and those with equal keys by their number.
pub(super) fn sort_rows<E: Entry, R: RowNumber>(
    keys: &impl Keys,
    n_rows: usize,
    order: &mut Vec<R>,
    buffers: &mut BucketBuffers<E>,
    n_threads: usize,
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let layout = BucketLayout::of(n_rows);
    let n_threads = n_threads.min(layout.n_buckets() / BUCKETS_WORTH_A_THREAD).max(1);
    resize("the order of an epoch", order, n_rows)?;
    let n_entries = layout.n_buckets().saturating_mul(layout.capacity);
    resize("the buckets of a shuffle", &mut buffers.buckets, n_entries)?;
    resize("the buckets of a shuffle", &mut buffers.ends, layout.n_buckets())?;
    resize("the buckets of a shuffle", &mut buffers.others, n_threads * layout.capacity)?;
    let BucketBuffers { buckets, ends, others } = buffers;

    if !fill_buckets(keys, n_rows, &layout, buckets, ends, interrupted)? {
        return sort_rows_by_comparison::<E, R>(keys, n_rows, order);
    }
    // Each thread has a run of buckets and the part of the order that these will fill.
    let n_buckets = layout.n_buckets().div_ceil(n_threads);
    let runs = buckets.chunks_mut(n_buckets * layout.capacity).zip(ends.chunks(n_buckets));
    let layout = &layout;
    let mut rest = order.as_mut_slice();
    let mut is_complete = true;
    thread::scope(|scope| {
        let mut result = Ok(());
        for (i, ((buckets, ends), other)) in runs.zip(others.chunks_mut(layout.capacity)).enumerate() {
            let first = i * n_buckets;
            let n = ends.iter().zip(first..).map(|(end, bucket)| end - bucket * layout.capacity).sum();
            let rows = rest.split_off_mut(..n).expect("the buckets hold n_rows entries in all");
            let run = BucketRun { first, buckets, ends, other, rows };
            if i + 1 < n_threads {
                let spawned =
                    thread::Builder::new().spawn_scoped(scope, move || run.sort(keys, layout, &|| false));
                is_complete &= spawned.is_ok();
            } else {
                result = run.sort(keys, layout, interrupted);
            }
        }
        result
    })?;
    // If a thread cannot be spawned, the calling one sorts everything.
    if is_complete { Ok(()) } else { sort_rows(keys, n_rows, order, buffers, 1, interrupted) }
}

/// Buckets one after the other, and their rows' place in the order.
struct BucketRun<'a, E, R> {
    /// Number of the first bucket.
    first: usize,
    buckets: &'a mut [E],
    ends: &'a [usize],
    other: &'a mut [E],
    rows: &'a mut [R],
}

impl<E: Entry, R: RowNumber> BucketRun<'_, E, R> {
    fn sort(self, keys: &impl Keys, layout: &BucketLayout, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let Self { first, buckets, ends, other, rows } = self;
        let mut rest = rows;
        for (i, (bucket, end)) in buckets.chunks_exact_mut(layout.capacity).zip(ends).enumerate() {
            if i % BUCKETS_BETWEEN_POLLS == 0 {
                poll(interrupted)?;
            }
            let entries = &mut bucket[..end - (first + i) * layout.capacity];
            let rows = rest.split_off_mut(..entries.len()).expect("the run has the rows of its buckets");
            sort_bucket(entries, &mut other[..entries.len()], layout);
            if write_rows(entries, rows) {
                order_ties(keys, entries);
                write_rows(entries, rows);
            }
        }
        Ok(())
    }
}

/// How the bits of a high word, from the top, give a bucket and two digits within it.
struct BucketLayout {
    bucket_bits: u32,
    capacity: usize,
}

impl BucketLayout {
    fn of(n_rows: usize) -> Self {
        let bucket_bits = n_rows.div_ceil(MAX_BUCKET_MEAN).next_power_of_two().ilog2().min(32);
        let mean = (n_rows >> bucket_bits) + 1;
        // Room for eight standard deviations, which are sqrt(mean). A single bucket has no deviation.
        let slack = if bucket_bits == 0 { 0 } else { 8 * (mean.isqrt() + 1) };
        Self { bucket_bits, capacity: mean + slack }
    }

    fn n_buckets(&self) -> usize {
        1 << self.bucket_bits
    }

    #[inline(always)]
    fn bucket(&self, word: u32) -> usize {
        (u64::from(word) >> (32 - self.bucket_bits)) as usize
    }

    /// Positions of the low and the high digit. Where fewer bits are left than two digits need, the digits
    /// overlap, which sorts just as well.
    fn digit_shifts(&self) -> [u32; 2] {
        let below_bucket = 32 - self.bucket_bits;
        [below_bucket.saturating_sub(2 * DIGIT_BITS), below_bucket.saturating_sub(DIGIT_BITS)]
    }
}

/// Distributes the rows over the buckets. False if one of them overflows, whose probability is below 10^-14.
fn fill_buckets<E: Entry>(
    keys: &impl Keys,
    n_rows: usize,
    layout: &BucketLayout,
    buckets: &mut [E],
    ends: &mut [usize],
    interrupted: &dyn Fn() -> bool,
) -> Result<bool> {
    for (bucket, end) in ends.iter_mut().enumerate() {
        *end = bucket * layout.capacity;
    }
    let mut words = [0; CHUNK];
    for first in (0..n_rows).step_by(CHUNK) {
        if first % ROWS_BETWEEN_POLLS == 0 {
            poll(interrupted)?;
        }
        let words = &mut words[..CHUNK.min(n_rows - first)];
        keys.high_words(first, words);
        for (row, &word) in (first..).zip(words.iter()) {
            let end = &mut ends[layout.bucket(word)];
            // A full bucket runs into the next one, which is noticed below.
            if let Some(place) = buckets.get_mut(*end) {
                *place = E::pack(word, row);
            }
            *end += 1;
        }
    }
    Ok(ends.iter().enumerate().all(|(bucket, &end)| end <= (bucket + 1) * layout.capacity))
}

/// Sorts a bucket, with the help of a second one.
fn sort_bucket<E: Entry>(entries: &mut [E], other: &mut [E], layout: &BucketLayout) {
    let mut low_starts = [0_u32; N_DIGITS];
    let mut high_starts = [0_u32; N_DIGITS];
    let [low_shift, high_shift] = layout.digit_shifts();
    let low = |entry: E| (entry.word() >> low_shift) as usize % N_DIGITS;
    let high = |entry: E| (entry.word() >> high_shift) as usize % N_DIGITS;
    for &entry in entries.iter() {
        low_starts[low(entry)] += 1;
        high_starts[high(entry)] += 1;
    }
    distribute(entries, other, &mut low_starts, low);
    distribute(other, entries, &mut high_starts, high);
    for i in 1..entries.len() {
        let entry = entries[i];
        if entries[i - 1] > entry {
            let mut hole = i;
            while hole > 0 && entries[hole - 1] > entry {
                entries[hole] = entries[hole - 1];
                hole -= 1;
            }
            entries[hole] = entry;
        }
    }
}

/// Moves entries, of which there are `counts[d]` with the digit `d`, to places sorted by that digit.
#[inline(always)]
fn distribute<E: Entry>(from: &[E], to: &mut [E], counts: &mut [u32; N_DIGITS], digit: impl Fn(E) -> usize) {
    let mut start = 0;
    for count in counts.iter_mut() {
        start += std::mem::replace(count, start);
    }
    let next = counts;
    for &entry in from {
        let place = &mut next[digit(entry)];
        to[*place as usize] = entry;
        *place += 1;
    }
}

/// Copies the rows of `sorted`; true if two high words are equal.
fn write_rows<E: Entry, R: RowNumber>(sorted: &[E], rows: &mut [R]) -> bool {
    let mut tied = false;
    let mut previous = None;
    for (row, entry) in rows.iter_mut().zip(sorted) {
        *row = R::of(entry.row());
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
fn sort_rows_by_comparison<E: Entry, R: RowNumber>(
    keys: &impl Keys,
    n_rows: usize,
    order: &mut [R],
) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{ORDER, Stream, TIES};
    use crate::shuffle::permutation::PhiloxKeys;

    /// Keys of which only some bits vary.
    struct MaskedKeys {
        keys: PhiloxKeys,
        high_mask: u32,
        low_mask: u32,
    }

    impl Keys for MaskedKeys {
        fn high_words(&self, first: usize, words: &mut [u32]) {
            self.keys.high_words(first, words);
            words.iter_mut().for_each(|word| *word &= self.high_mask);
        }
        fn low_word(&self, row: usize) -> u32 {
            self.keys.low_word(row) & self.low_mask
        }
    }

    fn assert_sorted_as_specified<E: Entry>(n_rows: usize, high_mask: u32, low_mask: u32) {
        let keys = PhiloxKeys { high: Stream::new(1, 2, ORDER), low: Stream::new(1, 2, TIES) };
        let keys = MaskedKeys { keys, high_mask, low_mask };
        let mut high_words = vec![0; n_rows];
        keys.high_words(0, &mut high_words);
        let mut specified: Vec<usize> = (0..n_rows).collect();
        specified.sort_by_key(|&row| (high_words[row], keys.low_word(row), row));

        let mut order: Vec<usize> = Vec::new();
        let mut buffers = BucketBuffers::<E>::default();
        for n_threads in [1, 3] {
            order.clear();
            sort_rows(&keys, n_rows, &mut order, &mut buffers, n_threads, &|| false).unwrap();
            assert!(order == specified, "{n_rows} rows, masks {high_mask:#x} and {low_mask:#x}");
        }
    }

    #[test]
    fn ties_are_ordered_by_the_low_word_then_by_row() {
        const ALL: u32 = u32::MAX;
        for n_rows in [1, 2, 100, 1024, 1025, 20_000, 200_000] {
            for high_mask in [ALL, 0xFFFF_0000, 0xFF00_0000] {
                for low_mask in [ALL, 3, 0] {
                    assert_sorted_as_specified::<u64>(n_rows, high_mask, low_mask);
                    assert_sorted_as_specified::<u128>(n_rows, high_mask, low_mask);
                }
            }
        }
    }

    #[test]
    fn keys_that_overflow_a_bucket_are_sorted_too() {
        for high_mask in [0, 1, 0x0000_FFFF, 0xC000_0000] {
            assert_sorted_as_specified::<u64>(20_000, high_mask, u32::MAX);
            assert_sorted_as_specified::<u128>(20_000, high_mask, 0xFF);
        }
    }

    /// The bits of a high word run out before 2^32 rows: the digits then overlap.
    #[test]
    fn the_bits_of_a_word_suffice_for_any_number_of_rows() {
        for bits in 0..usize::BITS {
            let layout = BucketLayout::of(1 << bits);
            assert!(layout.bucket_bits <= 32);
            assert!(layout.bucket(u32::MAX) == layout.n_buckets() - 1);
            let [low, high] = layout.digit_shifts();
            assert!(low <= high && high <= low + DIGIT_BITS, "no bit between the digits is left out");
        }
    }
}
