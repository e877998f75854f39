//! `fit`: sets up a run, lets it descend, and takes it apart again.

use std::ops::ControlFlow;

use super::checkpoints::Checkpoints;
use super::control::{check_solver, is_solver};
use super::descent::descend;
use super::observers::{Callback, Observers, Progress};
use super::parameters::Parameters;
use super::recorder::Recorder;
use super::run::Run;
use super::stop::Stop;
use super::{AdaptiveBatchSize, Config, Fingerprint, History, State, StopReason, Validation};
use crate::data::{Rows, Sharding};
use crate::error::{Error, Result, try_copied};
use crate::gradient::{Problem, n_workers_worth, with_evaluator, work_of};
use crate::ranks::{Ranks, Vote};
use crate::scalar::Scalar;
use crate::shuffle::Shuffle;
use crate::update::{AverageState, Schedule};

/// Multiply-adds that a run should have in all to gain by threads: a quarter of a millisecond's worth.
const WORK_WORTH_THREADS: usize = 1 << 21;

/// A finished run.
#[derive(Debug, Clone)]
pub struct Fit<T> {
    /// The model: the parameters to predict with.
    pub params: Vec<T>,
    /// Epochs the model was trained for, if a rule has chosen it as the best.
    pub best_epoch: Option<u64>,
    /// Where training is, and everything needed to resume it.
    pub state: State<T>,
    /// What was written down.
    pub history: History<T>,
    /// Why it ended.
    pub stop_reason: StopReason,
    /// How far the objective was from its least value at the end of the last epoch, about, and the objective, if a rule asked.
    pub gap: Option<(f64, f64)>,
    /// The error of a function of the caller's that has interrupted the run.
    pub error: Option<Error>,
    /// Rows of a batch in the last epoch, or the one begun.
    pub batch_size: usize,
    /// Seconds of training.
    pub seconds: f64,
}

/// Trains on `problem` from `state` until `config.n_epochs` epochs more are done, or `after_epoch` breaks, or
/// the run diverges or is interrupted. An epoch that was begun counts as the first.
///
/// `interrupted` is asked about every millisecond whether to give up.
///
/// # Errors
/// If the state is another problem's, or a buffer cannot be allocated.
pub fn fit<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    state: State<T>,
    interrupted: &(dyn Fn() -> bool + Sync),
    after_epoch: &mut dyn FnMut(Progress<'_, T>) -> ControlFlow<()>,
) -> Result<Fit<T>> {
    fit_with(&Validation::none(), problem, config, state, interrupted, after_epoch)
}

/// Trains as [`fit`] does, until a rule of `validation` ends the run, and gives back the model that one chose.
///
/// # Errors
/// As [`fit`], and if the validation rows have other columns or outputs.
pub fn fit_with<'a, T: Scalar>(
    validation: &'a Validation<'a, T>,
    problem: &'a Problem<'a, T>,
    config: &'a Config,
    state: State<T>,
    interrupted: &'a (dyn Fn() -> bool + Sync),
    after_epoch: Callback<'_, T>,
) -> Result<Fit<T>> {
    let alone = (None, interrupted);
    fit_among(validation, problem, config, state, alone, after_epoch, Checkpoints::none())
}

/// Trains as [`fit_with`] does, and hands the run over where a checkpoint is due; by several processes, if `ranks` are given,
/// that make the same call, each with all rows, or with those of its shards ([`Problem::with_shards`]).
///
/// What `after_epoch` says, and that one is interrupted, ends the run of all between the same two steps. A process that
/// cannot go on has to say so by [`Ranks::fail`], or the others wait.
///
/// # Errors
/// As [`fit_with`], and [`Error::OtherRank`] if another process cannot go on.
pub fn fit_among<'o, 'a, T: Scalar>(
    validation: &'a Validation<'a, T>,
    problem: &'a Problem<'a, T>,
    config: &'a Config,
    state: State<T>,
    (ranks, interrupted): (Option<&'a Ranks>, &'a (dyn Fn() -> bool + Sync)),
    after_epoch: Callback<'o, T>,
    checkpoints: Checkpoints<'o, T>,
) -> Result<Fit<T>> {
    let in_shards;
    let problem = match (config.batches.shards(), problem.data.sharding) {
        (Some(shards), None) => {
            in_shards = problem.clone().with_shards(Sharding { shards, ranks: None })?;
            &in_shards
        }
        _ => problem,
    };
    let Some(ranks) = ranks else {
        let alone = (None, interrupted);
        return descended(validation, problem, config, state, alone, after_epoch, checkpoints);
    };
    // Nobody may leave a sum that the others wait for: an interruption is a vote.
    let heeded = || {
        if interrupted() {
            ranks.note(Vote::Interrupted, "interrupted");
        }
        false
    };
    let among = (Some(ranks), &heeded as _);
    let fit = descended(validation, problem, config, state, among, after_epoch, checkpoints)?;
    if fit.error.is_none() {
        ranks.finish(config.window.is_some())?;
    }
    Ok(fit)
}

/// Sets up a run, lets it descend, and takes it apart again.
fn descended<'o, 'a, T: Scalar>(
    validation: &'a Validation<'a, T>,
    problem: &'a Problem<'a, T>,
    config: &'a Config,
    mut state: State<T>,
    (ranks, interrupted): (Option<&'a Ranks>, &'a (dyn Fn() -> bool + Sync)),
    after_epoch: Callback<'o, T>,
    checkpoints: Checkpoints<'o, T>,
) -> Result<Fit<T>> {
    check(problem, config, validation.converged().is_some(), &mut state)?;
    table_of_own(problem, &mut state)?;
    let n_workers = n_workers_of(validation, problem, config, &state)?;
    let resumed = Fingerprint::take_from(&mut state)?;
    let params = Parameters::of(problem, config, &mut state)?;
    let vector = std::mem::take(&mut state.params);
    with_evaluator(problem, vector, (config.tier, n_workers), interrupted, |mut evaluator| {
        evaluator.set_ranks(ranks);
        if let Some(weights) = config.batches.importance_weights() {
            evaluator.set_importance_weights(weights)?;
        }
        let recorder = Recorder::new(config.record, problem.layout().len())?;
        let mut run = Run::new(problem, config, state, params, evaluator, interrupted)?;
        run.forget_other_objectives(resumed, validation)?;
        let stopping = validation.remember(std::mem::take(&mut run.state.stopping));
        let first_step = run.state.optimizer.n_steps;
        let watching = (after_epoch, checkpoints);
        let mut observers = Observers::new(recorder, validation, stopping, watching, first_step);
        let ended = run.begin().and_then(|()| descend(&mut run, &mut observers));
        if let (Some(ranks), Err(Stop::Failed(error))) = (ranks, &ended) {
            ranks.fail(&error.to_string());
        }
        finish(run, observers, validation, ended)
    })
}

/// Of a table of the slopes of all rows, as states have it, the part of the rows that this process has.
fn table_of_own<T: Scalar>(problem: &Problem<'_, T>, state: &mut State<T>) -> Result<()> {
    let Some(among) = problem.data.among() else { return Ok(()) };
    let variate = state.control.solver.as_mut().and_then(|solver| solver.variate.as_mut());
    match variate {
        Some(variate) => variate.keep_own(problem.layout(), among, problem.data.rows.n_rows()),
        None => Ok(()),
    }
}

/// That the parts fit together; and room in the state for what this run remembers.
fn check<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    awaits_convergence: bool,
    state: &mut State<T>,
) -> Result<()> {
    let Config { ref batches, ref optimizer, .. } = *config;
    config.check()?;
    check_window(problem, config)?;
    check_solver(problem, config, awaits_convergence)?;
    problem.penalty().check_step_sizes(optimizer.rule.has_uniform_step_size(), optimizer.rule.name())?;
    let adaptive = state.control.batch_size;
    state.control.batch_size = AdaptiveBatchSize::of_run(batches, adaptive, state.step > 0);
    state.check(problem.layout(), state.batches(batches).n_steps())?;
    optimizer.check(&state.optimizer, problem.layout().len())?;
    match config.average {
        None => state.average = AverageState::default(), // of a run that did average
        Some(_) if state.average.n == 0 => state.average = AverageState::new(problem.layout().len())?,
        Some(_) => {}
    }
    Ok(())
}

/// That a run on a window of the rows has no need of the others.
fn check_window<T: Scalar>(problem: &Problem<'_, T>, config: &Config) -> Result<()> {
    let Some(window) = &config.window else { return Ok(()) };
    let refused = |what: &str| Err(Error::Incompatible(format!("{what} needs all rows in memory")));
    if let Some(row) = window.rows.iter().find(|&&row| row as usize >= problem.n_rows()) {
        let condition = "rows of X";
        return Err(Error::OutOfRange { argument: "window", condition, value: row.to_string() });
    }
    if is_solver(&config.optimizer.rule) || matches!(config.optimizer.learning_rate, Schedule::Auto(_)) {
        return refused("an optimizer with a metric, a table of slopes or the rate \"auto\"");
    }
    if config.record.full_loss {
        return refused("record='full_loss'");
    }
    if config.batches.draws() {
        return refused("drawing rows with replacement or by weights");
    }
    Ok(())
}

/// Whether a run may gain by threads, however large its batches are: to start one takes a tenth of a millisecond.
///
/// # Errors
/// If the validation rows have other columns or outputs.
pub fn is_worth_threads<T: Scalar>(
    validation: &Validation<'_, T>,
    problem: &Problem<'_, T>,
    config: &Config,
) -> Result<bool> {
    if is_solver(&config.optimizer.rule) || config.record.full_loss {
        return Ok(true); // a metric, or a pass over all rows after each step, takes long in any case
    }
    let n_epochs = usize::try_from(config.n_epochs).unwrap_or(usize::MAX);
    let n_rows = config.batches.n_positions().saturating_add(validation.n_rows_for(problem)?);
    Ok(work_of(problem, n_rows.saturating_mul(n_epochs), is_random(config)) >= WORK_WORTH_THREADS)
}

fn is_random(config: &Config) -> bool {
    *config.batches.shuffle() != Shuffle::Sequential
}

/// The largest team that a pass of this run may be worth.
fn n_workers_of<T: Scalar>(
    validation: &Validation<'_, T>,
    problem: &Problem<'_, T>,
    config: &Config,
    state: &State<T>,
) -> Result<usize> {
    let Config { ref batches, n_threads, n_epochs, .. } = *config;
    let largest_batch = batches.largest_batch(state.epoch.saturating_add(n_epochs));
    let rows_of_step = largest_batch.saturating_mul(config.accumulate.get());
    let most_rows = if config.record.full_loss { problem.n_rows() } else { rows_of_step };
    let most_rows = most_rows.max(validation.n_rows_for(problem)?);
    Ok(n_workers_worth(problem, most_rows, is_random(config), n_threads))
}

/// Takes a run apart into what is given back.
fn finish<'a, T: Scalar>(
    mut run: Run<'_, 'a, T>,
    observers: Observers<'_, 'a, T>,
    validation: &Validation<'a, T>,
    ended: std::result::Result<(), Stop>,
) -> Result<Fit<T>> {
    let has_diverged = matches!(ended, Err(Stop::Because(StopReason::Diverged { .. })));
    // Of rows that were not scanned before, an entry may be the cause.
    if has_diverged
        && let Rows::Dense(x) = &run.problem.data.rows
        && let Err(error @ Error::NotFinite { .. }) = x.scan(run.config.tier, run.interrupted)
    {
        return Err(error);
    }
    let (stop_reason, error) = match ended {
        Ok(()) => (StopReason::Epochs, None),
        Err(Stop::Because(reason)) => (reason, None),
        // Of the caller's own: nothing of the run is lost.
        Err(Stop::Failed(
            error @ (Error::Foreign(_)
            | Error::OutOfRange { argument: "learning_rate", .. }
            | Error::WrongType { argument: "learning_rate", .. }),
        )) => (StopReason::Interrupted, Some(error)),
        Err(Stop::Failed(error)) => return Err(error),
    };
    let seconds = observers.recorder.seconds();
    let Observers { recorder, stopping, gap, .. } = observers;
    let best = stopping.iter().find_map(|rule| rule.checkpoint.as_ref());
    let best_epoch = best.map(|checkpoint| checkpoint.epoch);
    let params = match best {
        Some(checkpoint) => try_copied("parameters", &checkpoint.params)?,
        None => run.model_to_give_back(stop_reason)?,
    };
    let batch_size = run.batch_size();
    let mut state = run.into_state(validation, !stopping.is_empty())?;
    state.stopping = stopping;
    Ok(Fit {
        params,
        best_epoch,
        state,
        history: recorder.history,
        stop_reason,
        gap,
        error,
        batch_size,
        seconds,
    })
}
