//! The cost of steps, the steps to a target, and the batch size that follows.

use numpy::{Element, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{entries, to_array};
use super::error::{caught, detached, to_python};
use super::objective::{Arrays, Objective, by_dtype, packed};
use super::signal::Signals;
use crate::diagnose::{self, Advice, StepCost};
use crate::scalar::Scalar;
use crate::train::{self, Pilot};

/// `sqrt(c_var tau_f / (n_iter tau_d))`.
#[pyfunction]
pub(super) fn optimal_batch_size(c_var: f64, tau_f: f64, n_iter: f64, tau_d: f64) -> PyResult<f64> {
    caught(|| diagnose::optimal_batch_size(c_var, tau_f, n_iter, tau_d).map_err(to_python))
}

/// The line through seconds per step, several for each batch size.
#[pyfunction]
pub(super) fn step_cost<'py>(
    py: Python<'py>,
    batch_sizes: Vec<usize>,
    seconds: Vec<Vec<f64>>,
) -> PyResult<Bound<'py, PyDict>> {
    caught(|| {
        let StepCost { seconds, tau_f, tau_d, tau_f_interval, tau_d_interval } =
            StepCost::of(&batch_sizes, &seconds).map_err(to_python)?;
        let cost = PyDict::new(py);
        cost.set_item("seconds", to_array(py, &seconds)?)?;
        cost.set_item("tau_f", tau_f)?;
        cost.set_item("tau_d", tau_d)?;
        cost.set_item("tau_f_interval", tau_f_interval)?;
        cost.set_item("tau_d_interval", tau_d_interval)?;
        Ok(cost)
    })
}

/// The objective over `n_judged` rows, evenly spread.
#[pyfunction]
pub(super) fn sampled_loss(
    py: Python<'_>,
    objective: Objective<'_>,
    params: Bound<'_, PyAny>,
    n_judged: usize,
    n_threads: usize,
) -> PyResult<f64> {
    caught(|| by_dtype!(objective.x, loss_typed(py, &objective, &params, n_judged, n_threads)))
}

fn loss_typed<T: Scalar + Element>(
    py: Python<'_>,
    objective: &Objective<'_>,
    params: &Bound<'_, PyAny>,
    n_judged: usize,
    n_threads: usize,
) -> PyResult<f64> {
    let arrays = Arrays::<T>::of(objective)?;
    let (problem, tier) = arrays.problem(py, objective)?;
    let params = packed(problem.layout(), "params", params)?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let work = || train::sampled_loss(&problem, params, n_judged, (tier, n_threads), &interrupted);
    let computed = detached(py, work);
    signals.or(computed)
}

/// 1 / L(b), the inverse of the expected smoothness of batches.
#[pyfunction]
pub(super) fn safe_rate(
    py: Python<'_>,
    objective: Objective<'_>,
    batch_size: usize,
    n_threads: usize,
) -> PyResult<f64> {
    caught(|| by_dtype!(objective.x, rate_typed(py, &objective, batch_size, n_threads)))
}

fn rate_typed<T: Scalar + Element>(
    py: Python<'_>,
    objective: &Objective<'_>,
    batch_size: usize,
    n_threads: usize,
) -> PyResult<f64> {
    let arrays = Arrays::<T>::of(objective)?;
    let (problem, tier) = arrays.problem(py, objective)?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let computed = detached(py, || train::safe_rate(&problem, batch_size, (tier, n_threads), &interrupted));
    signals.or(computed)
}

/// What a pilot run is after.
#[derive(FromPyObject)]
pub(super) struct Course<'py> {
    start: Bound<'py, PyAny>,
    target: f64,
    n_judged: usize,
    batch_size: usize,
    first_rate: f64,
    seeds: Vec<u64>,
    max_steps: u64,
    n_threads: usize,
}

/// The best constant rate and the steps it takes to the target, for each seed.
#[pyfunction]
pub(super) fn tuned_steps(
    py: Python<'_>,
    objective: Objective<'_>,
    course: Course<'_>,
) -> PyResult<(f64, Vec<f64>)> {
    caught(|| by_dtype!(objective.x, tuned_typed(py, &objective, &course)))
}

fn tuned_typed<T: Scalar + Element>(
    py: Python<'_>,
    objective: &Objective<'_>,
    course: &Course<'_>,
) -> PyResult<(f64, Vec<f64>)> {
    let arrays = Arrays::<T>::of(objective)?;
    let (problem, tier) = arrays.problem(py, objective)?;
    let start = packed(problem.layout(), "at", &course.start)?;
    let Course { target, n_judged, batch_size, first_rate, ref seeds, max_steps, n_threads, .. } = *course;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let computed = detached(py, || {
        let pilot = Pilot::new(&problem, start, target, n_judged, (tier, n_threads), &interrupted)?;
        pilot.tuned(batch_size, first_rate, seeds, max_steps, &interrupted)
    });
    let tuned = signals.or(computed)?;
    Ok((tuned.rate, tuned.steps))
}

/// What to recommend, by the steps of pilot runs and the seconds of steps.
#[pyfunction]
pub(super) fn batch_size_advice<'py>(
    py: Python<'py>,
    n_rows: usize,
    pilot: (Vec<usize>, Vec<Vec<f64>>),
    timed: (Vec<usize>, Vec<Vec<f64>>),
) -> PyResult<Bound<'py, PyDict>> {
    caught(|| {
        let (pilot_batch_sizes, steps) = pilot;
        let (batch_sizes, seconds) = timed;
        let cost = StepCost::of(&batch_sizes, &seconds).map_err(to_python)?;
        let advice =
            Advice::of(n_rows, &pilot_batch_sizes, &steps, &batch_sizes, &cost).map_err(to_python)?;
        let said = PyDict::new(py);
        said.set_item("batch_size", advice.batch_size)?;
        said.set_item("interval", advice.interval)?;
        said.set_item("predicted_seconds", to_array(py, &advice.predicted_seconds)?)?;
        said.set_item("c_var", advice.c_var)?;
        said.set_item("c_var_interval", advice.c_var_interval)?;
        said.set_item("n_iter", advice.n_iter)?;
        said.set_item("n_iter_interval", advice.n_iter_interval)?;
        said.set_item("noise_scale", advice.noise_scale)?;
        said.set_item("tau_f", cost.tau_f)?;
        said.set_item("tau_f_interval", cost.tau_f_interval)?;
        said.set_item("tau_d", cost.tau_d)?;
        said.set_item("tau_d_interval", cost.tau_d_interval)?;
        said.set_item("regime", advice.regime.to_string())?;
        Ok(said)
    })
}

/// The mean cosine between a step and the next along a path, a point a row, and the share of steps after which the
/// loss was higher.
#[pyfunction]
pub(super) fn path_measures(
    path: PyReadonlyArray2<'_, f64>,
    losses: PyReadonlyArray1<'_, f64>,
) -> PyResult<(f64, f64)> {
    caught(|| {
        let cosine = diagnose::mean_cosine(entries("path", &path)?, path.shape()[1]);
        Ok((cosine, diagnose::rise_fraction(entries("losses", &losses)?)))
    })
}
