//! Orders in which every batch has the strata in proportion.
//!
//! The rows are laid out in a line, stratum by stratum, those of a stratum in random order, and are dealt to the
//! batches like cards. With n rows, S full batches of b and a last one of r = n - S b:
//!
//! - A round of the dealer gives a card to each full batch. The last batch takes every (n / r)-th place of the
//!   line: place x if `floor((x + 1) r / n) > floor(x r / n)`.
//! - The line begins at a random place of the dealer's sequence, and the full batches sit in random order.
//!
//! Every batch then has of every stratum of m rows, be it ever so small, its share m b / n (or m r / n) rounded
//! down or up: of L places in a row, the last batch gets L r / n rounded in one of the two ways, say with an
//! excess d, |d| < 1. That leaves L b S / n - d places for S batches in turn, a share of L b / n - d / S, which
//! is rounded once more. As the number of places is whole, that is by at most 1 - 1 / S, in all by less than 1.
//! The sequence repeats itself after n places, so this holds for the stratum at its end, too.
//!
//! Every row comes once an epoch, every row is in a given batch with the same probability, and rows of a stratum
//! are interchangeable. The line begins at place `u n >> 64`, with the random 64-bit `u = word64(0)`
//! of the stream `STRATA_OFFSET`. Full batches are permuted by the stream `STRATA_BATCHES`; the rows come in
//! the order of a full shuffle, which is also their order within a batch.

use super::permutation::permutation;
use super::poll::{ROWS_BETWEEN_POLLS, poll};
use super::workspace::{RowBuffers, resize};
use crate::data::RowNumber;
use crate::error::{Error, Result, try_filled};
use crate::rng::{ORDER, STRATA_BATCHES, STRATA_OFFSET, Stream};

/// The stratum of every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stratified {
    strata: Vec<u32>,
    /// Where in the line the strata begin.
    starts: Vec<usize>,
}

impl Stratified {
    /// Strata by number, one a row; numbers may be unused.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if there is a number of `strata.len()` or more.
    pub fn new(strata: Vec<u32>) -> Result<Self> {
        let n_strata = strata.iter().max().map_or(0, |&largest| largest as usize + 1);
        if n_strata > strata.len() {
            return Err(Error::OutOfRange {
                argument: "strata",
                condition: "less than the number of rows",
                value: (n_strata - 1).to_string(),
            });
        }
        let mut starts = try_filled("the sizes of strata", n_strata, 0)?;
        strata.iter().for_each(|&stratum| starts[stratum as usize] += 1);
        let mut end = 0;
        for start in &mut starts {
            end += std::mem::replace(start, end);
        }
        Ok(Self { strata, starts })
    }

    /// Rows there are strata of.
    pub fn n_rows(&self) -> usize {
        self.strata.len()
    }

    /// Makes `order` the order of an epoch of batches of `batch_size` rows.
    pub(super) fn order<R: RowNumber>(
        &self,
        seed: u64,
        epoch: u32,
        batch_size: usize,
        order: &mut [R],
        buffers: &mut RowBuffers<R>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        let n_rows = self.strata.len();
        let dealer = Dealer { n_rows, n_full: n_rows / batch_size, rest: n_rows % batch_size };
        let RowBuffers { permutation: rows, batches, next, .. } = buffers;
        resize("the order of rows", rows, n_rows)?;
        permutation(Stream::new(seed, epoch, ORDER), rows, interrupted)?;
        resize("the order of batches", batches, dealer.n_full)?;
        permutation(Stream::new(seed, epoch, STRATA_BATCHES), batches, interrupted)?;
        let u = Stream::new(seed, epoch, STRATA_OFFSET).word64(0);
        let offset = ((u128::from(u) * n_rows as u128) >> 64) as usize;

        resize("the places of strata", next, self.starts.len() + dealer.n_full + 1)?;
        let (next_place, next_position) = next.split_at_mut(self.starts.len());
        next_place.copy_from_slice(&self.starts);
        next_position.iter_mut().enumerate().for_each(|(batch, position)| *position = batch * batch_size);
        for rows in rows.chunks(ROWS_BETWEEN_POLLS) {
            poll(interrupted)?;
            for &row in rows {
                let place = &mut next_place[self.strata[row.row()] as usize];
                let shifted = *place + offset;
                *place += 1;
                let turn = dealer.turn(if shifted < n_rows { shifted } else { shifted - n_rows });
                let position = &mut next_position[turn.map_or(dealer.n_full, |turn| batches[turn].row())];
                order[*position] = row;
                *position += 1;
            }
        }
        Ok(())
    }
}

/// Which batch gets the card of a place.
struct Dealer {
    n_rows: usize,
    n_full: usize,
    rest: usize,
}

impl Dealer {
    /// The turn of the full batch that gets the place, or none for the last batch.
    #[inline]
    fn turn(&self, place: usize) -> Option<usize> {
        let before = self.n_of_last(place);
        if self.rest > 0 && self.n_of_last(place + 1) > before {
            return None;
        }
        Some((place - before) % self.n_full)
    }

    /// Places before this one that the last batch gets.
    #[inline]
    fn n_of_last(&self, place: usize) -> usize {
        if u32::try_from(self.n_rows).is_ok() {
            (place as u64 * self.rest as u64 / self.n_rows as u64) as usize
        } else {
            (place as u128 * self.rest as u128 / self.n_rows as u128) as usize
        }
    }
}
