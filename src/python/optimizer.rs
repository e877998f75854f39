//! Optimizers on arrays of the user's own.

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn};
use numpy::{PyReadwriteArray1, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::array::entries;
use super::choice;
use super::error::to_python;
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::update;

/// How many vectors and how many numbers the optimizer remembers.
#[pyfunction]
pub(super) fn init_optimizer(optimizer: &Bound<'_, PyAny>) -> PyResult<(usize, usize)> {
    let state = choice::optimizer(optimizer)?.init::<f64>(0).map_err(to_python)?;
    Ok((state.memory.len(), state.scalars.len()))
}

/// Moves `params` against `grad` in place; `memory` are the vectors remembered, changed in place too.
/// Returns the numbers remembered. `array` is the number of these parameters among several arrays.
#[pyfunction]
pub(super) fn step_optimizer(
    optimizer: &Bound<'_, PyAny>,
    n_steps: u64,
    memory: Vec<Bound<'_, PyAny>>,
    scalars: Vec<f64>,
    params: &Bound<'_, PyAny>,
    grad: &Bound<'_, PyAny>,
    array: u32,
) -> PyResult<Vec<f64>> {
    if params.cast::<PyArrayDyn<f32>>().is_ok() {
        step::<f32>(optimizer, n_steps, memory, scalars, params, grad, array)
    } else if params.cast::<PyArrayDyn<f64>>().is_ok() {
        step::<f64>(optimizer, n_steps, memory, scalars, params, grad, array)
    } else {
        Err(PyTypeError::new_err("params must be an array of float32 or float64"))
    }
}

fn step<T: Scalar + Element>(
    optimizer: &Bound<'_, PyAny>,
    n_steps: u64,
    memory: Vec<Bound<'_, PyAny>>,
    scalars: Vec<f64>,
    params: &Bound<'_, PyAny>,
    grad: &Bound<'_, PyAny>,
    array: u32,
) -> PyResult<Vec<f64>> {
    let tier = Tier::current().map_err(to_python)?;
    let rule = choice::optimizer(optimizer)?;
    let refused = |_| PyValueError::new_err("params must be writeable, aligned and in C order");
    let params = params.cast::<PyArrayDyn<T>>()?;
    let mut params: PyReadwriteArrayDyn<'_, T> = params.try_readwrite().map_err(|error| {
        PyValueError::new_err(format!("params must be writeable and nobody else's: {error}"))
    })?;
    if !params.is_c_contiguous() {
        return Err(PyValueError::new_err("params must be in C order"));
    }
    let grad: PyReadonlyArrayDyn<'_, T> = grad.extract()?;
    let mut vectors: Vec<PyReadwriteArray1<'_, T>> =
        memory.iter().map(|vector| vector.extract()).collect::<PyResult<_>>()?;
    // The core owns its memory; moving it in and out costs a copy each, small beside the step itself.
    let owned = vectors.iter().map(|vector| Ok(vector.as_slice()?.to_vec())).collect::<PyResult<Vec<_>>>()?;
    let mut state = update::State::new(n_steps, owned, scalars);
    let params = params.as_slice_mut().map_err(refused)?;
    let all = update::Entries::all(params.len(), array);
    rule.step(tier, all, &mut state, params, entries("grad", &grad)?, false).map_err(to_python)?;
    rule.settle(tier, &mut state, params);
    for (vector, new) in vectors.iter_mut().zip(&state.memory) {
        vector.as_slice_mut()?.copy_from_slice(new);
    }
    Ok(state.scalars)
}
