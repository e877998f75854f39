//! Why a run ended.

use std::fmt;

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs asked for were done.
    Epochs,
    /// The callback asked for the end.
    Callback,
    /// What was monitored has not improved for as many epochs as the rule is patient.
    NoImprovement,
    /// What was monitored has reached its target.
    Target,
    /// The objective is within its tolerance of the least there is.
    Converged,
    /// As many steps were made as were allowed.
    MaxSteps,
    /// As much time has passed as was allowed.
    MaxSeconds,
    /// The rows at hand were used up within an epoch, see [`Window`](super::Window).
    Window,
    /// The caller gave the work up, between two steps.
    Interrupted,
    /// The run became non-finite. The parameters are the last finite ones.
    Diverged {
        /// Epoch of the step, counted from 0.
        epoch: u64,
        /// The step, counted from 0 over the whole run.
        step: u64,
        /// What was found not to be finite.
        quantity: &'static str,
    },
}

impl StopReason {
    /// A word for the reason.
    pub fn name(self) -> &'static str {
        match self {
            StopReason::Epochs => "epochs",
            StopReason::Callback => "callback",
            StopReason::NoImprovement => "no_improvement",
            StopReason::Target => "target",
            StopReason::Converged => "converged",
            StopReason::MaxSteps => "max_steps",
            StopReason::MaxSeconds => "max_seconds",
            StopReason::Window => "window",
            StopReason::Interrupted => "interrupted",
            StopReason::Diverged { .. } => "diverged",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Epochs => write!(f, "all epochs done"),
            StopReason::Callback => write!(f, "stopped by the callback"),
            StopReason::NoImprovement => write!(f, "no improvement for as long as the rule is patient"),
            StopReason::Target => write!(f, "the target is reached"),
            StopReason::Converged => write!(f, "the optimum is reached"),
            StopReason::MaxSteps => write!(f, "all steps allowed are made"),
            StopReason::MaxSeconds => write!(f, "the time allowed is over"),
            StopReason::Window => write!(f, "all rows at hand are used"),
            StopReason::Interrupted => write!(f, "interrupted"),
            StopReason::Diverged { epoch, step, quantity } => write!(
                f,
                "training diverged in epoch {epoch} at step {step}: {quantity} is not finite; \
                 a smaller learning rate, scaled columns or clip_norm usually help"
            ),
        }
    }
}
