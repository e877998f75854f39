//! Rules that end a run before all its epochs are done, and what they remember.

use crate::error::{Error, Result, checked};
use crate::options::Options;

/// What a rule looks at after every epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Monitor {
    /// The objective of the epoch, as [`History::epoch_loss`](super::History::epoch_loss) has it.
    Loss,
    /// The mean loss over the validation rows.
    ValidationLoss,
    /// A metric of the user's own, by its name.
    Metric(String),
}

impl Monitor {
    /// The monitor of this name.
    pub fn from_name(name: &str) -> Self {
        match name {
            "loss" => Self::Loss,
            "validation_loss" => Self::ValidationLoss,
            name => Self::Metric(name.to_owned()),
        }
    }

    /// The name, as the user writes it.
    pub fn name(&self) -> &str {
        match self {
            Self::Loss => "loss",
            Self::ValidationLoss => "validation_loss",
            Self::Metric(name) => name,
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Lower is better.
    #[default]
    Min,
    /// Higher is better.
    Max,
}

impl Mode {
    /// The mode named `"min"` or `"max"`.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn from_name(name: &str) -> Result<Self> {
        const KNOWN: &[&str] = &["\"min\"", "\"max\""];
        match name {
            "min" => Ok(Self::Min),
            "max" => Ok(Self::Max),
            _ => Err(Error::UnknownName { argument: "mode", value: name.to_owned(), known: KNOWN }),
        }
    }

    /// The name, as the user writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
        }
    }

    /// The value as something that is better the lower it is.
    fn as_cost(self, value: f64) -> f64 {
        match self {
            Self::Min => value,
            Self::Max => -value,
        }
    }
}

/// Ends a run when `value > best - tol` in `patience` epochs in a row, `best` being the lowest value of the
/// epochs before; with [`Mode::Max`] when `value < best + tol`. A value that is not finite is no improvement,
/// and neither is one that equals the best. Otherwise this is scikit-learn's rule.
#[derive(Debug, Clone, PartialEq)]
pub struct NoImprovement {
    monitor: Monitor,
    mode: Mode,
    tol: f64,
    is_relative: bool,
    patience: u64,
    restores_best: bool,
}

/// Ends a run after the first epoch with `value <= target`, or `value >= target` with [`Mode::Max`].
#[derive(Debug, Clone, PartialEq)]
pub struct TargetLoss {
    monitor: Monitor,
    mode: Mode,
    value: f64,
}

/// Ends a run after so many steps of this call, also within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxSteps {
    n: u64,
}

/// Ends a run after the first step that ends later than so many seconds after the call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxSeconds {
    seconds: f64,
}

/// Ends a run after the first epoch at whose end the objective is within `tol` of its least value, relatively, as far as
/// [`Solver`](super::Solver) can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Converged {
    tol: f64,
}

/// The rules.
#[derive(Debug, Clone, PartialEq)]
pub enum StopRule {
    /// See [`NoImprovement`].
    NoImprovement(NoImprovement),
    /// See [`TargetLoss`].
    TargetLoss(TargetLoss),
    /// See [`Converged`].
    Converged(Converged),
    /// See [`MaxSteps`].
    MaxSteps(MaxSteps),
    /// See [`MaxSeconds`].
    MaxSeconds(MaxSeconds),
}

/// The state of [`NoImprovement`] between epochs.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyStoppingState<T> {
    /// What was monitored.
    pub monitor: Monitor,
    /// Which way was better.
    pub mode: Mode,
    /// The best value so far.
    pub best: Option<f64>,
    /// Epochs in a row without improvement.
    pub n_waited: u64,
    /// The model that had the best value, if it is to be restored.
    pub checkpoint: Option<BestCheckpoint<T>>,
}

impl<T> EarlyStoppingState<T> {
    /// Nothing seen yet.
    pub fn new(monitor: Monitor, mode: Mode) -> Self {
        Self { monitor, mode, best: None, n_waited: 0, checkpoint: None }
    }
}

/// The best model so far.
#[derive(Debug, Clone, PartialEq)]
pub struct BestCheckpoint<T> {
    /// Epochs it had been trained for.
    pub epoch: u64,
    /// Its parameters.
    pub params: Vec<T>,
}

/// What a value means to [`NoImprovement`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) is_best: bool,
    pub(super) is_over: bool,
}

impl NoImprovement {
    /// The rule with `tol` in units of what is monitored or, if relative, of the best value's size.
    ///
    /// # Errors
    /// Unless `tol` is finite and not negative and `patience` positive.
    pub fn new(
        monitor: Monitor,
        mode: Mode,
        tol: f64,
        is_relative: bool,
        patience: i64,
        restores_best: bool,
    ) -> Result<Self> {
        let tol = checked("tol", "finite and >= 0", tol, |tol| tol.is_finite() && tol >= 0.0)?;
        let patience = at_least_one("patience", patience)?;
        Ok(Self { monitor, mode, tol, is_relative, patience, restores_best })
    }

    /// What it looks at.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    /// Whether the model of the best epoch is what the run gives back.
    pub fn restores_best(&self) -> bool {
        self.restores_best
    }

    /// What the rule begins with: what another of the same monitor and mode has seen, or nothing.
    pub(super) fn remember<T>(&self, seen: &mut Vec<EarlyStoppingState<T>>) -> EarlyStoppingState<T> {
        let is_ours = |seen: &EarlyStoppingState<T>| {
            let can_restore = !self.restores_best || seen.checkpoint.is_some() || seen.best.is_none();
            seen.monitor == self.monitor && seen.mode == self.mode && can_restore
        };
        match seen.iter().position(is_ours) {
            Some(i) => {
                let seen = seen.remove(i);
                EarlyStoppingState { checkpoint: seen.checkpoint.filter(|_| self.restores_best), ..seen }
            }
            None => EarlyStoppingState::new(self.monitor.clone(), self.mode),
        }
    }

    /// Looks at the value of an epoch. A rule that has ended a run waits anew if the run is resumed.
    /// An epoch in which a rate `is_trying` is not waited for.
    pub(super) fn observe<T>(
        &self,
        value: f64,
        is_trying: bool,
        seen: &mut EarlyStoppingState<T>,
    ) -> Verdict {
        let value_cost = self.mode.as_cost(value);
        let (is_best, is_improvement) = match seen.best {
            _ if !value.is_finite() => (false, false),
            None => (true, true),
            Some(best) => {
                let margin = if self.is_relative { self.tol * best.abs() } else { self.tol };
                let best = self.mode.as_cost(best);
                // Equal is not better, whatever the tolerance: at a best of 0 a relative one is 0.
                (value_cost < best, value_cost < best && value_cost <= best - margin)
            }
        };
        if is_best {
            seen.best = Some(value);
        }
        seen.n_waited = if is_improvement { 0 } else { seen.n_waited + u64::from(!is_trying) };
        let is_over = !is_trying && seen.n_waited >= self.patience;
        if is_over {
            seen.n_waited = 0;
        }
        Verdict { is_best, is_over }
    }
}

impl TargetLoss {
    /// The rule that is content with `value`.
    ///
    /// # Errors
    /// If it is not finite.
    pub fn new(value: f64, monitor: Monitor, mode: Mode) -> Result<Self> {
        Ok(Self { monitor, mode, value: checked("value", "finite", value, f64::is_finite)? })
    }

    /// What it looks at.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    pub(super) fn is_met(&self, value: f64) -> bool {
        self.mode.as_cost(value) <= self.mode.as_cost(self.value)
    }
}

impl Converged {
    /// The rule with this relative tolerance.
    ///
    /// # Errors
    /// Unless it is finite and positive.
    pub fn new(tol: f64) -> Result<Self> {
        Ok(Self { tol: checked("tol", "finite and > 0", tol, |tol| tol.is_finite() && tol > 0.0)? })
    }

    /// The relative tolerance.
    pub fn tol(self) -> f64 {
        self.tol
    }

    /// Whether a gap is small beside the objective; or beside its rounding at the start, where an objective of zero is in
    /// reach.
    pub(super) fn is_met(self, gap: f64, loss: f64, rounding: f64) -> bool {
        gap <= (self.tol * loss.abs()).max(rounding)
    }
}

impl MaxSteps {
    /// The rule that allows `n` steps.
    ///
    /// # Errors
    /// If `n` is less than 1.
    pub fn new(n: i64) -> Result<Self> {
        Ok(Self { n: at_least_one("n", n)? })
    }

    /// Steps allowed.
    pub fn n(self) -> u64 {
        self.n
    }
}

impl MaxSeconds {
    /// The rule that allows so many seconds.
    ///
    /// # Errors
    /// Unless they are finite and positive.
    pub fn new(seconds: f64) -> Result<Self> {
        let seconds = checked("seconds", "finite and > 0", seconds, |s| s.is_finite() && s > 0.0)?;
        Ok(Self { seconds })
    }

    /// Seconds allowed.
    pub fn seconds(self) -> f64 {
        self.seconds
    }
}

impl StopRule {
    /// The rule these options are of; None if they are of something else.
    ///
    /// # Errors
    /// If a value is of the wrong type or out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        let monitor = || Ok(Monitor::from_name(&options.text("monitor")?));
        let mode = || Mode::from_name(&options.text("mode")?);
        Ok(Some(match options.name().as_str() {
            "NoImprovement" => Self::NoImprovement(NoImprovement::new(
                monitor()?,
                mode()?,
                options.number("tol")?,
                options.flag("relative")?,
                options.integer("patience")?,
                options.flag("restore_best")?,
            )?),
            "TargetLoss" => Self::TargetLoss(TargetLoss::new(options.number("value")?, monitor()?, mode()?)?),
            "Converged" => Self::Converged(Converged::new(options.number("tol")?)?),
            "MaxSteps" => Self::MaxSteps(MaxSteps::new(options.integer("n")?)?),
            "MaxSeconds" => Self::MaxSeconds(MaxSeconds::new(options.number("seconds")?)?),
            _ => return Ok(None),
        }))
    }

    /// What it looks at, if it looks at something.
    pub fn monitor(&self) -> Option<&Monitor> {
        match self {
            Self::NoImprovement(rule) => Some(rule.monitor()),
            Self::TargetLoss(rule) => Some(rule.monitor()),
            Self::Converged(_) | Self::MaxSteps(_) | Self::MaxSeconds(_) => None,
        }
    }
}

fn at_least_one(argument: &'static str, value: i64) -> Result<u64> {
    let is_valid = u64::try_from(value).ok().filter(|&value| value >= 1);
    is_valid.ok_or_else(|| Error::OutOfRange { argument, condition: ">= 1", value: value.to_string() })
}
