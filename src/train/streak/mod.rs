//! `Streak`: steps on a few rows each between which nobody looks, many in one call of the tier.
//!
//! A step on one row takes some 40 ns, the latency of its own arithmetic. To ask all seams of the loop before and
//! after it would cost three times as much. So steps on rows without offsets, of a linear model for one output and with at
//! most an l2 penalty, are made in streaks; the bits are those of the steps one by one. Those of plain or momentum gradient
//! descent are made by the kernels; of other rules these make the gradient, and the optimizer moves. Of sparse rows with
//! columns that are updated lazily, only steps that leave other columns alone are made so.

mod before;
mod few_rows;
mod moved;
mod one_row;
mod one_sparse_row;
mod sparse_rows;
mod steps;
mod whole_sparse_row;

use self::before::StateBefore;
use self::few_rows::FewRowsSteps;
use self::moved::MovedEntries;
use self::one_row::OneRowSteps;
use self::one_sparse_row::OneSparseRowSteps;
use self::steps::{Room, StreakSteps};
use self::whole_sparse_row::WholeSparseRowSteps;
use super::control::is_solver;
use super::moving::MANY_ENTRIES;
use super::parameters::{Parameters, entries_of};
use super::stop::Stop;
use super::{Config, State, Window};
use crate::data::{Csr, Dense, Indices, Rows, TargetKind};
use crate::error::{Result, try_filled, try_reserved};
use crate::gradient::loss::{Pointwise, VisitPointwise};
use crate::gradient::penalty::ElasticNet;
use crate::gradient::sum::LEAF_ROWS;
use crate::gradient::{Evaluator, Loss, Penalty, Problem};
use crate::kernel::sparse::Index;
use crate::kernel::{Prefetch, Tier, advise_huge_pages, first_not_finite};
use crate::scalar::Scalar;
use crate::shuffle::Batches;
use crate::update::{Entries, Optimizer, OptimizerState, Rule, Schedule, Sgd, SgdArithmetic};

/// Rows of a streak. Before each, the parameters are copied, so that steps which become non-finite can be made again
/// one by one; after each, they are checked.
const ROWS: usize = 256;
/// Multiply-adds of a streak, at most: the caller is asked about every millisecond whether all is to end.
const WORK: usize = 1 << 22;

/// Buffers for streaks.
#[derive(Debug)]
pub(super) struct Streak<T> {
    /// None for another rule, or one with weight decay.
    sgd: Option<Sgd>,
    penalty: ElasticNet,
    rows: Vec<usize>,
    arithmetic: Vec<SgdArithmetic<T>>,
    losses: Vec<f64>,
    room: Room<T>,
    before: StateBefore<T>,
    /// Whether steps on sparse rows leave the columns of other rows alone, and whether they have to.
    leaves_others: bool,
    is_lazy: bool,
    moved: MovedEntries<T>,
}

impl<T: Scalar> Streak<T> {
    /// Buffers, if steps of this run can be made in streaks.
    pub(super) fn of(
        problem: &Problem<'_, T>,
        config: &Config,
        params: &Parameters<'_, T>,
        state: &State<T>,
    ) -> Result<Option<Self>> {
        let Penalty::ElasticNet(penalty) = *problem.penalty() else { return Ok(None) };
        let sgd = match config.optimizer.rule {
            Rule::Sgd(sgd) if sgd.weight_decay() == 0.0 => Some(sgd),
            _ => None,
        };
        let has_plain_steps = penalty.l1() == 0.0 && config.clip.is_none();
        let is_automatic = matches!(config.optimizer.learning_rate, Schedule::Auto(_));
        let is_alone = !is_automatic
            && !is_solver(&config.optimizer.rule)
            && !state.control.is_active()
            && config.average.is_none()
            && problem.data.offsets.are_none()
            && problem.data.sharding.is_none() // whose sums are cut by shards
            && problem.intercept_slope() == 0.0
            && problem.model().linear().is_some();
        if config.tier == Tier::SCALAR || !has_plain_steps || !is_alone || problem.layout().n_outputs() > 1 {
            return Ok(None);
        }
        let n_params = problem.layout().len();
        let leaves_others = penalty.l2() == 0.0 && sgd.is_some_and(|sgd| sgd.is_plain());
        // Where another rule moves many parameters, that is done block by block.
        if (params.is_lazy() && !leaves_others) || (sgd.is_none() && n_params >= MANY_ENTRIES) {
            return Ok(None);
        }
        let room = Room::new(ROWS, n_params)?;
        if params.is_lazy() {
            advise_huge_pages(&room.gradient);
        }
        Ok(Some(Self {
            sgd,
            penalty,
            rows: try_filled("rows", 2 * ROWS, 0)?,
            arithmetic: try_reserved("the steps of a streak", ROWS)?,
            losses: try_filled("losses", ROWS, 0.0)?,
            room,
            before: StateBefore::new(n_params, &state.optimizer)?,
            leaves_others,
            is_lazy: params.is_lazy(),
            moved: MovedEntries::default(),
        }))
    }

    /// Makes a streak on the rows at hand, of at most so many steps, and says whether: not at the end of the epoch or of
    /// these rows, or if a number would become non-finite.
    pub(super) fn make(
        &mut self,
        problem: &Problem<'_, T>,
        config: &Config,
        (batches, optimizer): (&Batches, &Optimizer),
        (n_at_hand, most_steps): (usize, u64),
        state: &mut State<T>,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<bool, Stop> {
        let accumulate = config.accumulate.get();
        // Whole steps, but for the last one of the epoch.
        let n_batches = match n_at_hand == batches.n_steps() {
            true => n_at_hand,
            false => n_at_hand - n_at_hand % accumulate,
        };
        let rows_of_step = batches.batch_size().saturating_mul(accumulate);
        if rows_of_step > LEAF_ROWS || state.step >= n_batches {
            return Ok(false);
        }
        let most_rows = ROWS.min(WORK / problem.work_of_row().max(1));
        let most_steps = usize::try_from(most_steps).unwrap_or(usize::MAX);
        let most_batches = (most_rows / rows_of_step).max(1).min(most_steps) * accumulate;
        let end = n_batches.min(state.step + most_batches);
        let positions = batches.positions(state.step).start..batches.positions(end - 1).end;
        self.arithmetic.clear();
        let n_steps = positions.len().div_ceil(rows_of_step);
        if let Some(sgd) = self.sgd {
            let steps = (state.optimizer.n_steps..).take(n_steps);
            let rate = |t| optimizer.learning_rate_at(t, &state.optimizer);
            self.arithmetic.extend(steps.map(|t| sgd.arithmetic(t, rate(t))));
        }
        let n_positions = config.window.as_ref().map_or(batches.n_positions(), Window::end);
        let prefetch = evaluator.prefetch(positions.len());
        let n_rows = positions.len() + prefetch.n_ahead.min(n_positions - positions.end);
        evaluator.copy_rows(positions.start, &mut self.rows[..n_rows]);
        let of_run = (positions.len(), n_rows, rows_of_step);
        let moving = (config.tier, optimizer, &mut state.optimizer);
        let made = match problem.data.rows {
            Rows::Dense(x) => self.run((x, problem), moving, of_run, prefetch, evaluator),
            Rows::Csr(x) => self.run((x, problem), moving, of_run, prefetch, evaluator),
        };
        if !made? {
            return Ok(false);
        }
        let mut n_left = positions.len();
        for loss in &self.losses[..n_steps] {
            let n_rows = rows_of_step.min(n_left);
            n_left -= n_rows;
            state.loss_sum += loss * n_rows as f64;
        }
        state.step = end;
        state.n_seen += positions.len() as u64;
        evaluator.poll(positions.len())?;
        Ok(true)
    }

    /// Makes steps of so many rows on the first of some rows, or none if a number would become non-finite.
    fn run<'a, X: StreakRows<'a, T>>(
        &mut self,
        (x, problem): (X, &Problem<'a, T>),
        (tier, optimizer, state): (Tier, &Optimizer, &mut OptimizerState<T>),
        (n_rows, n_known, rows_of_step): (usize, usize, usize),
        prefetch: Prefetch,
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> Result<bool> {
        let rows = &self.rows[..n_known];
        let (params, importance_weights) = evaluator.params_and_importance_weights();
        let moves_few = self.leaves_others && (self.is_lazy || rows_of_step == 1);
        let n_moved = if moves_few { x.n_moved(&rows[..n_rows]) } else { None };
        let first_copied = if n_moved.is_some() { params.len() - T::LANES } else { 0 };
        self.before.keep(&params[first_copied..], state);
        let n_steps = n_rows.div_ceil(rows_of_step);
        let losses = &mut self.losses[..n_steps];
        let mut moved = n_moved.map(|n_entries| self.moved.begin(n_entries)).transpose()?;
        let mut steps = StreakSteps {
            x,
            targets: &problem.data.targets,
            weights: &problem.data.weights,
            importance_weights,
            is_weighted: importance_weights.is_some() || !problem.data.weights.are_equal(),
            unit: problem.data.targets.unit(),
            penalty: self.penalty,
            fit_intercept: problem.fits_intercept(),
            rows,
            n_rows,
            rows_of_step,
            range: 0..n_steps,
            prefetch,
            arithmetic: &self.arithmetic,
            params: &mut *params,
            velocity: &mut [],
            losses: &mut *losses,
            room: &mut self.room,
        };
        let of_loss = (tier, problem.objective.loss, problem.data.targets.kind());
        let entries = entries_of(problem.model());
        let made = match self.sgd {
            Some(_) => by_kernels(of_loss, &mut steps, &mut *state, moved.as_deref_mut()),
            None => by_optimizer(of_loss, &mut steps, (optimizer, entries, state))?,
        };
        let is_well = made && losses.iter().all(|loss| loss.is_finite());
        if is_well && first_not_finite(tier, &params[first_copied..]).is_none() {
            return Ok(true);
        }
        if let Some(moved) = moved {
            moved.undo(params);
        }
        self.before.give_back(&mut params[first_copied..], state);
        Ok(false)
    }
}

/// Steps that the kernels make as a whole. Says whether all is finite, as far as they have seen.
fn by_kernels<'s, 'a, X: StreakRows<'a, T>, T: Scalar>(
    of_loss: (Tier, Loss, TargetKind),
    steps: &mut StreakSteps<'s, 'a, X, T>,
    state: &'s mut OptimizerState<T>,
    mut moved: Option<&mut MovedEntries<T>>,
) -> bool {
    state.n_steps += steps.losses.len() as u64;
    steps.velocity = state.slots.first_mut().map_or(&mut [][..], Vec::as_mut_slice);
    let x = steps.x;
    x.make(of_loss, steps, moved.as_deref_mut()) && moved.is_none_or(|moved| moved.are_finite())
}

/// Steps of which the kernels make the gradient, and the optimizer the rest. Says whether all parameters are finite.
fn by_optimizer<'a, X: StreakRows<'a, T>, T: Scalar>(
    of_loss: (Tier, Loss, TargetKind),
    steps: &mut StreakSteps<'_, 'a, X, T>,
    (optimizer, entries, state): (&Optimizer, Entries, &mut OptimizerState<T>),
) -> Result<bool> {
    let ((tier, ..), x) = (of_loss, steps.x);
    for i in steps.range.clone() {
        steps.range = i..i + 1;
        if !x.make(of_loss, steps, None) {
            return Ok(false);
        }
        let (params, gradient) = (&mut *steps.params, &steps.room.gradient);
        optimizer.step_checked(tier, entries, state, params, gradient, false)?;
        if first_not_finite(tier, params).is_some() {
            return Ok(false);
        }
        optimizer.post_prox(tier, state, params);
    }
    Ok(true)
}

/// Rows of a kind on which steps can be made in streaks.
trait StreakRows<'a, T: Scalar>: Copy {
    /// Entries of the parameters that steps on these rows move, at most, if they may leave all others alone and are made so.
    fn n_moved(&self, rows: &[usize]) -> Option<usize>;

    /// Makes the steps, and says whether: not if there are none for the loss.
    fn make(
        self,
        of_loss: (Tier, Loss, TargetKind),
        steps: &mut StreakSteps<'_, 'a, Self, T>,
        moved: Option<&mut MovedEntries<T>>,
    ) -> bool;
}

impl<'a, T: Scalar> StreakRows<'a, T> for Dense<'a, T> {
    fn n_moved(&self, _rows: &[usize]) -> Option<usize> {
        None
    }

    fn make(
        self,
        (tier, loss, kind): (Tier, Loss, TargetKind),
        steps: &mut StreakSteps<'_, 'a, Self, T>,
        _moved: Option<&mut MovedEntries<T>>,
    ) -> bool {
        loss.visit(kind, ByRowsOfStep { tier, steps }).is_some()
    }
}

impl<'a, T: Scalar> StreakRows<'a, T> for Csr<'a, T> {
    fn n_moved(&self, rows: &[usize]) -> Option<usize> {
        Some(rows.iter().map(|&row| self.entries(row).len()).sum())
    }

    fn make(
        self,
        of_loss: (Tier, Loss, TargetKind),
        steps: &mut StreakSteps<'_, 'a, Self, T>,
        moved: Option<&mut MovedEntries<T>>,
    ) -> bool {
        match self.indices() {
            Indices::Narrow(indices) => make_on_entries(of_loss, indices, steps, moved),
            Indices::Wide(indices) => make_on_entries(of_loss, indices, steps, moved),
        }
    }
}

fn make_on_entries<'a, T: Scalar, I: Index>(
    of_loss: (Tier, Loss, TargetKind),
    indices: &'a [I],
    steps: &mut StreakSteps<'_, 'a, Csr<'a, T>, T>,
    moved: Option<&mut MovedEntries<T>>,
) -> bool {
    let (tier, loss, kind) = of_loss;
    if steps.rows_of_step == 1 && !steps.arithmetic.is_empty() {
        return loss.visit(kind, OnEntriesOfRow { tier, indices, steps, moved }).is_some();
    }
    sparse_rows::make(of_loss, steps, indices, moved);
    true
}

/// Runs the kernel for single sparse rows, of which some columns are moved or all.
struct OnEntriesOfRow<'k, 's, 'a, T, I> {
    tier: Tier,
    indices: &'a [I],
    steps: &'k mut StreakSteps<'s, 'a, Csr<'a, T>, T>,
    moved: Option<&'k mut MovedEntries<T>>,
}

impl<T: Scalar, I: Index> VisitPointwise for OnEntriesOfRow<'_, '_, '_, T, I> {
    type Output = ();

    fn visit<F: Pointwise>(self, loss: F) {
        let Self { tier, indices, steps, moved } = self;
        match moved {
            Some(moved) => tier.run_vectorised(OneSparseRowSteps { loss, indices, steps, moved }),
            None => tier.run_vectorised(WholeSparseRowSteps { loss, indices, steps }),
        }
    }
}

/// Runs the kernel for so many rows of a step.
struct ByRowsOfStep<'k, 's, 'a, T> {
    tier: Tier,
    steps: &'k mut StreakSteps<'s, 'a, Dense<'a, T>, T>,
}

impl<T: Scalar> VisitPointwise for ByRowsOfStep<'_, '_, '_, T> {
    type Output = ();

    fn visit<F: Pointwise>(self, loss: F) {
        let Self { tier, steps } = self;
        match steps.rows_of_step {
            1 if !steps.arithmetic.is_empty() => tier.run_vectorised(OneRowSteps { loss, steps }),
            _ => tier.run_vectorised(FewRowsSteps { loss, steps }),
        }
    }
}
