//! What a run has written down, as dicts of arrays.

use numpy::Element;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{to_array, to_matrix};
use super::noise::noise_to_dict;
use crate::gradient::Layout;
use crate::scalar::Scalar;
use crate::train::History;

/// A history as a dict; the path has the parameters after a step in a row.
pub(super) fn history_to_dict<'py, T: Scalar + Element>(
    py: Python<'py>,
    layout: Layout,
    history: &History<T>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let History {
        epoch_loss,
        epoch_elapsed,
        epoch_steps,
        step_loss,
        learning_rate,
        batch_size,
        gradient_norm,
        elapsed,
        full_loss,
        validation_loss,
        path,
        noise,
    } = history;
    let vectors = [
        ("epoch_loss", epoch_loss),
        ("epoch_elapsed", epoch_elapsed),
        ("step_loss", step_loss),
        ("learning_rate", learning_rate),
        ("gradient_norm", gradient_norm),
        ("elapsed", elapsed),
        ("full_loss", full_loss),
        ("validation_loss", validation_loss),
    ];
    for (name, vector) in vectors {
        dict.set_item(name, to_array(py, vector)?)?;
    }
    dict.set_item("batch_size", to_array(py, batch_size)?)?;
    dict.set_item("epoch_steps", to_array(py, epoch_steps)?)?;
    let noise = (!noise.step.is_empty()).then(|| noise_to_dict(py, noise)).transpose()?;
    dict.set_item("noise_records", noise)?;
    dict.set_item("path", to_matrix(py, path, layout.n_entries())?)?;
    Ok(dict)
}
