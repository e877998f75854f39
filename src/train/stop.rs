//! `Stop`: what ends a run from within.

use super::StopReason;
use crate::error::Error;

/// What ends a run before all epochs are done.
#[derive(Debug)]
pub(super) enum Stop {
    /// Between two steps, with all that was done so far.
    Because(StopReason),
    /// For good.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        match error {
            Error::Interrupted => Self::Because(StopReason::Interrupted),
            error => Self::Failed(error),
        }
    }
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        Self::Because(reason)
    }
}
