//! Whether a step runs on one thread or on all of them: decided by timing both.
//!
//! The cost of synchronising threads depends on how far apart their processors are and on what else runs
//! there; the gain depends on whether the rows are in cache. The outcome ranges from half a microsecond lost
//! to half the time saved. No constant is right everywhere, and the bits do not depend on the choice, so the
//! clock may decide.

use std::time::{Duration, Instant};

/// Steps timed each way, first on one thread, then on all: if the two alternated, the workers would have to
/// be woken for every other step. The medians are compared, so that an occasional preempted thread does not
/// decide.
const N_TRIALS: usize = 8;
/// Steps on all threads that are not timed at the most, because no other thread has taken part yet: to start or to wake one
/// takes longer than several small steps, which said nothing of those to come.
const MOST_UNHELPED: usize = 64;
/// Steps before the next trial: a trial costs a few percent at most, and conditions change.
const N_STEADY: usize = 512;
/// How often that number doubles at most, where trial after trial says that steps are not to be shared.
const MOST_DOUBLINGS: u32 = 4;
/// The share of the time alone that steps together have to stay below: a gain of some percent in a few trials may be none.
const WORTHWHILE: f64 = 0.9;
/// Steps of more multiply-adds are shared without a trial: they take a tenth of a millisecond, next to which
/// synchronisation is negligible.
const WORK_SHARED_UNASKED: usize = 1 << 20;

/// Trials of steps of one size, and their outcome.
#[derive(Debug, Default)]
pub(super) struct ParallelismHeuristic {
    /// Rows of the timed steps; single steps of other sizes follow their outcome.
    n_rows: usize,
    /// Rows of the last step. Two steps of the same other size are what is timed from then on: the first passes of a run may
    /// be over a sample.
    n_rows_before: usize,
    /// Steps since the last trial began.
    n_steps: usize,
    /// Times of the trials, on one thread and on all.
    seconds: [[Duration; N_TRIALS]; 2],
    is_worth_it: bool,
    /// Trials in a row that have said no, as far as they count.
    n_refusals: u32,
    /// Steps of this trial on all threads in which no other thread has taken part.
    n_unhelped: usize,
    /// When the current step began, if it is a trial.
    trial: Option<Instant>,
}

impl ParallelismHeuristic {
    /// Whether to share a step of `n_rows` rows and `work` multiply-adds.
    pub(super) fn begin(&mut self, n_rows: usize, work: usize) -> bool {
        self.trial = None;
        if work > WORK_SHARED_UNASKED {
            self.is_worth_it = true;
            return true;
        }
        if n_rows != self.n_rows && (self.n_rows == 0 || n_rows == self.n_rows_before) {
            (self.n_rows, self.n_steps, self.n_unhelped, self.n_refusals) = (n_rows, 0, 0, 0);
        }
        self.n_rows_before = n_rows;
        if n_rows != self.n_rows || self.n_steps >= 2 * N_TRIALS {
            return self.is_worth_it;
        }
        self.trial = Some(Instant::now());
        self.n_steps >= N_TRIALS
    }

    /// Whether steps of `n_rows` rows are being compared: meanwhile nothing else about them is to change.
    #[inline]
    pub(super) fn is_trying(&self, n_rows: usize) -> bool {
        n_rows == self.n_rows && self.n_steps < 2 * N_TRIALS
    }

    /// Records that the step is done, and whether another thread has taken part.
    pub(super) fn end(&mut self, was_helped: bool) {
        match self.trial.take() {
            Some(_) if self.n_steps >= N_TRIALS && !was_helped && self.n_unhelped < MOST_UNHELPED => {
                self.n_unhelped += 1;
                return;
            }
            Some(start) => {
                self.seconds[self.n_steps / N_TRIALS][self.n_steps % N_TRIALS] = start.elapsed();
            }
            None if self.n_steps < 2 * N_TRIALS => return, // a step of another size amid the trials
            None => {}
        }
        self.n_steps += 1;
        if self.n_steps == 2 * N_TRIALS {
            let [alone, together] = self.seconds.map(|mut times| {
                times.sort_unstable();
                times[N_TRIALS / 2]
            });
            self.is_worth_it = together < alone.mul_f64(WORTHWHILE);
            self.n_refusals = if self.is_worth_it { 0 } else { MOST_DOUBLINGS.min(self.n_refusals + 1) };
        } else if self.n_steps >= 2 * N_TRIALS + (N_STEADY << self.n_refusals) {
            (self.n_steps, self.n_unhelped) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_are_tried_and_then_the_faster_is_kept() {
        for slow in [0, 1] {
            let mut parallelism = ParallelismHeuristic::default();
            for i in 0..2 * N_TRIALS {
                let shared = parallelism.begin(100, 1000);
                assert_eq!(shared, i >= N_TRIALS);
                // As if the slow way had begun earlier.
                let head_start = Duration::from_millis(u64::from(usize::from(shared) == slow));
                parallelism.trial = parallelism.trial.map(|start| start.checked_sub(head_start).unwrap());
                parallelism.end(shared);
            }
            for _ in 0..N_STEADY << slow {
                assert_eq!(parallelism.begin(100, 1000), slow == 0);
                assert!(parallelism.trial.is_none());
                parallelism.end(slow == 0);
            }
            parallelism.begin(100, 1000);
            assert!(parallelism.trial.is_some(), "the next trial");
        }
    }

    #[test]
    fn steps_on_all_threads_count_when_others_take_part() {
        let mut parallelism = ParallelismHeuristic::default();
        for _ in 0..N_TRIALS {
            assert!(!parallelism.begin(100, 1000));
            parallelism.end(false);
        }
        for _ in 0..MOST_UNHELPED {
            assert!(parallelism.begin(100, 1000) && parallelism.n_steps == N_TRIALS);
            parallelism.end(false);
            assert!(parallelism.is_trying(100) && !parallelism.is_trying(64));
        }
        for _ in 0..N_TRIALS {
            assert!(parallelism.begin(100, 1000));
            parallelism.end(false); // nobody comes
        }
        assert!(!parallelism.is_trying(100));
        parallelism.begin(100, 1000);
        assert!(parallelism.trial.is_none());
    }

    #[test]
    fn steps_of_another_size_are_timed_if_they_are_not_alone() {
        let mut parallelism = ParallelismHeuristic::default();
        parallelism.begin(2048, 1000); // a sample that a run begins with
        parallelism.end(true);
        parallelism.begin(256, 1000);
        assert!(parallelism.trial.is_none());
        parallelism.end(true);
        parallelism.begin(256, 1000);
        assert!(parallelism.trial.is_some());
        parallelism.end(true);
        parallelism.begin(7, 1000); // the last batch of an epoch
        assert!(parallelism.trial.is_none());
        parallelism.end(true);
        parallelism.begin(256, 1000);
        assert!(parallelism.trial.is_some());
    }

    #[test]
    fn large_steps_are_shared_at_once_and_odd_ones_do_not_count() {
        let mut parallelism = ParallelismHeuristic::default();
        assert!(parallelism.begin(1 << 20, WORK_SHARED_UNASKED + 1) && parallelism.trial.is_none());
        let mut parallelism = ParallelismHeuristic::default();
        parallelism.begin(100, 1000);
        assert!(!parallelism.begin(99, 990) && parallelism.trial.is_none());
    }
}
