//! `Exchange`: how messages get from rank to rank, and which ranks speak to each other.

use crate::error::Result;

/// Carries messages between the processes of a run.
pub trait Exchange: Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// How many processes there are.
    fn size(&self) -> usize;

    /// Sends bytes to a rank while receiving some from another. What is received may be shorter than there is room for;
    /// the rest stays as it is. Messages between two ranks arrive in the order in which they were sent.
    ///
    /// # Errors
    /// If a message cannot be sent or received.
    fn send_receive(&self, sent: (&[u8], usize), received: (&mut [u8], usize)) -> Result<()>;
}

/// To whom a rank sends in a round, and from whom it receives: at distances 1, 2, 4, ... Of a power of two ranks the
/// partners are pairs, and the pairs of all rounds are the tree of [`TreeSum`](crate::gradient::sum::TreeSum) over parts
/// that the ranks own; of other numbers they are a dissemination. Either way what one rank says reaches all in so many
/// rounds.
pub(super) fn partners(rank: usize, size: usize, round: u32) -> (usize, usize) {
    let distance = 1 << round;
    match size.is_power_of_two() {
        true => (rank ^ distance, rank ^ distance),
        false => ((rank + size - distance) % size, (rank + distance) % size),
    }
}

/// Rounds of an exchange.
pub(super) fn n_rounds(size: usize) -> u32 {
    size.next_power_of_two().ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_rank_says_reaches_all() {
        for size in 1..40 {
            let mut known: Vec<Vec<bool>> = (0..size).map(|i| (0..size).map(|j| i == j).collect()).collect();
            for round in 0..n_rounds(size) {
                let before = known.clone();
                for (rank, known) in known.iter_mut().enumerate() {
                    let (to, from) = partners(rank, size, round);
                    assert_eq!(partners(from, size, round).0, rank, "what is received was sent");
                    assert_eq!(partners(to, size, round).1, rank, "what is sent is received");
                    known.iter_mut().zip(&before[from]).for_each(|(known, theirs)| *known |= theirs);
                }
            }
            assert!(known.iter().flatten().all(|known| *known), "{size}");
        }
    }
}
