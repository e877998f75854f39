//! The gradient of one batch: leaves of rows -> scores -> slopes -> accumulate -> tree sum.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Problem;
use super::loss::TileOf;
use super::sum::{LEAF_ROWS, Partial, TreeSum, n_leaves_of_part};
use crate::data::{Order, Tile};
use crate::error::{Error, Result, try_filled};
use crate::kernel::{ScaleAdd, Tier};
use crate::parallel::{Job, LEADER, Team};
use crate::scalar::Scalar;

/// Multiply-adds a member of the team should have to do in a step, or meeting costs more than it brings:
/// about one microsecond.
const WORK_WORTH_SHARING: usize = 1 << 14;
/// What a row costs beside its multiply-adds, counted as such: its slope, and if rows come in random order the
/// waiting for memory, of which two threads do twice as much at a time.
const WORK_OF_ROW: usize = 16;
const WORK_OF_RANDOM_ROW: usize = 96;
/// Multiply-adds between two looks at whether the caller wants the work to end: about a millisecond.
const WORK_BETWEEN_LOOKS: usize = 1 << 22;

/// Members of a team that batches of `batch_size` rows are worth.
pub fn n_seats_worth<T: Scalar>(
    problem: &Problem<'_, T>,
    batch_size: usize,
    is_random: bool,
    n_threads: usize,
) -> usize {
    let work_of_row = if is_random { WORK_OF_RANDOM_ROW } else { WORK_OF_ROW };
    let work = batch_size.saturating_mul(problem.layout.len().saturating_add(work_of_row));
    n_threads.min(work / WORK_WORTH_SHARING).min(batch_size.div_ceil(LEAF_ROWS)).max(1)
}

/// What the members of a team share: a step, and room for each of them.
#[derive(Debug)]
pub struct Work<'a, T> {
    step: Step<'a, T>,
    parts: Vec<Mutex<TreeSum<T>>>,
    seats: Vec<Mutex<Scratch<T>>>,
}

impl<'a, T: Scalar> Work<'a, T> {
    /// Work on `problem`, from `params`, for a team of `n_seats`. `interrupted` is asked by the leader about
    /// every millisecond.
    pub fn new(
        problem: &'a Problem<'a, T>,
        tier: Tier,
        params: Vec<T>,
        n_seats: usize,
        interrupted: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let step = Step {
            problem,
            tier,
            rows_of_tile: problem.rows.rows_of_tile(),
            n_ahead: problem.rows.n_ahead(),
            params,
            order: Order::Sequential,
            positions: 0..0,
            wants_gradient: true,
            rows_of_part: LEAF_ROWS,
            interrupted,
            is_cancelled: AtomicBool::new(false),
        };
        let seats = (0..n_seats).map(|_| Scratch::new(problem).map(Mutex::new)).collect::<Result<_>>()?;
        Ok(Self { step, parts: Vec::new(), seats })
    }

    /// Where the model is, in the layout of the problem.
    pub fn params(&mut self) -> &mut Vec<T> {
        &mut self.step.params
    }

    /// Rows of the problem.
    pub fn n_rows(&self) -> usize {
        self.step.problem.n_rows()
    }

    /// In which order rows come.
    pub fn order(&mut self) -> &mut Order {
        &mut self.step.order
    }

    /// Sets the next step and cuts it into parts. Returns how many.
    fn begin(&mut self, positions: Range<usize>, wants_gradient: bool, n_seats: usize) -> Result<usize> {
        let problem = self.step.problem;
        let is_random = matches!(self.step.order, Order::Listed(_));
        let n_leaves = positions.len().div_ceil(LEAF_ROWS);
        let n_leaves_of_part = match n_seats_worth(problem, positions.len(), is_random, n_seats) {
            1 => n_leaves.next_power_of_two(),
            n_seats => n_leaves_of_part(n_leaves, n_seats),
        };
        let n_parts = n_leaves.div_ceil(n_leaves_of_part);
        while self.parts.len() < n_parts {
            self.parts.push(Mutex::new(TreeSum::new(self.step.tier)));
        }
        for part in &mut self.parts[..n_parts] {
            exclusive(part).reserve(problem.layout.len(), n_leaves_of_part)?;
        }
        self.step.positions = positions;
        self.step.wants_gradient = wants_gradient;
        self.step.rows_of_part = n_leaves_of_part * LEAF_ROWS;
        Ok(n_parts)
    }
}

impl<T: Scalar> Job for Work<'_, T> {
    fn part(&self, part: usize, seat: usize) {
        let (mut sum, mut scratch) = (locked(&self.parts[part]), locked(&self.seats[seat]));
        self.step.part(part, seat == LEADER, &mut sum, &mut scratch);
    }

    fn alone(&mut self, n_parts: usize) {
        let scratch = exclusive(&mut self.seats[LEADER]);
        for (part, sum) in self.parts[..n_parts].iter_mut().enumerate() {
            self.step.part(part, true, exclusive(sum), scratch);
        }
    }
}

/// Which rows, at which parameters.
struct Step<'a, T> {
    problem: &'a Problem<'a, T>,
    tier: Tier,
    rows_of_tile: usize,
    n_ahead: usize,
    params: Vec<T>,
    order: Order,
    positions: Range<usize>,
    wants_gradient: bool,
    rows_of_part: usize,
    interrupted: &'a (dyn Fn() -> bool + Sync),
    is_cancelled: AtomicBool,
}

impl<T> fmt::Debug for Step<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("positions", &self.positions).finish_non_exhaustive()
    }
}

impl<T: Scalar> Step<'_, T> {
    /// Adds up the leaves of a part.
    fn part(&self, part: usize, is_leader: bool, sum: &mut TreeSum<T>, scratch: &mut Scratch<T>) {
        sum.reset();
        let mut position = self.positions.start + part * self.rows_of_part;
        let end = self.positions.end.min(position + self.rows_of_part);
        if self.rows_of_part < self.positions.len() {
            self.prefetch(position, end, scratch); // whoever did the rows before is another
        }
        while position < end && !self.is_cancelled.load(Ordering::Relaxed) {
            let n = LEAF_ROWS.min(end - position);
            sum.push(|partial| self.leaf(position, n, scratch, partial));
            position += n;
            scratch.n_worked += n * self.problem.layout.len();
            if is_leader && scratch.n_worked > WORK_BETWEEN_LOOKS {
                scratch.n_worked = 0;
                self.is_cancelled.fetch_or((self.interrupted)(), Ordering::Relaxed);
            }
        }
    }

    /// Asks the memory for the first rows of a part.
    fn prefetch(&self, from: usize, end: usize, scratch: &mut Scratch<T>) {
        if let Order::Listed(_) = &self.order {
            let ahead = &mut scratch.ahead[..self.n_ahead.min(end - from)];
            self.order.copy_to(from, ahead);
            self.problem.rows.prefetch(ahead);
            self.problem.targets.prefetch(ahead);
            self.problem.weights.prefetch(ahead);
        }
    }

    /// What the rows at positions `from..from + n` add to the gradient and the loss.
    fn leaf(&self, from: usize, n: usize, scratch: &mut Scratch<T>, partial: &mut Partial<T>) {
        let Problem { rows: data, targets, weights, loss, layout, .. } = self.problem;
        let w = layout.linear(&self.params);
        let (n_positions, n_ahead) = match &self.order {
            Order::Sequential => (data.n_rows(), 0), // the hardware sees what comes next by itself
            Order::Listed(rows) => (rows.len(), self.n_ahead),
        };
        let mut position = from;
        while position < from + n {
            let n_tile = self.rows_of_tile.min(from + n - position);
            let rows = &mut scratch.rows[..n_tile];
            self.order.copy_to(position, rows);
            let ahead_from = (position + n_ahead).min(n_positions);
            let n_fetched = if n_ahead == 0 { 0 } else { n_tile.min(n_positions - ahead_from) };
            let ahead = &mut scratch.ahead[..n_fetched];
            self.order.copy_to(ahead_from, ahead);
            targets.prefetch(ahead);
            weights.prefetch(ahead);

            let stride = n_tile.next_multiple_of(T::LANES);
            let scores = &mut scratch.scores[..layout.n_outputs() * stride];
            let y = &mut scratch.targets[..targets.per_row() * stride];
            let s = &mut scratch.weights[..stride];
            targets.gather(rows, stride, y);
            weights.gather(rows, s);
            for c in 0..layout.n_outputs() {
                scores[c * stride + n_tile..(c + 1) * stride].fill(T::ZERO);
            }
            data.scores(self.tier, Tile { rows, ahead }, w, scores);
            let tile = TileOf { n_outputs: layout.n_outputs(), scores, targets: y, weights: s };
            partial.loss += loss.slopes(self.tier, targets.kind(), tile);
            if self.wants_gradient {
                data.accumulate(self.tier, rows, scores, layout.linear_mut(&mut partial.gradient));
            }
            position += n_tile;
        }
    }
}

/// The batch gradient, computed by a team.
#[derive(Debug)]
pub struct BatchGradient<T> {
    total: TreeSum<T>,
}

impl<T: Scalar> BatchGradient<T> {
    /// Room for the gradient of `problem`.
    pub fn new(problem: &Problem<'_, T>, tier: Tier) -> Result<Self> {
        let mut total = TreeSum::new(tier);
        total.reserve(problem.layout.len(), 1)?;
        Ok(Self { total })
    }

    /// Computes the gradient on the rows at `positions` of the order, without the l1 part, and returns the
    /// objective there.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn of(&mut self, positions: Range<usize>, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        let n_rows = positions.len();
        let Step { problem, tier, params, .. } = self.sum(positions, true, team)?;
        let sum = self.total.finish();
        let (coef, intercept) = sum.gradient.split_at_mut(problem.layout.n_coef());
        let w = &params[..coef.len()];
        let scale = T::from_f64(1.0 / n_rows.max(1) as f64);
        tier.run(ScaleAdd { y: coef, scale, x: w, factor: T::from_f64(problem.penalty.l2()) });
        intercept.iter_mut().for_each(|b| *b = if problem.fit_intercept { *b * scale } else { T::ZERO });
        Ok(sum.loss / n_rows.max(1) as f64 + problem.penalty.value(w))
    }

    /// The gradient computed last, in the layout of the parameters.
    pub fn last(&mut self) -> &mut Vec<T> {
        &mut self.total.finish().gradient
    }

    /// The objective on the rows at `positions` of the order.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn value(&mut self, positions: Range<usize>, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        let n_rows = positions.len();
        let Step { problem, params, .. } = self.sum(positions, false, team)?;
        let w = &params[..problem.layout.n_coef()];
        Ok(self.total.finish().loss / n_rows.max(1) as f64 + problem.penalty.value(w))
    }

    /// Adds up the rows at `positions`. Returns the step they were added up in.
    fn sum<'t, 'a>(
        &mut self,
        positions: Range<usize>,
        wants_gradient: bool,
        team: &'t mut Team<'_, Work<'a, T>>,
    ) -> Result<&'t Step<'a, T>> {
        let n_seats = team.n_seats();
        let n_parts = team.job().begin(positions, wants_gradient, n_seats)?;
        team.run(n_parts);
        let Work { step, parts, .. } = team.job();
        if *step.is_cancelled.get_mut() {
            return Err(Error::Interrupted);
        }
        self.total.reserve(step.problem.layout.len(), n_parts)?;
        self.total.reset();
        for part in &mut parts[..n_parts] {
            self.total.push_sum(exclusive(part));
        }
        Ok(step)
    }
}

/// What a member needs for a tile of rows, allocated once.
#[derive(Debug)]
struct Scratch<T> {
    rows: Vec<usize>,
    ahead: Vec<usize>,
    scores: Vec<T>,
    targets: Vec<T>,
    weights: Vec<T>,
    n_worked: usize,
}

impl<T: Scalar> Scratch<T> {
    fn new(problem: &Problem<'_, T>) -> Result<Self> {
        let filled = |what, n_rows| try_filled(what, n_rows * LEAF_ROWS, T::ZERO);
        Ok(Self {
            rows: vec![0; LEAF_ROWS],
            ahead: vec![0; LEAF_ROWS],
            scores: filled("scores", problem.layout.n_outputs())?,
            targets: filled("targets", problem.targets.per_row())?,
            weights: filled("weights", 1)?,
            n_worked: 0,
        })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn exclusive<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}
