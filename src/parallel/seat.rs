//! `Seat`: where a worker of a team is offered its share of a run, and where all see what of it is not yet begun.
//!
//! Where two processors are far from each other, what a meeting costs is how often a line of memory goes from one to the
//! other, a tenth of a microsecond each time, while a step of 256 rows takes three. So all that is said to a
//! worker, and by it, is on one line: an offer brings the parts with it.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The worker does nothing, and looks.
const FREE: u32 = 0;
/// It is offered a share of the run under way.
const OFFERED: u32 = 1;
/// It has taken the offer.
const TAKEN: u32 = 2;
/// It does not look, and has to be woken.
const ASLEEP: u32 = 3;

/// The seat of a worker.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Seat {
    state: AtomicU32,
    /// The first of its parts that nobody has begun, or any number beyond.
    next: AtomicUsize,
    /// The end of its parts.
    end: AtomicUsize,
}

/// What the leader does.
impl Seat {
    /// Sets the parts of the next run, before it is offered to anyone.
    pub(super) fn set(&self, parts: Range<usize>) {
        self.next.store(parts.start, Ordering::Relaxed);
        self.end.store(parts.end, Ordering::Relaxed);
    }

    /// Offers the run to the worker, who has left the last one. Returns whether it has to be woken.
    #[must_use]
    pub(super) fn offer(&self) -> bool {
        self.state.swap(OFFERED, Ordering::AcqRel) == ASLEEP
    }

    /// Whether the worker has left, or now cannot take the offer any more.
    pub(super) fn is_left_or_withdraw(&self) -> bool {
        let withdraw = || self.state.compare_exchange(OFFERED, FREE, Ordering::Acquire, Ordering::Acquire);
        match self.state.load(Ordering::Acquire) {
            OFFERED => withdraw() != Err(TAKEN),
            state => state != TAKEN,
        }
    }
}

/// What the worker does.
impl Seat {
    /// Takes an offer, if there is one.
    pub(super) fn take(&self) -> bool {
        self.state.load(Ordering::Relaxed) == OFFERED
            && self.state.compare_exchange(OFFERED, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Has nothing more to do with the run.
    pub(super) fn leave(&self) {
        self.state.store(FREE, Ordering::Release);
    }

    /// From now on an offer wakes the worker. Not if there is one.
    pub(super) fn sleep(&self) -> bool {
        self.state.compare_exchange(FREE, ASLEEP, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether no offer has come since.
    pub(super) fn is_asleep(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ASLEEP
    }
}

/// What all do that are in the run.
impl Seat {
    /// Begins the next of the parts of this seat, if one is left.
    #[inline]
    pub(super) fn begin(&self) -> Option<usize> {
        let end = self.end.load(Ordering::Relaxed);
        let is_left = self.next.load(Ordering::Relaxed) < end;
        let part = is_left.then(|| self.next.fetch_add(1, Ordering::Relaxed))?;
        (part < end).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_begun_once() {
        let seat = Seat::default();
        assert_eq!(seat.begin(), None);
        seat.set(3..6);
        let begun: Vec<_> = std::iter::from_fn(|| seat.begin()).collect();
        assert_eq!(begun, [3, 4, 5]);
        assert_eq!(seat.begin(), None);
    }

    #[test]
    fn an_offer_is_taken_or_withdrawn() {
        let seat = Seat::default();
        assert!(!seat.take() && seat.is_left_or_withdraw());
        assert!(!seat.offer() && seat.take() && !seat.take());
        assert!(!seat.is_left_or_withdraw() && !seat.sleep());
        seat.leave();
        assert!(seat.is_left_or_withdraw() && !seat.take());
        assert!(!seat.offer() && seat.is_left_or_withdraw() && !seat.take());
    }

    #[test]
    fn an_offer_wakes_who_sleeps() {
        let seat = Seat::default();
        assert!(seat.sleep() && seat.is_asleep() && seat.is_left_or_withdraw() && seat.is_asleep());
        assert!(seat.offer() && !seat.is_asleep() && seat.take());
        seat.leave();
        assert!(!seat.offer() && !seat.sleep() && seat.take());
    }
}
