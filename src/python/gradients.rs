//! Diagnostics of the gradients of many batches at one point.

use numpy::{Element, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{entries, to_array};
use super::error::{caught, detached, to_python};
use super::objective::{Arrays, Objective, by_dtype, packed};
use super::sampling::shuffle_from;
use super::signal::Signals;
use crate::diagnose::{self, Bias, Effort, Point, Sampling, Variances};
use crate::error::{Result, try_copied};
use crate::scalar::Scalar;

/// What is arguments at, as the package's objects.
#[derive(FromPyObject)]
pub(super) struct PointArguments<'py> {
    problem: Objective<'py>,
    /// Coefficients and intercepts, flat.
    params: Bound<'py, PyAny>,
    /// The same for all; none where the diagnostic chooses.
    batch_sizes: Vec<usize>,
    n_draws: usize,
    shuffle: Bound<'py, PyAny>,
    replacement: bool,
    seed: u64,
    n_threads: usize,
}

impl PointArguments<'_> {
    fn sampling(&self) -> PyResult<Sampling> {
        let shuffle = shuffle_from(&self.shuffle)?;
        Ok(Sampling { shuffle, replacement: self.replacement, seed: self.seed })
    }

    /// Does `work` at the point, without the interpreter.
    fn at_point<T: Scalar + Element, R: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Point<'_, T>) -> Result<R> + Send,
    ) -> PyResult<R> {
        let arrays = Arrays::<T>::of(&self.problem)?;
        let (problem, tier) = arrays.problem(py, &self.problem)?;
        let params = packed(problem.layout(), "at", &self.params)?;
        let signals = Signals::new();
        let interrupted = || signals.interrupted();
        let n_threads = self.n_threads;
        let point = Point { problem: &problem, params, tier, n_threads, interrupted: &interrupted };
        let done = detached(py, || work(&point));
        signals.or(done)
    }
}

/// The variance of batch gradients by batch size, and the noise scale. Returns a dict.
#[pyfunction]
pub(super) fn gradient_noise<'py>(
    py: Python<'py>,
    arguments: PointArguments<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    caught(|| by_dtype!(arguments.problem.x, noise_typed(py, &arguments)))
}

fn noise_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    arguments: &PointArguments<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let (n_draws, seed) = (arguments.n_draws, arguments.seed);
    let batch_sizes = arguments.batch_sizes.clone();
    let found = arguments.at_point::<T, _>(py, move |point| {
        let batch_sizes = match batch_sizes.is_empty() {
            true => diagnose::default_batch_sizes(point, n_draws),
            false => batch_sizes,
        };
        diagnose::noise(point, &batch_sizes, n_draws, seed)
    })?;
    let dict = PyDict::new(py);
    dict.set_item("batch_sizes", found.batch_sizes)?;
    dict.set_item("finite_population", to_array(py, &found.finite_population)?)?;
    for (suffix, Variances { variance, interval, line }) in
        [("", found.without_replacement), ("_with_replacement", found.with_replacement)]
    {
        dict.set_item(format!("variance{suffix}"), to_array(py, &variance)?)?;
        dict.set_item(format!("variance{suffix}_interval"), interval)?;
        dict.set_item(format!("slope{suffix}"), line.slope)?;
        dict.set_item(format!("slope{suffix}_interval"), line.slope_interval)?;
    }
    dict.set_item("trace", found.trace)?;
    dict.set_item("squared_norm", found.squared_norm)?;
    dict.set_item("noise_scale", found.scale.value)?;
    dict.set_item("noise_scale_interval", found.scale.interval)?;
    dict.set_item("reason", found.scale.reason)?;
    Ok(dict)
}

/// Batch sizes, norms, norms and limits by chance, and p-values.
type BiasByBatchSize = (Vec<usize>, Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>);

fn unzipped(found: Vec<Bias>) -> BiasByBatchSize {
    let of = |field: fn(&Bias) -> f64| found.iter().map(field).collect();
    let batch_sizes = found.iter().map(|bias| bias.batch_size).collect();
    (batch_sizes, of(|b| b.norm), of(|b| b.chance_norm), of(|b| b.chance_limit), of(|b| b.p_value))
}

/// Whether batch gradients are right on average, by batch size.
#[pyfunction]
pub(super) fn gradient_bias(
    py: Python<'_>,
    arguments: PointArguments<'_>,
    n_resamples: usize,
) -> PyResult<BiasByBatchSize> {
    caught(|| by_dtype!(arguments.problem.x, bias_typed(py, &arguments, n_resamples)))
}

fn bias_typed<T: Scalar + Element>(
    py: Python<'_>,
    arguments: &PointArguments<'_>,
    n_resamples: usize,
) -> PyResult<BiasByBatchSize> {
    let (sampling, batch_sizes) = (arguments.sampling()?, arguments.batch_sizes.clone());
    let effort = Effort { n_draws: arguments.n_draws, n_resamples };
    let work = move |point: &Point<'_, T>| diagnose::bias(point, &sampling, &batch_sizes, effort);
    arguments.at_point(py, work).map(unzipped)
}

/// The same of batches given by their rows.
#[pyfunction]
pub(super) fn gradient_bias_of_rows(
    py: Python<'_>,
    arguments: PointArguments<'_>,
    rows: Vec<PyReadonlyArray1<'_, usize>>,
    n_resamples: usize,
) -> PyResult<BiasByBatchSize> {
    caught(|| by_dtype!(arguments.problem.x, bias_of_rows_typed(py, &arguments, rows, n_resamples)))
}

fn bias_of_rows_typed<T: Scalar + Element>(
    py: Python<'_>,
    arguments: &PointArguments<'_>,
    rows: Vec<PyReadonlyArray1<'_, usize>>,
    n_resamples: usize,
) -> PyResult<BiasByBatchSize> {
    let copied =
        |rows: &PyReadonlyArray1<'_, usize>| try_copied("rows", entries("rows", rows)?).map_err(to_python);
    let rows = rows.iter().map(copied).collect::<PyResult<_>>()?;
    let seed = arguments.seed;
    let work = move |point: &Point<'_, T>| diagnose::bias_of_rows(point, rows, n_resamples, seed);
    arguments.at_point(py, work).map(|bias| unzipped(vec![bias]))
}

/// Batch sizes, cosines, one row a batch size, the fraction below zero and its interval.
type AnglesByBatchSize<'py> = (Vec<usize>, Vec<Bound<'py, PyArray1<f64>>>, Vec<f64>, Vec<(f64, f64)>);

/// Cosines between the gradients of pairs of batches, by batch size.
#[pyfunction]
pub(super) fn gradient_angles<'py>(
    py: Python<'py>,
    arguments: PointArguments<'py>,
) -> PyResult<AnglesByBatchSize<'py>> {
    caught(|| by_dtype!(arguments.problem.x, angles_typed(py, &arguments)))
}

fn angles_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    arguments: &PointArguments<'py>,
) -> PyResult<AnglesByBatchSize<'py>> {
    let (sampling, n_draws) = (arguments.sampling()?, arguments.n_draws);
    let batch_sizes = arguments.batch_sizes.clone();
    let found = arguments.at_point::<T, _>(py, move |point| {
        let batch_sizes = match batch_sizes.is_empty() {
            true => diagnose::default_batch_sizes(point, n_draws),
            false => batch_sizes,
        };
        diagnose::angles(point, &sampling, &batch_sizes, n_draws)
    })?;
    let of = |field: fn(&diagnose::Angles) -> f64| found.iter().map(field).collect();
    let fractions = of(|angles| angles.negative_fraction);
    let batch_sizes = found.iter().map(|angles| angles.batch_size).collect();
    let intervals = found.iter().map(|angles| angles.negative_interval).collect();
    let cosines = found.iter().map(|angles| to_array(py, &angles.cosines)).collect::<PyResult<_>>()?;
    Ok((batch_sizes, cosines, fractions, intervals))
}
