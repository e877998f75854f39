//! Missed steps whose size depends on the parameter's own state: l1 with Adagrad and FTRL.
//!
//! Without a gradient the divisor d of a parameter does not change, and a step takes `l1 rate / d` from |w|: it takes
//! the same from `d |w|` for all parameters.

use std::ops::Range;

use super::dyadic::Dyadic;
use super::soft_threshold::{self, Shrunk, SoftThreshold};
use super::{CaughtUp, Slots};

/// What one step without l2 does to a parameter w without a gradient: the proximal map of the l1 part, with a step size
/// that depends on the slots of w.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiagonalStep {
    /// The step, counted from 0.
    pub t: u64,
    /// The step size is this divided by the divisor.
    pub rate: f64,
    /// The divisor, and what else the step does.
    pub by: Divisor,
}

/// The divisor of the step size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divisor {
    /// `sqrt(s) + eps`, s being a slot. Nothing else is done.
    Root {
        /// See above.
        eps: f64,
    },
    /// `beta + sqrt(n) + l2 rate`, z and n being the slots. Besides, z is kept such that w is
    /// `-sign(z) max(|z| - l1, 0) rate / divisor`, where l1 includes the penalty's of all steps so far.
    ClosedForm {
        /// See above.
        beta: f64,
        /// A strength over the whole run.
        l1: f64,
        /// A strength over the whole run.
        l2: f64,
    },
}

/// The steps of a flush interval.
#[derive(Debug, Default)]
pub(super) struct DiagonalSteps {
    shrinks: Dyadic<SoftThreshold>,
    rates: Vec<f64>,
    /// The steps at which the rate changes, the first included.
    changes: Vec<usize>,
    first: Option<DiagonalStep>,
}

impl DiagonalSteps {
    pub(super) fn clear(&mut self) {
        self.shrinks.clear();
        self.rates.clear();
        self.changes.clear();
        self.first = None;
    }

    pub(super) fn push(&mut self, step: DiagonalStep, l1: f64, n_rows: f64) {
        if self.rates.last() != Some(&step.rate) {
            self.changes.push(self.rates.len());
        }
        self.first.get_or_insert(step);
        self.rates.push(step.rate);
        self.shrinks.push(SoftThreshold::step(1.0, l1 * step.rate, n_rows));
    }

    pub(super) fn prepare_flush(&mut self) {
        self.shrinks.make_tails();
    }

    pub(super) fn catch_up(&self, w: f64, slots: Slots, from: usize, l1: f64) -> CaughtUp {
        let unmoved = CaughtUp { w, slots, penalty: 0.0 };
        let Some(first) = self.first.filter(|_| w != 0.0) else { return unmoved };
        let to = self.rates.len();
        match first.by {
            Divisor::Root { eps } => {
                let shrunk = self.shrunk(w, slots[0].sqrt() + eps, from..to, l1);
                CaughtUp { w: shrunk.w, penalty: shrunk.penalty, ..unmoved }
            }
            Divisor::ClosedForm { beta, l1: own_l1, l2 } => {
                let [z, n] = slots;
                let divisor_at = |rate: f64| beta + n.sqrt() + l2 * rate;
                let Shrunk { w: moved, penalty, end } = if l2 == 0.0 {
                    self.shrunk(w, divisor_at(0.0), from..to, l1)
                } else {
                    self.shrunk_by_rate(w, divisor_at, from..to, l1)
                };
                // Without a change of the rate z stays as it is; else it follows from w. Where w has become zero,
                // z follows from the step that made it so.
                let is_same = self.changes.last().is_some_and(|&change| change < from);
                let z = if is_same {
                    z
                } else {
                    let (step, above) = match end {
                        Some((step, missing)) => (step, -missing),
                        None => (to - 1, moved.abs() * divisor_at(self.rates[to - 1])),
                    };
                    let n_steps = (first.t + step as u64 + 1) as f64;
                    -w.signum() * (own_l1 + l1 * n_steps + above / self.rates[step])
                };
                CaughtUp { w: moved, slots: [z, n], penalty }
            }
        }
    }

    /// A w that is not zero after these steps, all with the same divisor. What is missing at its end is in units of
    /// the divisor times w.
    fn shrunk(&self, w: f64, divisor: f64, steps: Range<usize>, l1: f64) -> Shrunk {
        if l1 == 0.0 {
            return Shrunk { w, penalty: 0.0, end: None };
        }
        let shrunk = soft_threshold::catch_up(&self.shrinks, w * divisor, steps.start, steps.end, l1, 0.0);
        Shrunk { w: shrunk.w / divisor, penalty: shrunk.penalty / divisor, end: shrunk.end }
    }

    /// The same with a divisor for each rate: one piece for each run of equal rates.
    fn shrunk_by_rate(
        &self,
        w: f64,
        divisor_at: impl Fn(f64) -> f64,
        steps: Range<usize>,
        l1: f64,
    ) -> Shrunk {
        let mut all = Shrunk { w, penalty: 0.0, end: None };
        if l1 == 0.0 {
            return all;
        }
        let mut at = steps.start;
        let mut next = self.changes.partition_point(|&change| change <= at);
        while at < steps.end && all.end.is_none() {
            let to = self.changes.get(next).map_or(steps.end, |&change| change.min(steps.end));
            let piece = self.shrunk(all.w, divisor_at(self.rates[at]), at..to, l1);
            all = Shrunk { penalty: all.penalty + piece.penalty, ..piece };
            (at, next) = (to, next + 1);
        }
        all
    }
}
