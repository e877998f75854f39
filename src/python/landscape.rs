//! Landscapes, walks in them, and how often the walks escape.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::array::{entries, to_array};
use super::choice::Attributes;
use super::error::{caught, detached, to_python};
use super::sampling::shuffle_from;
use super::signal::Signals;
use crate::diagnose::{Descent, binomial_interval};
use crate::error::{try_collected, try_reserved};
use crate::landscape::{self, Position};
use crate::shuffle::BatchesConfig;

/// A landscape of `mbgd_rs.landscapes`.
#[pyclass(frozen, module = "mbgd_rs._core")]
pub(super) struct Landscape {
    landscape: landscape::Landscape,
}

/// A walk: where it starts, rows of a batch, shuffle, replacement, seed, learning rate and epochs.
#[derive(FromPyObject)]
struct Walk<'py>(PyReadonlyArray1<'py, f64>, usize, Bound<'py, PyAny>, bool, u64, f64, u64);

#[pymethods]
impl Landscape {
    #[new]
    fn new(choice: &Bound<'_, PyAny>) -> PyResult<Self> {
        caught(|| {
            let landscape = landscape::Landscape::from_options(&Attributes(choice.clone()));
            Ok(Self { landscape: landscape.map_err(to_python)? })
        })
    }

    /// The slopes of the terms, (n, d).
    fn terms<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        caught(|| self.to_matrix(py, self.landscape.terms()))
    }

    /// The shallow minimum, the saddle and the deep minimum, (3, d).
    fn rests<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        caught(|| self.to_matrix(py, &self.landscape.rests()))
    }

    /// The mean of all terms at each of some points (m, d).
    fn values<'py>(
        &self,
        py: Python<'py>,
        points: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        caught(|| {
            let values = self.points("params", &points)?.map(|w| self.landscape.value(w));
            to_array(py, &try_collected("values", values).map_err(to_python)?)
        })
    }

    /// Its gradient at each of them.
    fn gradients<'py>(
        &self,
        py: Python<'py>,
        points: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        caught(|| {
            let gradients = self.points("params", &points)?.map(|w| self.landscape.gradient(w));
            self.to_matrix(py, &try_collected("gradients", gradients).map_err(to_python)?)
        })
    }

    /// The mean of the terms of some slopes (b, d) at a point, and its gradient.
    fn batch<'py>(
        &self,
        py: Python<'py>,
        params: PyReadonlyArray1<'py, f64>,
        slopes: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
        caught(|| {
            let w = self.point("params", &params)?;
            let slopes = self.points("X_b", &slopes)?;
            let gradient = self.landscape.batch_gradient(w, slopes);
            let mean = self.landscape.gradient(w);
            // The slope of the batch times w, and no more: its mean is zero.
            let tilt = (gradient[0] - mean[0]) * w[0] + (gradient[1] - mean[1]) * w[1];
            let gradient = to_array(py, &gradient[..self.landscape.n_dimensions()])?;
            Ok((self.landscape.value(w) + tilt, gradient))
        })
    }

    /// Whether a point is in the deep valley.
    fn has_escaped(&self, params: PyReadonlyArray1<'_, f64>) -> PyResult<bool> {
        caught(|| Ok(self.landscape.has_escaped(self.point("params", &params)?)))
    }

    /// The places of a walk, (n_steps + 1, d) if it does not diverge.
    fn path<'py>(&self, py: Python<'py>, walk: Walk<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        caught(|| {
            let (descent, signals) = (self.descent(walk)?, Signals::new());
            let path = detached(py, || descent.path(&|| signals.interrupted()));
            self.to_matrix(py, &signals.or(path)?)
        })
    }

    /// How many of some walks escape, and how many diverge.
    fn escapes(
        &self,
        py: Python<'_>,
        walk: Walk<'_>,
        n_runs: usize,
        n_threads: usize,
    ) -> PyResult<(u64, u64)> {
        caught(|| {
            let (descent, signals) = (self.descent(walk)?, Signals::new());
            let found = detached(py, || descent.escapes(n_runs, n_threads, &|| signals.interrupted()));
            signals.or(found).map(|found| (found.n_escaped, found.n_diverged))
        })
    }
}

impl Landscape {
    fn to_matrix<'py>(&self, py: Python<'py>, points: &[Position]) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let d = self.landscape.n_dimensions();
        let mut flat = try_reserved("points", points.len().saturating_mul(d)).map_err(to_python)?;
        flat.extend(points.iter().flat_map(|w| &w[..d]));
        PyArray1::from_vec(py, flat).reshape([points.len(), d])
    }

    fn points<'a>(
        &self,
        name: &str,
        points: &'a PyReadonlyArray2<'_, f64>,
    ) -> PyResult<impl ExactSizeIterator<Item = Position> + use<'a>> {
        let d = self.landscape.n_dimensions();
        if points.shape()[1] != d {
            let got = points.shape()[1];
            return Err(PyValueError::new_err(format!("{name} must have {d} columns, got {got}")));
        }
        let points = entries(name, points)?.chunks_exact(d);
        Ok(points.map(move |w| if d == 1 { [w[0], 0.0] } else { [w[0], w[1]] }))
    }

    fn point(&self, name: &str, point: &PyReadonlyArray1<'_, f64>) -> PyResult<Position> {
        let d = self.landscape.n_dimensions();
        match *entries(name, point)? {
            [u] if d == 1 => Ok([u, 0.0]),
            [u, v] if d == 2 => Ok([u, v]),
            _ => Err(PyValueError::new_err(format!("{name} must have shape ({d},), got ({},)", point.len()))),
        }
    }

    fn descent(&self, walk: Walk<'_>) -> PyResult<Descent<'_>> {
        let Walk(start, batch_size, shuffle, replacement, seed, learning_rate, n_epochs) = walk;
        let (start, shuffle) = (self.point("start", &start)?, shuffle_from(&shuffle)?);
        let n_rows = self.landscape.terms().len();
        let batches = BatchesConfig { n_rows, batch_size, shuffle, replacement, drop_last: false, seed };
        Descent::new(&self.landscape, start, batches, learning_rate, n_epochs).map_err(to_python)
    }
}

/// Clopper and Pearson's interval for a probability.
#[pyfunction]
pub(super) fn probability_interval(n_hits: u64, n_trials: u64, level: f64) -> PyResult<(f64, f64)> {
    caught(|| Ok(binomial_interval(n_hits, n_trials, level)))
}
