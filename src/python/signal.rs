//! Polling for Ctrl-C while the interpreter is released.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Between two polls. Half of what a user may have to wait.
const INTERVAL: Duration = Duration::from_millis(40);

/// Looks for signals now and then, and keeps what they, or a callback, raised.
pub(super) struct Signals {
    last_poll: Mutex<Instant>,
    raised: Mutex<Option<PyErr>>,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self { last_poll: Mutex::new(Instant::now()), raised: Mutex::new(None) }
    }

    /// Whether the work is to end. Called often, polls seldom: that needs the interpreter.
    pub(super) fn interrupted(&self) -> bool {
        let mut last_poll = self.last_poll.lock().unwrap_or_else(PoisonError::into_inner);
        if last_poll.elapsed() < INTERVAL {
            return false;
        }
        *last_poll = Instant::now();
        match Python::attach(|py| py.check_signals()) {
            Ok(()) => false,
            Err(error) => {
                self.keep(error);
                true
            }
        }
    }

    /// Keeps an exception to be raised when the work has ended.
    pub(super) fn keep(&self, error: PyErr) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// What was raised meanwhile, else `result`.
    pub(super) fn or<R>(self, result: PyResult<R>) -> PyResult<R> {
        match self.raised.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => result,
        }
    }
}
