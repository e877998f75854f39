//! NumPy arrays as slices.

use numpy::ndarray::Dimension;
use numpy::{Element, PyReadonlyArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

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
