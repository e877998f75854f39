//! Validation rows and stopping rules, and the state of these rules.

use numpy::{Element, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::array::entries;
use super::choice;
use super::error::{caught, detached};
use super::signal::Signals;
use crate::data::Weights;
use crate::error::{Result, try_copied};
use crate::gradient::Problem;
use crate::scalar::Scalar;
use crate::shuffle;
use crate::train::StopRule;

/// The rows of a split, for training and for validation.
#[derive(FromPyObject)]
pub(super) struct Split<'py>(PyReadonlyArray1<'py, usize>, PyReadonlyArray1<'py, usize>);

/// Rows for training and for validation; with strata, the class of each row, every class gives its share.
#[pyfunction]
pub(super) fn split<'py>(
    py: Python<'py>,
    n_rows: usize,
    fraction: f64,
    strata: Option<PyReadonlyArray1<'py, usize>>,
    seed: u64,
) -> PyResult<[Bound<'py, PyArray1<usize>>; 2]> {
    caught(|| {
        let strata = strata.as_ref().map(|strata| entries("strata", strata)).transpose()?;
        let signals = Signals::new();
        let split =
            detached(py, || shuffle::split(n_rows, fraction, strata, seed, &|| signals.interrupted()));
        let split = signals.or(split)?;
        Ok([split.training, split.validation].map(|rows| PyArray1::from_vec(py, rows)))
    })
}

/// The two parts of a problem, over the same arrays.
pub(super) fn parts<'a, T: Scalar + Element>(
    py: Python<'_>,
    whole: &Problem<'a, T>,
    sample_weight: Option<&[T]>,
    split: &Split<'_>,
) -> PyResult<(Problem<'a, T>, Problem<'a, T>)> {
    let Split(training, validation) = split;
    let (training, validation) = (entries("training", training)?, entries("validation", validation)?);
    let n_rows = whole.n_rows();
    let part = |rows: &[usize]| -> Result<Problem<'a, T>> {
        let weights = sample_weight.map_or(Ok(Weights::equal()), |s| Weights::subset(s, n_rows, rows))?;
        whole.subset(try_copied("rows", rows)?, weights)
    };
    let training = detached(py, || part(training))?;
    let validation = detached(py, || part(validation)).map_err(|error| of_validation(py, error))?;
    Ok((training, validation))
}

/// An error of the validation data says so.
pub(super) fn of_validation(py: Python<'_>, error: PyErr) -> PyErr {
    PyErr::from_type(error.get_type(py), format!("validation: {}", error.value(py)))
}

pub(super) fn rules(rules: &[Bound<'_, PyAny>]) -> PyResult<Vec<StopRule>> {
    rules.iter().map(choice::stop_rule).collect()
}
