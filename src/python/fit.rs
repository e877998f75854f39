//! `fit`, `gradient` and `predict`.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use numpy::{Element, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use numpy::{PyUntypedArrayMethods, ToPyArray};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::entries;
use super::choice;
use super::error::{detached, to_python};
use super::noise::{choose_batch_size, noise_to_dict};
use super::rows::ArraysOfX;
use super::selection::{self, Split, of_validation};
use super::signal::Signals;
use crate::data::{TargetKind, Targets, Weights};
use crate::gradient::{Layout, Problem, value_and_gradient};
use crate::kernel::Tier;
use crate::predict::{Link, predict as predictions};
use crate::scalar::Scalar;
use crate::train::{
    self, AdaptiveBatchSize, AutoRate, Config, Control, Fingerprint, Fit, History, Progress, Record, State,
    Validation,
};
use crate::update::schedule::PlateauState;
use crate::update::{self, AverageState};

/// What is to be minimised, as arrays and the package's objects.
#[derive(FromPyObject)]
pub(super) struct Objective<'py> {
    #[pyo3(attribute("X"))]
    pub(super) x: Bound<'py, PyAny>,
    y: Bound<'py, PyAny>,
    sample_weight: Option<Bound<'py, PyAny>>,
    /// 0: real targets; 2: two classes or, in each column of y, a label that is there or not; more: so many
    /// classes.
    n_classes: usize,
    loss: Bound<'py, PyAny>,
    loss_name: String,
    penalty: Bound<'py, PyAny>,
    fit_intercept: bool,
}

/// What to write down besides the loss of each epoch.
#[derive(FromPyObject)]
struct RecordOptions {
    step: bool,
    full_loss: bool,
    path: bool,
    noise: bool,
}

/// How it is to be minimised.
#[derive(FromPyObject)]
pub(super) struct Training<'py> {
    optimizer: Bound<'py, PyAny>,
    batches: PyRef<'py, super::batches::Batches>,
    epochs: u64,
    accumulate: NonZeroUsize,
    average: Bound<'py, PyAny>,
    clip_norm: Option<f64>,
    clip_value: Option<f64>,
    record: RecordOptions,
    n_threads: usize,
    /// Coefficients and intercepts to begin with, one after the other in C order.
    init: Option<Bound<'py, PyAny>>,
    /// The state of another run.
    state: Option<Bound<'py, PyDict>>,
    callback: Option<Bound<'py, PyAny>>,
    /// Data to judge the model by.
    validation: Option<Objective<'py>>,
    /// Rows of X to learn from and to judge by, in place of all and of `validation`.
    split: Option<Split<'py>>,
    stop: Vec<Bound<'py, PyAny>>,
    /// The seed by which the batch size is to be chosen, if it is.
    chooses_batch_size: Option<u64>,
    /// Names of the numbers that the callback returns.
    metrics: Vec<String>,
}

/// Calls a function generic over the type of the data with that of an array.
macro_rules! by_dtype {
    ($x:expr, $function:ident ( $($argument:expr),* )) => {
        if $crate::python::rows::is_single(&$x)? { $function::<f32>($($argument),*) } else { $function::<f64>($($argument),*) }
    };
}

pub(super) use by_dtype;

/// Trains. Returns a dict with the state, the history and the reason of the end.
#[pyfunction]
pub(super) fn fit<'py>(
    py: Python<'py>,
    objective: Objective<'py>,
    training: Training<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    by_dtype!(objective.x, fit_typed(py, &objective, &training))
}

/// The objective on `rows`, or all, and its gradient, flat.
#[pyfunction]
#[pyo3(name = "gradient")]
pub(super) fn gradient<'py>(
    py: Python<'py>,
    objective: Objective<'py>,
    params: Bound<'py, PyAny>,
    rows: Option<Vec<usize>>,
    n_threads: usize,
) -> PyResult<(f64, Bound<'py, PyAny>)> {
    by_dtype!(objective.x, gradient_typed(py, &objective, &params, rows, n_threads))
}

/// What a model says about all rows, shape (n, k). The link is what is wanted, "scores", "means" or
/// "probabilities", the loss and, as in an objective, the number of classes.
#[pyfunction]
pub(super) fn predict<'py>(
    py: Python<'py>,
    x: Bound<'py, PyAny>,
    params: Bound<'py, PyAny>,
    n_outputs: usize,
    link: (String, Bound<'py, PyAny>, usize),
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let (wanted, loss, n_classes) = link;
    let loss = choice::loss(&loss.getattr("name")?.extract::<String>()?, &loss)?;
    let link = match wanted.as_str() {
        "probabilities" => Link::Probability(loss, kind_of(n_classes, n_outputs)),
        "means" => Link::Mean(loss),
        _ => Link::Identity,
    };
    by_dtype!(x, predict_typed(py, &x, &params, n_outputs, link, n_threads))
}

fn fit_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    objective: &Objective<'py>,
    training: &Training<'py>,
) -> PyResult<Bound<'py, PyDict>> {
    let arrays = Arrays::<T>::of(objective)?;
    let validation = training.validation.as_ref().map(|given| Ok((Arrays::of(given)?, given))).transpose();
    let validation: Option<(Arrays<'_, T>, _)> = validation.map_err(|error| of_validation(py, error))?;
    let (mut problem, tier) = arrays.problem(py, objective)?;
    let judged = validation.as_ref().map(|(arrays, given)| Ok(arrays.problem(py, given)?.0)).transpose();
    let mut judged = judged.map_err(|error| of_validation(py, error))?;
    if let Some(split) = &training.split {
        let weights = arrays.sample_weight.as_ref().map(|s| entries("sample_weight", s)).transpose()?;
        let (for_training, for_validation) = selection::parts(py, &problem, weights, split)?;
        (problem, judged) = (for_training, Some(for_validation));
    }
    let rules = selection::rules(&training.stop)?;
    let validation = Validation::new(judged.as_ref(), rules, training.metrics.clone()).map_err(to_python)?;
    let RecordOptions { step: steps, full_loss, path, noise } = training.record;
    let mut config = Config {
        batches: training.batches.batches.clone(),
        optimizer: choice::optimizer(&training.optimizer)?,
        accumulate: training.accumulate,
        average: choice::average(&training.average)?,
        clip: choice::clip(training.clip_norm, training.clip_value)?,
        n_epochs: training.epochs,
        record: Record { steps, full_loss, path, noise },
        n_threads: training.n_threads,
        tier,
    };
    let state = start(problem.layout(), &config, training)?;
    let chosen = choose_batch_size(py, training.chooses_batch_size, &problem, &mut config, &state)?;
    let signals = Signals::new();
    let callback = training.callback.as_ref().map(|callback| callback.clone().unbind());
    let layout = problem.layout();
    let mut after_epoch = |progress: Progress<'_, T>| match &callback {
        None => ControlFlow::Continue(()),
        Some(callback) => match Python::attach(|py| call(py, callback, layout, progress)) {
            Ok(false) => ControlFlow::Continue(()),
            Ok(true) => ControlFlow::Break(()),
            Err(error) => {
                signals.keep(error);
                ControlFlow::Break(())
            }
        },
    };
    let interrupted = || signals.interrupted();
    let fitted = detached(py, || {
        train::fit_with(&validation, &problem, &config, state, &interrupted, &mut after_epoch)
    });
    let fitted = fitted?;
    if let Some(error) = &fitted.error {
        signals.keep(to_python(error.clone()));
    }
    let run = to_dict(py, layout, &fitted)?;
    run.set_item("chosen_batch_size", chosen)?;
    if let Err(raised) = signals.or(Ok(())) {
        run.set_item("raised", raised.into_value(py))?; // with the run so far, for the package to raise
    }
    Ok(run)
}

fn gradient_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    given: &Objective<'py>,
    params: &Bound<'py, PyAny>,
    rows: Option<Vec<usize>>,
    n_threads: usize,
) -> PyResult<(f64, Bound<'py, PyAny>)> {
    let arrays = Arrays::<T>::of(given)?;
    let (problem, tier) = arrays.problem(py, given)?;
    let layout = problem.layout();
    let params = packed(layout, "params", params)?;
    let signals = Signals::new();
    let interrupted = || signals.interrupted();
    let work = || value_and_gradient(&problem, params, rows, tier, n_threads, &interrupted);
    let computed = detached(py, work);
    let (value, gradient) = signals.or(computed)?;
    Ok((value, flat::<T>(layout, &gradient).to_pyarray(py).into_any()))
}

fn predict_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    x: &Bound<'py, PyAny>,
    params: &Bound<'py, PyAny>,
    n_outputs: usize,
    link: Link,
    n_threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let x = ArraysOfX::<T>::of(x)?;
    let tier = Tier::current().map_err(to_python)?;
    let (n_rows, n_columns) = x.shape();
    let layout = Layout::new::<T>(n_columns, n_outputs).map_err(to_python)?;
    let params: Vec<T> = packed(layout, "params", params)?;
    let slices = x.slices()?;
    let out = detached(py, || predictions(slices.rows(tier)?, layout, &params, link, tier, n_threads))?;
    Ok(PyArray1::from_vec(py, out).reshape([n_rows, link.n_columns(n_outputs)])?.into_any())
}

/// The arrays of an objective, borrowed from NumPy.
pub(super) struct Arrays<'py, T: Scalar + Element> {
    x: ArraysOfX<'py, T>,
    y: PyReadonlyArray2<'py, T>,
    sample_weight: Option<PyReadonlyArray1<'py, T>>,
}

impl<'py, T: Scalar + Element> Arrays<'py, T> {
    pub(super) fn of(objective: &Objective<'py>) -> PyResult<Self> {
        let sample_weight = objective.sample_weight.as_ref();
        Ok(Self {
            x: ArraysOfX::of(&objective.x)?,
            y: objective.y.extract()?,
            sample_weight: sample_weight.map(|s| s.extract()).transpose()?,
        })
    }

    pub(super) fn problem(
        &self,
        py: Python<'_>,
        objective: &Objective<'_>,
    ) -> PyResult<(Problem<'_, T>, Tier)> {
        let (x, y) = (self.x.slices()?, entries("y", &self.y)?);
        let weights = self.sample_weight.as_ref().map(|s| entries("sample_weight", s)).transpose()?;
        let ((n_rows, _), per_row) = (self.x.shape(), self.y.shape()[1]);
        let kind = kind_of(objective.n_classes, per_row);
        let loss = choice::loss(&objective.loss_name, &objective.loss)?;
        let penalty = choice::penalty(&objective.penalty)?;
        let tier = Tier::current().map_err(to_python)?;
        let fit_intercept = objective.fit_intercept;
        let problem = detached(py, || {
            let rows = x.rows(tier)?;
            let targets = Targets::new(y, n_rows, per_row, kind)?;
            let weights = weights.map_or(Ok(Weights::equal()), |s| Weights::new(s, n_rows))?;
            Problem::new(rows, targets, weights, loss, penalty, fit_intercept)
        })?;
        Ok((problem, tier))
    }
}

/// What targets mean, by the number of classes and that of scores or targets per row.
fn kind_of(n_classes: usize, n_columns: usize) -> TargetKind {
    match n_classes {
        0 => TargetKind::Real,
        1 | 2 if n_columns > 1 => TargetKind::Labels,
        1 | 2 => TargetKind::Binary,
        n_classes => TargetKind::Class { n_classes },
    }
}

/// Where a run begins: at the end of another, at given parameters, or at zero.
fn start<T: Scalar + Element>(
    layout: Layout,
    config: &Config,
    training: &Training<'_>,
) -> PyResult<State<T>> {
    let Some(saved) = &training.state else {
        let params = match &training.init {
            Some(init) => packed(layout, "init", init)?,
            None => vec![T::ZERO; layout.len()],
        };
        let optimizer = config.optimizer.init(layout.len()).map_err(to_python)?;
        return Ok(State::new(params, optimizer));
    };
    let entry = |name| saved.as_any().get_item(name);
    let slots: Vec<Bound<'_, PyAny>> = entry("memory")?.extract()?;
    let slots = slots.iter().map(|vector| packed(layout, "resume", vector)).collect::<PyResult<_>>()?;
    let scalars = entry("scalars")?.extract()?;
    let mut optimizer = update::OptimizerState::new(entry("n_steps")?.extract()?, slots, scalars);
    optimizer.plateau = PlateauState::from_numbers(entry("plateau")?.extract()?);
    let average = entry("average")?;
    let average = match average.is_none() {
        true => AverageState::default(),
        false => {
            AverageState { params: packed(layout, "resume", &average)?, n: entry("n_averaged")?.extract()? }
        }
    };
    Ok(State {
        params: packed(layout, "resume", &entry("params")?)?,
        optimizer,
        average,
        epoch: entry("epoch")?.extract()?,
        step: entry("step")?.extract()?,
        n_seen: entry("n_seen")?.extract()?,
        loss_sum: entry("loss_sum")?.extract()?,
        stopping: selection::seen_from(layout, &entry("stopping")?)?,
        last_update_steps: saved.get_item("touched")?.map_or(Ok(Vec::new()), |steps| steps.extract())?,
        control: Control {
            auto_rate: auto_rate(layout, &entry("auto_rate")?)?,
            batch_size: saved
                .get_item("growth")?
                .map_or(Ok(None), |saved| adaptive_batch_size_from(&saved))?,
        },
        fingerprint: saved.get_item("fingerprint")?.map_or(Ok(None), |saved| fingerprint_from(&saved))?,
    })
}

/// The state of the automatic learning rate: None, or its method, numbers and vectors.
fn auto_rate<T: Scalar + Element>(layout: Layout, saved: &Bound<'_, PyAny>) -> PyResult<Option<AutoRate<T>>> {
    let saved: Option<(String, Vec<f64>, Vec<Bound<'_, PyAny>>)> = saved.extract()?;
    let Some((method, numbers, vectors)) = saved else { return Ok(None) };
    let vectors = vectors.iter().map(|vector| packed(layout, "resume", vector)).collect::<PyResult<_>>()?;
    AutoRate::restored(&method, &numbers, vectors).map(Some).map_err(to_python)
}

/// The objective and the validation loss on a few rows, or None.
fn fingerprint_from(saved: &Bound<'_, PyAny>) -> PyResult<Option<Fingerprint>> {
    let saved: Option<(f64, f64)> = saved.extract()?;
    Ok(saved.map(|(objective, validation_loss)| Fingerprint { objective, validation_loss }))
}

/// The size of the batches that grow by their noise, and what they were seen to be; or None.
fn adaptive_batch_size_from(saved: &Bound<'_, PyAny>) -> PyResult<Option<AdaptiveBatchSize>> {
    let saved: Option<(usize, u64, f64, f64)> = saved.extract()?;
    Ok(saved.map(|(batch_size, n_probes, trace, squared_norm)| AdaptiveBatchSize {
        batch_size,
        n_probes,
        trace,
        squared_norm,
    }))
}

/// Coefficients (k, d) and intercepts (k), one after the other, in the core's layout.
pub(super) fn packed<T: Scalar + Element>(
    layout: Layout,
    name: &'static str,
    flat: &Bound<'_, PyAny>,
) -> PyResult<Vec<T>> {
    let flat: PyReadonlyArray1<'_, T> = flat.extract()?;
    let flat = entries(name, &flat)?;
    let n_coef = flat.len().saturating_sub(layout.n_outputs());
    layout.pack(name, &flat[..n_coef], &flat[n_coef..]).map_err(to_python)
}

pub(super) fn flat<T: Scalar>(layout: Layout, params: &[T]) -> Vec<T> {
    let (mut coef, intercept) = layout.unpack(params);
    coef.extend(intercept);
    coef
}

fn call<T: Scalar + Element>(
    py: Python<'_>,
    callback: &Py<PyAny>,
    layout: Layout,
    progress: Progress<'_, T>,
) -> PyResult<bool> {
    let Progress { params, epoch, n_steps, history, metrics } = progress;
    let params = flat(layout, params).to_pyarray(py);
    let last = |records: &[f64]| records.last().copied();
    let (loss, elapsed) = (last(&history.epoch_loss), last(&history.epoch_elapsed));
    let validation_loss = last(&history.validation_loss);
    let told = callback.call1(py, (epoch, n_steps, loss, elapsed, params, validation_loss))?;
    let (is_over, raised): (bool, Option<Bound<'_, PyAny>>);
    (is_over, *metrics, raised) = told.extract(py)?;
    raised.map_or(Ok(is_over), |error| Err(PyErr::from_value(error)))
}

fn to_dict<'py, T: Scalar + Element>(
    py: Python<'py>,
    layout: Layout,
    fit: &Fit<T>,
) -> PyResult<Bound<'py, PyDict>> {
    let state = PyDict::new(py);
    state.set_item("params", flat(layout, &fit.state.params).to_pyarray(py))?;
    let slots = fit.state.optimizer.slots.iter().map(|vector| flat(layout, vector).to_pyarray(py));
    state.set_item("memory", slots.collect::<Vec<_>>())?;
    state.set_item("scalars", fit.state.optimizer.scalars.to_pyarray(py))?;
    state.set_item("plateau", fit.state.optimizer.plateau.to_numbers())?;
    let AverageState { params: average, n } = &fit.state.average;
    let average = (*n > 0).then(|| flat(layout, average).to_pyarray(py));
    state.set_item("average", average)?;
    state.set_item("n_averaged", n)?;
    state.set_item("n_steps", fit.state.optimizer.n_steps)?;
    state.set_item("epoch", fit.state.epoch)?;
    state.set_item("step", fit.state.step)?;
    state.set_item("n_seen", fit.state.n_seen)?;
    state.set_item("loss_sum", fit.state.loss_sum)?;
    state.set_item("stopping", selection::seen_to_list(py, layout, &fit.state.stopping)?)?;
    if !fit.state.last_update_steps.is_empty() {
        state.set_item("touched", fit.state.last_update_steps.to_pyarray(py))?;
    }
    let saved = fit.state.control.auto_rate.as_ref().map(|rate| {
        let (method, numbers, vectors) = rate.saved();
        let vectors = vectors.into_iter().map(|vector| flat(layout, vector).to_pyarray(py));
        (method, numbers.to_pyarray(py), vectors.collect::<Vec<_>>())
    });
    state.set_item("auto_rate", saved)?;
    let adaptive = fit.state.control.batch_size;
    state.set_item("growth", adaptive.map(|a| (a.batch_size, a.n_probes, a.trace, a.squared_norm)))?;

    let fingerprint = fit.state.fingerprint.map(|f| (f.objective, f.validation_loss));
    state.set_item("fingerprint", fingerprint)?;

    let history = PyDict::new(py);
    let History {
        epoch_loss,
        epoch_elapsed,
        step_loss,
        learning_rate,
        batch_size,
        gradient_norm,
        elapsed,
        full_loss,
        validation_loss,
        path,
        noise,
    } = &fit.history;
    let vectors = [
        ("epoch_loss", epoch_loss),
        ("epoch_elapsed", epoch_elapsed),
        ("step_loss", step_loss),
        ("learning_rate", learning_rate),
        ("gradient_norm", gradient_norm),
        ("elapsed", elapsed),
        ("full_loss", full_loss),
        ("validation_loss", validation_loss),
    ];
    for (name, vector) in vectors {
        history.set_item(name, vector.to_pyarray(py))?;
    }
    history.set_item("batch_size", batch_size.to_pyarray(py))?;
    history.set_item("noise_records", noise_to_dict(py, noise)?)?;
    let width = layout.n_outputs() * (layout.n_columns() + 1);
    history.set_item("path", path.to_pyarray(py).reshape([path.len() / width, width])?)?;

    let run = PyDict::new(py);
    run.set_item("params", flat(layout, &fit.params).to_pyarray(py))?;
    run.set_item("best_epoch", fit.best_epoch)?;
    run.set_item("batch_size", fit.batch_size)?;
    run.set_item("seconds", fit.seconds)?;
    run.set_item("state", state)?;
    run.set_item("history", history)?;
    run.set_item("stop_reason", (fit.stop_reason.name(), fit.stop_reason.to_string()))?;
    if let train::StopReason::Diverged { epoch, step, .. } = fit.stop_reason {
        run.set_item("diverged_at", (epoch, step))?;
    }
    Ok(run)
}
