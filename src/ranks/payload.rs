//! What ranks tell each other beside votes.

use crate::error::{Result, try_collected};

/// What travels in the rounds of an exchange.
pub(super) trait Payload {
    /// Appends what is to be sent in a round.
    fn write(&mut self, round: u32, to: &mut Vec<u8>);

    /// Takes in what was received, as long as what was sent.
    fn absorb(&mut self, round: u32, from: &[u8]);
}

/// Nothing but votes.
pub(super) struct Nothing;

impl Payload for Nothing {
    fn write(&mut self, _: u32, _: &mut Vec<u8>) {}
    fn absorb(&mut self, _: u32, _: &[u8]) {}
}

/// What the lowest rank that says something says, in so many bytes.
pub(super) struct Word {
    /// The owner, in 4 bytes, and its bytes.
    bytes: Vec<u8>,
}

/// The owner of what nobody has said.
pub(super) const NOBODY: u32 = u32::MAX;

impl Word {
    pub(super) fn of_numbers(rank: u32, numbers: &[f64]) -> Self {
        let mut bytes = Vec::from(rank.to_le_bytes());
        numbers.iter().for_each(|x| bytes.extend_from_slice(&x.to_le_bytes()));
        Self { bytes }
    }

    /// A text, cut to its first bytes and filled up with zeros. An empty one says nothing.
    pub(super) fn of_text(rank: u32, text: &str, n_bytes: usize) -> Self {
        let owner = if text.is_empty() { NOBODY } else { rank };
        let mut end = text.len().min(n_bytes);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = Vec::from(owner.to_le_bytes());
        bytes.extend_from_slice(&text.as_bytes()[..end]);
        bytes.resize(4 + n_bytes, 0);
        Self { bytes }
    }

    fn owner_of(bytes: &[u8]) -> u32 {
        u32::from_le_bytes([0, 1, 2, 3].map(|i| bytes[i]))
    }

    pub(super) fn copy_to(&self, numbers: &mut [f64]) {
        for (x, bytes) in numbers.iter_mut().zip(self.bytes[4..].chunks_exact(8)) {
            *x = f64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| bytes[i]));
        }
    }

    /// Who has said which text.
    pub(super) fn text(&self) -> Option<(usize, String)> {
        let owner = Self::owner_of(&self.bytes);
        let text = String::from_utf8_lossy(&self.bytes[4..]);
        (owner != NOBODY).then(|| (owner as usize, text.trim_end_matches('\0').to_owned()))
    }
}

impl Payload for Word {
    fn write(&mut self, _: u32, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.bytes);
    }

    fn absorb(&mut self, _: u32, from: &[u8]) {
        if Self::owner_of(from) < Self::owner_of(&self.bytes) {
            self.bytes.copy_from_slice(from);
        }
    }
}

/// Numbers, and whether all that has been heard of says the same.
pub(super) struct Digests {
    numbers: Vec<(u64, bool)>,
}

impl Digests {
    pub(super) fn of(numbers: &[u64]) -> Result<Self> {
        Ok(Self { numbers: try_collected("digests", numbers.iter().map(|&number| (number, false)))? })
    }

    /// Which are not the same on all ranks.
    pub(super) fn differ(&self) -> Result<Vec<bool>> {
        try_collected("digests", self.numbers.iter().map(|&(_, differs)| differs))
    }
}

impl Payload for Digests {
    fn write(&mut self, _: u32, to: &mut Vec<u8>) {
        for &(number, differs) in &self.numbers {
            to.extend_from_slice(&number.to_le_bytes());
            to.push(u8::from(differs));
        }
    }

    fn absorb(&mut self, _: u32, from: &[u8]) {
        for ((number, differs), theirs) in self.numbers.iter_mut().zip(from.chunks_exact(9)) {
            let their_number = u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| theirs[i]));
            *differs |= theirs[8] != 0 || their_number != *number;
        }
    }
}
