//! Exactly uniform permutations: Fisher and Yates's shuffle, with several bounded draws from one random word.
//!
//! There are m rows left, at first all, in the places 0 to m - 1. The next word, of 64 bits, makes
//! `k = min(floor(57 / bits), 6, m - 1)` draws, at least one, where `bits` is the number of binary digits of m - 1. With
//! `P = m (m - 1) ... (m - k + 1)`, a word r is refused, and the next one takes its place, if `r P mod 2^64 < 2^64 mod P`.
//! Otherwise `floor(r P / 2^64)` is uniform on `0..P`, and in the mixed radix m, m - 1, ..., m - k + 1, most significant
//! first, its digits are k independent draws. The rows in the places m - 1 and `digit 0` are swapped, then those in
//! the places m - 2 and `digit 1`, and so on; k rows fewer are left.
//!
//! The digits come from k multiplications: of `x m`, with x = r, the high half is digit 0, and the low half is the x of
//! the next one. What is left in the end is `r P mod 2^64`. As P is at most 2^57 where k > 1, a word in 128 is refused at
//! most, and P need be known only where the rest is so small.
//!
//! N. Brackett-Rozinsky, D. Lemire, "Batched ranged random integer generation", Software: Practice and Experience
//! 55(1), 2025, <https://arxiv.org/abs/2408.06213>.

use super::poll::{ROWS_BETWEEN_POLLS, poll};
use crate::data::RowNumber;
use crate::error::Result;
use crate::kernel::{Kernel, Lanes, Tier, prefetch_one};
use crate::rng::Stream;
use crate::scalar::Scalar;

/// Words drawn from before rows are swapped.
const CHUNK: usize = 128;
/// Draws a word makes at most.
const MAX_DRAWS: usize = 6;
/// Draws from one word have bounds with a product of at most so many bits.
const PRODUCT_BITS: u32 = 57;
/// Bytes of rows from which places are prefetched as they are drawn, a chunk ahead of the swaps. At 2 million rows that
/// takes a third off their 4.5 ns; where a second-level cache is not far exceeded it costs 0.3 ns a row and gains nothing.
const BYTES_WORTH_PREFETCHING: usize = 1 << 22;

/// Makes `rows` a permutation of `0..rows.len()`: a pure function of the stream and of that number.
///
/// # Errors
/// [`Error::Interrupted`](crate::error::Error::Interrupted) about a millisecond after `interrupted` says so.
pub(super) fn permutation<R: RowNumber>(
    stream: Stream,
    rows: &mut [R],
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    for (i, rows) in rows.chunks_mut(ROWS_BETWEEN_POLLS).enumerate() {
        rows.iter_mut().zip(i * ROWS_BETWEEN_POLLS..).for_each(|(to, row)| *to = R::of(row));
    }
    permute(stream, 0, rows, interrupted)
}

/// Permutes `rows` by the words of 64 bits from `first_word` on.
pub(super) fn permute<R: RowNumber>(
    stream: Stream,
    first_word: u64,
    rows: &mut [R],
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    permute_on(Tier::current()?, stream, first_word, rows, interrupted)
}

fn permute_on<R: RowNumber>(
    tier: Tier,
    stream: Stream,
    first_word: u64,
    rows: &mut [R],
    interrupted: &dyn Fn() -> bool,
) -> Result<()> {
    let (mut n_left, mut next_word) = (rows.len(), first_word);
    while n_left > 1 {
        poll(interrupted)?;
        let until = n_left.saturating_sub(ROWS_BETWEEN_POLLS).max(1);
        (n_left, next_word) = tier.run::<f32, _>(Swaps { stream, next_word, rows, n_left, until });
    }
    Ok(())
}

/// Swaps until at most `until` rows are left. Returns how many are, and the next word.
struct Swaps<'a, R> {
    stream: Stream,
    next_word: u64,
    rows: &'a mut [R],
    n_left: usize,
    until: usize,
}

impl<T: Scalar, R: RowNumber> Kernel<T> for Swaps<'_, R> {
    type Output = (usize, u64);

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> (usize, u64) {
        let Self { stream, mut next_word, rows, mut n_left, until } = self;
        let prefetches = size_of_val(rows) > BYTES_WORTH_PREFETCHING;
        let mut words = [0; CHUNK];
        let mut places = [0; CHUNK * MAX_DRAWS];
        while n_left > until {
            let (n_draws, fewest) = draws_of_word(n_left as u64);
            // If none is refused, these are all until a word makes more draws.
            let n_words = CHUNK.min((n_left - fewest as usize).div_ceil(n_draws));
            let words = &mut words[..n_words];
            stream.words64(next_word, words);
            next_word = next_word.wrapping_add(n_words as u64);
            let prefetched = prefetches.then_some(&*rows);
            let n_drawn = draw(words, n_left as u64, n_draws, &mut places, prefetched);
            for (last, &place) in (0..n_left).rev().zip(&places[..n_drawn]) {
                rows.swap(last, place as usize);
            }
            n_left -= n_drawn;
        }
        (n_left, next_word)
    }
}

/// How many draws a word makes with so many rows left, at least 2, and down to how many left words make so many draws.
#[inline(always)]
fn draws_of_word(n_left: u64) -> (usize, u64) {
    let bits = u64::BITS - (n_left - 1).leading_zeros();
    match (PRODUCT_BITS / bits).max(1) as usize {
        n_draws if n_draws < MAX_DRAWS => (n_draws, 1 << (PRODUCT_BITS / (n_draws as u32 + 1))),
        _ if n_left > MAX_DRAWS as u64 => (MAX_DRAWS, MAX_DRAWS as u64),
        _ => (n_left as usize - 1, 1),
    }
}

/// Makes `n_draws` draws from each word that is not refused, and prefetches the rows in these places. Returns how many
/// in all.
#[inline(always)]
fn draw<R>(
    words: &[u64],
    n_left: u64,
    n_draws: usize,
    places: &mut [u64; CHUNK * MAX_DRAWS],
    prefetched: Option<&[R]>,
) -> usize {
    match n_draws {
        1 => draws::<R, 1>(words, n_left, places, prefetched),
        2 => draws::<R, 2>(words, n_left, places, prefetched),
        3 => draws::<R, 3>(words, n_left, places, prefetched),
        4 => draws::<R, 4>(words, n_left, places, prefetched),
        5 => draws::<R, 5>(words, n_left, places, prefetched),
        _ => draws::<R, MAX_DRAWS>(words, n_left, places, prefetched),
    }
}

#[inline(always)]
fn draws<R, const K: usize>(
    words: &[u64],
    mut n_left: u64,
    places: &mut [u64],
    prefetched: Option<&[R]>,
) -> usize {
    let largest_product = (0..K as u64).map(|i| n_left - i).product::<u64>();
    let mut n_drawn = 0;
    for &word in words {
        let mut x = word;
        for (place, bound) in places[n_drawn..n_drawn + K].iter_mut().zip((0..K as u64).map(|i| n_left - i)) {
            let product = u128::from(x) * u128::from(bound);
            *place = (product >> 64) as u64;
            x = product as u64;
            if let Some(rows) = prefetched {
                prefetch_one(&rows[*place as usize]);
            }
        }
        if x < largest_product && is_refused(x, n_left, K as u64) {
            continue;
        }
        n_drawn += K;
        n_left -= K as u64;
    }
    n_drawn
}

/// Whether a word with this rest is one of those that some draws would have more than others.
#[cold]
#[inline(never)]
fn is_refused(rest: u64, n_left: u64, n_draws: u64) -> bool {
    let product = (0..n_draws).map(|i| n_left - i).product::<u64>();
    rest < product.wrapping_neg() % product
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(words: &[u64], n_left: u64, n_draws: usize) -> Vec<u64> {
        let mut places = [0; CHUNK * MAX_DRAWS];
        let n_drawn = draw::<u32>(words, n_left, n_draws, &mut places, None);
        places[..n_drawn].to_vec()
    }

    /// The specification of a word's draws, in big integers; None for a word that is refused.
    fn specified_draws(word: u64, n_left: u64, n_draws: usize) -> Option<Vec<u64>> {
        let bounds: Vec<u128> = (0..n_draws as u64).map(|i| u128::from(n_left - i)).collect();
        let product: u128 = bounds.iter().product();
        let scaled = u128::from(word) * product;
        let mut index = scaled >> 64;
        let digits = bounds.iter().rev().map(|bound| {
            let digit = index % bound;
            index /= bound;
            digit as u64
        });
        let mut digits: Vec<u64> = digits.collect();
        digits.reverse();
        (scaled % (1 << 64) >= (1 << 64) % product).then_some(digits)
    }

    /// Around all lengths at which the number of draws changes, and for more rows than any memory has. Of every length
    /// some words are those next to the border between two numbers, where the refused ones are.
    #[test]
    fn draws_are_the_digits_of_a_product() {
        let edges = [7, 1 << 9, 1 << 11, 1 << 14, 1 << 19, 1 << 28, 1 << 32, 1 << 57, 1 << 63];
        let mut lengths: Vec<u64> = edges.iter().flat_map(|edge| edge - 2..=edge + 2).collect();
        lengths.extend((2..=20).chain([1_000_003, u64::MAX - 1, u64::MAX, u64::MAX / 3 * 2]));
        let stream = Stream::new(1, 0, 0);
        let mut n_refused = 0;
        for n_left in lengths {
            let (n_draws, fewest) = draws_of_word(n_left);
            assert!(fewest < n_left && (1..=MAX_DRAWS).contains(&n_draws));
            let product: u128 = (0..n_draws as u64).map(|i| u128::from(n_left - i)).product();
            let borders = (0..200).map(|i| {
                let number = u128::from(stream.word64(i)) % product;
                (number << 64).div_ceil(product) as u64
            });
            let near = borders.flat_map(|word| [word.wrapping_sub(1), word, word.wrapping_add(1)]);
            for word in near.chain((0..200).map(|i| stream.word64(i))).chain([0, 1, u64::MAX]) {
                let drawn = drawn(&[word], n_left, n_draws);
                n_refused += usize::from(drawn.is_empty());
                let specified = specified_draws(word, n_left, n_draws).unwrap_or_default();
                assert_eq!(drawn, specified, "{word} with {n_left} left");
            }
        }
        assert!(n_refused > 1000, "{n_refused} words refused");
    }

    /// A refused word changes nothing for those after it.
    #[test]
    fn the_next_word_takes_the_place_of_a_refused_one() {
        const REFUSED: u64 = 0;
        for n_left in [100, 511, 2047, 16_383, 500_001, (1 << 28) - 1] {
            let (n_draws, _) = draws_of_word(n_left);
            assert_eq!(specified_draws(REFUSED, n_left, n_draws), None);
            let [first, second] = [u64::MAX / 3, u64::MAX / 7 * 5];
            let drawn = |words: &[u64]| drawn(words, n_left, n_draws);
            let expected = drawn(&[first, second]);
            assert_eq!(expected.len(), 2 * n_draws);
            assert_eq!(drawn(&[REFUSED, first, REFUSED, REFUSED, second, REFUSED]), expected);
        }
    }

    /// Every number must have the same number of accepted words: few enough to be counted if there are many numbers.
    #[test]
    fn every_draw_has_equally_many_accepted_words() {
        for n_left in [(1 << 63) + 1, (1 << 63) - 1, u64::MAX, u64::MAX / 3 * 2, (1 << 61) + 12_345] {
            let first_of = |number: u64| (u128::from(number) << 64).div_ceil(u128::from(n_left));
            let stream = Stream::new(2, 0, 0);
            let some = (0..1000).map(|i| stream.word64(i) % n_left);
            for number in some.chain([0, 1, n_left - 2, n_left - 1]) {
                let words = first_of(number)..(u128::from(number + 1) << 64).div_ceil(u128::from(n_left));
                let is_drawn = |&word: &u128| drawn(&[word as u64], n_left, 1) == [number];
                assert_eq!(words.filter(is_drawn).count() as u128, (1 << 64) / u128::from(n_left));
            }
        }
    }

    #[test]
    fn a_permutation_is_the_same_on_every_tier_and_of_numbers_of_any_width() {
        fn permuted<R: RowNumber>(tier: Tier, n_rows: usize) -> Vec<usize> {
            let mut rows: Vec<R> = (0..n_rows).map(R::of).collect();
            permute_on(tier, Stream::new(1, 2, 3), 5, &mut rows, &|| false).unwrap();
            rows.into_iter().map(R::row).collect()
        }
        for n_rows in (0..40).chain([1000, 20_000, 600_000, 1_100_000]) {
            let expected = permuted::<usize>(Tier::SCALAR, n_rows);
            for tier in Tier::available() {
                assert!(permuted::<u32>(tier, n_rows) == expected, "{n_rows} rows, {}", tier.name());
                assert!(permuted::<usize>(tier, n_rows) == expected, "{n_rows} rows, {}", tier.name());
            }
        }
    }
}
