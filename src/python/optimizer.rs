//! Optimizers on the user's own arrays.

use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn};
use numpy::{PyReadwriteArray1, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::array::entries;
use super::choice;
use super::error::{caught, to_python};
use crate::error::try_copied;
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::update;
use crate::update::schedule::PlateauState;

/// Number of slot vectors, and of further numbers, in the state of the optimizer.
#[pyfunction]
pub(super) fn init_optimizer(optimizer: &Bound<'_, PyAny>) -> PyResult<(usize, usize)> {
    caught(|| {
        let state = choice::optimizer(optimizer)?.init::<f64>(0).map_err(to_python)?;
        Ok((state.slots.len(), state.scalars.len()))
    })
}

/// The state of the plateau after one more epoch, of this loss.
#[pyfunction]
pub(super) fn end_epoch(optimizer: &Bound<'_, PyAny>, plateau: [f64; 4], loss: f64) -> PyResult<[f64; 4]> {
    caught(|| {
        let mut state = update::OptimizerState::<f64>::new(0, Vec::new(), Vec::new());
        state.plateau = PlateauState::from_numbers(plateau);
        choice::optimizer(optimizer)?.end_epoch(&mut state, loss);
        Ok(state.plateau.to_numbers())
    })
}

/// The state of an optimizer: steps made, slot vectors, numbers, and the state of a plateau.
type Saved<'py> = (u64, Vec<Bound<'py, PyAny>>, Vec<f64>, [f64; 4]);

/// Moves `params` against `grad` in place; the slot vectors are changed in place too.
/// Returns the numbers of the state. `array` is the number of these parameters among several arrays.
#[pyfunction]
pub(super) fn step_optimizer(
    optimizer: &Bound<'_, PyAny>,
    saved: Saved<'_>,
    params: &Bound<'_, PyAny>,
    grad: &Bound<'_, PyAny>,
    array: u32,
) -> PyResult<Vec<f64>> {
    caught(|| {
        if params.cast::<PyArrayDyn<f32>>().is_ok() {
            step::<f32>(optimizer, saved, params, grad, array)
        } else if params.cast::<PyArrayDyn<f64>>().is_ok() {
            step::<f64>(optimizer, saved, params, grad, array)
        } else {
            Err(PyTypeError::new_err("params must be an array of float32 or float64"))
        }
    })
}

fn step<T: Scalar + Element>(
    optimizer: &Bound<'_, PyAny>,
    saved: Saved<'_>,
    params: &Bound<'_, PyAny>,
    grad: &Bound<'_, PyAny>,
    array: u32,
) -> PyResult<Vec<f64>> {
    let (n_steps, slots, scalars, plateau) = saved;
    let tier = Tier::current().map_err(to_python)?;
    let rule = choice::optimizer(optimizer)?;
    let tabulated = rule.tabulate(n_steps..n_steps.saturating_add(1)).map_err(to_python)?;
    let rule = tabulated.unwrap_or(rule);
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
        slots.iter().map(|vector| vector.extract()).collect::<PyResult<_>>()?;
    // The core owns its memory; moving it in and out costs a copy each, small beside the step itself.
    let owned =
        vectors.iter().map(|vector| try_copied("optimizer state", vector.as_slice()?).map_err(to_python));
    let owned = owned.collect::<PyResult<Vec<_>>>()?;
    let mut state = update::OptimizerState::new(n_steps, owned, scalars);
    state.plateau = PlateauState::from_numbers(plateau);
    let params = params.as_slice_mut().map_err(refused)?;
    let all = update::Entries::all(params.len(), array);
    rule.step(tier, all, &mut state, params, entries("grad", &grad)?, false).map_err(to_python)?;
    rule.post_prox(tier, &mut state, params);
    for (vector, new) in vectors.iter_mut().zip(&state.slots) {
        vector.as_slice_mut()?.copy_from_slice(new);
    }
    Ok(state.scalars)
}
