//! Weighted draws with replacement, by the inverse of the cumulative distribution.
//!
//! Position `p` has the random number `u = word64(p) >> 11`, times 2^-53 in [0, 1), of
//! the stream `WEIGHTED_DRAWS`. It draws the first row whose cumulative weight, the weights added up one
//! by one, is more than `u` times the sum of all. Of n rows, probabilities are exact but for the rounding of
//! the sums, below n 2^-53 of the whole; a row of weight zero is never drawn.

use super::poll::{ROWS_BETWEEN_POLLS, poll};
use super::words::fill_words;
use super::workspace::resize;
use crate::data::RowNumber;
use crate::error::Result;
use crate::rng::{Stream, WEIGHTED_DRAWS};

/// Positions drawn at a time.
const CHUNK: usize = 64;
/// Rows of a cell of the guide, on average: few enough to lie in one cache line.
const ROWS_OF_CELL: usize = 4;
/// Bits of a random number.
const BITS: u32 = 53;

/// The cumulative weights, and a guide table for the search in them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DrawsByWeight {
    cumulative: Vec<f64>,
    /// The row drawn by the least random number of each of equally large cells.
    guide: Vec<usize>,
}

impl DrawsByWeight {
    /// Draws by `weights`, of which at least one is positive.
    pub(super) fn new(weights: Vec<f64>) -> Result<Self> {
        let mut cumulative = weights;
        let mut sum = 0.0;
        for weight in &mut cumulative {
            sum += *weight;
            *weight = sum;
        }
        let mut draws = Self { cumulative, guide: Vec::new() };
        let n_cells = draws.cumulative.len().div_ceil(ROWS_OF_CELL);
        let mut guide = Vec::new();
        resize("the guide to weights", &mut guide, n_cells)?;
        let mut row = 0;
        for (cell, start) in guide.iter_mut().enumerate() {
            let least = ((cell as u128) << BITS).div_ceil(n_cells as u128) as u64;
            let target = draws.target(least);
            while draws.cumulative[row] <= target {
                row += 1;
            }
            *start = row;
        }
        draws.guide = guide;
        Ok(draws)
    }

    /// Draws the rows from position `first` on.
    pub(super) fn draw<R: RowNumber>(
        &self,
        seed: u64,
        epoch: u32,
        first: usize,
        rows: &mut [R],
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let stream = Stream::new(seed, epoch, WEIGHTED_DRAWS);
        let mut words = [0; CHUNK];
        for (i, rows) in rows.chunks_mut(CHUNK).enumerate() {
            if i % (ROWS_BETWEEN_POLLS / CHUNK) == 0 {
                poll(interrupted)?;
            }
            let words = &mut words[..rows.len()];
            fill_words(stream, (first + i * CHUNK) as u64, words)?;
            for (row, &word) in rows.iter_mut().zip(words.iter()) {
                *row = R::of(self.row(word >> (64 - BITS)));
            }
        }
        Ok(())
    }

    /// The row that `u` in `0..2^53` draws.
    fn row(&self, u: u64) -> usize {
        let target = self.target(u);
        let cell = ((u128::from(u) * self.guide.len() as u128) >> BITS) as usize;
        let start = self.guide[cell];
        let end = self.guide.get(cell + 1).map_or(self.cumulative.len(), |&next| next + 1);
        start + self.cumulative[start..end].partition_point(|&sum| sum <= target)
    }

    /// Below the sum of all weights, whatever `u`: rounding does not reach it.
    fn target(&self, u: u64) -> f64 {
        let unit = u as f64 * (1.0 / (1_u64 << BITS) as f64);
        unit * self.cumulative.last().expect("there are rows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_leads_where_a_search_of_all_rows_does() {
        let cases: [Vec<f64>; 6] = [
            vec![1.0],
            vec![0.0, 1.0, 0.0],
            (0..1000).map(|i| f64::from(i % 7)).collect(),
            (0..1000).map(|i| 0.5_f64.powi(i)).collect(),
            (0..1000).map(|i| 0.5_f64.powi(999 - i)).collect(),
            (0..1000).map(|i| if i == 500 { 1.0 } else { 1e-18 }).collect(),
        ];
        for weights in cases {
            let draws = DrawsByWeight::new(weights.clone()).unwrap();
            let stream = Stream::new(3, 0, 0);
            let some = (0..20_000).map(|i| stream.word64(i) >> 11);
            let n_cells = draws.guide.len() as u64;
            let edges = (0..=n_cells).flat_map(|cell| {
                let edge = (cell << BITS).div_ceil(n_cells);
                [edge.saturating_sub(1), edge, edge + 1]
            });
            for u in some.chain(edges).filter(|&u| u < 1 << BITS).chain([0, (1 << BITS) - 1]) {
                let target = draws.target(u);
                let row = draws.cumulative.partition_point(|&sum| sum <= target);
                assert_eq!(draws.row(u), row, "u = {u}");
                assert!(weights[row] > 0.0, "row {row} has weight zero");
            }
        }
    }
}
