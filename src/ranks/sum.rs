//! Sums over ranks: the upper levels of the tree whose lower levels each rank has added up on its own.
//!
//! Of a power of two ranks each owns one subtree, and the pairs of the rounds are the tree: what is received is added to
//! what is there, and since `a + b = b + a` to the bit, all ranks have the same sums after each round. Vectors too long
//! for that are halved: in round r the pair at distance 2^r shares the entries, and in as many rounds back everyone has
//! all. Of other numbers of ranks the subtrees themselves are gathered, and everyone adds them.

use std::ops::Range;
use std::time::Instant;

use super::exchange::{n_rounds, partners};
use super::message::{Header, Subject};
use super::payload::{Nothing, Payload};
use super::{MOST_BYTES, Ranks, locked};
use crate::error::{Error, Result, try_filled, try_reserved};
use crate::kernel::{Add, Tier, bytes_of, bytes_of_mut};
use crate::scalar::Scalar;

/// Sums beside the gradient.
pub type Numbers = [f64; 3];
const BYTES_OF_NUMBERS: usize = size_of::<Numbers>();
/// Bytes of a message, at most: MPI counts them in 31 bits.
const MOST_BYTES_AT_ONCE: usize = 1 << 30;

/// The sum of a subtree, to become that of all.
struct PairwiseSum<'s, T> {
    tier: Tier,
    rank: usize,
    /// Ranks that own rows: the first ones.
    n_owners: usize,
    numbers: &'s mut Numbers,
    /// Empty if it follows on its own.
    gradient: &'s mut [T],
    incoming: &'s mut Vec<T>,
}

/// Whether this rank's part of the tree, and its partner's, have rows before a round.
fn have_rows(rank: usize, n_owners: usize, round: u32) -> (bool, bool) {
    let first = |rank: usize| (rank >> round) << round;
    (first(rank) < n_owners, first(rank ^ (1 << round)) < n_owners)
}

fn add_entries<T: Scalar>(tier: Tier, to: &mut [T], x: &[T], (we_have, they_have): (bool, bool)) {
    match (we_have, they_have) {
        (_, false) => {}
        (true, true) => tier.run(Add { y: to, x }),
        (false, true) => to.copy_from_slice(x),
    }
}

fn numbers_of(bytes: &[u8]) -> Numbers {
    [0, 1, 2].map(|i| f64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| bytes[8 * i + byte])))
}

fn write_numbers(numbers: &Numbers, to: &mut Vec<u8>) {
    numbers.iter().for_each(|x| to.extend_from_slice(&x.to_le_bytes()));
}

impl<T: Scalar> Payload for PairwiseSum<'_, T> {
    fn write(&mut self, _: u32, to: &mut Vec<u8>) {
        write_numbers(self.numbers, to);
        to.extend_from_slice(bytes_of(self.gradient));
    }

    fn absorb(&mut self, round: u32, from: &[u8]) {
        let have = have_rows(self.rank, self.n_owners, round);
        let theirs = numbers_of(from);
        match have {
            (_, false) => {}
            (true, true) => self.numbers.iter_mut().zip(theirs).for_each(|(x, y)| *x += y),
            (false, true) => *self.numbers = theirs,
        }
        let incoming = &mut self.incoming[..self.gradient.len()];
        bytes_of_mut(incoming).copy_from_slice(&from[BYTES_OF_NUMBERS..]);
        add_entries(self.tier, self.gradient, incoming, have);
    }
}

/// Blocks of all ranks, equally long. Of a power of two ranks they lie in order, else those of this rank first.
#[derive(Debug, Default)]
pub struct Gathered {
    blocks: Vec<u8>,
    len_of_block: usize,
    rank: usize,
    size: usize,
}

impl Gathered {
    /// Makes ready for gathering: the block of this rank, to be appended to.
    pub fn begin(&mut self) -> &mut Vec<u8> {
        self.blocks.clear();
        &mut self.blocks
    }

    /// Appends a sum to the block of this rank.
    pub fn append<T: Scalar>(&mut self, numbers: &Numbers, gradient: &[T]) {
        write_numbers(numbers, &mut self.blocks);
        self.blocks.extend_from_slice(bytes_of(gradient));
    }

    /// What a rank has said.
    pub fn block(&self, of_rank: usize) -> &[u8] {
        let place = match self.size.is_power_of_two() {
            true => of_rank,
            false => (of_rank + self.size - self.rank) % self.size,
        };
        &self.blocks[place * self.len_of_block..][..self.len_of_block]
    }

    /// A sum of a rank's block.
    pub fn read<T: Scalar>(&self, of_rank: usize, i: usize, gradient: &mut [T]) -> Numbers {
        let len = BYTES_OF_NUMBERS + size_of_val(gradient);
        let sum = &self.block(of_rank)[i * len..][..len];
        bytes_of_mut(gradient).copy_from_slice(&sum[BYTES_OF_NUMBERS..]);
        numbers_of(sum)
    }

    /// Makes room for all blocks, around the one that is there.
    fn spread(&mut self, rank: usize, size: usize) -> Result<usize> {
        (self.len_of_block, self.rank, self.size) = (self.blocks.len(), rank, size);
        let n_bytes = self.len_of_block.saturating_mul(size);
        let reserved = self.blocks.try_reserve(n_bytes - self.len_of_block);
        reserved.map_err(|_| Error::OutOfMemory { what: "what other processes say", bytes: n_bytes })?;
        self.blocks.resize(n_bytes, 0);
        if size.is_power_of_two() {
            self.blocks.copy_within(..self.len_of_block, rank * self.len_of_block);
        }
        Ok(n_bytes)
    }

    /// The bytes sent in a round, and those received.
    fn passed(&self, round: u32) -> (Range<usize>, Range<usize>) {
        let n = 1 << round;
        let (sent, received) = match self.size.is_power_of_two() {
            true => {
                let first = |rank: usize| (rank >> round) << round;
                let (mine, theirs) = (first(self.rank), first(self.rank ^ n));
                (mine..mine + n, theirs..theirs + n)
            }
            false => (0..n.min(self.size - n), n..self.size.min(2 * n)),
        };
        let bytes = |blocks: Range<usize>| blocks.start * self.len_of_block..blocks.end * self.len_of_block;
        (bytes(sent), bytes(received))
    }
}

impl Payload for Gathered {
    fn write(&mut self, round: u32, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.blocks[self.passed(round).0]);
    }

    fn absorb(&mut self, round: u32, from: &[u8]) {
        let received = self.passed(round).1;
        self.blocks[received].copy_from_slice(from);
    }
}

impl Ranks {
    /// Adds up the sums of the first `n_owners` ranks, each of a subtree, in place. The number of ranks is a power of two.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if a rank was interrupted, [`Error::OtherRank`] if one has failed, and what the exchange says.
    pub fn sum<T: Scalar>(
        &self,
        tier: Tier,
        n_owners: usize,
        (numbers, gradient): (&mut Numbers, &mut [T]),
        incoming: &mut Vec<T>,
    ) -> Result<()> {
        if incoming.len() < gradient.len() {
            *incoming = try_filled("partial gradients", gradient.len(), T::ZERO)?;
        }
        let is_short = size_of_val(gradient) <= MOST_BYTES;
        let (in_rounds, alone) = gradient.split_at_mut(if is_short { gradient.len() } else { 0 });
        let mut sum =
            PairwiseSum { tier, rank: self.rank(), n_owners, numbers, gradient: in_rounds, incoming };
        self.hold(&mut locked(&self.talk), Subject::Sum, &mut sum)?.or_interrupted()?;
        if alone.is_empty() { Ok(()) } else { self.sum_by_halves(tier, n_owners, alone, incoming) }
    }

    /// Bytes that a rank sends in a sum of vectors of so many, numbers and headers with them.
    pub fn bytes_of_sum(&self, n_bytes: usize) -> usize {
        let (size, n_rounds) = (self.size(), self.n_rounds() as usize);
        let beside = n_rounds * (Header::LEN + BYTES_OF_NUMBERS);
        match n_bytes <= MOST_BYTES {
            true => beside + n_rounds * n_bytes,
            false => beside + 2 * (n_bytes - n_bytes / size),
        }
    }

    /// Bytes that a rank sends where blocks of so many are gathered.
    pub fn bytes_of_gathering(&self, len_of_block: usize) -> usize {
        self.n_rounds() as usize * Header::LEN + len_of_block.saturating_mul(self.size() - 1)
    }

    /// Seconds of each of some sums over all ranks, of so many single-precision zeros: for measurements.
    ///
    /// # Errors
    /// As [`Self::sum`].
    pub fn seconds_of_sums(&self, n_entries: usize, n_times: usize) -> Result<Vec<f64>> {
        let tier = Tier::current()?;
        let mut gradient = try_filled("partial gradients", n_entries, 0.0_f32)?;
        let (mut incoming, mut gathered) = (Vec::new(), Gathered::default());
        let mut seconds = try_reserved("seconds", n_times)?;
        for _ in 0..n_times {
            let begin = Instant::now();
            if self.size().is_power_of_two() {
                self.sum(tier, self.size(), (&mut [0.0; 3], &mut gradient), &mut incoming)?;
            } else {
                gathered.begin();
                gathered.append(&[0.0; 3], &gradient);
                self.gather(&mut gathered)?;
            }
            seconds.push(begin.elapsed().as_secs_f64());
        }
        Ok(seconds)
    }

    /// Recursive halving and doubling.
    fn sum_by_halves<T: Scalar>(
        &self,
        tier: Tier,
        n_owners: usize,
        gradient: &mut [T],
        incoming: &mut [T],
    ) -> Result<()> {
        let (rank, size) = (self.rank(), self.size());
        let mut mine = 0..gradient.len();
        let mut before = [(); usize::BITS as usize].map(|()| 0..0);
        for round in 0..n_rounds(size) {
            let middle = mine.start.midpoint(mine.end);
            let (lower, upper) = (mine.start..middle, middle..mine.end);
            let is_lower = rank >> round & 1 == 0;
            let (kept, sent) = if is_lower { (lower, upper) } else { (upper, lower) };
            let received = &mut incoming[..kept.len()];
            let (to, from) = partners(rank, size, round);
            self.pass((bytes_of(&gradient[sent]), to), (bytes_of_mut(received), from))?;
            add_entries(tier, &mut gradient[kept.clone()], received, have_rows(rank, n_owners, round));
            before[round as usize] = std::mem::replace(&mut mine, kept);
        }
        for round in (0..n_rounds(size)).rev() {
            let all = before[round as usize].clone();
            let theirs = if mine.start == all.start { mine.end..all.end } else { all.start..mine.start };
            let received = &mut incoming[..theirs.len()];
            let (to, from) = partners(rank, size, round);
            self.pass((bytes_of(&gradient[mine]), to), (bytes_of_mut(received), from))?;
            gradient[theirs].copy_from_slice(received);
            mine = all;
        }
        Ok(())
    }

    /// Gathers the blocks of all ranks, which are equally long.
    ///
    /// # Errors
    /// As [`Self::sum`].
    pub fn gather(&self, gathered: &mut Gathered) -> Result<()> {
        let n_bytes = gathered.spread(self.rank(), self.size())?;
        let mut talk = locked(&self.talk);
        if n_bytes <= MOST_BYTES {
            return self.hold(&mut talk, Subject::Gathering, gathered)?.or_interrupted();
        }
        self.hold(&mut talk, Subject::Vote, &mut Nothing)?.or_interrupted()?;
        let mut sent = try_reserved("what other processes are told", n_bytes)?;
        for round in 0..n_rounds(gathered.size) {
            sent.clear();
            gathered.write(round, &mut sent);
            let received = gathered.passed(round).1;
            let (to, from) = partners(self.rank(), gathered.size, round);
            self.pass((&sent, to), (&mut gathered.blocks[received], from))?;
        }
        Ok(())
    }

    /// A message without a header, when all ranks have been heard: in pieces, if it is long. What is sent and what is received
    /// in a round may differ in length by less than a piece.
    fn pass(&self, (sent, to): (&[u8], usize), (received, from): (&mut [u8], usize)) -> Result<()> {
        let (mut sent, mut received) = (sent, received);
        loop {
            let (bytes, later) = sent.split_at(sent.len().min(MOST_BYTES_AT_ONCE));
            let (room, rest) = received.split_at_mut(received.len().min(MOST_BYTES_AT_ONCE));
            self.carry((bytes, to), (room, from))?;
            (sent, received) = (later, rest);
            if sent.is_empty() && received.is_empty() {
                return Ok(());
            }
        }
    }
}
