//! What a run on sparse rows does beside the textbook: takes its parameters apart, lends a step those of its
//! columns, and puts them together again. On dense rows, and where a step is on all columns, nothing.

use std::ops::Range;

use super::columns::{Caught, Columns};
use super::epoch::entries_of;
use super::{Config, State};
use crate::data::{Csr, Rows};
use crate::error::{Error, Result};
use crate::gradient::{Problem, Work};
use crate::parallel::Team;
use crate::scalar::Scalar;
use crate::update::Schedule;
use crate::update::lazy::LazyUpdate;

/// Columns that may be moved without a gradient, in vectors, for every stored entry of a batch.
const COLUMNS_FOR_ENTRY: usize = 2;

/// The parameters of a run, if they are apart.
#[derive(Debug)]
pub(super) struct Apart<'a, T> {
    columns: Option<Columns<'a, T>>,
    /// The penalty of the columns that the batch at hand does not have, where it is to be recorded.
    inactive_column_penalty: f64,
}

impl<'a, T: Scalar> Apart<'a, T> {
    /// Takes apart the parameters of `state` if steps are to be on the columns of their batches. What is left is
    /// moved in place by the steps.
    ///
    /// # Errors
    /// If the state is of a run on sparse rows and these are not, or of another optimizer.
    pub(super) fn of(problem: &'a Problem<'_, T>, config: &Config, state: &mut State<T>) -> Result<Self> {
        let none = Self { columns: None, inactive_column_penalty: 0.0 };
        let is_behind = !state.last_update_steps.is_empty();
        let Rows::Csr(csr) = problem.rows else {
            let (argument, condition) =
                ("X", "of sparse rows, for the run to go on with ended within an epoch");
            let refused = Error::OutOfRange { argument, condition, value: "dense ones".into() };
            return if is_behind { Err(refused) } else { Ok(none) };
        };
        let is_apart = is_worth_it(problem, config, csr, state);
        if !is_apart && !is_behind {
            return Ok(none);
        }
        if let Schedule::Auto(_) = config.optimizer.learning_rate {
            return Err(Error::Incompatible(
                "learning_rate must be a number, a schedule or a function of the step to go on within an epoch over \
                 sparse rows that was begun with one, got 'auto'"
                    .into(),
            ));
        }
        config.optimizer.check(&state.optimizer, state.params.len())?;
        let strengths = problem.penalty.uniform().unwrap_or_default();
        let first = config.optimizer.lazy_update(0, &state.optimizer, strengths.1);
        if state.optimizer.n_steps == 0 && matches!(first, LazyUpdate::Diagonal(_)) {
            let entries = entries_of(problem, problem.layout());
            config.optimizer.begin(entries, &mut state.optimizer, &state.params)?;
        }
        let decays = config.optimizer.decays();
        let params = std::mem::take(&mut state.params);
        let n_vectors = state.optimizer.slots.len();
        let slots = std::mem::replace(&mut state.optimizer.slots, vec![Vec::new(); n_vectors]);
        let mut columns = Columns::new(csr, problem.layout(), (first, decays), strengths, params, slots)?;
        let (batches, n) = (state.batches(&config.batches), config.accumulate.get());
        if state.step > 0 && state.step < batches.n_steps() {
            let n_steps = state.optimizer.n_steps;
            let n_done = state.step / n;
            let steps = n_steps - n_done as u64..n_steps;
            let evaluated = config.optimizer.tabulate(steps)?;
            let optimizer = evaluated.as_ref().unwrap_or(&config.optimizer);
            let step_of = |s: usize| {
                let last = batches.n_steps().min((s + 1).saturating_mul(n)) - 1;
                let rows = batches.positions(s * n).start..batches.positions(last).end;
                let t = n_steps - (n_done - s) as u64;
                (optimizer.lazy_update(t, &state.optimizer, strengths.1), rows.len())
            };
            columns.resume(n_done, step_of, &state.last_update_steps);
        }
        let mut apart = Self { columns: Some(columns), inactive_column_penalty: 0.0 };
        if !is_apart {
            // The run went on the columns of batches, and goes on over all of them.
            let caught = apart.columns.as_mut().map(Columns::flush);
            state.loss_sum += caught.map_or(0.0, |caught| caught.penalty);
            apart.put_together(state);
        }
        Ok(apart)
    }

    /// The parameters as they would be if all columns were up to date.
    pub(super) fn model(&mut self) -> Result<Option<&mut Vec<T>>> {
        self.columns.as_mut().map(Columns::model).transpose()
    }

    /// Whether parameters are apart.
    pub(super) fn is_so(&self) -> bool {
        self.columns.is_some()
    }

    /// Puts the model in the place of the parameters, or back.
    pub(super) fn exchange_model(&mut self, params: &mut Vec<T>) -> Result<()> {
        self.columns.as_mut().map_or(Ok(()), |columns| columns.exchange_model(params))
    }

    /// The penalty of the columns that the last batch did not have, where it was to be recorded.
    pub(super) fn inactive_column_penalty(&self) -> f64 {
        self.inactive_column_penalty
    }

    /// Brings what belongs to the columns of a batch up to date and gathers it.
    pub(super) fn gather(
        &mut self,
        batch: &Range<usize>,
        is_recorded: bool,
        problem: &Problem<'a, T>,
        state: &mut State<T>,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> Result<Caught> {
        let Some(columns) = &mut self.columns else { return Ok(Caught::nothing()) };
        let layout = problem.layout();
        if is_recorded {
            self.inactive_column_penalty =
                problem.penalty.value(layout, &columns.model()?[..layout.n_coef()]);
        }
        let caught = columns.gather(batch.clone(), team.job(), &mut state.optimizer.slots)?;
        if is_recorded {
            let few = team.job().layout();
            self.inactive_column_penalty -= problem.penalty.value(few, &team.job().params()[..few.n_coef()]);
        }
        Ok(caught)
    }

    /// Forgets what was gathered for a step that is not made.
    pub(super) fn give_up(&mut self, team: &mut Team<'_, Work<'a, T>>) -> Result<()> {
        self.columns.as_mut().map_or(Ok(()), |columns| columns.give_up(team.job()))
    }

    /// Puts back what [`Self::gather`] took; at the end of a flush interval all columns are brought up to date.
    pub(super) fn scatter(
        &mut self,
        is_last: bool,
        step: LazyUpdate,
        state: &State<T>,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> Result<Caught> {
        let Some(columns) = &mut self.columns else { return Ok(Caught::nothing()) };
        columns.scatter(step, team.job(), &state.optimizer.slots)?;
        Ok(if is_last || columns.is_flush_due() { columns.flush() } else { Caught::nothing() })
    }

    /// Gives the state its vectors back, if they were taken.
    pub(super) fn put_together(&mut self, state: &mut State<T>) {
        if let Some(columns) = self.columns.take() {
            state.last_update_steps = columns.last_update_steps();
            state.params = columns.params;
            state.optimizer.slots = columns.slots;
        }
    }
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
    let Some((_, l2)) = problem.penalty.uniform() else { return false };
    if let Schedule::Auto(_) = config.optimizer.learning_rate {
        return false; // its trials and models are of all columns
    }
    let n_rows = config.batches.batch_size().saturating_mul(config.accumulate.get()).min(csr.n_rows());
    let n_entries = csr.n_entries() / csr.n_rows() * n_rows;
    match config.optimizer.lazy_update(0, &state.optimizer, l2) {
        LazyUpdate::Dense => false,
        LazyUpdate::Frozen => true,
        LazyUpdate::Affine(_) | LazyUpdate::Diagonal(_) => {
            let is_same = l2 == 0.0 || config.clip.is_none();
            let pays = csr.n_columns() / COLUMNS_FOR_ENTRY > n_entries;
            config.average.is_none() && (pays || !is_same)
        }
    }
}
