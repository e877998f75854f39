//! `Ranks`: processes that make the same run together, and what they tell each other.
//!
//! Every rank makes every step. What a rank may not decide alone - to end, because of a signal, a clock, a callback or an
//! error - travels as a *vote* with the next exchange, so that all ranks end between the same two steps.
//!
//! An exchange is some rounds in which each rank sends to one other and receives from one, see `exchange.rs`. Who speaks to
//! whom follows from the number of ranks alone: so a rank that has failed, which no longer knows what the others are
//! about to add up, takes part in the rounds of their next exchange and says nothing but that. Nobody waits for it after
//! that: vectors too long for these rounds follow only when all have been heard.

mod exchange;
mod message;
mod payload;
mod sum;
mod telling;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use self::exchange::Exchange;
use self::exchange::{n_rounds, partners};
use self::message::{Ballot, Header, Subject};
use self::payload::{Digests, NOBODY, Nothing, Payload, Word};
pub use self::sum::{Gathered, Numbers};
use crate::error::{Error, Result, try_filled, try_reserved};

/// Bytes of the vectors in the rounds of an exchange, at most: longer ones follow on their own.
pub const MOST_BYTES: usize = 1 << 16;
/// Bytes of a message beside vectors, at most.
const MOST_WORDS: usize = 1 << 16;
/// Bytes of what is said of an error.
const BYTES_OF_CAUSE: usize = 480;
/// Multiply-adds between two exchanges, at most, where steps need none: some milliseconds.
const WORK_BETWEEN_VOTES: usize = 1 << 25;

/// What a rank may want of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vote {
    /// Someone has interrupted this rank.
    Interrupted = 1,
    /// The time allowed is over.
    TimeIsUp = 2,
    /// The callback wants the end.
    Break = 4,
    /// A function of the caller's has raised an error.
    Raised = 8,
    /// This rank cannot go on.
    Failed = 16,
    /// The run is to be saved.
    SaveIsDue = 32,
}

/// All processes of a run, seen from one of them.
pub struct Ranks {
    exchange: Box<dyn Exchange>,
    own: Mutex<OwnVotes>,
    talk: Mutex<Talk>,
    n_messages: AtomicU64,
    n_bytes: AtomicU64,
}

/// What this rank has to say in the next exchange.
#[derive(Debug, Default)]
struct OwnVotes {
    ballot: Ballot,
    cause: String,
}

/// What was said.
#[derive(Debug, Default)]
struct Talk {
    /// Exchanges so far.
    number: u64,
    /// All votes so far.
    agreed: Ballot,
    /// Multiply-adds since the last exchange.
    work: usize,
    /// Who has ended the run from outside, and why.
    ended_by: Option<(usize, String)>,
    /// Set when nobody will answer any more, to why.
    is_over: Option<Result<()>>,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl std::fmt::Debug for Ranks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ranks")
            .field("rank", &self.rank())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ranks {
    /// The ranks between which `exchange` carries messages.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(exchange: Box<dyn Exchange>) -> Result<Self> {
        let room = Header::LEN + MOST_BYTES + MOST_WORDS;
        let sent = try_reserved("messages", room)?;
        let received = try_filled("messages", room, 0)?;
        let talk = Talk { sent, received, ..Talk::default() };
        let (n_messages, n_bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { exchange, own: Mutex::default(), talk: Mutex::new(talk), n_messages, n_bytes })
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.exchange.rank()
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.exchange.size()
    }

    /// Messages that this rank has sent, and their bytes.
    pub fn sent(&self) -> (u64, u64) {
        (self.n_messages.load(Ordering::Relaxed), self.n_bytes.load(Ordering::Relaxed))
    }

    /// Sends a message while one is received. One without a header may follow when all ranks have been heard.
    fn carry(&self, sent: (&[u8], usize), received: (&mut [u8], usize)) -> Result<()> {
        self.n_messages.fetch_add(1, Ordering::Relaxed);
        self.n_bytes.fetch_add(sent.0.len() as u64, Ordering::Relaxed);
        self.exchange.send_receive(sent, received)
    }

    /// Rounds of an exchange.
    pub fn n_rounds(&self) -> u32 {
        n_rounds(self.size())
    }

    /// Has a vote travel with the next exchange; `cause` is for the messages of the others.
    pub fn note(&self, vote: Vote, cause: &str) {
        let mut own = locked(&self.own);
        own.ballot.add(vote);
        if own.cause.is_empty() {
            cause.clone_into(&mut own.cause);
        }
    }

    /// Whether rank 0 has said that the time is up. `is_up` is asked there.
    pub fn time_is_up(&self, is_up: impl FnOnce() -> bool) -> bool {
        if self.rank() == 0 && is_up() {
            self.note(Vote::TimeIsUp, "");
        }
        locked(&self.talk).agreed.has(Vote::TimeIsUp)
    }

    /// Whether the clock of rank 0 wants the run to be saved; true once. `is_due` is asked there.
    pub fn save_is_due(&self, is_due: impl FnOnce() -> bool) -> bool {
        let is_agreed = locked(&self.talk).agreed.take(Vote::SaveIsDue);
        if !is_agreed && self.rank() == 0 && is_due() {
            self.note(Vote::SaveIsDue, "");
        }
        is_agreed
    }

    /// Counts multiply-adds that every rank has done alike, and has all vote when there have been many.
    ///
    /// # Errors
    /// As [`Self::vote`].
    pub fn count(&self, work: usize) -> Result<()> {
        let mut talk = locked(&self.talk);
        talk.work = talk.work.saturating_add(work);
        if talk.work < WORK_BETWEEN_VOTES {
            return Ok(());
        }
        self.hold(&mut talk, Subject::Vote, &mut Nothing)?.or_interrupted()
    }

    /// Has all vote.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if a rank was interrupted, [`Error::OtherRank`] if one has failed, and what the exchange says.
    pub fn vote(&self) -> Result<()> {
        self.hold(&mut locked(&self.talk), Subject::Vote, &mut Nothing)?.or_interrupted()
    }

    /// Has all vote on the end of the run, and hands the numbers of rank 0 to all. Returns whether it is to end.
    ///
    /// # Errors
    /// [`Error::OtherRank`] if a rank has failed, and what the exchange says.
    pub fn agree(&self, wants_end: bool, numbers: &mut [f64]) -> Result<bool> {
        if wants_end {
            self.note(Vote::Break, "");
        }
        let mut word = Word::of_numbers(self.rank() as u32, numbers);
        let ballot = self.hold(&mut locked(&self.talk), Subject::Agreement, &mut word)?;
        word.copy_to(numbers);
        Ok([Vote::Break, Vote::Raised, Vote::Interrupted].into_iter().any(|vote| ballot.has(vote)))
    }

    /// Hands the numbers of the first rank that has something to say to all.
    ///
    /// # Errors
    /// As [`Self::vote`].
    pub fn hear(&self, has_something: bool, numbers: &mut [f64]) -> Result<()> {
        let owner = if has_something { self.rank() as u32 } else { NOBODY };
        let mut word = Word::of_numbers(owner, numbers);
        self.hold(&mut locked(&self.talk), Subject::Agreement, &mut word)?.or_interrupted()?;
        word.copy_to(numbers);
        Ok(())
    }

    /// Which of some numbers are not the same on all ranks.
    ///
    /// # Errors
    /// As [`Self::vote`].
    pub fn compare(&self, numbers: &[u64]) -> Result<Vec<bool>> {
        let mut digests = Digests::of(numbers)?;
        self.hold(&mut locked(&self.talk), Subject::Comparison, &mut digests)?.or_interrupted()?;
        digests.differ()
    }

    /// Tells the others that this rank cannot go on, in their next exchange. Does nothing if they know.
    pub fn fail(&self, cause: &str) {
        let mut talk = locked(&self.talk);
        if talk.is_over.is_none() {
            locked(&self.own).cause.clear();
            self.note(Vote::Failed, cause);
            // What comes back is that somebody has failed.
            let _ = self.hold(&mut talk, Subject::Vote, &mut Nothing);
        }
    }

    /// Has all ranks end together, and learn who has ended the run from outside, if someone has. Else they may speak again
    /// where a run `goes_on`, with other rows.
    ///
    /// # Errors
    /// [`Error::OtherRank`] if a rank has failed, and what the exchange says.
    pub fn finish(&self, goes_on: bool) -> Result<()> {
        let mut talk = locked(&self.talk);
        let cause = std::mem::take(&mut locked(&self.own).cause);
        let mut word = Word::of_text(self.rank() as u32, &cause, BYTES_OF_CAUSE);
        self.hold(&mut talk, Subject::End, &mut word)?;
        talk.ended_by = word.text();
        talk.agreed.take(Vote::SaveIsDue); // what goes on looks at a clock of its own
        if !goes_on || talk.ended_by.is_some() {
            talk.is_over = Some(Ok(()));
        }
        Ok(())
    }

    /// The rank that has ended the run from outside, and why.
    pub fn ended_by(&self) -> Option<(usize, String)> {
        locked(&self.talk).ended_by.clone()
    }

    /// An exchange. All ranks must hold the same one, but for those that have failed.
    fn hold(&self, talk: &mut Talk, kind: Subject, payload: &mut dyn Payload) -> Result<Ballot> {
        if let Some(how) = &talk.is_over {
            let over = || Error::Exchange { reason: "the ranks have ended already".to_owned() };
            return Err(how.clone().err().unwrap_or_else(over));
        }
        let mut ballot = std::mem::take(&mut locked(&self.own).ballot);
        let (rank, size) = (self.rank(), self.size());
        for round in 0..n_rounds(size) {
            let Talk { number, sent, received, .. } = &mut *talk;
            Header::begin(sent);
            if !ballot.has(Vote::Failed) {
                payload.write(round, sent);
            }
            let header = Header::finish(sent, kind, *number, ballot);
            let (to, from) = partners(rank, size, round);
            if let Err(error) = self.carry((sent, to), (received, from)) {
                talk.is_over = Some(Err(error.clone()));
                return Err(error);
            }
            let theirs = Header::read(received);
            if !ballot.has(Vote::Failed) && !theirs.ballot.has(Vote::Failed) {
                if header.is_of_the_same_exchange(&theirs) {
                    payload.absorb(round, &received[Header::LEN..][..header.n_bytes]);
                } else {
                    ballot.add(Vote::Failed);
                    let apart = "the ranks have come apart: their calls or their data are not the same";
                    apart.clone_into(&mut locked(&self.own).cause);
                }
            }
            ballot.merge(theirs.ballot);
        }
        talk.number += 1;
        talk.work = 0;
        talk.agreed.merge(ballot);
        if ballot.has(Vote::Failed) {
            let error = self.last_words(talk)?;
            talk.is_over = Some(Err(error.clone()));
            return Err(error);
        }
        Ok(ballot)
    }

    /// Who has failed, of several the first, and why; when all know that somebody has.
    fn last_words(&self, talk: &mut Talk) -> Result<Error> {
        let (rank, size) = (self.rank(), self.size());
        let cause = std::mem::take(&mut locked(&self.own).cause);
        let mut word = Word::of_text(rank as u32, &cause, BYTES_OF_CAUSE);
        for round in 0..n_rounds(size) {
            let Talk { sent, received, .. } = &mut *talk;
            sent.clear();
            word.write(round, sent);
            let (to, from) = partners(rank, size, round);
            self.carry((sent, to), (received, from))?;
            word.absorb(round, &received[..sent.len()]);
        }
        let (rank, reason) = word.text().unwrap_or((rank, "unknown".to_owned()));
        Ok(Error::OtherRank { rank, size, reason })
    }
}
