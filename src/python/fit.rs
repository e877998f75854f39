//! `fit`.

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;

use numpy::{Element, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::array::{entries, unpacked};
use super::checkpoint::{self, CheckpointCallback};
use super::choice;
use super::error::{caught, detached, to_python};
use super::history::history_to_dict;
use super::noise::choose_batch_size;
use super::objective::{Arrays, Objective, by_dtype, packed};
use super::rows::Scan;
use super::selection::{self, Split, of_validation};
use super::signal::Signals;
use super::state::SavedState;
use crate::data::Sharding;
use crate::error::try_filled;
use crate::gradient::{Layout, Problem};
use crate::ranks::{Ranks, Vote};
use crate::scalar::Scalar;
use crate::shuffle::Batches;
use crate::train::{
    self, COLUMNS_FOR_ENTRY, CheckpointInterval, Checkpoints, Config, Fit, Progress, Record, State,
    StepProgress, StepsTold, Validation, ValidationRows, Window,
};
use crate::update::{Optimizer, OptimizerState, Schedule};

/// What to write down besides the loss of each epoch.
#[derive(FromPyObject)]
struct RecordOptions {
    step: bool,
    full_loss: bool,
    path: bool,
    noise: bool,
}

/// What is called after every so many steps.
#[derive(FromPyObject)]
struct StepCallback<'py> {
    call: Bound<'py, PyAny>,
    every: NonZeroU64,
    with_params: bool,
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
    /// Whether nobody has asked for this number: fits that are too short to gain by threads start none.
    chooses_threads: bool,
    /// Coefficients and intercepts to begin with, one after the other in C order.
    init: Option<Bound<'py, PyAny>>,
    /// The state of another run.
    state: Option<Bound<'py, PyAny>>,
    callback: Option<Bound<'py, PyAny>>,
    step_callback: Option<StepCallback<'py>>,
    checkpoints: Option<CheckpointCallback<'py>>,
    /// Data to judge the model by.
    validation: Option<Objective<'py>>,
    /// Whether the callback knows the loss on such data.
    is_judged_elsewhere: bool,
    /// Rows of X to learn from and to judge by, in place of all and of `validation`.
    split: Option<Split<'py>>,
    stop: Vec<Bound<'py, PyAny>>,
    /// The seed by which the batch size is to be chosen, if it is.
    chooses_batch_size: Option<u64>,
    /// Names of the numbers that the callback returns.
    metrics: Vec<String>,
    /// After how many steps of their own several processes are to meet, if they make any.
    sync_every: Option<NonZeroUsize>,
    /// See [`Config::columns_for_entry`].
    columns_for_entry: Option<usize>,
    /// The first position of the epoch whose rows these are, and the row of each from there on, if they are not all.
    window: Option<(usize, PyReadonlyArray1<'py, u32>)>,
    /// The processes that make the same run, if there are several.
    ranks: Option<PyRef<'py, super::mpi::Ranks>>,
}

impl Training<'_> {
    /// Nobody may be shown anything of a run on rows with entries that are not finite: rows are left unscanned if the run
    /// looks at all of them, with the same weight, before it can be seen. That does the first epoch, if nothing happens before
    /// its end; and where columns are measured before the first step, their moments refuse such entries.
    fn scan(&self, optimizer: &Optimizer, checkpoints: &[CheckpointInterval]) -> Scan {
        let batches = &self.batches.batches;
        let is_new = self.state.is_none() && self.chooses_batch_size.is_none() && self.split.is_none();
        let may_end_early = !self.stop.is_empty()
            || self.step_callback.is_some()
            || checkpoints.iter().any(|interval| interval.is_within_epochs());
        let sees_all_rows = !batches.draws() && !batches.drops_rows() && !begins_before_rows(optimizer);
        let measures_columns =
            optimizer.rule.preconditioner().is_some() && !optimizer.learning_rate.asks_a_function();
        match is_new && self.epochs > 0 && (measures_columns || (sees_all_rows && !may_end_early)) {
            true => Scan::OnlyIfSmall,
            false => Scan::First,
        }
    }
}

/// Trains. Returns a dict with the state, the history and the reason of the end.
///
/// If that dict is given as `run`, an exception that has ended the run from outside is put there, too, else it is
/// raised; and a signal that arrives on the way back to the caller does not take the dict along.
#[pyfunction]
#[pyo3(signature = (objective, training, run=None))]
pub(super) fn fit<'py>(
    py: Python<'py>,
    objective: Objective<'py>,
    training: Training<'py>,
    run: Option<Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let (run, is_kept) = match run {
        Some(run) => (run, true),
        None => (PyDict::new(py), false),
    };
    caught(|| by_dtype!(objective.x, fit_typed(py, &objective, &training, &run)))?;
    match run.get_item("raised")? {
        Some(raised) if !is_kept => Err(PyErr::from_value(raised)),
        _ => Ok(run),
    }
}

fn fit_typed<'py, T: Scalar + Element>(
    py: Python<'py>,
    objective: &Objective<'py>,
    training: &Training<'py>,
    run: &Bound<'py, PyDict>,
) -> PyResult<()> {
    let arrays = Arrays::<T>::of(objective)?;
    let validation = training.validation.as_ref().map(|given| Ok((Arrays::of(given)?, given))).transpose();
    let validation: Option<(Arrays<'_, T>, _)> = validation.map_err(|error| of_validation(py, error))?;
    let optimizer = choice::optimizer(&training.optimizer)?;
    let is_weighted = arrays.sample_weight.is_some();
    let sees_every_entry = !is_weighted && objective.is_linear()? && !objective.is_of_rank();
    let intervals =
        training.checkpoints.as_ref().map(CheckpointCallback::intervals).transpose()?.unwrap_or_default();
    let scan = if sees_every_entry { training.scan(&optimizer, &intervals) } else { Scan::First };
    let ranks = training.ranks.as_ref().map(|ranks| ranks.ranks.clone());
    let (mut problem, tier) = arrays.problem_with(py, objective, scan)?;
    if objective.is_of_rank() {
        problem = of_rank(problem, &training.batches.batches, ranks.as_deref())?;
    }
    let judged = validation.as_ref().map(|(arrays, given)| Ok(arrays.problem(py, given)?.0)).transpose();
    let mut judged = judged.map_err(|error| of_validation(py, error))?;
    if let Some(split) = &training.split {
        let weights = arrays.sample_weight.as_ref().map(|s| entries("sample_weight", s)).transpose()?;
        let (for_training, for_validation) = selection::parts(py, &problem, weights, split)?;
        (problem, judged) = (for_training, Some(for_validation));
    }
    let rules = selection::rules(&training.stop)?;
    let rows = match &judged {
        Some(judged) => ValidationRows::AtHand(judged),
        None if training.is_judged_elsewhere => ValidationRows::Elsewhere,
        None => ValidationRows::None,
    };
    let validation = Validation::new(rows, rules, training.metrics.clone()).map_err(to_python)?;
    let RecordOptions { step: steps, full_loss, path, noise } = training.record;
    let told = training.step_callback.as_ref();
    let told = told.map(|told| StepsTold { every: told.every, with_params: told.with_params });
    let mut config = Config {
        batches: training.batches.batches.clone(),
        optimizer,
        accumulate: training.accumulate,
        average: choice::average(&training.average)?,
        clip: choice::clip(training.clip_norm, training.clip_value)?,
        n_epochs: training.epochs,
        record: Record { steps, full_loss, path, noise, told },
        n_threads: training.n_threads,
        tier,
        sync_every: training.sync_every,
        columns_for_entry: training.columns_for_entry.unwrap_or(COLUMNS_FOR_ENTRY),
        window: training.window.as_ref().map(|(first, rows)| window(*first, rows)).transpose()?,
    };
    if training.chooses_threads
        && !train::is_worth_threads(&validation, &problem, &config).map_err(to_python)?
    {
        config.n_threads = 1;
    }
    let SavedState { state, seconds } = start(problem.layout(), &config, training)?;
    let chosen = choose_batch_size(py, training.chooses_batch_size, &problem, &mut config, &state)?;
    let signals = Signals::new();
    let callback = training.callback.as_ref().map(|callback| callback.clone().unbind());
    let step_callback = training.step_callback.as_ref().map(|callback| callback.call.clone().unbind());
    let layout = problem.layout();
    let is_first = ranks.as_ref().is_none_or(|ranks| ranks.rank() == 0);
    let mut tell = |progress: Progress<'_, T>| {
        let is_over = match (&callback, &step_callback, progress.step) {
            (_, Some(callback), Some(step)) if is_first => {
                Python::attach(|py| call_in_epoch(py, callback, layout, step, progress))
            }
            (Some(callback), _, None) => Python::attach(|py| call(py, callback, layout, progress)),
            _ => Ok(false),
        };
        match is_over {
            Ok(false) => ControlFlow::Continue(()),
            Ok(true) => ControlFlow::Break(()),
            Err(error) => {
                if let Some(ranks) = &ranks {
                    ranks.note(Vote::Raised, &error.to_string());
                }
                signals.keep(error);
                ControlFlow::Break(())
            }
        }
    };
    let saver = training.checkpoints.as_ref().map(CheckpointCallback::call);
    let mut save = |fit: &mut Fit<T>, are_over: &[bool]| match &saver {
        Some(call) if is_first => {
            let saved = checkpoint::save(call, &signals, fit, are_over, |py, fit, run| {
                run.set_item("chosen_batch_size", chosen)?;
                write(py, layout, fit, seconds, run)
            });
            if let (Some(ranks), ControlFlow::Break(())) = (&ranks, saved) {
                ranks.note(Vote::Raised, "a checkpoint could not be written");
            }
            saved
        }
        _ => ControlFlow::Continue(()),
    };
    let interrupted = || signals.interrupted();
    let among = ranks.as_deref();
    let fitted = detached(py, || {
        let checkpoints = Checkpoints::new(&intervals, &mut save);
        let asked = (among, &interrupted as _);
        train::fit_among(&validation, &problem, &config, state, asked, &mut tell, checkpoints)
    });
    let mut fitted = fitted?;
    run.set_item("ended_by", among.and_then(Ranks::ended_by))?;
    if let Some(error) = &fitted.error {
        signals.keep(to_python(error.clone()));
    }
    if let Err(raised) = signals.or(Ok(())) {
        run.set_item("raised", raised.into_value(py))?; // with the run so far, for the package to raise
    }
    run.set_item("chosen_batch_size", chosen)?;
    write(py, layout, &mut fitted, seconds, run)
}

/// The rows of this process among those of all.
fn of_rank<'a, T: Scalar>(
    problem: Problem<'a, T>,
    batches: &Batches,
    ranks: Option<&'a Ranks>,
) -> PyResult<Problem<'a, T>> {
    let own = ranks.and_then(|ranks| batches.shards()?.of_rank(ranks.rank(), ranks.size()));
    let refused = || PyValueError::new_err("rows of processes need shards that these can share, and ranks");
    problem.with_shards(Sharding { shards: own.ok_or_else(refused)?, ranks }).map_err(to_python)
}

/// A part of an epoch.
fn window(first: usize, rows: &PyReadonlyArray1<'_, u32>) -> PyResult<Window> {
    Ok(Window { first, rows: entries("window", rows)?.into() })
}

/// Whether the learning rate is found, or a function of the user's asked for it, before the first epoch passes over rows.
fn begins_before_rows(optimizer: &Optimizer) -> bool {
    let rate = &optimizer.learning_rate;
    rate.asks_a_function() || matches!(rate, Schedule::Auto(_))
}

fn call<T: Scalar + Element>(
    py: Python<'_>,
    callback: &Py<PyAny>,
    layout: Layout,
    progress: Progress<'_, T>,
) -> PyResult<bool> {
    let Progress { params, epoch, n_steps, history, metrics, validation_loss, .. } = progress;
    let params = unpacked(py, layout, params)?;
    let last = |records: &[f64]| records.last().copied();
    let (loss, elapsed) = (last(&history.epoch_loss), last(&history.epoch_elapsed));
    let known_loss = last(&history.validation_loss);
    let told = callback.call1(py, (epoch, n_steps, loss, elapsed, params, known_loss))?;
    let (is_over, raised): (bool, Option<Bound<'_, PyAny>>);
    (is_over, *metrics, raised, *validation_loss) = told.extract(py)?;
    raised.map_or(Ok(is_over), |error| Err(PyErr::from_value(error)))
}

/// The same after a step.
fn call_in_epoch<T: Scalar + Element>(
    py: Python<'_>,
    callback: &Py<PyAny>,
    layout: Layout,
    step: StepProgress,
    progress: Progress<'_, T>,
) -> PyResult<bool> {
    let Progress { params, epoch, n_steps, .. } = progress;
    let params = if params.is_empty() { None } else { Some(unpacked(py, layout, params)?) };
    let StepProgress { loss, learning_rate, gradient_norm, n_rows, elapsed } = step;
    let told = (epoch, n_steps, loss, learning_rate, gradient_norm, n_rows, elapsed, params);
    callback.call1(py, told)?.extract(py)
}

/// Where a run begins: at the end of another, at given parameters, or at zero.
fn start<T: Scalar + Element>(
    layout: Layout,
    config: &Config,
    training: &Training<'_>,
) -> PyResult<SavedState<T>> {
    if let Some(saved) = &training.state {
        let saved = SavedState::read(layout, saved)?;
        saved.check_place(config)?;
        return Ok(saved);
    }
    let params = match &training.init {
        Some(init) => packed(layout, "init", init)?,
        None => try_filled("parameters", layout.len(), T::ZERO).map_err(to_python)?,
    };
    let optimizer = config.optimizer.init(layout.len()).map_err(to_python)?;
    Ok(SavedState { state: State::new(params, optimizer), seconds: 0.0 })
}

/// Writes a run to a dict; `seconds` were spent before it. Its state is taken.
fn write<T: Scalar + Element>(
    py: Python<'_>,
    layout: Layout,
    fit: &mut Fit<T>,
    seconds: f64,
    run: &Bound<'_, PyDict>,
) -> PyResult<()> {
    run.set_item("params", unpacked(py, layout, &fit.params)?)?;
    run.set_item("best_epoch", fit.best_epoch)?;
    run.set_item("batch_size", fit.batch_size)?;
    run.set_item("seconds", fit.seconds)?;
    run.set_item("history", history_to_dict(py, layout, &fit.history)?)?;
    run.set_item("stop_reason", (fit.stop_reason.name(), fit.stop_reason.to_string()))?;
    run.set_item("gap", fit.gap)?;
    if let train::StopReason::Diverged { epoch, step, .. } = fit.stop_reason {
        run.set_item("diverged_at", (epoch, step))?;
    }
    let nothing = State::new(Vec::new(), OptimizerState::new(0, Vec::new(), Vec::new()));
    let state = std::mem::replace(&mut fit.state, nothing);
    let mut saved = SavedState { state, seconds: seconds + fit.seconds };
    run.set_item("state", saved.write(py, layout)?)
}
