//! NumPy arrays as slices, and slices as NumPy arrays.

use numpy::ndarray::Dimension;
use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::error::to_python;
use crate::error::{try_copied, try_reserved};
use crate::gradient::Layout;
use crate::scalar::Scalar;

/// The entries of an array in C order, in place.
///
/// The package hands over arrays in C order; this is the last check before a pointer is followed. That nobody
/// writes to them meanwhile cannot be checked and is left to the documentation.
pub(super) fn entries<'a, T: Element, D: Dimension>(
    name: &str,
    array: &'a PyReadonlyArray<'_, T, D>,
) -> PyResult<&'a [T]> {
    let refused = || PyValueError::new_err(format!("{name} must be aligned and in C order"));
    if !array.is_c_contiguous() {
        return Err(refused());
    }
    array.as_slice().map_err(|_| refused())
}

/// A copy as an array. The copy is ours and NumPy only refers to it: rust-numpy panics where NumPy has no memory.
pub(super) fn to_array<'py, T: Element + Copy>(
    py: Python<'py>,
    values: &[T],
) -> PyResult<Bound<'py, PyArray1<T>>> {
    Ok(PyArray1::from_vec(py, try_copied("an array", values).map_err(to_python)?))
}

/// The same of rows of `width` values.
pub(super) fn to_matrix<'py, T: Element + Copy>(
    py: Python<'py>,
    values: &[T],
    width: usize,
) -> PyResult<Bound<'py, numpy::PyArray2<T>>> {
    to_array(py, values)?.reshape([values.len() / width.max(1), width])
}

/// Parameters as an array: coefficients (k, d) and intercepts (k), one after the other.
pub(super) fn unpacked<'py, T: Scalar + Element>(
    py: Python<'py>,
    layout: Layout,
    params: &[T],
) -> PyResult<Bound<'py, PyArray1<T>>> {
    let mut flat = try_reserved("parameters", layout.n_entries()).map_err(to_python)?;
    flat.extend(layout.entries(params));
    Ok(PyArray1::from_vec(py, flat))
}
