//! `Lateness`: whether the workers of a team come late to their meetings, and for how long to do without them.
//!
//! A worker whose processor is given to another process, or to another fit, comes back after milliseconds, and with it the
//! part that it has begun: a step of ten microseconds then takes three hundred times as long, once in a hundred steps. No
//! median of steps shows that. So the leader adds up what it has waited beyond what a meeting can take, and where
//! that is more than a small share of the time, it works alone for a while, and then tries again. Of whose parts are done by
//! whom no bit depends.

use std::time::{Duration, Instant};

/// What a meeting may take, beside as long as the leader has worked for its own parts.
const GRACE: Duration = Duration::from_micros(100);
/// One part in so many of the time may be lost; sharing gains more.
const PARTS_OF_TIME: u32 = 8;
/// More is lost before the team has a rest: less than a single time slice of an operating system is no sign.
const MOST_LOST: Duration = Duration::from_millis(4);
/// The same soon after a rest, which was then too short.
const MOST_LOST_AFTER_REST: Duration = Duration::from_micros(500);
/// The first rest, and the longest: each that was too short is followed by one twice as long.
const FIRST_REST: Duration = Duration::from_millis(25);
const LONGEST_REST: Duration = Duration::from_millis(800);
/// Runs without a long wait after which the clock is no longer asked at each.
const WATCHED_RUNS: u32 = 1 << 12;

/// What was lost by waiting, and when the team rests.
#[derive(Debug, Default)]
pub(crate) struct Lateness {
    /// Runs still to be timed: the clock takes 20 ns, which are not spent where nobody was late.
    n_watched: u32,
    /// Time lost, less a share of the time since.
    lost: Duration,
    lost_until: Option<Instant>,
    /// The last rest, or the one under way, and its end.
    rest: Duration,
    rest_until: Option<Instant>,
    is_resting: bool,
}

impl Lateness {
    /// Whether the leader is to work alone, as far as is known without a clock.
    #[inline]
    pub(crate) fn is_resting(&self) -> bool {
        self.is_resting
    }

    /// The same; ends a rest that is over.
    #[inline]
    pub(crate) fn still_rests(&mut self) -> bool {
        self.is_resting = self.is_resting && self.rest_until.is_some_and(|until| Instant::now() < until);
        self.is_resting
    }

    /// When a run begins, if it is timed.
    #[inline]
    pub(crate) fn begin(&mut self) -> Option<Instant> {
        if self.n_watched == 0 {
            return None;
        }
        self.n_watched -= 1;
        Some(Instant::now())
    }

    /// In the middle of a rest.
    #[cfg(test)]
    pub(crate) fn resting() -> Self {
        let rest_until = Some(Instant::now() + Duration::from_secs(3600));
        Self { rest_until, is_resting: true, ..Self::default() }
    }

    /// Takes note of a long wait, from `since` until now, in a run that has begun when it says, if it was timed.
    #[cold]
    pub(crate) fn waited(&mut self, began: Option<Instant>, since: Instant) {
        self.n_watched = WATCHED_RUNS;
        if let Some(began) = began {
            self.note(since - began, since, Instant::now());
        }
    }

    /// Takes note that the leader, after `own` work, has waited from `since` to `now`.
    fn note(&mut self, own: Duration, since: Instant, now: Instant) {
        let Some(late) = (now - since).checked_sub(own + GRACE) else { return };
        let last = self.lost_until.replace(now).unwrap_or(since);
        self.lost = self.lost.saturating_sub(since.saturating_duration_since(last) / PARTS_OF_TIME) + late;
        let is_after_rest = self.rest_until.is_some_and(|until| now < until + self.rest);
        if self.lost > if is_after_rest { MOST_LOST_AFTER_REST } else { MOST_LOST } {
            self.rest = if is_after_rest { LONGEST_REST.min(2 * self.rest) } else { FIRST_REST };
            (self.rest_until, self.is_resting, self.lost) = (Some(now + self.rest), true, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What becomes of `n` waits of this length at equal distances.
    fn after_waits(n: u32, wait: Duration, distance: Duration) -> (Lateness, Instant) {
        let (mut lateness, mut now) = (Lateness::default(), Instant::now());
        for _ in 0..n {
            now += distance;
            lateness.note(MS / 100, now - wait, now);
        }
        (lateness, now)
    }

    #[test]
    fn a_team_that_waits_for_much_of_its_time_rests_longer_and_longer() {
        let (mut lateness, mut now) = after_waits(2, 3 * MS, 6 * MS);
        for rest in [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST] {
            assert!(lateness.is_resting && lateness.rest == rest, "{lateness:?}");
            now = lateness.rest_until.unwrap() + 3 * MS;
            lateness.is_resting = false;
            lateness.note(MS / 100, now - 3 * MS, now);
        }
        // Long after a rest the next one is short again.
        now += 10 * lateness.rest;
        lateness.is_resting = false;
        for _ in 0..2 {
            now += 6 * MS;
            lateness.note(MS / 100, now - 3 * MS, now);
        }
        assert!(lateness.is_resting && lateness.rest == FIRST_REST, "{lateness:?}");
    }

    #[test]
    fn waits_that_are_seldom_or_no_longer_than_the_work_are_no_reason() {
        assert!(!after_waits(100, 3 * MS, 40 * MS).0.is_resting);
        assert!(!after_waits(100, MS / 10, MS).0.is_resting);
    }

    #[test]
    fn only_after_a_long_wait_is_the_clock_asked() {
        let mut lateness = Lateness::default();
        assert!(lateness.begin().is_none());
        lateness.waited(None, Instant::now());
        assert!(lateness.begin().is_some());
    }
}
