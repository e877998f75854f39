//! The gradient of one batch: the parts of a step, each the work of one member of the team, and their sum.

use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::noise::BatchNoise;
use super::parallelism::ParallelismHeuristic;
use super::step::{Scratch, Step, Wanted};
use super::sum::{LEAF_ROWS, TreeSum, n_leaves_of_part};
use super::{Layout, Problem};
use crate::data::{Active, Order};
use crate::error::{Error, Result, try_filled};
use crate::kernel::{ScaleAdd, Tier, norm};
use crate::parallel::{Job, LEADER, Team};
use crate::scalar::Scalar;

/// Multiply-adds a member of the team should have to do in a step for sharing to be tried at all: half a
/// microsecond's worth, less than any meeting takes.
const WORK_WORTH_TRYING: usize = 1 << 12;
/// What a row costs beside its multiply-adds, counted as such: its slope, and if rows come in random order the
/// waiting for memory, of which two threads do twice as much at a time.
const WORK_OF_ROW: usize = 16;
const WORK_OF_RANDOM_ROW: usize = 96;

/// Multiply-adds, and what is worth as much, of a step of so many rows.
fn work_of<T: Scalar>(problem: &Problem<'_, T>, n_rows: usize, is_random: bool) -> usize {
    let work_of_row = if is_random { WORK_OF_RANDOM_ROW } else { WORK_OF_ROW };
    n_rows.saturating_mul(problem.work_of_row().saturating_add(work_of_row))
}

/// The largest team that batches of `batch_size` rows may be worth.
pub fn n_workers_worth<T: Scalar>(
    problem: &Problem<'_, T>,
    batch_size: usize,
    is_random: bool,
    n_threads: usize,
) -> usize {
    let work = work_of(problem, batch_size, is_random);
    n_threads.min(work / WORK_WORTH_TRYING).min(batch_size.div_ceil(LEAF_ROWS)).max(1)
}

/// What the members of a team share: a step, and room for each of them.
#[derive(Debug)]
pub struct Work<'a, T> {
    step: Step<'a, T>,
    parts: Vec<Mutex<TreeSum<T>>>,
    workers: Vec<Mutex<Scratch<T>>>,
}

impl<'a, T: Scalar> Work<'a, T> {
    /// Work on `problem`, from `params`, for a team of `n_workers`. `interrupted` is asked by the leader about
    /// every millisecond.
    pub fn new(
        problem: &'a Problem<'a, T>,
        tier: Tier,
        params: Vec<T>,
        n_workers: usize,
        interrupted: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let step = Step {
            problem,
            tier,
            rows_of_tile: problem.rows.rows_of_tile(),
            n_ahead: problem.rows.n_ahead(),
            work_of_row: problem.work_of_row(),
            params,
            layout: problem.layout,
            active: None,
            order: Order::Sequential,
            importance_weights: None,
            positions: 0..0,
            wanted: Wanted::Gradient,
            direction: Vec::new(),
            rows_of_leaf: LEAF_ROWS,
            rows_of_part: LEAF_ROWS,
            interrupted,
            is_cancelled: AtomicBool::new(false),
        };
        let workers = (0..n_workers).map(|_| Scratch::new(problem).map(Mutex::new)).collect::<Result<_>>()?;
        Ok(Self { step, parts: Vec::new(), workers })
    }

    /// Where the model is, in the [layout](Self::layout) of the step.
    pub fn params(&mut self) -> &mut Vec<T> {
        &mut self.step.params
    }

    /// Multiplies the weight of row i by `factors[i]` wherever a gradient is computed, because rows are drawn
    /// by other probabilities than the objective counts them. The value on its own stays what it is.
    pub fn set_importance_weights(&mut self, factors: &[f64]) -> Result<()> {
        let problem = self.step.problem;
        let mut of_data = try_filled("importance weights", problem.rows.n_rows(), T::ONE)?;
        for (row, &factor) in factors.iter().enumerate() {
            let mut row = [row];
            problem.to_rows_of_data(&mut row);
            of_data[row[0]] = T::from_f64(factor);
        }
        self.step.importance_weights = Some(of_data);
        self.forget_weights();
        Ok(())
    }

    /// The layout of the parameters: that of the problem, or of the columns of a batch.
    pub fn layout(&self) -> Layout {
        self.step.layout
    }

    /// Rows of the problem.
    pub fn n_rows(&self) -> usize {
        self.step.problem.n_rows()
    }

    /// From now on steps are over `active`, the rows at their positions on the columns they have entries in, and
    /// the parameters are those of these columns; or again over the data themselves.
    pub fn set_active(&mut self, active: Option<Active<T>>) -> Result<Option<Active<T>>> {
        let problem = self.step.problem;
        self.step.layout = match &active {
            Some(active) => Layout::new::<T>(active.columns().len(), problem.layout.n_outputs())?,
            None => problem.layout,
        };
        Ok(std::mem::replace(&mut self.step.active, active))
    }

    /// The rows of the steps, if they are not those of the data themselves.
    pub fn active(&self) -> Option<&Active<T>> {
        self.step.active.as_ref()
    }

    /// In which order rows come.
    pub fn order(&mut self) -> &mut Order {
        &mut self.step.order
    }

    /// Turns to another problem of the same layout, and to another model. Returns the problem left, and puts
    /// its model in the place of the other.
    fn exchange(&mut self, problem: &'a Problem<'a, T>, model: &mut Vec<T>) -> &'a Problem<'a, T> {
        std::mem::swap(&mut self.step.params, model);
        self.step.rows_of_tile = problem.rows.rows_of_tile();
        self.step.n_ahead = problem.rows.n_ahead();
        self.step.work_of_row = problem.work_of_row();
        self.forget_weights();
        std::mem::replace(&mut self.step.problem, problem)
    }

    /// What members know of the weights of tiles is no longer so.
    fn forget_weights(&mut self) {
        self.workers.iter_mut().for_each(|worker| exclusive(worker).weights_are_for = 0);
    }

    /// The row of the data at a position.
    pub fn row_at(&self, position: usize) -> usize {
        let mut row = [0];
        self.step.rows_at(position, &mut row);
        row[0]
    }

    /// Multiply-adds, and what is worth as much, of a step of so many rows.
    fn work_of(&self, n_rows: usize) -> usize {
        work_of(self.step.problem, n_rows, matches!(self.step.order, Order::Listed(_)))
    }

    /// Sets the next step and cuts it into parts for so many members. Returns how many.
    fn begin(&mut self, positions: Range<usize>, wanted: Wanted, n_workers: usize) -> Result<usize> {
        let n_params = self.step.n_summed(wanted);
        let rows_of_leaf = self.step.rows_of_leaf(positions.len());
        let n_leaves = positions.len().div_ceil(rows_of_leaf);
        let n_leaves_of_part = match n_workers {
            1 => n_leaves.next_power_of_two(),
            n_workers => n_leaves_of_part(n_leaves, n_workers),
        };
        let n_parts = n_leaves.div_ceil(n_leaves_of_part);
        while self.parts.len() < n_parts {
            self.parts.push(Mutex::new(TreeSum::new(self.step.tier)));
        }
        for part in &mut self.parts[..n_parts] {
            exclusive(part).reserve(n_params, n_leaves_of_part)?;
        }
        self.step.positions = positions;
        self.step.wanted = wanted;
        self.step.rows_of_leaf = rows_of_leaf;
        self.step.rows_of_part = n_leaves_of_part * rows_of_leaf;
        Ok(n_parts)
    }
}

impl<T: Scalar> Job for Work<'_, T> {
    fn part(&self, part: usize, worker: usize) {
        let (mut sum, mut scratch) = (locked(&self.parts[part]), locked(&self.workers[worker]));
        self.step.part(part, worker == LEADER, &mut sum, &mut scratch);
    }

    fn alone(&mut self, n_parts: usize) {
        let scratch = exclusive(&mut self.workers[LEADER]);
        for (part, sum) in self.parts[..n_parts].iter_mut().enumerate() {
            self.step.part(part, true, exclusive(sum), scratch);
        }
    }
}

/// The batch gradient, computed by a team.
#[derive(Debug)]
pub struct BatchGradient<T> {
    total: TreeSum<T>,
    parallelism: ParallelismHeuristic,
    /// The norm of the sum of the gradients of the rows, before the penalty, where it was wanted.
    data_norm: f64,
    /// Sums of a second probe of a batch, which leaves its gradient alone.
    products: TreeSum<T>,
}

impl<T: Scalar> BatchGradient<T> {
    /// Room for the gradient of `problem`.
    pub fn new(problem: &Problem<'_, T>, tier: Tier) -> Result<Self> {
        let mut total = TreeSum::new(tier);
        total.reserve(problem.layout.len(), 1)?;
        Ok(Self {
            total,
            parallelism: ParallelismHeuristic::default(),
            data_norm: f64::NAN,
            products: TreeSum::new(tier),
        })
    }

    /// Computes the gradient on the rows at `positions` of the order, without the l1 part, and returns the
    /// objective there.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    #[inline]
    pub fn of(&mut self, positions: Range<usize>, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        self.compute(positions, Wanted::Gradient, team)
    }

    /// [`Self::of`], and what the batch says about the noise of its gradient.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    #[cold]
    #[inline(never)]
    pub fn of_with_noise(
        &mut self,
        positions: Range<usize>,
        team: &mut Team<'_, Work<'_, T>>,
    ) -> Result<(f64, BatchNoise)> {
        let value = self.compute(positions.clone(), Wanted::GradientAndSquares, team)?;
        let squares = self.total.finish().of_rows[0];
        let batch_norm = norm(team.job().step.tier, self.last());
        Ok((value, BatchNoise::of(positions.len(), squares, self.data_norm, batch_norm)))
    }

    #[inline(always)]
    fn compute(
        &mut self,
        positions: Range<usize>,
        wanted: Wanted,
        team: &mut Team<'_, Work<'_, T>>,
    ) -> Result<f64> {
        let n_rows = positions.len();
        let Step { problem, tier, params, layout, .. } = self.sum(positions, wanted, team)?;
        let sum = self.total.finish();
        if wanted == Wanted::GradientAndSquares {
            let n_moved = if problem.fit_intercept { layout.len() } else { layout.n_coef() };
            self.data_norm = norm(*tier, &sum.gradient[..n_moved]);
        }
        let (coef, intercept) = sum.gradient.split_at_mut(layout.n_coef());
        let w = &params[..coef.len()];
        let scale = T::from_f64(1.0 / n_rows.max(1) as f64);
        problem.penalty.add_to(*tier, *layout, coef, scale, w);
        match problem.fit_intercept {
            true => tier.run(ScaleAdd { y: intercept, scale, x: &[], factor: T::ZERO }),
            false => intercept.fill(T::ZERO),
        }
        Ok(sum.loss / n_rows.max(1) as f64 + problem.penalty.value(*layout, w))
    }

    /// The variance over the rows i at `positions` of the product of their gradients with the gradient computed
    /// last, `var_i(g_i . g)`: a second probe of these rows.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    #[cold]
    #[inline(never)]
    pub fn variance_along_last(
        &mut self,
        positions: Range<usize>,
        team: &mut Team<'_, Work<'_, T>>,
    ) -> Result<f64> {
        let b = positions.len() as f64;
        team.job().step.direction.clone_from(&self.total.finish().gradient);
        std::mem::swap(&mut self.total, &mut self.products);
        let summed = self.sum(positions, Wanted::Products, team).map(drop);
        let [sum, squares] = self.total.finish().of_rows;
        std::mem::swap(&mut self.total, &mut self.products);
        summed?;
        let mean = sum / b;
        Ok((squares / b - mean * mean).max(0.0) * (b / (b - 1.0)))
    }

    /// The gradient computed last, in the layout of the parameters.
    pub fn last(&mut self) -> &mut Vec<T> {
        &mut self.total.finish().gradient
    }

    /// Whether steps have lately been shared by the team.
    pub fn is_shared(&self) -> bool {
        self.parallelism.is_worth_it()
    }

    /// The objective on the rows at `positions` of the order.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn value(&mut self, positions: Range<usize>, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        let n_rows = positions.len();
        let Step { problem, params, layout, .. } = self.sum(positions, Wanted::Value, team)?;
        let w = &params[..layout.n_coef()];
        Ok(self.total.finish().loss / n_rows.max(1) as f64 + problem.penalty.value(*layout, w))
    }

    /// [`Self::of`] all rows, whatever the order of the steps is.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn of_all(&mut self, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        let n_rows = team.job().n_rows();
        in_sequence(team, |team| self.of(0..n_rows, team))
    }

    /// [`Self::value`] on all rows, whatever the order of the steps is.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn value_of_all(&mut self, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        let n_rows = team.job().n_rows();
        in_sequence(team, |team| self.value(0..n_rows, team))
    }

    /// The mean loss, without the penalty, of another model over all rows of another problem of the same
    /// layout.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn loss_on<'a>(
        &mut self,
        problem: &'a Problem<'a, T>,
        model: &mut Vec<T>,
        team: &mut Team<'_, Work<'a, T>>,
    ) -> Result<f64> {
        let n_rows = problem.n_rows();
        let own = team.job().exchange(problem, model);
        let summed = in_sequence(team, |team| self.sum(0..n_rows, Wanted::Value, team).map(drop));
        team.job().exchange(own, model);
        summed.map(|()| self.total.finish().loss / n_rows as f64)
    }

    /// Adds up the rows at `positions`. Returns the step they were added up in.
    #[inline]
    fn sum<'t, 'a>(
        &mut self,
        positions: Range<usize>,
        wanted: Wanted,
        team: &'t mut Team<'_, Work<'a, T>>,
    ) -> Result<&'t Step<'a, T>> {
        if positions.len() <= LEAF_ROWS {
            // A step of one leaf has no use for parts, nor for the bookkeeping of a team.
            let Work { step, workers, .. } = team.job();
            step.wanted = wanted;
            step.positions = positions.clone();
            self.total.reserve(step.n_summed(wanted), 1)?;
            self.total.reset();
            self.total.push(|partial| step.leaf(positions, exclusive(&mut workers[LEADER]), partial));
            return if step.poll(exclusive(&mut workers[LEADER])) {
                Err(Error::Interrupted)
            } else {
                Ok(step)
            };
        }
        let (n_rows, n_workers) = (positions.len(), team.n_workers());
        let is_shared = n_workers > 1 && self.parallelism.begin(n_rows, team.job().work_of(n_rows));
        let n_parts = team.job().begin(positions, wanted, if is_shared { n_workers } else { 1 })?;
        team.run(n_parts);
        let Work { step, parts, .. } = team.job();
        if *step.is_cancelled.get_mut() {
            return Err(Error::Interrupted);
        }
        self.total.reserve(step.n_summed(wanted), n_parts)?;
        self.total.reset();
        for part in &mut parts[..n_parts] {
            self.total.push_sum(exclusive(part));
        }
        self.parallelism.end();
        Ok(step)
    }
}

/// Does something while rows come as they are stored.
fn in_sequence<'t, 'a, T: Scalar, R>(
    team: &mut Team<'t, Work<'a, T>>,
    work: impl FnOnce(&mut Team<'t, Work<'a, T>>) -> R,
) -> R {
    let order = std::mem::replace(team.job().order(), Order::Sequential);
    let done = work(team);
    *team.job().order() = order;
    done
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn exclusive<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}
