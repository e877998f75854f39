//! `Parameters`: whole, or lazily updated on sparse rows; which a step borrows, moves and gives back.

use super::catch_up::CatchUp;
use super::control::{Drift, Solver};
use super::lazy::LazyParameters;
use super::step::Batch;
use super::{Config, State};
use crate::data::{Csr, Rows};
use crate::error::{Error, Result, try_copied};
use crate::gradient::{Evaluator, Model, Penalty, Problem};
use crate::scalar::Scalar;
use crate::update::lazy::{LazyUpdate, MissedSteps};
use crate::update::{Entries, Optimizer, OptimizerState, Schedule};

/// Columns that may be moved without a gradient, in vectors, for every stored entry of a batch, if steps leave the columns
/// alone that their batch does not have.
const COLUMNS_FOR_STILL_ENTRY: usize = 2;
/// The same if these are to catch up: an entry takes some 30 ns for that, in which many columns are moved. On 20,000
/// columns and rows of 14 entries a step with an l2 penalty takes 1.5 us if the others catch up and 8 us if all move, of
/// 8 rows 7.1 and 8.3 us, of 64 rows 40 and 12 us, of 512 rows 198 and 28 us.
pub const COLUMNS_FOR_ENTRY: usize = 48;

/// The parameters of a run.
#[derive(Debug)]
pub(super) enum Parameters<'a, T> {
    /// The evaluator has them, and steps move all of them where they are.
    Whole,
    /// The evaluator has those of a batch, while a step moves them.
    Lazy(Box<LazyParameters<'a, T>>),
}

impl<'a, T: Scalar> Parameters<'a, T> {
    /// Decides, from where `state` is, whether steps are on the columns of their batches. Then the vectors of the
    /// state are taken from it, and [`Self::into_state`] gives them back.
    ///
    /// # Errors
    /// If the state is of a run on sparse rows and these are not, or of another optimizer.
    pub(super) fn of(problem: &'a Problem<'_, T>, config: &Config, state: &mut State<T>) -> Result<Self> {
        let is_behind = !state.last_update_steps.is_empty();
        let Rows::Csr(csr) = problem.data.rows else {
            let (argument, condition) = ("X", "of sparse rows, for the resumed run ended within an epoch");
            let refused = Error::OutOfRange { argument, condition, value: "dense ones".into() };
            return if is_behind { Err(refused) } else { Ok(Self::Whole) };
        };
        let is_lazy = is_worth_it(problem, config, csr, state);
        if !is_lazy && !is_behind {
            return Ok(Self::Whole);
        }
        let first = config.optimizer.lazy_update(0, &state.optimizer, 0.0);
        if is_auto(config) && !matches!(first, LazyUpdate::Drift(_)) {
            return Err(Error::Incompatible(
                "learning_rate must be a number, a schedule or a function of the step to resume within an epoch over \
                 sparse rows that was begun with one, got 'auto'"
                    .into(),
            ));
        }
        let mut lazy = lazy_from(problem, config, csr, state)?;
        if is_lazy {
            let n_epochs = usize::try_from(config.n_epochs).unwrap_or(usize::MAX);
            lazy.expect(csr.n_entries().saturating_mul(n_epochs));
            lazy.leave_all(&mut state.params);
            return Ok(Self::Lazy(Box::new(lazy)));
        }
        // The steps so far were on the columns of their batches; from here on they are on all columns.
        let solver = state.control.solver.as_deref().filter(|solver| solver.fits(problem, config));
        state.loss_sum += lazy.flush(Drift::of(solver, None)).penalty;
        Self::Lazy(Box::new(lazy)).into_state(state)?;
        Ok(Self::Whole)
    }

    /// Lends the evaluator what a step on `batch` is to move. `recorded` is the penalty, if its value is recorded.
    #[inline]
    pub(super) fn lend(
        &mut self,
        batch: &Batch,
        recorded: Option<&Penalty>,
        solver: Option<&Solver<T>>,
        optimizer: &mut OptimizerState<T>,
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> Result<CatchUp> {
        match self {
            Self::Whole => Ok(CatchUp::nothing()),
            Self::Lazy(lazy) => lazy.lend(batch, recorded, solver, &mut optimizer.slots, evaluator),
        }
    }

    /// Undoes a loan for a step that is not made.
    pub(super) fn cancel(&mut self, evaluator: &mut Evaluator<'_, 'a, T>) -> Result<()> {
        match self {
            Self::Whole => Ok(()),
            Self::Lazy(lazy) => lazy.cancel(evaluator),
        }
    }

    /// Brings all parameters up to date where a solver looks at them.
    pub(super) fn flush(
        &mut self,
        solver: Option<&Solver<T>>,
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> CatchUp {
        match self {
            Self::Whole => CatchUp::nothing(),
            Self::Lazy(lazy) => lazy.flush_to(solver, evaluator),
        }
    }

    /// Brings all parameters up to date between two steps, none of which is a solver's.
    pub(super) fn settle(&mut self) -> CatchUp {
        match self {
            Self::Whole => CatchUp::nothing(),
            Self::Lazy(lazy) => lazy.settle(),
        }
    }

    /// Exchanges parameters and slots of steps for all there are, or these for those: nothing but on sparse rows.
    pub(super) fn exchange_all(&mut self, params: &mut Vec<T>, slots: &mut Vec<Vec<T>>) {
        match self {
            Self::Whole => {}
            Self::Lazy(lazy) => lazy.exchange_all(params, slots),
        }
    }

    /// Takes back what a step has moved. `update` says what it did to all other columns, if it was made.
    #[inline]
    pub(super) fn give_back(
        &mut self,
        update: impl FnOnce() -> Option<LazyUpdate>,
        is_last: bool,
        solver: Option<&Solver<T>>,
        optimizer: &OptimizerState<T>,
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) -> Result<CatchUp> {
        match self {
            Self::Whole => Ok(CatchUp::nothing()),
            Self::Lazy(lazy) => lazy.give_back(update(), is_last, solver, &optimizer.slots, evaluator),
        }
    }

    /// Whether a step leaves everything as it is that belongs to columns of no row of its batch.
    pub(super) fn miss_nothing(&self) -> bool {
        matches!(self, Self::Lazy(lazy) if lazy.miss_nothing())
    }

    /// Whether steps are on the columns of a batch.
    #[inline]
    pub(super) fn is_lazy(&self) -> bool {
        matches!(self, Self::Lazy(_))
    }

    /// The penalty of the columns that the last batch did not have and the square of the norm of their gradient, where
    /// they were to be recorded.
    #[inline]
    pub(super) fn of_inactive(&self) -> (f64, f64) {
        match self {
            Self::Whole => (0.0, 0.0),
            Self::Lazy(lazy) => lazy.of_inactive(),
        }
    }

    /// Copies all parameters, as they would be if they were up to date.
    pub(super) fn copy_to(
        &self,
        to: &mut [T],
        solver: Option<&Solver<T>>,
        evaluator: &mut Evaluator<'_, 'a, T>,
    ) {
        let (params, variate) = evaluator.params_and_control_variate();
        match self {
            Self::Whole => to.copy_from_slice(params),
            Self::Lazy(lazy) => lazy.copy_to(to, params, Drift::of(solver, variate)),
        }
    }

    /// Copies what [`Self::into_state`] gives a state; `params` and `slots` are those that the evaluator and the state have.
    pub(super) fn copied(&self, params: &[T], slots: &[Vec<T>]) -> Result<CopiedVectors<T>> {
        match self {
            Self::Whole => CopiedVectors::of(params, slots, Vec::new()),
            Self::Lazy(lazy) => lazy.copied(params),
        }
    }

    /// Gives the state the vectors back that were taken from it.
    pub(super) fn into_state(self, state: &mut State<T>) -> Result<()> {
        match self {
            Self::Whole => Ok(()),
            Self::Lazy(lazy) => lazy.into_state(state),
        }
    }
}

/// The vectors of a state, copied.
#[derive(Debug)]
pub(super) struct CopiedVectors<T> {
    pub(super) params: Vec<T>,
    pub(super) slots: Vec<Vec<T>>,
    pub(super) last_update_steps: Vec<u32>,
}

impl<T: Scalar> CopiedVectors<T> {
    pub(super) fn of(params: &[T], slots: &[Vec<T>], last_update_steps: Vec<u32>) -> Result<Self> {
        let params = try_copied("parameters", params)?;
        let slots = slots.iter().map(|slot| try_copied("the memory of the optimizer", slot));
        Ok(Self { params, slots: slots.collect::<Result<_>>()?, last_update_steps })
    }
}

/// The vectors of `state`, lazily updated.
fn lazy_from<'a, T: Scalar>(
    problem: &'a Problem<'_, T>,
    config: &Config,
    csr: Csr<'a, T>,
    state: &mut State<T>,
) -> Result<LazyParameters<'a, T>> {
    let optimizer = &config.optimizer;
    optimizer.check(&state.optimizer, state.params.len())?;
    let strengths = problem.penalty().uniform().unwrap_or_default();
    let first = optimizer.lazy_update(0, &state.optimizer, strengths.1);
    if state.optimizer.n_steps == 0 && matches!(first, LazyUpdate::Diagonal(_)) {
        optimizer.begin(entries_of(&problem.objective.model), &mut state.optimizer, &state.params)?;
    }
    let params = std::mem::take(&mut state.params);
    let n_vectors = state.optimizer.slots.len();
    let slots = std::mem::replace(&mut state.optimizer.slots, vec![Vec::new(); n_vectors]);
    let decays = optimizer.decays();
    let (layout, penalty) = (problem.layout(), problem.penalty());
    let mut lazy = LazyParameters::new((csr, config.tier), layout, (first, decays), penalty, params, slots)?;
    let is_within_epoch = state.step > 0 && state.step < state.batches(&config.batches).n_steps();
    let is_synchronised = config.sync_every.is_some() && state.last_update_steps.is_empty();
    if is_within_epoch && !is_synchronised {
        let n_done = (state.step / config.accumulate.get()) as u64;
        let evaluated = match is_auto(config) {
            true => chosen(problem, config, state)?,
            false => optimizer.tabulate(state.optimizer.n_steps - n_done..state.optimizer.n_steps)?,
        };
        replay(&mut lazy, config, evaluated.as_ref().unwrap_or(optimizer), strengths.1, state);
    }
    Ok(lazy)
}

/// The optimizer with the rate that a solver has chosen for the steps of the epoch so far, since there was a flush.
fn chosen<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    state: &State<T>,
) -> Result<Option<Optimizer>> {
    let batches = state.batches(&config.batches);
    let last = batches.n_steps().min(config.accumulate.get()) - 1;
    let rows_of_step = batches.positions(0).start..batches.positions(last).end;
    let Some(solver) = &state.control.solver else { return Ok(None) };
    let learning_rate = solver.schedule_for(problem.n_rows(), rows_of_step.len())?;
    Ok(Some(Optimizer { learning_rate, ..config.optimizer.clone() }))
}

/// Whether the learning rate is automatic.
fn is_auto(config: &Config) -> bool {
    matches!(config.optimizer.learning_rate, Schedule::Auto(_))
}

/// Tells `lazy` of the steps of the epoch that `state` is in the middle of.
fn replay<T: Scalar>(
    lazy: &mut LazyParameters<'_, T>,
    config: &Config,
    optimizer: &Optimizer,
    l2: f64,
    state: &State<T>,
) {
    let (batches, n) = (state.batches(&config.batches), config.accumulate.get());
    let (n_steps, n_done) = (state.optimizer.n_steps, state.step / n);
    let step_of = |s: usize| {
        let last = batches.n_steps().min((s + 1).saturating_mul(n)) - 1;
        let rows = batches.positions(s * n).start..batches.positions(last).end;
        let t = n_steps - (n_done - s) as u64;
        (optimizer.lazy_update(t, &state.optimizer, l2), rows.len())
    };
    lazy.resume(n_done, step_of, &state.last_update_steps);
}

/// Whether steps are to be on the columns of a batch alone. That is not possible with rules, penalties and averages
/// that move all parameters in a way of their own; and with few columns it does not pay, if a step on all of
/// them is the same but for the norm of the gradient.
fn is_worth_it<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    csr: Csr<'_, T>,
    state: &State<T>,
) -> bool {
    if problem.layout().n_runs() == 0 {
        return false; // columns have nothing of their own
    }
    let strengths = problem.penalty().uniform();
    let (l1, l2) = strengths.unwrap_or_default();
    let update = config.optimizer.lazy_update(0, &state.optimizer, l2);
    if is_auto(config) && !matches!(update, LazyUpdate::Drift(_)) {
        return false; // its trials and models are of all columns
    }
    let n_rows = config.batches.batch_size().saturating_mul(config.accumulate.get()).min(problem.n_rows());
    let (n_entries, columns_for_entry) = (csr.entries_of_row() * n_rows, config.columns_for_entry);
    match update {
        LazyUpdate::Dense => false,
        LazyUpdate::Frozen => true,
        // Maps of columns with strengths of their own cannot be composed for all together.
        LazyUpdate::Affine(_) | LazyUpdate::Diagonal(_) if strengths.is_none() => false,
        LazyUpdate::Affine(_) | LazyUpdate::Diagonal(_) => {
            let is_same = l2 == 0.0 || config.clip.is_none();
            let (has_slots, decays) = (!state.optimizer.slots.is_empty(), config.optimizer.decays());
            let pays = match MissedSteps::new(update, has_slots, decays, l1, l2).is_nothing() {
                true => csr.n_columns() / COLUMNS_FOR_STILL_ENTRY > n_entries,
                // What a step on the columns of a batch takes besides is as much as so many entries take.
                false => csr.n_columns() / columns_for_entry > n_entries + columns_for_entry,
            };
            (pays && config.average.is_none()) || !is_same
        }
        LazyUpdate::Drift(_) => {
            // Steps of a solver on all columns take three times as long as others, and to catch up takes no longer.
            let pays = csr.n_columns() / columns_for_entry.div_ceil(3) > n_entries;
            pays && Solver::can_miss_steps(state.control.solver.as_deref(), problem, config)
        }
    }
}

/// Which entries of the flat vector an optimizer moves, and which of them decay.
pub(super) fn entries_of(model: &Model) -> Entries {
    let layout = model.layout();
    let n_intercepts = if model.fits_intercept() { layout.n_intercepts() } else { 0 };
    Entries::padded(layout.row_len(), layout.stride(), layout.n_coef(), n_intercepts)
}
