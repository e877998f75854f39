//! Checkpoints: a run under way as the dict that a finished one is, for the package to write.

use std::num::NonZeroU64;
use std::ops::ControlFlow;

use numpy::Element;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::scalar::Scalar;
use crate::train::{CheckpointInterval, Fit};

use super::signal::Signals;

/// What is called when one of several intervals is over.
#[derive(FromPyObject)]
pub(super) struct CheckpointCallback<'py> {
    call: Bound<'py, PyAny>,
    /// How many of what.
    intervals: Vec<(f64, String)>,
}

impl CheckpointCallback<'_> {
    /// The intervals, as the core counts them.
    pub(super) fn intervals(&self) -> PyResult<Vec<CheckpointInterval>> {
        self.intervals.iter().map(|(every, unit)| interval(*every, unit)).collect()
    }

    pub(super) fn call(&self) -> Py<PyAny> {
        self.call.clone().unbind()
    }
}

fn interval(every: f64, unit: &str) -> PyResult<CheckpointInterval> {
    let count = || {
        NonZeroU64::new(every as u64)
            .ok_or_else(|| PyValueError::new_err(format!("every must be at least 1 of {unit}, got {every}")))
    };
    Ok(match unit {
        "epochs" => CheckpointInterval::Epochs(count()?),
        "steps" => CheckpointInterval::Steps(count()?),
        _ => CheckpointInterval::Seconds(every),
    })
}

/// Calls the package with the run as `write` makes a dict of it. What is raised ends the run, and is kept.
pub(super) fn save<T: Scalar + Element>(
    call: &Py<PyAny>,
    signals: &Signals,
    fit: &mut Fit<T>,
    are_over: &[bool],
    write: impl FnOnce(Python<'_>, &mut Fit<T>, &Bound<'_, PyDict>) -> PyResult<()>,
) -> ControlFlow<()> {
    let saved = Python::attach(|py| {
        let run = PyDict::new(py);
        write(py, fit, &run)?;
        call.call1(py, (run, are_over.to_vec())).map(drop)
    });
    match saved {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            signals.keep(error);
            ControlFlow::Break(())
        }
    }
}
