//! Validation rows and stopping rules, and the state of these rules.

use numpy::{Element, PyArray1, PyReadonlyArray1, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::array::entries;
use super::choice;
use super::error::{detached, to_python};
use super::fit::{flat, packed};
use crate::data::Weights;
use crate::error::Result;
use crate::gradient::{Layout, Problem};
use crate::scalar::Scalar;
use crate::shuffle;
use crate::train::{BestCheckpoint, EarlyStoppingState, Mode, Monitor, StopRule};

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
    let strata = strata.as_ref().map(|strata| entries("strata", strata)).transpose()?;
    let split = detached(py, || shuffle::split(n_rows, fraction, strata, seed))?;
    Ok([split.training, split.validation].map(|rows| PyArray1::from_vec(py, rows)))
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
        whole.subset(rows.to_vec(), weights)
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

/// What the rules of a run have seen, for its state.
pub(super) fn seen_to_list<'py, T: Scalar + Element>(
    py: Python<'py>,
    layout: Layout,
    seen: &[EarlyStoppingState<T>],
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for EarlyStoppingState { monitor, mode, best, n_waited, checkpoint } in seen {
        let entry = PyDict::new(py);
        entry.set_item("monitor", monitor.name())?;
        entry.set_item("mode", mode.name())?;
        entry.set_item("best", best)?;
        entry.set_item("n_waited", n_waited)?;
        entry.set_item("epoch", checkpoint.as_ref().map(|best| best.epoch))?;
        let params = checkpoint.as_ref().map(|best| flat(layout, &best.params).to_pyarray(py));
        entry.set_item("params", params)?;
        list.append(entry)?;
    }
    Ok(list)
}

/// What the rules of the run before have seen.
pub(super) fn seen_from<T: Scalar + Element>(
    layout: Layout,
    saved: &Bound<'_, PyAny>,
) -> PyResult<Vec<EarlyStoppingState<T>>> {
    let read = |entry: PyResult<Bound<'_, PyAny>>| {
        let entry = entry?;
        let get = |name| entry.get_item(name);
        let epoch: Option<u64> = get("epoch")?.extract()?;
        let checkpoint = match epoch {
            None => None,
            Some(epoch) => Some(BestCheckpoint { epoch, params: packed(layout, "resume", &get("params")?)? }),
        };
        Ok(EarlyStoppingState {
            monitor: Monitor::from_name(&get("monitor")?.extract::<String>()?),
            mode: Mode::from_name(&get("mode")?.extract::<String>()?).map_err(to_python)?,
            best: get("best")?.extract()?,
            n_waited: get("n_waited")?.extract()?,
            checkpoint,
        })
    };
    saved.try_iter()?.map(read).collect()
}
