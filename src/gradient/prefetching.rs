//! How rows are prefetched: decided by timing the candidates.
//!
//! The best hint and distance differ by a factor of 1.5 in time, and between machines, sizes of the data and numbers of
//! threads: nothing where the rows are in cache, 16 rows ahead to the first level on one processor, 64 to the second on
//! another. The bits do not depend on the choice, so the clock may decide.

use std::time::Instant;

use crate::kernel::Prefetch;

/// Rows of a trial, or one step of more: some 20 to 100 microseconds.
const ROWS_OF_TRIAL: usize = 2048;
/// Trials of each candidate, in turns. The least time counts: others are lengthened by what else happened.
const N_ROUNDS: usize = 5;
/// Rows before the candidates are tried again: what the trials cost is lost in them.
const ROWS_BETWEEN_TRIALS: usize = 1 << 20;

/// Trials of the candidates, and their outcome.
#[derive(Debug)]
pub(super) struct PrefetchHeuristic {
    candidates: &'static [Prefetch],
    /// The least seconds per row of each candidate.
    seconds: [f64; MOST_CANDIDATES],
    /// Trials done; none is under way after the last.
    n_trials: usize,
    chosen: Prefetch,
    /// When the trial began.
    start: Instant,
    /// Rows of the trial, or since the last.
    n_rows: usize,
}

/// As many as `Rows::prefetches` gives.
pub(super) const MOST_CANDIDATES: usize = 4;

impl PrefetchHeuristic {
    /// A choice among candidates, of which the first is taken until all are tried.
    pub(super) fn new(candidates: &'static [Prefetch]) -> Self {
        let chosen = candidates.first().copied().unwrap_or(Prefetch::NONE);
        let seconds = [f64::INFINITY; MOST_CANDIDATES];
        Self { candidates, seconds, n_trials: 0, chosen, start: Instant::now(), n_rows: 0 }
    }

    /// The candidate of the last step.
    #[inline]
    pub(super) fn last(&self) -> Prefetch {
        self.chosen
    }

    /// How to prefetch in a step of `n_rows` rows that begins now.
    #[inline]
    pub(super) fn begin(&mut self, n_rows: usize) -> Prefetch {
        let is_trial = self.n_trials < N_ROUNDS * self.candidates.len();
        if self.n_rows >= if is_trial { ROWS_OF_TRIAL } else { ROWS_BETWEEN_TRIALS } {
            self.end_trial(is_trial);
        }
        self.n_rows += n_rows;
        self.chosen
    }

    #[cold]
    fn end_trial(&mut self, is_trial: bool) {
        let n_candidates = self.candidates.len();
        if n_candidates < 2 {
            self.n_rows = 0;
            return;
        }
        if is_trial {
            let seconds = &mut self.seconds[self.n_trials % n_candidates];
            *seconds = seconds.min(self.start.elapsed().as_secs_f64() / self.n_rows as f64);
            self.n_trials += 1;
        } else {
            self.seconds = [f64::INFINITY; MOST_CANDIDATES];
            self.n_trials = 0;
        }
        self.chosen = if self.n_trials < N_ROUNDS * n_candidates {
            self.candidates[self.n_trials % n_candidates]
        } else {
            let best = (0..n_candidates).min_by(|&a, &b| self.seconds[a].total_cmp(&self.seconds[b]));
            self.candidates[best.unwrap_or(0)]
        };
        self.n_rows = 0;
        self.start = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Prefetch = Prefetch { n_ahead: 1, to_second_level: false };
    const FAST: Prefetch = Prefetch { n_ahead: 2, to_second_level: true };

    #[test]
    fn all_are_tried_and_then_the_fastest_is_kept() {
        let mut prefetching = PrefetchHeuristic::new(&[SLOW, FAST]);
        for i in 0..2 * N_ROUNDS {
            let tried = prefetching.begin(ROWS_OF_TRIAL);
            assert_eq!(tried, [SLOW, FAST][i % 2]);
            if tried == SLOW {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        let n_steady = ROWS_BETWEEN_TRIALS / ROWS_OF_TRIAL;
        assert!((0..n_steady).all(|_| prefetching.begin(ROWS_OF_TRIAL) == FAST));
        assert_eq!(prefetching.begin(ROWS_OF_TRIAL), SLOW, "the next trials");
    }

    #[test]
    fn a_single_candidate_is_not_timed() {
        let mut prefetching = PrefetchHeuristic::new(&[FAST]);
        assert!((0..100).all(|_| prefetching.begin(ROWS_OF_TRIAL) == FAST));
    }
}
