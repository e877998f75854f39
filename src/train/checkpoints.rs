//! `Checkpoints`: when a run under way is handed over as a whole, so that another can resume it from there.

use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::time::Instant;

use super::Fit;
use crate::ranks::Ranks;

/// How long it is from one checkpoint to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CheckpointInterval {
    /// Epochs, counted over the whole run.
    Epochs(NonZeroU64),
    /// Steps, counted over the whole run.
    Steps(NonZeroU64),
    /// Seconds since the last one.
    Seconds(f64),
}

impl CheckpointInterval {
    /// Whether it may end within an epoch.
    pub fn is_within_epochs(self) -> bool {
        !matches!(self, Self::Epochs(_))
    }
}

/// Is given the run as if it had been interrupted here, and which of the intervals are over; breaks to end the run.
pub type SaveCheckpoint<'o, T> = &'o mut dyn FnMut(&mut Fit<T>, &[bool]) -> ControlFlow<()>;

/// The intervals of a run, and which of them are over. A checkpoint after the last step of an epoch waits for the end of
/// the epoch to be seen, and that of the last epoch is the finished run itself.
pub struct Checkpoints<'o, T> {
    intervals: &'o [CheckpointInterval],
    save: Option<SaveCheckpoint<'o, T>>,
    is_over: Vec<bool>,
    /// When each was over last, or the run began.
    last: Vec<Instant>,
    /// Rows of a batch in the epoch that has ended last, if one has.
    pub(super) batch_size: Option<usize>,
}

impl<'o, T> Checkpoints<'o, T> {
    /// None.
    pub fn none() -> Self {
        Self { intervals: &[], save: None, is_over: Vec::new(), last: Vec::new(), batch_size: None }
    }

    /// One whenever an interval is over.
    pub fn new(intervals: &'o [CheckpointInterval], save: SaveCheckpoint<'o, T>) -> Self {
        let last = vec![Instant::now(); intervals.len()];
        Self { intervals, save: Some(save), is_over: vec![false; intervals.len()], last, batch_size: None }
    }

    /// Whether the run is to be handed over now.
    #[inline]
    pub(super) fn are_due(&self) -> bool {
        self.is_over.contains(&true)
    }

    /// Sees the end of the last of so many steps, before which nobody could look.
    #[inline]
    pub(super) fn see_steps(&mut self, n_steps: u64, n_made: u64, ranks: Option<&Ranks>) {
        if !self.intervals.is_empty() {
            self.see(n_steps, n_made, ranks);
        }
    }

    fn see(&mut self, n_steps: u64, n_made: u64, ranks: Option<&Ranks>) {
        // All hand the run over after the same step, or nobody does: rank 0 looks at its clock.
        let agreed = ranks.map(|ranks| (ranks.rank() > 0, ranks.save_is_due(|| self.has_waited())));
        for ((interval, is_over), last) in self.intervals.iter().zip(&mut self.is_over).zip(&self.last) {
            *is_over |= match *interval {
                CheckpointInterval::Epochs(_) => false,
                CheckpointInterval::Steps(every) => n_steps % every.get() < n_made,
                CheckpointInterval::Seconds(every) => match agreed {
                    Some((_, false)) => false,
                    Some((true, true)) => true,
                    _ => last.elapsed().as_secs_f64() >= every,
                },
            };
        }
    }

    /// Whether so many seconds have passed as one of the intervals has.
    fn has_waited(&self) -> bool {
        let mut waited =
            self.intervals.iter().zip(&self.last).filter_map(|(interval, last)| match interval {
                CheckpointInterval::Seconds(every) => Some(last.elapsed().as_secs_f64() >= *every),
                _ => None,
            });
        waited.any(|has_waited| has_waited)
    }

    /// Sees the end of an epoch, after so many.
    pub(super) fn see_epoch(&mut self, n_epochs: u64, batch_size: usize) {
        self.batch_size = Some(batch_size);
        for (interval, is_over) in self.intervals.iter().zip(&mut self.is_over) {
            if let CheckpointInterval::Epochs(every) = interval {
                *is_over = n_epochs.is_multiple_of(every.get());
            }
        }
    }

    /// Steps that can be made before one is due, after so many.
    pub(super) fn steps_until_due(&self, n_steps: u64) -> u64 {
        let left = self.intervals.iter().filter_map(|interval| match interval {
            CheckpointInterval::Steps(every) => Some(every.get() - n_steps % every.get()),
            _ => None,
        });
        left.min().unwrap_or(u64::MAX)
    }

    /// Hands the run over.
    pub(super) fn save(&mut self, fit: &mut Fit<T>) -> ControlFlow<()> {
        let answer = match &mut self.save {
            Some(save) => save(fit, &self.is_over),
            None => ControlFlow::Continue(()),
        };
        let now = Instant::now();
        for (is_over, last) in self.is_over.iter_mut().zip(&mut self.last) {
            if std::mem::take(is_over) {
                *last = now;
            }
        }
        answer
    }
}
