//! Draws with replacement: every position of an epoch draws one of the rows.
//!
//! A random 64-bit `u` gives the row `floor(u * n / 2^64)`. That is uniform once the `2^64 mod n` values of
//! `u` that some rows would have more than others are refused: those whose `u * n mod 2^64` is below
//! `2^64 mod n`. D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 29(1), 2019,
//! <https://arxiv.org/abs/1805.10941>.

use super::poll::{ROWS_BETWEEN_POLLS, poll};
use super::words::fill_words;
use crate::data::RowNumber;
use crate::error::Result;
use crate::rng::{REPLACEMENT, Stream};

/// Positions drawn at a time.
const CHUNK: usize = 64;

/// Draws the rows of positions `first..first + rows.len()` of an epoch.
pub(super) fn draw<R: RowNumber>(
    (seed, epoch): (u64, u32),
    n_rows: usize,
    first: usize,
    rows: &mut [R],
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let uniform = Uniform::below(n_rows as u64);
    let stream = Stream::new(seed, epoch, REPLACEMENT);
    let mut words = [[0; 2]; CHUNK];
    let mut position = first as u64;
    for (i, rows) in rows.chunks_mut(CHUNK).enumerate() {
        if i % (ROWS_BETWEEN_POLLS / CHUNK) == 0 {
            poll(interrupted)?;
        }
        let words = &mut words[..rows.len()];
        fill_words(stream, 2 * position, words.as_flattened_mut())?;
        for (row, &words) in rows.iter_mut().zip(words.iter()) {
            let drawn = uniform.of(words).unwrap_or_else(|| redraw(&uniform, seed, epoch, position));
            *row = R::of(drawn as usize);
            position += 1;
        }
    }
    Ok(())
}

/// The draw of a position whose first two words were refused.
#[cold]
fn redraw(uniform: &Uniform, seed: u64, epoch: u32, position: u64) -> u64 {
    (1..)
        .map(|attempt| Stream::new(seed, epoch, REPLACEMENT + 256 * attempt))
        .find_map(|stream| uniform.of([0, 1].map(|i| stream.word64(2 * position + i))))
        .expect("each attempt fails with probability below 1/4, independently")
}

/// The uniform distribution on `0..n`.
struct Uniform {
    n: u64,
    /// `2^64 mod n`.
    n_refused: u64,
}

impl Uniform {
    fn below(n: u64) -> Self {
        Self { n, n_refused: n.wrapping_neg() % n }
    }

    /// The first accepted one of two candidates.
    #[inline]
    fn of(&self, [first, second]: [u64; 2]) -> Option<u64> {
        self.accept(first).or_else(|| self.accept(second))
    }

    #[inline]
    fn accept(&self, u: u64) -> Option<u64> {
        let product = u128::from(u) * u128::from(self.n);
        (product as u64 >= self.n_refused).then_some((product >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every row must have the same number of accepted `u`. Those of row `r` lie between `r * 2^64 / n`
    /// and `(r + 1) * 2^64 / n`, few enough to be counted if `n` is large.
    #[test]
    fn every_row_has_equally_many_accepted_candidates() {
        for n in [(1 << 63) + 1, (1 << 63) - 1, u64::MAX, u64::MAX / 3 * 2, (1 << 61) + 12_345, 1 << 60] {
            let uniform = Uniform::below(n);
            let first_of = |row: u64| (u128::from(row) << 64).div_ceil(u128::from(n));
            let stream = Stream::new(1, 0, 0);
            let some = (0..1000).map(|i| stream.word64(i));
            for row in some.map(|u| u % n).chain([0, 1, n - 2, n - 1]) {
                let candidates = first_of(row)..(u128::from(row + 1) << 64).div_ceil(u128::from(n));
                let n_accepted = candidates.filter(|&u| uniform.accept(u as u64) == Some(row)).count();
                assert_eq!(n_accepted as u128, (1 << 64) / u128::from(n), "row {row} of {n}");
            }
        }
    }
}
