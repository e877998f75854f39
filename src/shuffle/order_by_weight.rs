//! Weighted draws without replacement: rows in the order of random waiting times.
//!
//! Row `i` waits for `t_i = -ln(u_i) / w_i`, an exponential time of rate `w_i`, and the rows come in
//! the order of these times. The first is row i with probability proportional to `w_i`, and since exponential times have
//! no memory, the next is so among those left. P. S. Efraimidis, P. G. Spirakis, "Weighted random sampling with
//! a reservoir", Information Processing Letters 97(5), 2006, <https://doi.org/10.1016/j.ipl.2005.11.003>, with
//! keys `u^(1/w)`, of which `t` is minus the logarithm. Rows of weight zero wait forever.
//!
//! `u_i = (k + 1) / 2^53` with `k = word64(i) >> 11` of the stream `WEIGHTED_TIMES`; equal
//! times are ordered by row.

use super::poll::{ROWS_BETWEEN_POLLS, poll};
use super::words::fill_words;
use crate::data::RowNumber;
use crate::error::{Error, Result};
use crate::rng::{Stream, WEIGHTED_TIMES};

/// Rows whose times are computed at a time.
const CHUNK: usize = 256;
/// Terms of the series of the logarithm: what is left out is below 2^-59 of it.
const N_TERMS: i32 = 11;

/// Weights by which rows are ordered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OrderByWeight {
    weights: Vec<f64>,
    n_positive: usize,
    n_samples: usize,
}

impl OrderByWeight {
    /// The first `n_samples` rows by `weights`, at most as many as are positive.
    pub(super) fn new(weights: Vec<f64>, n_samples: usize) -> Self {
        let n_positive = weights.iter().filter(|&&w| w > 0.0).count();
        Self { weights, n_positive, n_samples }
    }

    /// Writes the rows from position `first` on.
    pub(super) fn sort<R: RowNumber>(
        &self,
        seed: u64,
        epoch: u32,
        first: usize,
        out: &mut [R],
        times: &mut Vec<(u64, R)>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let stream = Stream::new(seed, epoch, WEIGHTED_TIMES);
        times.clear();
        let bytes = self.n_positive.saturating_mul(size_of::<(u64, R)>());
        let refused = |_| Error::OutOfMemory { what: "the waiting times of rows", bytes };
        times.try_reserve_exact(self.n_positive).map_err(refused)?;
        let mut words = [0; CHUNK];
        for (i, weights) in self.weights.chunks(CHUNK).enumerate() {
            if i % (ROWS_BETWEEN_POLLS / CHUNK) == 0 {
                poll(interrupted)?;
            }
            let words = &mut words[..weights.len()];
            fill_words(stream, (i * CHUNK) as u64, words)?;
            for ((&word, &weight), row) in words.iter().zip(weights).zip(i * CHUNK..) {
                if weight > 0.0 {
                    // Positive numbers sort as their bits do.
                    times.push(((exponential((word >> 11) + 1) / weight).to_bits(), R::of(row)));
                }
            }
        }
        if self.n_samples < times.len() {
            times.select_nth_unstable(self.n_samples);
        }
        sort(&mut times[..self.n_samples], interrupted)?;
        for (out, &(_, row)) in out.iter_mut().zip(&times[first..]) {
            *out = row;
        }
        Ok(())
    }
}

/// Sorts, with a poll of the interrupt now and then.
fn sort<R: Ord>(times: &mut [(u64, R)], interrupted: &dyn Fn() -> bool) -> Result<()> {
    poll(interrupted)?;
    if times.len() <= ROWS_BETWEEN_POLLS {
        times.sort_unstable();
        return Ok(());
    }
    let middle = times.len() / 2;
    times.select_nth_unstable(middle);
    let (low, high) = times.split_at_mut(middle);
    sort(low, interrupted)?;
    sort(high, interrupted)
}

/// `-ln(k / 2^53)` for k in `1..=2^53`, by operations that are rounded alike everywhere, so that an order is the
/// same with every mathematical library.
///
/// With `k / 2^53 = f 2^e`, f between the square roots of 1/2 and 2, it is `-(e ln 2 + 2 artanh(s))`, where
/// `s = (f - 1) / (f + 1)`, the series of artanh added up from its last term.
fn exponential(k: u64) -> f64 {
    use std::f64::consts::{FRAC_1_SQRT_2, LN_2};
    let bits = (k as f64).to_bits();
    let mut e = (bits >> 52) as i32 - 1022 - 53;
    let mut f = f64::from_bits(bits & ((1 << 52) - 1) | 1022 << 52); // in [1/2, 1)
    if f < FRAC_1_SQRT_2 {
        f *= 2.0;
        e -= 1;
    }
    let s = (f - 1.0) / (f + 1.0);
    let z = s * s;
    let mut series = 0.0;
    for term in (0..N_TERMS).rev() {
        series = series * z + 1.0 / f64::from(2 * term + 1);
    }
    0.0 - (f64::from(e) * LN_2 + (s + s) * series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_are_logarithms() {
        let stream = Stream::new(1, 0, 0);
        let some = (0..100_000).map(|i| u64::from(stream.word(i)) << 21 >> (i % 53));
        for k in some.chain((0..1000).flat_map(|i| [i, (1 << 53) - i])).filter(|&k| k > 0) {
            let exact = -(k as f64 / (1_u64 << 53) as f64).ln();
            let time = exponential(k);
            assert!((time - exact).abs() <= 4.0 * f64::EPSILON * exact, "k = {k}: {time}, not {exact}");
            assert!(time.is_sign_positive());
        }
        assert_eq!(exponential(1 << 53), 0.0);
    }
}
