//! Steps of a factorization machine on sparse rows, between which nobody looks: on its table where it lies.
//!
//! They are the steps of [`LazyParameters`] with the same bits, but that nothing is lent: neither rows of the table nor the
//! optimizer's slots are copied for a step and put back. What a step in place is, says
//! [`step_in_place`](Evaluator::step_in_place).

use super::control::is_solver;
use super::lazy::LazyParameters;
use super::parameters::entries_of;
use super::step::Batch;
use super::stop::Stop;
use super::{Config, State};
use crate::data::Rows;
use crate::gradient::{Evaluator, Penalty, Problem};
use crate::scalar::Scalar;
use crate::shuffle::Batches;
use crate::update::Optimizer;

/// Steps between two of which it is not asked whether a checkpoint is due.
const MOST_STEPS: u64 = 64;

/// Whether steps of this run can be made in place: of columns that miss nothing, by a rule that looks at each parameter
/// alone, without a penalty.
fn is_possible<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    params: &LazyParameters<'_, T>,
    state: &State<T>,
) -> bool {
    let Penalty::ElasticNet(penalty) = *problem.penalty() else { return false };
    let Rows::Csr(csr) = problem.data.rows else { return false };
    params.miss_nothing()
        && problem.data.sharding.is_none() // whose sums are cut by shards
        && problem.layout().has_rows_of_columns()
        && penalty.l1() == 0.0
        && penalty.l2() == 0.0
        && !csr.merges_entries()
        && u32::try_from(csr.n_columns()).is_ok()
        && problem.intercept_slope() == 0.0
        && config.clip.is_none()
        && config.average.is_none()
        && !state.control.is_active()
        && !is_solver(&config.optimizer.rule)
}

/// Makes steps in place on the rows at hand, of at most so many, if they can be made so. Says whether there may be more: not
/// at the end of the epoch or of these rows, or if a number would become non-finite.
pub(super) fn make<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    (batches, optimizer): (&Batches, &Optimizer),
    (n_at_hand, most_steps): (usize, u64),
    (params, state): (&mut LazyParameters<'_, T>, &mut State<T>),
    evaluator: &mut Evaluator<'_, '_, T>,
) -> Result<bool, Stop> {
    if !is_possible(problem, config, params, state) {
        return Ok(false);
    }
    params.exchange_all(evaluator.params(), &mut state.optimizer.slots);
    let mut made = Ok(true);
    for _ in 0..most_steps.clamp(1, MOST_STEPS) {
        made = match Batch::next(config, batches, n_at_hand, state.step) {
            Some(batch) => make_step(problem, config, optimizer, &batch, state, evaluator),
            None => Ok(false),
        };
        if !matches!(made, Ok(true)) {
            break;
        }
    }
    params.exchange_all(evaluator.params(), &mut state.optimizer.slots);
    made
}

/// Makes a step in place on a batch, if it can be made so, and says whether.
pub(super) fn make_one<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    optimizer: &Optimizer,
    batch: &Batch,
    (params, state): (&mut LazyParameters<'_, T>, &mut State<T>),
    evaluator: &mut Evaluator<'_, '_, T>,
) -> Result<bool, Stop> {
    if !is_possible(problem, config, params, state) {
        return Ok(false);
    }
    params.exchange_all(evaluator.params(), &mut state.optimizer.slots);
    let made = make_step(problem, config, optimizer, batch, state, evaluator);
    params.exchange_all(evaluator.params(), &mut state.optimizer.slots);
    made
}

fn make_step<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    optimizer: &Optimizer,
    batch: &Batch,
    state: &mut State<T>,
    evaluator: &mut Evaluator<'_, '_, T>,
) -> Result<bool, Stop> {
    let positions = batch.positions.clone();
    let n_rows = positions.len();
    let entries = entries_of(problem.model());
    let step = optimizer.step_in_parts(config.tier, entries, &mut state.optimizer, evaluator.params());
    let Some(step) = step else { return Ok(false) };
    let move_entries = move |first: usize, params: &mut [T], gradient: &[T], slots: &mut [&mut [T]]| {
        step.make(first, params, gradient, slots.iter_mut().map(|slot| &mut **slot));
    };
    let made = evaluator.step_in_place(positions, &mut state.optimizer.slots, Box::new(move_entries));
    let Ok(Some(loss)) = made else {
        state.optimizer.n_steps -= 1; // it was counted as made
        made?;
        return Ok(false);
    };
    state.loss_sum += loss * n_rows as f64;
    state.step = batch.n_done;
    state.n_seen += n_rows as u64;
    evaluator.poll(n_rows)?;
    Ok(true)
}
