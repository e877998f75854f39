//! The class `Batches`.

use numpy::PyArray1;
use pyo3::prelude::*;

use super::array::to_array;
use super::choice;
use super::error::{caught, detached, to_python};
use super::sampling::shuffle_from;
use super::signal::Signals;
use crate::error::try_filled;
use crate::shuffle::{self, BatchesConfig, Order, Workspace};

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
        caught(|| {
            let shuffle = shuffle_from(shuffle)?;
            let sizes = choice::batch_sizes(batch_size)?;
            let batch_size = match &sizes {
                Some(sizes) => sizes.at(0).min(n),
                None => batch_size.extract()?,
            };
            let config = BatchesConfig { n_rows: n, batch_size, shuffle, replacement, drop_last, seed };
            let batches = shuffle::Batches::new(config).map_err(to_python)?;
            Ok(Self { batches: sizes.map_or(batches.clone(), |sizes| batches.with_sizes(sizes)) })
        })
    }

    /// Steps of an epoch.
    fn n_steps(&self, epoch: u64) -> PyResult<usize> {
        caught(|| Ok(self.batches.of_epoch(epoch).n_steps()))
    }

    /// Rows of a batch in an epoch.
    fn batch_size(&self, epoch: u64) -> PyResult<usize> {
        caught(|| Ok(self.batches.of_epoch(epoch).batch_size()))
    }

    /// What each row counts for having been drawn, where that is to be corrected.
    #[getter]
    fn row_factors<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray1<f64>>>> {
        caught(|| self.batches.importance_weights().map(|factors| to_array(py, factors)).transpose())
    }

    /// The rows of an epoch, in order.
    fn order<'py>(&self, py: Python<'py>, epoch: u64) -> PyResult<Bound<'py, PyArray1<usize>>> {
        caught(|| {
            let signals = Signals::new();
            let interrupted = || signals.interrupted();
            let order = detached(py, || {
                let order =
                    self.batches.order(epoch, Order::default(), &mut Workspace::default(), &interrupted)?;
                let mut rows = try_filled("the order of an epoch", self.batches.n_positions(), 0)?;
                order.copy_to(0, &mut rows);
                Ok(rows)
            });
            Ok(PyArray1::from_vec(py, signals.or(order)?))
        })
    }

    /// The rows at the positions from `start` to `stop` of an epoch.
    fn rows<'py>(
        &self,
        py: Python<'py>,
        epoch: u64,
        start: usize,
        stop: usize,
    ) -> PyResult<Bound<'py, PyArray1<usize>>> {
        caught(|| {
            let signals = Signals::new();
            let rows = detached(py, || self.batches.rows(epoch, start..stop, &|| signals.interrupted()));
            Ok(PyArray1::from_vec(py, signals.or(rows)?))
        })
    }

    /// The blocks in their order of an epoch, where rows are shuffled in blocks.
    fn blocks<'py>(&self, py: Python<'py>, epoch: u64) -> PyResult<Option<Bound<'py, PyArray1<usize>>>> {
        caught(|| {
            let signals = Signals::new();
            let blocks = detached(py, || self.batches.blocks(epoch, &|| signals.interrupted()));
            Ok(signals.or(blocks)?.map(|blocks| PyArray1::from_vec(py, blocks)))
        })
    }

    /// The rows of one step.
    fn batch<'py>(&self, py: Python<'py>, epoch: u64, step: usize) -> PyResult<Bound<'py, PyArray1<usize>>> {
        caught(|| {
            let signals = Signals::new();
            let rows = detached(py, || self.batches.batch(epoch, step, &|| signals.interrupted()));
            Ok(PyArray1::from_vec(py, signals.or(rows)?))
        })
    }
}
