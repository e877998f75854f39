//! Numbers of the caller's type, encoded or cast to that of X.

use numpy::{Element, PyArray1, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::array::entries;
use super::error::{caught, detached, to_python};
use crate::data::{RawNumber, cast_numbers, encode_labels};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// Returns what a function says of numbers of the type that an array has, and of float32 or float64 targets; goes on
/// if they are of no such type.
macro_rules! by_types {
    ($function:ident ( $py:expr, $given:expr, $targets:expr ): $($t:ty)*) => {
        $(if let Ok(given) = $given.extract::<PyReadonlyArray1<'_, $t>>() {
            if let Ok(targets) = $targets.extract::<PyReadwriteArray1<'_, f32>>() {
                return $function($py, &given, targets);
            }
            if let Ok(targets) = $targets.extract::<PyReadwriteArray1<'_, f64>>() {
                return $function($py, &given, targets);
            }
        })*
    };
}

/// Writes labels as targets. Returns a row of each class, the classes sorted; None for labels that have to be looked
/// at in another way.
#[pyfunction]
#[pyo3(name = "encode_labels")]
pub(super) fn encoded<'py>(
    py: Python<'py>,
    labels: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyArray1<usize>>>> {
    caught(|| {
        by_types!(encoded_typed(py, labels, targets): i64 f64 u8 i32 f32 i8 i16 u16 u32 u64);
        Ok(None)
    })
}

fn encoded_typed<'py, T: Scalar + Element, V: RawNumber<T> + Element>(
    py: Python<'py>,
    labels: &PyReadonlyArray1<'py, V>,
    mut targets: PyReadwriteArray1<'py, T>,
) -> PyResult<Option<Bound<'py, PyArray1<usize>>>> {
    let labels = entries("y", labels)?;
    let targets = written(&mut targets, labels.len())?;
    let tier = Tier::current().map_err(to_python)?;
    let rows = detached(py, || encode_labels(tier, labels, targets))?;
    Ok(rows.map(|rows| PyArray1::from_vec(py, rows)))
}

/// Casts numbers to the type of another array. Returns the first that is lost, for being too large, and the largest
/// magnitude; None for numbers of other types than this is for.
#[pyfunction]
#[pyo3(name = "cast_numbers")]
pub(super) fn cast<'py>(
    py: Python<'py>,
    given: &Bound<'py, PyAny>,
    to: &Bound<'py, PyAny>,
) -> PyResult<Option<(Option<usize>, f64)>> {
    caught(|| {
        by_types!(cast_typed(py, given, to): f64 i64 f32 i32 u8 i8 i16 u16 u32 u64);
        Ok(None)
    })
}

fn cast_typed<'py, T: Scalar + Element, V: RawNumber<T> + Element>(
    py: Python<'py>,
    given: &PyReadonlyArray1<'py, V>,
    mut to: PyReadwriteArray1<'py, T>,
) -> PyResult<Option<(Option<usize>, f64)>> {
    let given = entries("numbers", given)?;
    let to = written(&mut to, given.len())?;
    let tier = Tier::current().map_err(to_python)?;
    detached(py, || Ok(Some(cast_numbers(tier, given, to))))
}

/// The entries of an array of `len` to be written to.
fn written<'a, T: Element>(array: &'a mut PyReadwriteArray1<'_, T>, len: usize) -> PyResult<&'a mut [T]> {
    let entries = array.as_slice_mut().ok().filter(|entries| entries.len() == len);
    entries.ok_or_else(|| PyValueError::new_err(format!("there must be room for {len} entries, in C order")))
}
