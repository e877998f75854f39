//! The core's errors, and its panics, as ordinary Python exceptions.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::error::{Error, Foreign};

/// The exception for an error.
pub(super) fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::OutOfMemory { .. } | Error::NoThread { .. } => PyMemoryError::new_err(message),
        Error::WrongType { .. } => PyTypeError::new_err(message),
        Error::Foreign(Foreign(raised)) => match raised.downcast_ref::<PyErr>() {
            Some(raised) => Python::attach(|py| raised.clone_ref(py)),
            None => PyRuntimeError::new_err(message),
        },
        Error::OtherRank { .. } | Error::Exchange { .. } => PyRuntimeError::new_err(message),
        Error::Interrupted => PyKeyboardInterrupt::new_err(message),
        _ => PyValueError::new_err(message),
    }
}

/// Runs all that an entry point does. A panic, always a bug of ours, becomes a `RuntimeError`: PyO3's own
/// `PanicException` would slip past `except Exception`.
pub(super) fn caught<R>(work: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(internal(&*panic)))
}

/// Runs `work` without the interpreter. A panic becomes a `RuntimeError`, as in [`caught`].
pub(super) fn detached<R: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<R, Error> + Send,
) -> PyResult<R> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(result) => result.map_err(to_python),
        Err(panic) => Err(internal(&*panic)),
    }
}

fn internal(panic: &(dyn Any + Send)) -> PyErr {
    PyRuntimeError::new_err(format!("internal error: {}", message_of(panic)))
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panic without a message")
}
