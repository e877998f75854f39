//! What ranks tell each other at length: of each as many bytes as it has to say.

use super::sum::Gathered;
use super::{Ranks, Vote};
use crate::error::{Error, Result, try_copied, try_filled, try_reserved};
use crate::kernel::{bytes_of, bytes_of_mut};
use crate::scalar::Scalar;

impl Ranks {
    /// The bytes of all ranks, in their order. It is not interrupted: what is to be interrupted is the next exchange.
    ///
    /// # Errors
    /// [`Error::OtherRank`] if a rank has failed, [`Error::OutOfMemory`], and what the exchange says.
    pub fn gather_all(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut gathered = Gathered::default();
        self.gather_whole(&mut gathered, &(own.len() as u64).to_le_bytes(), 8)?;
        let mut lengths = try_reserved("what other processes say", self.size())?;
        for rank in 0..self.size() {
            let (number, _) = gathered.block(rank).as_chunks::<8>();
            lengths.push(u64::from_le_bytes(number[0]) as usize);
        }
        let longest = lengths.iter().copied().max().unwrap_or(0);
        if longest > 0 {
            self.gather_whole(&mut gathered, own, longest)?;
        }
        let mut said = try_reserved("what other processes say", self.size())?;
        for (rank, &length) in lengths.iter().enumerate() {
            let bytes = if length > 0 { &gathered.block(rank)[..length] } else { &[] };
            let mut copied = try_reserved("what other processes say", length)?;
            copied.extend_from_slice(bytes);
            said.push(copied);
        }
        Ok(said)
    }

    /// The numbers of all ranks, one after the other.
    ///
    /// # Errors
    /// As [`Self::gather_all`].
    pub fn gather_entries<T: Scalar>(&self, own: &[T]) -> Result<Vec<T>> {
        if self.size() == 1 {
            return try_copied("what other processes say", own);
        }
        let said = self.gather_all(bytes_of(own))?;
        let n_bytes: usize = said.iter().map(Vec::len).sum();
        let mut all = try_filled("what other processes say", n_bytes / size_of::<T>(), T::ZERO)?;
        let mut room = bytes_of_mut(&mut all);
        for bytes in &said {
            let (to, rest) = room.split_at_mut(bytes.len());
            to.copy_from_slice(bytes);
            room = rest;
        }
        Ok(all)
    }

    /// Gathers blocks of so many bytes, filled up with zeros, whoever interrupts.
    fn gather_whole(&self, gathered: &mut Gathered, own: &[u8], length: usize) -> Result<()> {
        let mut is_interrupted = false;
        loop {
            let block = gathered.begin();
            let reserved = block.try_reserve(length);
            reserved.map_err(|_| Error::OutOfMemory { what: "what other processes say", bytes: length })?;
            block.extend_from_slice(own);
            block.resize(length, 0);
            match self.gather(gathered) {
                Err(Error::Interrupted) => is_interrupted = true,
                other => {
                    if is_interrupted {
                        self.note(Vote::Interrupted, "");
                    }
                    return other;
                }
            }
        }
    }
}
