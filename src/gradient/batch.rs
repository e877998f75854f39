//! The gradient of one batch: leaves of rows -> scores -> slopes -> accumulate -> tree sum.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::loss::TileOf;
use super::sharing::Sharing;
use super::sum::{LEAF_ROWS, Partial, TreeSum, n_leaves_of_part};
use super::{Layout, Problem};
use crate::data::{Active, Order, Rows, Tile};
use crate::error::{Error, Result, try_filled};
use crate::kernel::{ScaleAdd, Tier};
use crate::parallel::{Job, LEADER, Team};
use crate::scalar::Scalar;

/// Multiply-adds a member of the team should have to do in a step for sharing to be tried at all: half a
/// microsecond's worth, less than any meeting takes.
const WORK_WORTH_TRYING: usize = 1 << 12;
/// What a row costs beside its multiply-adds, counted as such: its slope, and if rows come in random order the
/// waiting for memory, of which two threads do twice as much at a time.
const WORK_OF_ROW: usize = 16;
const WORK_OF_RANDOM_ROW: usize = 96;
/// Entries of a partial gradient that may be cleared and added, in vectors, for every stored entry of sparse rows.
const SUMMED_FOR_ENTRY: usize = 4;
/// Multiply-adds between two looks at whether the caller wants the work to end: about a millisecond.
const WORK_BETWEEN_LOOKS: usize = 1 << 22;

/// Multiply-adds, and what is worth as much, of a step of so many rows.
fn work_of<T: Scalar>(problem: &Problem<'_, T>, n_rows: usize, is_random: bool) -> usize {
    let work_of_row = if is_random { WORK_OF_RANDOM_ROW } else { WORK_OF_ROW };
    n_rows.saturating_mul(problem.work_of_row().saturating_add(work_of_row))
}

/// The largest team that batches of `batch_size` rows may be worth.
pub fn n_seats_worth<T: Scalar>(
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
            work_of_row: problem.work_of_row(),
            params,
            layout: problem.layout,
            active: None,
            order: Order::Sequential,
            row_factors: None,
            positions: 0..0,
            wants_gradient: true,
            rows_of_leaf: LEAF_ROWS,
            rows_of_part: LEAF_ROWS,
            interrupted,
            is_cancelled: AtomicBool::new(false),
        };
        let seats = (0..n_seats).map(|_| Scratch::new(problem).map(Mutex::new)).collect::<Result<_>>()?;
        Ok(Self { step, parts: Vec::new(), seats })
    }

    /// Where the model is, in the [layout](Self::layout) of the step.
    pub fn params(&mut self) -> &mut Vec<T> {
        &mut self.step.params
    }

    /// Multiplies the weight of row i by `factors[i]` wherever a gradient is computed, because rows are drawn
    /// by other probabilities than the objective counts them. The value on its own stays what it is.
    pub fn count_rows_by(&mut self, factors: &[f64]) -> Result<()> {
        let problem = self.step.problem;
        let mut of_data = try_filled("factors of rows", problem.rows.n_rows(), T::ONE)?;
        for (row, &factor) in factors.iter().enumerate() {
            let mut row = [row];
            problem.to_rows_of_data(&mut row);
            of_data[row[0]] = T::from_f64(factor);
        }
        self.step.row_factors = Some(of_data);
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
        self.seats.iter_mut().for_each(|seat| exclusive(seat).weights_are_for = 0);
        std::mem::replace(&mut self.step.problem, problem)
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
    fn begin(&mut self, positions: Range<usize>, wants_gradient: bool, n_seats: usize) -> Result<usize> {
        let n_params = self.step.n_summed(wants_gradient);
        let rows_of_leaf = self.step.rows_of_leaf(positions.len());
        let n_leaves = positions.len().div_ceil(rows_of_leaf);
        let n_leaves_of_part = match n_seats {
            1 => n_leaves.next_power_of_two(),
            n_seats => n_leaves_of_part(n_leaves, n_seats),
        };
        let n_parts = n_leaves.div_ceil(n_leaves_of_part);
        while self.parts.len() < n_parts {
            self.parts.push(Mutex::new(TreeSum::new(self.step.tier)));
        }
        for part in &mut self.parts[..n_parts] {
            exclusive(part).reserve(n_params, n_leaves_of_part)?;
        }
        self.step.positions = positions;
        self.step.wants_gradient = wants_gradient;
        self.step.rows_of_leaf = rows_of_leaf;
        self.step.rows_of_part = n_leaves_of_part * rows_of_leaf;
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
    work_of_row: usize,
    params: Vec<T>,
    layout: Layout,
    /// The rows at `positions` as a matrix of their own, which `params` and `layout` are for then.
    active: Option<Active<T>>,
    order: Order,
    row_factors: Option<Vec<T>>,
    positions: Range<usize>,
    wants_gradient: bool,
    rows_of_leaf: usize,
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
    /// Rows of a leaf for a step over `n_rows`. Of sparse rows more may be wanted: a leaf has a gradient of its
    /// own to be cleared and added, which must not cost more than its entries do. It follows from the rows alone.
    fn rows_of_leaf(&self, n_rows: usize) -> usize {
        let n_entries = match (&self.active, &self.problem.rows) {
            (Some(active), _) => active.n_entries(),
            (None, Rows::Csr(csr)) => csr.n_entries() / csr.n_rows() * n_rows,
            (None, Rows::Dense(_)) => return LEAF_ROWS,
        };
        let most_leaves = SUMMED_FOR_ENTRY * n_entries / self.layout.n_columns().max(1);
        n_rows.div_ceil(most_leaves.max(1)).next_power_of_two().max(LEAF_ROWS)
    }

    /// Entries of a gradient that is summed up: none if it is not wanted.
    fn n_summed(&self, wants_gradient: bool) -> usize {
        if wants_gradient { self.layout.len() } else { 0 }
    }

    /// Adds up the leaves of a part.
    fn part(&self, part: usize, is_leader: bool, sum: &mut TreeSum<T>, scratch: &mut Scratch<T>) {
        sum.reset();
        let mut position = self.positions.start + part * self.rows_of_part;
        let end = self.positions.end.min(position + self.rows_of_part);
        if self.rows_of_part < self.positions.len() {
            self.prefetch(position, end, scratch); // whoever did the rows before is another
        }
        while position < end && !self.is_cancelled.load(Ordering::Relaxed) {
            let leaf = position..end.min(position + self.rows_of_leaf);
            position = leaf.end;
            sum.push(|partial| self.leaf(leaf, scratch, partial));
            if is_leader && self.look(scratch) {
                self.is_cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Asks now and then whether the caller wants the work to end.
    fn look(&self, scratch: &mut Scratch<T>) -> bool {
        if scratch.n_worked < WORK_BETWEEN_LOOKS {
            return false;
        }
        scratch.n_worked = 0;
        (self.interrupted)()
    }

    /// Asks the memory for the first rows of a part.
    fn prefetch(&self, from: usize, end: usize, scratch: &mut Scratch<T>) {
        if let Order::Listed(_) = &self.order {
            let ahead = &mut scratch.ahead[..self.n_ahead.min(end - from)];
            self.rows_at(from, ahead);
            self.problem.rows.prefetch(ahead);
            self.problem.targets.prefetch(ahead);
            self.problem.weights.prefetch(ahead);
        }
    }

    /// Copies the rows of the data at positions `from..from + out.len()`.
    fn rows_at(&self, from: usize, out: &mut [usize]) {
        self.order.copy_to(from, out);
        self.problem.to_rows_of_data(out);
    }

    /// What the rows at these positions add to the gradient and the loss, tile by tile.
    #[inline]
    fn leaf(&self, positions: Range<usize>, scratch: &mut Scratch<T>, partial: &mut Partial<T>) {
        scratch.n_worked += positions.len() * self.work_of_row;
        let mut position = positions.start;
        while position < positions.end {
            let n = self.rows_of_tile.min(positions.end - position);
            let (rows, ahead) = (&mut scratch.rows[..n], &mut scratch.ahead[..]);
            self.rows_at(position, rows);
            let n_ahead = match &self.order {
                // What comes next in sequence the hardware sees by itself.
                Order::Listed(order) if self.n_ahead > 0 => {
                    let from = order.len().min(position + self.n_ahead);
                    let ahead = &mut ahead[..n.min(order.len() - from)];
                    self.rows_at(from, ahead);
                    self.problem.targets.prefetch(ahead);
                    self.problem.weights.prefetch(ahead);
                    ahead.len()
                }
                _ => 0,
            };
            self.tile(position, n, n_ahead, scratch, partial);
            position += n;
        }
    }

    /// Scores, slopes and sums of the first `n` rows of the scratch, which are those from `position` on.
    #[inline]
    fn tile(
        &self,
        position: usize,
        n: usize,
        n_ahead: usize,
        scratch: &mut Scratch<T>,
        partial: &mut Partial<T>,
    ) {
        let Problem { rows: data, targets, weights, loss, .. } = self.problem;
        let layout = self.layout;
        let n_outputs = layout.n_outputs();
        let stride = n.next_multiple_of(T::LANES);
        let (rows, ahead) = (&scratch.rows[..n], &scratch.ahead[..n_ahead]);
        let y = &mut scratch.targets[..targets.per_row() * stride];
        targets.gather(rows, stride, y);
        let s = &mut scratch.weights[..stride];
        if scratch.weights_are_for != n {
            weights.gather(rows, s);
            scratch.weights_are_for = if weights.are_equal() && self.row_factors.is_none() { n } else { 0 };
        }
        if let Some(factors) = self.row_factors.as_ref().filter(|_| self.wants_gradient) {
            s.iter_mut().zip(rows).for_each(|(s, &row)| *s *= factors[row]);
        }
        let scores = &mut scratch.scores[..n_outputs * stride];
        let w = layout.linear(&self.params);
        let of_batch = position - self.positions.start..position - self.positions.start + n;
        match &self.active {
            None => data.scores(self.tier, Tile { rows, ahead }, w, scores),
            Some(batch) => batch.scores(self.tier, of_batch.clone(), w, scores),
        }
        let tile = TileOf { n_outputs, scores, targets: y, weights: s };
        partial.loss += loss.slopes(self.tier, targets.kind(), tile);
        if self.wants_gradient {
            let gradient = layout.linear_mut(&mut partial.gradient);
            match &self.active {
                None => data.accumulate(self.tier, rows, scores, gradient),
                Some(batch) => batch.accumulate(self.tier, of_batch, scores, gradient),
            }
        }
    }
}

/// The batch gradient, computed by a team.
#[derive(Debug)]
pub struct BatchGradient<T> {
    total: TreeSum<T>,
    sharing: Sharing,
}

impl<T: Scalar> BatchGradient<T> {
    /// Room for the gradient of `problem`.
    pub fn new(problem: &Problem<'_, T>, tier: Tier) -> Result<Self> {
        let mut total = TreeSum::new(tier);
        total.reserve(problem.layout.len(), 1)?;
        Ok(Self { total, sharing: Sharing::default() })
    }

    /// Computes the gradient on the rows at `positions` of the order, without the l1 part, and returns the
    /// objective there.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    #[inline]
    pub fn of(&mut self, positions: Range<usize>, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        let n_rows = positions.len();
        let Step { problem, tier, params, layout, .. } = self.sum(positions, true, team)?;
        let sum = self.total.finish();
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

    /// The gradient computed last, in the layout of the parameters.
    pub fn last(&mut self) -> &mut Vec<T> {
        &mut self.total.finish().gradient
    }

    /// Whether steps have lately been shared by the team.
    pub fn is_shared(&self) -> bool {
        self.sharing.is_worth_it()
    }

    /// The objective on the rows at `positions` of the order.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn value(&mut self, positions: Range<usize>, team: &mut Team<'_, Work<'_, T>>) -> Result<f64> {
        let n_rows = positions.len();
        let Step { problem, params, layout, .. } = self.sum(positions, false, team)?;
        let w = &params[..layout.n_coef()];
        Ok(self.total.finish().loss / n_rows.max(1) as f64 + problem.penalty.value(*layout, w))
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
        let order = std::mem::take(team.job().order());
        let own = team.job().exchange(problem, model);
        let summed = self.sum(0..n_rows, false, team).map(drop);
        team.job().exchange(own, model);
        *team.job().order() = order;
        summed.map(|()| self.total.finish().loss / n_rows as f64)
    }

    /// Adds up the rows at `positions`. Returns the step they were added up in.
    #[inline]
    fn sum<'t, 'a>(
        &mut self,
        positions: Range<usize>,
        wants_gradient: bool,
        team: &'t mut Team<'_, Work<'a, T>>,
    ) -> Result<&'t Step<'a, T>> {
        if positions.len() <= LEAF_ROWS {
            // A step of one leaf has no use for parts, nor for the bookkeeping of a team.
            let Work { step, seats, .. } = team.job();
            step.wants_gradient = wants_gradient;
            step.positions = positions.clone();
            self.total.reserve(step.n_summed(wants_gradient), 1)?;
            self.total.reset();
            self.total.push(|partial| step.leaf(positions, exclusive(&mut seats[LEADER]), partial));
            return if step.look(exclusive(&mut seats[LEADER])) { Err(Error::Interrupted) } else { Ok(step) };
        }
        let (n_rows, n_seats) = (positions.len(), team.n_seats());
        let is_shared = n_seats > 1 && self.sharing.begin(n_rows, team.job().work_of(n_rows));
        let n_parts = team.job().begin(positions, wants_gradient, if is_shared { n_seats } else { 1 })?;
        team.run(n_parts);
        let Work { step, parts, .. } = team.job();
        if *step.is_cancelled.get_mut() {
            return Err(Error::Interrupted);
        }
        self.total.reserve(step.n_summed(wants_gradient), n_parts)?;
        self.total.reset();
        for part in &mut parts[..n_parts] {
            self.total.push_sum(exclusive(part));
        }
        self.sharing.end();
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
    /// Of how many rows `weights` are known to be the weights, whichever rows these are; 0 if of none.
    weights_are_for: usize,
    /// Multiply-adds since the last look at whether to go on.
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
            weights_are_for: 0,
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
