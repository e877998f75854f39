//! Batches of row numbers, and rows gathered by them.

use numpy::{PyArray1, PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::choice;
use super::error::{detached, to_python};
use super::signal::Signals;
use crate::gather::gather_rows;
use crate::shuffle::{self, BatchesConfig, Order, Shuffle, Workspace};

/// The division of every epoch into batches.
#[pyclass(frozen, module = "mbgd_rs._core")]
pub(super) struct Batches {
    pub(super) batches: shuffle::Batches,
}

#[pymethods]
impl Batches {
    #[new]
    fn new(
        n: usize,
        batch_size: &Bound<'_, PyAny>,
        shuffle: &Bound<'_, PyAny>,
        replacement: bool,
        drop_last: bool,
        seed: u64,
    ) -> PyResult<Self> {
        let shuffle = shuffle_from(shuffle)?;
        let sizes = choice::batch_sizes(batch_size)?;
        let batch_size = match &sizes {
            Some(sizes) => sizes.at(0).min(n),
            None => batch_size.extract()?,
        };
        let config = BatchesConfig { n_rows: n, batch_size, shuffle, replacement, drop_last, seed };
        let batches = shuffle::Batches::new(config).map_err(to_python)?;
        Ok(Self { batches: sizes.map_or(batches.clone(), |sizes| batches.with_sizes(sizes)) })
    }

    /// Steps of an epoch.
    fn n_steps(&self, epoch: u64) -> usize {
        self.batches.of_epoch(epoch).n_steps()
    }

    /// Rows of a batch in an epoch.
    fn batch_size(&self, epoch: u64) -> usize {
        self.batches.of_epoch(epoch).batch_size()
    }

    /// The rows of an epoch, in order.
    fn order<'py>(&self, py: Python<'py>, epoch: u64) -> PyResult<Bound<'py, PyArray1<usize>>> {
        let signals = Signals::new();
        let interrupted = || signals.interrupted();
        let order = detached(py, || {
            let order =
                self.batches.order(epoch, Order::default(), &mut Workspace::default(), &interrupted)?;
            Ok(match order {
                Order::Sequential => (0..self.batches.n_rows()).collect(),
                Order::Listed(rows) => rows,
            })
        });
        Ok(PyArray1::from_vec(py, signals.or(order)?))
    }

    /// The rows of one step.
    fn batch<'py>(&self, py: Python<'py>, epoch: u64, step: usize) -> PyResult<Bound<'py, PyArray1<usize>>> {
        Ok(PyArray1::from_vec(py, detached(py, || self.batches.batch(epoch, step))?))
    }
}

/// Copies rows of bytes: `out[i] = values[rows[i]]`, on several threads where that pays.
#[pyfunction]
pub(super) fn gather(
    py: Python<'_>,
    values: PyReadonlyArray2<'_, u8>,
    rows: PyReadonlyArray1<'_, usize>,
    mut out: PyReadwriteArray2<'_, u8>,
    n_threads: usize,
) -> PyResult<()> {
    let refused = |_| PyValueError::new_err("values and out must be in C order");
    if out.shape() != [rows.shape()[0], values.shape()[1]] {
        return Err(PyValueError::new_err("out must have a row of values for every entry of rows"));
    }
    let width = values.shape()[1];
    let (values, rows) = (values.as_slice().map_err(refused)?, rows.as_slice().map_err(refused)?);
    let out = out.as_slice_mut().map_err(refused)?;
    detached(py, || gather_rows(values, width, rows, out, n_threads))
}

fn shuffle_from(shuffle: &Bound<'_, PyAny>) -> PyResult<Shuffle> {
    if let Ok(shuffle) = shuffle.cast::<PyBool>() {
        if !shuffle.is_true() {
            return Ok(Shuffle::Sequential);
        }
        return Err(PyValueError::new_err("shuffle must be \"full\", \"once\" or False, got True"));
    }
    let name: String = shuffle.extract().map_err(|_| {
        let got = shuffle.repr().map_or_else(|_| String::new(), |repr| repr.to_string());
        PyTypeError::new_err(format!("shuffle must be \"full\", \"once\" or False, got {got}"))
    })?;
    Shuffle::from_name(&name).map_err(to_python)
}
