//! What every message between ranks begins with: votes, and which exchange it is of.

use super::Vote;
use crate::error::{Error, Result};

/// What an exchange is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Vote = 1,
    Agreement = 2,
    Comparison = 3,
    Sum = 4,
    Gathering = 5,
    End = 6,
}

/// Votes of some ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ballot(u32);

impl Ballot {
    pub(super) fn has(self, vote: Vote) -> bool {
        self.0 & vote as u32 != 0
    }

    pub(super) fn add(&mut self, vote: Vote) {
        self.0 |= vote as u32;
    }

    /// Whether there is a vote, which is no longer there then.
    pub(super) fn take(&mut self, vote: Vote) -> bool {
        let is_there = self.has(vote);
        self.0 &= !(vote as u32);
        is_there
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// An error if a rank was interrupted.
    pub(super) fn or_interrupted(self) -> Result<()> {
        if self.has(Vote::Interrupted) { Err(Error::Interrupted) } else { Ok(()) }
    }
}

/// The beginning of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    kind: u32,
    /// Of what comes after the header.
    pub(super) n_bytes: usize,
    /// Which exchange it is, counted from 0.
    number: u64,
    pub(super) ballot: Ballot,
}

impl Header {
    pub(super) const LEN: usize = 20;

    /// Makes room for a header in an empty message.
    pub(super) fn begin(message: &mut Vec<u8>) {
        message.clear();
        message.resize(Self::LEN, 0);
    }

    /// Writes the header of a message that is complete otherwise.
    pub(super) fn finish(message: &mut [u8], kind: Subject, number: u64, ballot: Ballot) -> Self {
        let n_bytes = message.len() - Self::LEN;
        let words = [kind as u32, n_bytes as u32, ballot.0];
        for (to, word) in message.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        message[12..Self::LEN].copy_from_slice(&number.to_le_bytes());
        Self { kind: kind as u32, n_bytes, number, ballot }
    }

    pub(super) fn read(message: &[u8]) -> Self {
        let word = |i: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| message[4 * i + byte]));
        let number = u64::from(word(3)) | u64::from(word(4)) << 32;
        Self { kind: word(0), n_bytes: word(1) as usize, number, ballot: Ballot(word(2)) }
    }

    pub(super) fn is_of_the_same_exchange(&self, other: &Self) -> bool {
        (self.kind, self.n_bytes, self.number) == (other.kind, other.n_bytes, other.number)
    }
}
