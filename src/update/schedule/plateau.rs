//! A rate that falls when the loss does not.

use super::{Rates, Schedule, final_rate_of, positive_steps};
use crate::error::{Error, Result, checked};
use crate::options::Options;

/// Another schedule, times `factor` whenever the loss of `n_iter_no_change` epochs in a row has not improved:
/// scikit-learn's "adaptive" and PyTorch's `ReduceLROnPlateau`.
///
/// The only schedule that is not a function of the step alone. Its [`PlateauState`] is part of
/// the state of the run, which tells it the loss of every epoch; [`Rates::at`] is the other schedule's.
#[derive(Debug, Clone, PartialEq)]
pub struct Plateau {
    pub(super) schedule: Box<Schedule>,
    rule: PlateauRule,
}

/// When a [`Plateau`] falls, and how far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlateauRule {
    /// Factor of the rate, in (0, 1).
    pub factor: f64,
    /// Epochs without improvement, >= 1. PyTorch's patience is one less.
    pub n_iter_no_change: i64,
    /// The least improvement that counts, finite and >= 0.
    pub tol: f64,
    /// How `tol` is meant.
    pub tol_mode: Tolerance,
    /// Epochs after a fall that are ignored, >= 0: PyTorch's cooldown.
    pub cooldown: i64,
    /// The rate does not fall below this, finite and >= 0.
    pub min_learning_rate: f64,
}

/// What an improvement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// `loss <= best - tol` and below the best, the best being the lowest loss so far: scikit-learn's rule.
    Absolute,
    /// `loss < best - tol |best|`, the best being the last that was an improvement: PyTorch's rule.
    Relative,
}

/// The state of a [`Plateau`] between epochs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlateauState {
    /// Factor of the schedule.
    pub factor: f64,
    /// The loss to be improved on.
    pub best: f64,
    /// Epochs without improvement since the last one.
    pub n_bad: u64,
    /// Epochs that are still to be ignored.
    pub n_cooling: u64,
}

impl Default for PlateauState {
    fn default() -> Self {
        Self { factor: 1.0, best: f64::INFINITY, n_bad: 0, n_cooling: 0 }
    }
}

impl PlateauState {
    /// Whether it has a loss to compare later ones with.
    pub fn has_best(&self) -> bool {
        self.best.is_finite()
    }

    /// The four numbers, to be saved.
    pub fn to_numbers(self) -> [f64; 4] {
        [self.factor, self.best, self.n_bad as f64, self.n_cooling as f64]
    }

    /// The state that was saved.
    pub fn from_numbers([factor, best, n_bad, n_cooling]: [f64; 4]) -> Self {
        Self { factor, best, n_bad: n_bad as u64, n_cooling: n_cooling as u64 }
    }
}

impl Plateau {
    /// A schedule without a plateau of its own, and when it is to fall.
    pub fn new(schedule: Schedule, rule: PlateauRule) -> Result<Self> {
        if schedule.plateau().is_some() {
            return Err(Error::Incompatible(
                "learning_rate of a Plateau must not have a Plateau in it".into(),
            ));
        }
        checked("factor", "between 0 and 1", rule.factor, |factor| factor > 0.0 && factor < 1.0)?;
        positive_steps("n_iter_no_change", rule.n_iter_no_change)?;
        checked("tol", "finite and >= 0", rule.tol, |tol| tol.is_finite() && tol >= 0.0)?;
        checked("cooldown", ">= 0", rule.cooldown as f64, |n| n >= 0.0)?;
        final_rate_of("min_learning_rate", rule.min_learning_rate)?;
        Ok(Self { schedule: Box::new(schedule), rule })
    }

    pub(super) fn with_schedule(&self, schedule: Schedule) -> Self {
        Self { schedule: Box::new(schedule), rule: self.rule }
    }

    /// The rate of the run, given that of the schedule; never higher than it.
    pub(super) fn lowered(&self, rate: f64, state: &PlateauState) -> f64 {
        (rate * state.factor).max(self.rule.min_learning_rate.min(rate))
    }

    /// Observes the loss of an epoch.
    pub(super) fn end_epoch(&self, state: &mut PlateauState, loss: f64) {
        let PlateauRule { tol, tol_mode, .. } = self.rule;
        let is_better = match tol_mode {
            // Equal is not better, also where `tol` is 0 or too small to change the best loss.
            Tolerance::Absolute => loss < state.best && loss <= state.best - tol,
            Tolerance::Relative if state.best.is_infinite() => loss < state.best,
            Tolerance::Relative => loss < state.best - tol * state.best.abs(),
        };
        if is_better || (tol_mode == Tolerance::Absolute && loss < state.best) {
            state.best = loss;
        }
        state.n_bad = if is_better { 0 } else { state.n_bad + 1 };
        if state.n_cooling > 0 {
            state.n_cooling -= 1;
            state.n_bad = 0;
        }
        if state.n_bad >= self.rule.n_iter_no_change as u64 {
            state.factor *= self.rule.factor;
            state.n_bad = 0;
            state.n_cooling = self.rule.cooldown as u64;
        }
    }
}

impl Rates for Plateau {
    const NAME: &'static str = "Plateau";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let mode = options.text("tol_mode")?;
        let tol_mode = match mode.as_str() {
            "absolute" => Tolerance::Absolute,
            "relative" => Tolerance::Relative,
            _ => {
                const KNOWN: &[&str] = &["\"absolute\"", "\"relative\""];
                return Err(Error::UnknownName { argument: "tol_mode", value: mode, known: KNOWN });
            }
        };
        let rule = PlateauRule {
            factor: options.number("factor")?,
            n_iter_no_change: options.integer("n_iter_no_change")?,
            tol: options.number("tol")?,
            tol_mode,
            cooldown: options.integer("cooldown")?,
            min_learning_rate: options.number("min_learning_rate")?,
        };
        Self::new(Schedule::from_options(&*options.child("learning_rate")?)?, rule)
    }

    fn at(&self, t: u64) -> f64 {
        self.schedule.at(t)
    }
}
