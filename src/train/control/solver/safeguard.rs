//! `Safeguard`: goes back and shortens the steps where an epoch has made the objective worse.

use crate::error::{Result, try_copied, try_reserved};
use crate::gradient::{Baseline, ControlVariate, Evaluator};
use crate::scalar::Scalar;

/// The share of the longest rate at first.
const FIRST_SHARE: f64 = 0.5;
/// How much of what was gained may be lost in an epoch: early, where slopes are still those of the first epoch, and later.
const EARLY_LOSS: f64 = 0.5;
const LATE_LOSS: f64 = 0.01;
const EARLY_EPOCHS: u64 = 2;
/// What the mean objective of an epoch may differ by where nothing has changed, in units of the rounding of the first.
const ROUNDING: f64 = 16.0;
/// The part of the gap that is left after some epochs, at most: it is only estimated.
const LARGEST_FACTOR: f64 = 0.99;
/// Epochs whose objectives are remembered, and the part of those so far over which it is looked how it comes down: over more
/// epochs where it comes down slowly, since drops from one to the next are noise there.
const N_REMEMBERED: usize = 256;
const PART_OF_WINDOW: usize = 8;
/// Times in a row that steps are shortened because numbers have become non-finite.
const MOST_BACKTRACKS: u64 = 60;

/// What is remembered of the epochs before.
///
/// It does not act on every rise: the second epoch may rise a little, since the slopes known of the first are old, and to
/// shorten the steps then would make the run crawl.
#[derive(Debug, Clone, PartialEq)]
pub struct Safeguard<T> {
    /// The share of the longest rate that the expected smoothness allows.
    pub share: f64,
    /// The objective at the start, on a few rows.
    pub first_loss: f64,
    /// The least mean objective of an epoch; or the objective over all rows where an epoch went back to, if that is larger:
    /// the mean over an epoch may be less than the objective is anywhere, for the parameters move meanwhile.
    pub best_loss: f64,
    /// Where the best epoch has ended.
    pub refuge: Vec<T>,
    /// Where it began.
    pub older_refuge: Vec<T>,
    /// Where the last epoch has ended.
    pub last: Vec<T>,
    /// The mean objective of the last epoch, if it has not been judged yet.
    pub last_loss: Option<f64>,
    /// The mean objectives of the epochs before, since a step back if there was one.
    pub losses: Vec<f64>,
    /// Whether numbers have become non-finite since.
    pub is_lost: bool,
    /// How often in a row.
    pub n_backtracks: u64,
}

impl<T: Scalar> Safeguard<T> {
    /// Nothing seen yet, and nowhere to go back to.
    pub(super) fn unbegun() -> Self {
        Self {
            share: FIRST_SHARE,
            first_loss: 0.0,
            best_loss: 0.0,
            refuge: Vec::new(),
            older_refuge: Vec::new(),
            last: Vec::new(),
            last_loss: None,
            losses: Vec::new(),
            is_lost: false,
            n_backtracks: 0,
        }
    }

    pub(super) fn new(params: Vec<T>, first_loss: f64) -> Result<Self> {
        let (refuge, older_refuge) = (try_copied("parameters", &params)?, try_copied("parameters", &params)?);
        Ok(Self { first_loss, best_loss: first_loss, refuge, older_refuge, last: params, ..Self::unbegun() })
    }

    /// Whether there is something to be judged.
    pub(super) fn is_due(&self) -> bool {
        self.last_loss.is_some() || self.is_lost
    }

    /// Told of an epoch, which may have had a single step on all rows.
    pub(super) fn end_epoch(&mut self, loss: f64, params: &[T], is_single_step: bool) {
        if is_single_step && self.losses.is_empty() && loss.is_finite() {
            // The first since the start or a step back: the objective of that place, and nothing else but rounding.
            self.best_loss = loss;
        }
        if !self.is_lost {
            self.last_loss = Some(loss);
            if loss <= self.best_loss {
                self.older_refuge.copy_from_slice(&self.last);
                self.refuge.copy_from_slice(params);
            }
        }
        self.last.copy_from_slice(params);
    }

    /// Notes that a step has become non-finite, and was not made. Returns an objective in its place, or nothing if this is not
    /// the fault of the rate.
    pub(in crate::train) fn backtrack(&mut self) -> Option<f64> {
        self.n_backtracks += 1;
        self.is_lost = true;
        let is_possible = self.n_backtracks <= MOST_BACKTRACKS && self.best_loss.is_finite();
        is_possible.then_some(self.best_loss)
    }

    /// A step was made.
    pub(super) fn go_on(&mut self) {
        self.n_backtracks = 0;
    }

    /// Whether the objective of an epoch is much worse than the best, after `age` epochs.
    fn is_much_worse(&self, loss: f64, age: u64) -> bool {
        let part = if age <= EARLY_EPOCHS { EARLY_LOSS } else { LATE_LOSS };
        let gained = (self.first_loss - self.best_loss).max(0.0);
        // Rounding may be all that is left; and in the first epoch of a single batch it is all there is.
        let scale = self.first_loss.abs().max(self.best_loss.abs());
        let rounding = (ROUNDING * T::EPSILON * scale).max(1e-9 * self.best_loss.abs());
        loss.is_nan() || loss > self.best_loss + part * gained + rounding
    }

    /// What the objective has still to come down by at the end of an epoch of mean objective `loss`, if it goes on coming
    /// down as it has of late: infinite if there were too few epochs.
    pub(super) fn extrapolated_gap(&self, loss: f64) -> f64 {
        let n = self.losses.len();
        let window = ((n + 1) / PART_OF_WINDOW).max(1);
        if n < 2 * window {
            return f64::INFINITY;
        }
        let (before, first) = (self.losses[n - window], self.losses[n - 2 * window]);
        let (drop, last_drop) = ((before - loss).abs(), (first - before).abs());
        let factor = (drop / last_drop.max(f64::MIN_POSITIVE)).min(LARGEST_FACTOR);
        // The mean of an epoch is that of its middle, half an epoch before the end.
        drop * factor * factor.powf(0.5 / window as f64) / (1.0 - factor)
    }

    /// Where the best epoch has ended and its objective, if the last one was much worse.
    pub(in crate::train) fn alternative(&self) -> Option<(&[T], f64)> {
        let is_worse = self.is_lost || self.last_loss.is_some_and(|loss| self.is_much_worse(loss, u64::MAX));
        is_worse.then_some((&self.refuge, self.best_loss))
    }

    /// Judges the last epoch: if it was much worse than the best, goes back there and shortens the steps.
    ///
    /// # Errors
    /// If the work was interrupted, and then it is to be done again.
    pub(super) fn judge(&mut self, age: u64, evaluator: &mut Evaluator<'_, '_, T>) -> Result<()> {
        let loss = self.last_loss.filter(|_| !self.is_lost);
        match loss {
            Some(loss) if !self.is_much_worse(loss, age) => {
                self.best_loss = self.best_loss.min(loss);
                self.remember(loss)?;
            }
            _ => self.go_back(age, evaluator)?,
        }
        self.last_loss = None;
        self.is_lost = false;
        Ok(())
    }

    fn remember(&mut self, loss: f64) -> Result<()> {
        if self.losses.capacity() == 0 {
            self.losses = try_reserved("objectives of epochs", N_REMEMBERED)?;
        }
        if self.losses.len() == N_REMEMBERED {
            self.losses.remove(0);
        }
        self.losses.push(loss);
        Ok(())
    }

    fn go_back(&mut self, age: u64, evaluator: &mut Evaluator<'_, '_, T>) -> Result<()> {
        let before = try_copied("parameters", evaluator.params())?;
        let mut found = Self::look_from(&self.refuge, evaluator);
        if found.as_ref().is_ok_and(|&loss| self.is_much_worse(loss, age)) {
            found = Self::look_from(&self.older_refuge, evaluator);
            if found.is_ok() {
                self.refuge.copy_from_slice(&self.older_refuge);
            }
        }
        match found {
            // The best epoch may have been better on its way than where it ended: what counts is what can be gone on from.
            Ok(loss) if loss.is_finite() => self.best_loss = self.best_loss.max(loss),
            Ok(_) => {}
            Err(error) => {
                evaluator.params().copy_from_slice(&before);
                return Err(error);
            }
        }
        self.share *= 0.5;
        self.losses.clear();
        self.last.copy_from_slice(&self.refuge);
        Ok(())
    }

    /// Goes there, and makes the slopes of all rows known, if they are to be. Returns the objective.
    fn look_from(params: &[T], evaluator: &mut Evaluator<'_, '_, T>) -> Result<f64> {
        evaluator.params().copy_from_slice(params);
        let layout = evaluator.layout();
        let fresh = match evaluator.control_variate().map(|variate| &variate.baseline) {
            None => return evaluator.value_of_all(),
            Some(Baseline::Table(table)) => {
                let n_rows = table.len() / layout.n_outputs();
                ControlVariate::table(layout, n_rows)?
            }
            Some(Baseline::Snapshot(_)) => ControlVariate::snapshot(layout, params)?,
        };
        evaluator.know_all_slopes(fresh)
    }
}
