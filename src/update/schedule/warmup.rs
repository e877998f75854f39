//! Warmup: a rising rate in front of another schedule.

use std::ops::Range;

use super::{Rates, Schedule, steps_or_none};
use crate::error::Result;
use crate::options::Options;

/// `schedule(0) (t + 1) / (n_steps + 1)` for t < n_steps, then `schedule(t - n_steps)`: the first rate is
/// small but not zero, and the rise meets the schedule where it begins.
///
/// Source: P. Goyal et al., Accurate, large minibatch SGD, 2017.
#[derive(Debug, Clone, PartialEq)]
pub struct Warmup {
    pub(super) schedule: Box<Schedule>,
    n_steps: u64,
}

impl Warmup {
    /// The schedule to be warmed up, and the steps that takes, >= 0.
    pub fn new(schedule: Schedule, n_steps: i64) -> Result<Self> {
        Ok(Self { schedule: Box::new(schedule), n_steps: steps_or_none("n_steps", n_steps)? })
    }

    pub(super) fn with_schedule(&self, schedule: Schedule) -> Self {
        Self { schedule: Box::new(schedule), n_steps: self.n_steps }
    }

    /// The steps of the schedule behind these: its first, as long as the rise goes on, and then its own.
    pub(super) fn inner_steps(&self, steps: Range<u64>) -> Range<u64> {
        let end = steps.end.saturating_sub(self.n_steps);
        if steps.start < self.n_steps { 0..end.max(1) } else { steps.start - self.n_steps..end }
    }
}

impl Rates for Warmup {
    const NAME: &'static str = "Warmup";

    fn from_options(options: &dyn Options) -> Result<Self> {
        Self::new(Schedule::from_options(&*options.child("schedule")?)?, options.integer("n_steps")?)
    }

    fn at(&self, t: u64) -> f64 {
        match t.checked_sub(self.n_steps) {
            Some(t) => self.schedule.at(t),
            None => self.schedule.at(0) * ((t as f64 + 1.0) / (self.n_steps as f64 + 1.0)),
        }
    }
}
