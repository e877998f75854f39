//! One step of the team: leaves of rows -> scores -> slopes -> accumulate.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::loss::TileOf;
use super::sum::{LEAF_ROWS, Partial, TreeSum};
use super::{Layout, Problem};
use crate::data::{Active, Order, Rows, Tile};
use crate::error::{Result, try_filled};
use crate::kernel::Tier;
use crate::kernel::noise::{RowProducts, RowSquares};
use crate::scalar::Scalar;

/// Entries of a partial gradient that may be cleared and added, in vectors, for every stored entry of sparse rows.
const SUMMED_FOR_ENTRY: usize = 4;
/// Multiply-adds between two polls of whether the caller wants the work to end: about a millisecond.
const WORK_BETWEEN_POLLS: usize = 1 << 22;

/// What a step adds up over its rows, beside the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing.
    Value,
    /// The gradient.
    Gradient,
    /// The gradient, and the squared norms of those of the rows.
    GradientAndSquares,
    /// The products of each row's gradient with [`Step::direction`].
    Products,
}

/// Which rows, at which parameters.
pub(super) struct Step<'a, T> {
    pub(super) problem: &'a Problem<'a, T>,
    pub(super) tier: Tier,
    pub(super) rows_of_tile: usize,
    pub(super) n_ahead: usize,
    pub(super) work_of_row: usize,
    pub(super) params: Vec<T>,
    pub(super) layout: Layout,
    /// The rows at `positions` as a matrix of their own, which `params` and `layout` are for then.
    pub(super) active: Option<Active<T>>,
    pub(super) order: Order,
    pub(super) importance_weights: Option<Vec<T>>,
    pub(super) positions: Range<usize>,
    pub(super) wanted: Wanted,
    /// In the layout of `params`.
    pub(super) direction: Vec<T>,
    pub(super) rows_of_leaf: usize,
    pub(super) rows_of_part: usize,
    pub(super) interrupted: &'a (dyn Fn() -> bool + Sync),
    pub(super) is_cancelled: AtomicBool,
}

impl<T> fmt::Debug for Step<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Step").field("positions", &self.positions).finish_non_exhaustive()
    }
}

impl<T: Scalar> Step<'_, T> {
    /// Rows of a leaf for a step over `n_rows`. Of sparse rows more may be wanted: a leaf has a gradient of its
    /// own to be cleared and added, which must not cost more than its entries do. It follows from the rows alone.
    pub(super) fn rows_of_leaf(&self, n_rows: usize) -> usize {
        let n_entries = match (&self.active, &self.problem.rows) {
            (Some(active), _) => active.n_entries(),
            (None, Rows::Csr(csr)) => csr.n_entries() / csr.n_rows() * n_rows,
            (None, Rows::Dense(_)) => return LEAF_ROWS,
        };
        let most_leaves = SUMMED_FOR_ENTRY * n_entries / self.layout.n_columns().max(1);
        n_rows.div_ceil(most_leaves.max(1)).next_power_of_two().max(LEAF_ROWS)
    }

    /// Entries of a gradient that is summed up: none if it is not wanted.
    pub(super) fn n_summed(&self, wanted: Wanted) -> usize {
        match wanted {
            Wanted::Gradient | Wanted::GradientAndSquares => self.layout.len(),
            Wanted::Value | Wanted::Products => 0,
        }
    }

    /// Adds up the leaves of a part.
    pub(super) fn part(&self, part: usize, is_leader: bool, sum: &mut TreeSum<T>, scratch: &mut Scratch<T>) {
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
            if is_leader && self.poll(scratch) {
                self.is_cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Polls now and then whether the caller wants the work to end.
    pub(super) fn poll(&self, scratch: &mut Scratch<T>) -> bool {
        if scratch.n_worked < WORK_BETWEEN_POLLS {
            return false;
        }
        scratch.n_worked = 0;
        (self.interrupted)()
    }

    /// Prefetches the first rows of a part.
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
    pub(super) fn rows_at(&self, from: usize, out: &mut [usize]) {
        self.order.copy_to(from, out);
        self.problem.to_rows_of_data(out);
    }

    /// What the rows at these positions add to the gradient and the loss, tile by tile.
    #[inline]
    pub(super) fn leaf(&self, positions: Range<usize>, scratch: &mut Scratch<T>, partial: &mut Partial<T>) {
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
            scratch.weights_are_for =
                if weights.are_equal() && self.importance_weights.is_none() { n } else { 0 };
        }
        if let Some(factors) = self.importance_weights.as_ref().filter(|_| self.wanted != Wanted::Value) {
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
        if matches!(self.wanted, Wanted::Gradient | Wanted::GradientAndSquares) {
            let gradient = layout.linear_mut(&mut partial.gradient);
            match &self.active {
                None => data.accumulate(self.tier, rows, scores, gradient),
                Some(batch) => batch.accumulate(self.tier, of_batch.clone(), scores, gradient),
            }
        }
        if matches!(self.wanted, Wanted::GradientAndSquares | Wanted::Products) {
            self.probe_rows(of_batch, scratch, partial);
        }
    }

    /// Adds up, over the rows of the scratch, whose slopes are there, what a noise probe is made of. Out of the
    /// way of the steps that are not probed, whose fixed cost is counted in nanoseconds.
    #[cold]
    #[inline(never)]
    fn probe_rows(&self, of_batch: Range<usize>, scratch: &mut Scratch<T>, partial: &mut Partial<T>) {
        let Problem { rows: data, fit_intercept, .. } = self.problem;
        let (n, n_outputs) = (of_batch.len(), self.layout.n_outputs());
        let stride = n.next_multiple_of(T::LANES);
        let (rows, slopes) = (&scratch.rows[..n], &scratch.scores[..n_outputs * stride]);
        if self.wanted == Wanted::GradientAndSquares {
            let squares = &mut scratch.squares[..stride];
            data.squared_norms(self.tier, rows, &mut squares[..n]);
            squares[n..].fill(0.0);
            let one = f64::from(u8::from(*fit_intercept));
            partial.of_rows[0] += self.tier.run(RowSquares { slopes, squares, one });
            return;
        }
        let along = &mut scratch.along[..n_outputs * stride];
        let v = self.layout.linear(&self.direction);
        match &self.active {
            None => data.scores(self.tier, Tile { rows, ahead: &[] }, v, along),
            Some(batch) => batch.scores(self.tier, of_batch, v, along),
        }
        let [sum, squares] = self.tier.run(RowProducts { slopes, along, stride });
        partial.of_rows[0] += sum;
        partial.of_rows[1] += squares;
    }
}

/// What a member needs for a tile of rows, allocated once.
#[derive(Debug)]
pub(super) struct Scratch<T> {
    rows: Vec<usize>,
    ahead: Vec<usize>,
    scores: Vec<T>,
    targets: Vec<T>,
    weights: Vec<T>,
    /// Squared norms of rows.
    squares: Vec<f64>,
    /// Scores along a direction.
    along: Vec<T>,
    /// Of how many rows `weights` are known to be the weights, whichever rows these are; 0 if of none.
    pub(super) weights_are_for: usize,
    /// Multiply-adds since the last poll.
    n_worked: usize,
}

impl<T: Scalar> Scratch<T> {
    pub(super) fn new(problem: &Problem<'_, T>) -> Result<Self> {
        let filled = |what, n_rows| try_filled(what, n_rows * LEAF_ROWS, T::ZERO);
        Ok(Self {
            rows: vec![0; LEAF_ROWS],
            ahead: vec![0; LEAF_ROWS],
            scores: filled("scores", problem.layout.n_outputs())?,
            targets: filled("targets", problem.targets.per_row())?,
            weights: filled("weights", 1)?,
            squares: vec![0.0; LEAF_ROWS],
            along: filled("scores", problem.layout.n_outputs())?,
            weights_are_for: 0,
            n_worked: 0,
        })
    }
}
