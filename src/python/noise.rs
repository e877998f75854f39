//! The noise that a run has recorded, and the batch size that it suggests.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{entries, to_array};
use super::error::{caught, detached, to_python};
use super::signal::Signals;
use crate::diagnose::{Recorded, RecordedNoise, Unknown, smoothed};
use crate::error::{Error, try_collected};
use crate::gradient::Problem;
use crate::scalar::Scalar;
use crate::train::{Config, FEWEST_ROWS, NoiseHistory, State, auto_batch_size};

/// What was written down, as the package keeps it; all arrays of the same length.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Records<'py> {
    trace: PyReadonlyArray1<'py, f64>,
    squared_norm: PyReadonlyArray1<'py, f64>,
    batch_squared_norm: PyReadonlyArray1<'py, f64>,
    variance: PyReadonlyArray1<'py, f64>,
    variance_along: PyReadonlyArray1<'py, f64>,
    batch_size: PyReadonlyArray1<'py, i64>,
    learning_rate: PyReadonlyArray1<'py, f64>,
}

/// The noise in a history, as a dict of arrays.
pub(super) fn noise_to_dict<'py>(py: Python<'py>, noise: &NoiseHistory) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("step", to_array(py, &noise.step)?)?;
    dict.set_item("batch_size", to_array(py, &noise.batch_size)?)?;
    let vectors = [
        ("learning_rate", &noise.learning_rate),
        ("trace", &noise.trace),
        ("squared_norm", &noise.squared_norm),
        ("batch_squared_norm", &noise.batch_squared_norm),
        ("variance", &noise.variance),
        ("variance_along", &noise.variance_along),
    ];
    for (name, vector) in vectors {
        dict.set_item(name, to_array(py, vector)?)?;
    }
    Ok(dict)
}

/// Measures of noise of every probe, smoothed over `n_smoothed` probes, as a dict of arrays.
#[pyfunction]
pub(super) fn smoothed_noise<'py>(
    py: Python<'py>,
    records: Records<'py>,
    n_smoothed: f64,
) -> PyResult<Bound<'py, PyDict>> {
    caught(|| {
        if !(n_smoothed.is_finite() && n_smoothed > 0.0) {
            let (argument, condition) = ("n_smoothed", "finite and > 0");
            return Err(to_python(Error::OutOfRange { argument, condition, value: n_smoothed.to_string() }));
        }
        let recorded = Recorded {
            trace: entries("trace", &records.trace)?,
            squared_norm: entries("squared_norm", &records.squared_norm)?,
            batch_squared_norm: entries("batch_squared_norm", &records.batch_squared_norm)?,
            variance: entries("variance", &records.variance)?,
            variance_along: entries("variance_along", &records.variance_along)?,
            batch_size: entries("batch_size", &records.batch_size)?,
            learning_rate: entries("learning_rate", &records.learning_rate)?,
        };
        let noise = detached(py, || smoothed(recorded, n_smoothed))?;
        let dict = PyDict::new(py);
        let RecordedNoise {
            trace,
            squared_norm,
            noise_scale,
            interval: [low, high],
            unknown,
            temperature,
            signal_to_noise,
            norm_test,
            inner_product_test,
        } = &noise;
        let vectors = [
            ("trace", trace),
            ("squared_norm", squared_norm),
            ("noise_scale", noise_scale),
            ("low", low),
            ("high", high),
            ("temperature", temperature),
            ("signal_to_noise", signal_to_noise),
            ("norm_test", norm_test),
            ("inner_product_test", inner_product_test),
        ];
        for (name, vector) in vectors {
            dict.set_item(name, to_array(py, vector)?)?;
        }
        let unknown = unknown.iter().map(|&unknown: &Unknown| unknown as u8);
        let unknown = try_collected("the noise of a run", unknown).map_err(to_python)?;
        dict.set_item("unknown", to_array(py, &unknown)?)?;
        Ok(dict)
    })
}

/// Chooses the batch size by the noise, where that is wanted and there are enough rows. Returns the size, the noise
/// scale and the ratio of costs it follows from.
pub(super) fn choose_batch_size<T: Scalar>(
    py: Python<'_>,
    seed: Option<u64>,
    problem: &Problem<'_, T>,
    config: &mut Config,
    state: &State<T>,
) -> PyResult<Option<(usize, f64, f64)>> {
    let Some(seed) = seed.filter(|_| problem.n_rows() >= FEWEST_ROWS) else { return Ok(None) };
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let choose = || auto_batch_size(problem, config, &state.params, seed, &interrupted);
    let chosen = detached(py, choose);
    let Some(chosen) = signals.or(chosen)? else { return Ok(None) };
    let batch_size = chosen.batch_size.div_ceil(config.accumulate.get());
    config.batches = config.batches.clone().resized(batch_size);
    Ok(Some((batch_size, chosen.noise_scale, chosen.cost_ratio)))
}
