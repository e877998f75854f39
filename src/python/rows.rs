//! The rows of X, borrowed from NumPy: an array, or the three arrays of compressed sparse rows.

use numpy::{Element, PyArrayDyn, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::array::entries;
use super::error::{caught, detached, to_python};
use super::objective::by_dtype;
use super::signal::Signals;
use crate::data::{Csr, Dense, Indices, Rows};
use crate::error::{self, Error};
use crate::kernel::Tier;
use crate::scalar::Scalar;

/// Whether all entries of X are looked at before anything else. Out of cache that takes as long as an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    First,
    /// Else the run notices them in its first epoch.
    OnlyIfSmall,
    /// They were looked at before.
    Done,
}

/// X up to this size is in cache anyway when it is trained on.
const SMALL_BYTES: usize = 1 << 20;

/// X of the type `T`.
pub(super) enum ArraysOfX<'py, T: Scalar + Element> {
    Dense(PyReadonlyArray2<'py, T>),
    Csr {
        data: PyReadonlyArray1<'py, T>,
        indices: ArrayOfIndices<'py>,
        indptr: ArrayOfIndices<'py>,
        shape: (usize, usize),
    },
}

/// Row pointers or column numbers.
#[derive(FromPyObject)]
pub(super) enum ArrayOfIndices<'py> {
    Narrow(PyReadonlyArray1<'py, i32>),
    Wide(PyReadonlyArray1<'py, i64>),
}

/// The same as slices, which can do without the interpreter.
#[derive(Clone, Copy)]
pub(super) enum SlicesOfX<'a, T> {
    Dense(&'a [T], usize, usize),
    Csr { values: &'a [T], indices: Indices<'a>, indptr: Indices<'a>, n_rows: usize, n_columns: usize },
}

/// The first entry of dense rows that is not finite: its row, its column and its value.
#[pyfunction]
pub(super) fn find_not_finite(py: Python<'_>, x: &Bound<'_, PyAny>) -> PyResult<Option<(usize, usize, f64)>> {
    caught(|| by_dtype!(x, find_not_finite_typed(py, x)))
}

fn find_not_finite_typed<T: Scalar + Element>(
    py: Python<'_>,
    x: &Bound<'_, PyAny>,
) -> PyResult<Option<(usize, usize, f64)>> {
    let x = ArraysOfX::<T>::of(x)?;
    let x = x.slices()?;
    let tier = Tier::current().map_err(to_python)?;
    let signals = Signals::new();
    let scanned = detached(py, || match x.rows(tier, Scan::First, &|| signals.interrupted()) {
        Ok(_) => Ok(None),
        Err(Error::NotFinite { row, column, value, .. }) => Ok(Some((row, column, value))),
        Err(error) => Err(error),
    });
    signals.or(scanned)
}

/// Whether the numbers of X are single (true) or double precision.
pub(super) fn is_single(x: &Bound<'_, PyAny>) -> PyResult<bool> {
    let values = if is_array(x) { x.clone() } else { x.getattr("data")? };
    precision(&values).ok_or_else(|| PyTypeError::new_err("X must be an array of float32 or float64"))
}

/// Whether the numbers of an array are single (true) or double precision; None if it is not one of either.
pub(super) fn precision(values: &Bound<'_, PyAny>) -> Option<bool> {
    let is_single = values.cast::<PyArrayDyn<f32>>().is_ok();
    (is_single || values.cast::<PyArrayDyn<f64>>().is_ok()).then_some(is_single)
}

fn is_array(x: &Bound<'_, PyAny>) -> bool {
    x.cast::<numpy::PyUntypedArray>().is_ok()
}

impl<'py, T: Scalar + Element> ArraysOfX<'py, T> {
    pub(super) fn of(x: &Bound<'py, PyAny>) -> PyResult<Self> {
        if is_array(x) {
            return Ok(ArraysOfX::Dense(x.extract()?));
        }
        Ok(ArraysOfX::Csr {
            data: x.getattr("data")?.extract()?,
            indices: x.getattr("indices")?.extract()?,
            indptr: x.getattr("indptr")?.extract()?,
            shape: x.getattr("shape")?.extract()?,
        })
    }

    pub(super) fn shape(&self) -> (usize, usize) {
        match self {
            ArraysOfX::Dense(x) => (x.shape()[0], x.shape()[1]),
            ArraysOfX::Csr { shape, .. } => *shape,
        }
    }

    pub(super) fn slices(&self) -> PyResult<SlicesOfX<'_, T>> {
        let (n_rows, n_columns) = self.shape();
        Ok(match self {
            ArraysOfX::Dense(x) => SlicesOfX::Dense(entries("X", x)?, n_rows, n_columns),
            ArraysOfX::Csr { data, indices, indptr, .. } => SlicesOfX::Csr {
                values: entries("X.data", data)?,
                indices: indices.slice("X.indices")?,
                indptr: indptr.slice("X.indptr")?,
                n_rows,
                n_columns,
            },
        })
    }
}

impl ArrayOfIndices<'_> {
    fn slice(&self, name: &str) -> PyResult<Indices<'_>> {
        Ok(match self {
            ArrayOfIndices::Narrow(array) => Indices::Narrow(entries(name, array)?),
            ArrayOfIndices::Wide(array) => Indices::Wide(entries(name, array)?),
        })
    }
}

impl<'a, T: Scalar> SlicesOfX<'a, T> {
    /// The rows, checked; of large dense ones the entries are left unscanned if a run will see them soon enough.
    pub(super) fn rows(
        self,
        tier: Tier,
        scan: Scan,
        interrupted: &dyn Fn() -> bool,
    ) -> error::Result<Rows<'a, T>> {
        let is_left = |values: &[T]| match scan {
            Scan::First => false,
            Scan::OnlyIfSmall => size_of_val(values) > SMALL_BYTES,
            Scan::Done => true,
        };
        Ok(match self {
            SlicesOfX::Dense(values, n_rows, n_columns) if is_left(values) => {
                Rows::Dense(Dense::unscanned(values, n_rows, n_columns)?)
            }
            SlicesOfX::Dense(values, n_rows, n_columns) => {
                Rows::Dense(Dense::new_until(tier, values, n_rows, n_columns, interrupted)?)
            }
            SlicesOfX::Csr { values, indices, indptr, n_rows, n_columns } => {
                Rows::Csr(Csr::new_until(tier, values, indices, indptr, (n_rows, n_columns), interrupted)?)
            }
        })
    }
}
