//! `Streak`: steps on a few rows each between which nobody looks, many in one call of the tier.
//!
//! A step on one row takes some 40 ns, the latency of its own arithmetic. To ask all seams of the loop before and
//! after it would cost three times as much. So steps of plain or momentum gradient descent on dense rows without offsets,
//! of a linear model for one output and with at most an l2 penalty, are made in streaks; the bits are those of the steps
//! one by one.

mod few_rows;
mod one_row;
mod steps;

use std::ops::Range;

use self::few_rows::FewRowsSteps;
use self::one_row::OneRowSteps;
use self::steps::{Room, StreakSteps};
use super::control::is_solver;
use super::stop::Stop;
use super::{Config, State, Window};
use crate::data::Rows;
use crate::error::{Result, try_filled, try_reserved};
use crate::gradient::loss::{Pointwise, VisitPointwise};
use crate::gradient::penalty::ElasticNet;
use crate::gradient::sum::LEAF_ROWS;
use crate::gradient::{Evaluator, Penalty, Problem};
use crate::kernel::{Tier, first_not_finite};
use crate::scalar::Scalar;
use crate::shuffle::Batches;
use crate::update::{Optimizer, Rule, Schedule, Sgd, SgdArithmetic};

/// Rows of a streak. Before each, the parameters are copied, so that steps which become non-finite can be made again
/// one by one; after each, they are checked.
const ROWS: usize = 256;
/// Multiply-adds of a streak, at most: the caller is asked about every millisecond whether all is to end.
const WORK: usize = 1 << 22;

/// Buffers for streaks.
#[derive(Debug)]
pub(super) struct Streak<T> {
    sgd: Sgd,
    penalty: ElasticNet,
    rows: Vec<usize>,
    arithmetic: Vec<SgdArithmetic<T>>,
    losses: Vec<f64>,
    room: Room<T>,
    params_before: Vec<T>,
    velocity_before: Vec<T>,
}

impl<T: Scalar> Streak<T> {
    /// Buffers, if steps of this run can be made in streaks.
    pub(super) fn of(problem: &Problem<'_, T>, config: &Config, state: &State<T>) -> Result<Option<Self>> {
        let (Rows::Dense(_), Rule::Sgd(sgd)) = (problem.data.rows, config.optimizer.rule) else {
            return Ok(None);
        };
        let Penalty::ElasticNet(penalty) = *problem.penalty() else { return Ok(None) };
        let has_plain_steps = sgd.weight_decay() == 0.0 && penalty.l1() == 0.0 && config.clip.is_none();
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
        Ok(Some(Self {
            sgd,
            penalty,
            rows: try_filled("rows", 2 * ROWS, 0)?,
            arithmetic: try_reserved("the steps of a streak", ROWS)?,
            losses: try_filled("losses", ROWS, 0.0)?,
            room: Room::new(ROWS, n_params)?,
            params_before: try_reserved("parameters", n_params)?,
            velocity_before: try_reserved("the velocity", n_params)?,
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
        let first = state.optimizer.n_steps;
        self.arithmetic.extend(
            (first..)
                .take(positions.len().div_ceil(rows_of_step))
                .map(|t| self.sgd.arithmetic(t, optimizer.learning_rate_at(t, &state.optimizer))),
        );
        let velocity = state.optimizer.slots.first_mut().map_or(&mut [][..], Vec::as_mut_slice);
        let n_positions = config.window.as_ref().map_or(batches.n_positions(), Window::end);
        let of_run = (positions.clone(), n_positions);
        if !self.run(problem, config.tier, of_run, rows_of_step, velocity, evaluator) {
            return Ok(false);
        }
        let mut n_left = positions.len();
        for loss in &self.losses[..self.arithmetic.len()] {
            let n_rows = rows_of_step.min(n_left);
            n_left -= n_rows;
            state.loss_sum += loss * n_rows as f64;
        }
        state.step = end;
        state.n_seen += positions.len() as u64;
        state.optimizer.n_steps += self.arithmetic.len() as u64;
        evaluator.poll(positions.len())?;
        Ok(true)
    }

    /// Makes the steps on the rows at `positions` of the order, or none if a number would become non-finite.
    fn run(
        &mut self,
        problem: &Problem<'_, T>,
        tier: Tier,
        (positions, n_positions): (Range<usize>, usize),
        rows_of_step: usize,
        velocity: &mut [T],
        evaluator: &mut Evaluator<'_, '_, T>,
    ) -> bool {
        let Rows::Dense(x) = problem.data.rows else { return false };
        let prefetch = evaluator.prefetch(positions.len());
        let rows = &mut self.rows[..positions.len() + prefetch.n_ahead.min(n_positions - positions.end)];
        evaluator.copy_rows(positions.start, rows);
        let (params, importance_weights) = evaluator.params_and_importance_weights();
        self.params_before.clear();
        self.params_before.extend_from_slice(params);
        self.velocity_before.clear();
        self.velocity_before.extend_from_slice(velocity);
        let losses = &mut self.losses[..self.arithmetic.len()];
        let steps = StreakSteps {
            x,
            targets: &problem.data.targets,
            weights: &problem.data.weights,
            importance_weights,
            is_weighted: importance_weights.is_some() || !problem.data.weights.are_equal(),
            unit: problem.data.targets.unit(),
            penalty: self.penalty,
            fit_intercept: problem.fits_intercept(),
            rows,
            n_rows: positions.len(),
            rows_of_step,
            prefetch,
            arithmetic: &self.arithmetic,
            params: &mut *params,
            velocity: &mut *velocity,
            losses: &mut *losses,
            room: &mut self.room,
        };
        let (loss, kind) = (problem.objective.loss, problem.data.targets.kind());
        if loss.visit(kind, ByRowsOfStep { tier, steps }).is_none() {
            return false;
        }
        if losses.iter().all(|loss| loss.is_finite()) && first_not_finite(tier, params).is_none() {
            return true;
        }
        params.copy_from_slice(&self.params_before);
        velocity.copy_from_slice(&self.velocity_before);
        false
    }
}

/// Runs the kernel for so many rows of a step.
struct ByRowsOfStep<'s, 'a, T> {
    tier: Tier,
    steps: StreakSteps<'s, 'a, T>,
}

impl<T: Scalar> VisitPointwise for ByRowsOfStep<'_, '_, T> {
    type Output = ();

    fn visit<F: Pointwise>(self, loss: F) {
        let Self { tier, mut steps } = self;
        match steps.rows_of_step {
            1 => tier.run_vectorised(OneRowSteps { loss, steps: &mut steps }),
            _ => tier.run_vectorised(FewRowsSteps { loss, steps: &mut steps }),
        }
    }
}
