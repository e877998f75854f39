//! `Pass`: the sum over the rows of a batch, leaf by leaf: scores, slopes, accumulate.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::control_variate::{Baseline, ControlVariate, OnColumns};
use super::dense_leaf::DenseLeaf;
use super::leaves::Leaves;
use super::loss::TileOf;
use super::model::{Masks, ParamsOfPass};
use super::scratch::Scratch;
use super::sum::{LEAF_ROWS, Partial, TreeSum};
use super::{Model, Penalty, Problem};
use crate::data::{Active, Order, RowShards, Rows, Tile, TileRows};
use crate::kernel::{Prefetch, ScaleAdd, Tier};
use crate::parallel::LEADER;
use crate::scalar::Scalar;

/// Entries of a partial gradient that may be cleared and added, in vectors, for every stored entry of sparse rows.
const SUMMED_FOR_ENTRY: usize = 4;
/// Multiply-adds between two polls of whether the caller wants the work to end: about a millisecond.
const WORK_BETWEEN_POLLS: usize = 1 << 22;

/// What a pass adds up over its rows, beside the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Value,
    /// The gradient.
    Gradient,
    /// The gradient, and the squared norms of those of the rows.
    GradientAndSquares,
    /// The products of each row's gradient with a direction.
    Products,
}

/// Which rows, at which parameters.
pub(super) struct Pass<'a, T> {
    pub(super) problem: &'a Problem<'a, T>,
    pub(super) tier: Tier,
    pub(super) rows_of_tile: usize,
    pub(super) prefetch: Prefetch,
    pub(super) work_of_row: usize,
    pub(super) params: Vec<T>,
    /// The model of the problem, or the same on the columns of `active`.
    pub(super) model: Model,
    /// What the model has made of `params` for the pass under way.
    pub(super) prepared: Vec<T>,
    /// Seed and epoch of the masks of a network that is trained; none where it is only looked at.
    pub(super) dropout: Option<(u64, u32)>,
    /// See [`Loss::intercept_slope`](super::Loss::intercept_slope).
    pub(super) intercept_slope: f64,
    /// The rows at `positions` as a matrix of their own, which `params` and `model` are for then.
    pub(super) active: Option<Active<T>>,
    /// The penalty of the columns of `active`.
    pub(super) active_penalty: Penalty,
    pub(super) order: Order,
    pub(super) importance_weights: Option<Vec<T>>,
    /// What slopes are compared with where a gradient is wanted.
    pub(super) variate: Option<ControlVariate<T>>,
    pub(super) positions: Range<usize>,
    /// Those of them that this process adds up.
    pub(super) own_positions: Range<usize>,
    /// The first of them whose row this process has.
    pub(super) first_at_hand: usize,
    /// The shards that the rows of the order are cut into, if they are.
    pub(super) shards: Option<RowShards>,
    pub(super) wanted: Wanted,
    /// For [`Wanted::Products`], in the layout of `params`.
    pub(super) direction: Vec<T>,
    pub(super) leaves: Leaves,
    pub(super) own_leaves: Range<usize>,
    pub(super) leaves_of_part: usize,
    /// Of the parts that are a worker's own.
    pub(super) leaves_of_worker: usize,
    pub(super) interrupted: &'a (dyn Fn() -> bool + Sync),
    pub(super) is_cancelled: AtomicBool,
}

impl<T> fmt::Debug for Pass<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").field("positions", &self.positions).finish_non_exhaustive()
    }
}

impl<T: Scalar> Pass<'_, T> {
    /// The penalty of `params`.
    #[inline(always)]
    pub(super) fn penalty(&self) -> &Penalty {
        match self.active {
            None => &self.problem.objective.penalty,
            Some(_) => &self.active_penalty,
        }
    }

    /// What the parameters cost, whatever the rows are.
    pub(super) fn cost(&self) -> f64 {
        let layout = self.model.layout();
        self.penalty().value(self.tier, layout, &self.params[..layout.n_coef()]) + self.cost_of_intercepts()
    }

    /// What a loss with an intercept slope makes the intercepts cost.
    pub(super) fn cost_of_intercepts(&self) -> f64 {
        if self.intercept_slope == 0.0 {
            return 0.0;
        }
        let layout = self.model.layout();
        let intercepts = &self.params[layout.n_coef()..][..layout.n_outputs()];
        self.intercept_slope * intercepts.iter().map(|b| b.to_f64()).sum::<f64>()
    }

    /// Makes a mean of the sums in the intercepts' part of a gradient, and adds the intercept slope. Returns what the
    /// intercepts cost.
    #[inline(always)]
    pub(super) fn finish_intercepts(&self, gradient: &mut [T], scale: T) -> f64 {
        self.tier.run(ScaleAdd { y: gradient, scale, x: &[], factor: T::ZERO });
        if self.intercept_slope == 0.0 {
            return 0.0;
        }
        let slope = T::from_f64(self.intercept_slope);
        gradient[..self.model.layout().n_outputs()].iter_mut().for_each(|g| *g += slope);
        self.cost_of_intercepts()
    }

    /// Where a gradient on the columns of `active` belongs among those of all.
    #[inline(always)]
    pub(super) fn on_columns(&self) -> Option<OnColumns<'_>> {
        OnColumns::of(self.active.as_ref(), &self.model, self.problem.layout())
    }

    /// Rows of a leaf for a batch of `n_rows`. Of sparse rows more may be wanted: a leaf has a gradient of its
    /// own to be cleared and added, which must not cost more than its entries do. It follows from the rows alone.
    pub(super) fn rows_of_leaf(&self, n_rows: usize) -> usize {
        match (&self.active, &self.problem.data.rows) {
            (Some(active), _) => self.rows_of_leaf_with(n_rows, active.n_entries()),
            (None, Rows::Csr(csr)) => self.rows_of_leaf_with(n_rows, csr.entries_of_row() * n_rows),
            (None, Rows::Dense(_)) => LEAF_ROWS,
        }
    }

    /// The same of sparse rows with so many entries. Where a column has a row of a table, all columns of the data count, and
    /// not only those of the batch, of which a [step in place](super::in_place) does not know how many there are.
    pub(super) fn rows_of_leaf_with(&self, n_rows: usize, n_entries: usize) -> usize {
        let most_leaves = match self.model.layout().has_rows_of_columns() {
            true => n_entries / self.problem.layout().n_columns(),
            false => SUMMED_FOR_ENTRY * n_entries / self.model.layout().n_columns().max(1),
        };
        n_rows.div_ceil(most_leaves.max(1)).next_power_of_two().max(LEAF_ROWS)
    }

    /// The leaves of a pass over these positions.
    pub(super) fn leaves_of(&self, positions: Range<usize>) -> Leaves {
        let most_rows = self.rows_of_leaf(positions.len());
        Leaves::of(positions, most_rows, self.shards)
    }

    /// Entries of a gradient that is summed up: none if it is not wanted.
    pub(super) fn n_summed(&self, wanted: Wanted) -> usize {
        match wanted {
            Wanted::Gradient | Wanted::GradientAndSquares => self.model.layout().len(),
            Wanted::Value | Wanted::Products => 0,
        }
    }

    /// Adds up the leaves of a part.
    pub(super) fn part(&self, part: usize, worker: usize, sum: &mut TreeSum<T>, scratch: &mut Scratch<T>) {
        sum.reset();
        let first = self.own_leaves.start + part * self.leaves_of_part;
        let end = self.own_leaves.end.min(first + self.leaves_of_part);
        scratch.own = self.own(worker, first);
        for leaf in first..end {
            if self.is_cancelled.load(Ordering::Relaxed) {
                return;
            }
            self.add_leaf(self.leaves.range(leaf..leaf + 1), scratch, sum);
            if worker == LEADER && self.poll(scratch) {
                self.is_cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Asks, about every millisecond of work, whether the caller wants it to end.
    #[inline]
    pub(super) fn poll(&self, scratch: &mut Scratch<T>) -> bool {
        if scratch.n_worked < WORK_BETWEEN_POLLS {
            return false;
        }
        scratch.n_worked = 0;
        (self.interrupted)()
    }

    /// Adds the leaf of the rows at these positions.
    #[inline]
    pub(super) fn add_leaf(&self, positions: Range<usize>, scratch: &mut Scratch<T>, sum: &mut TreeSum<T>) {
        let is_empty = positions.is_empty(); // of a shard
        let fill = |partial: &mut Partial<T>| self.leaf(positions, scratch, partial);
        match self.model.writes_gradient(&self.problem.data.rows) && !is_empty {
            true => sum.push_written(fill),
            false => sum.push(fill),
        }
    }

    /// What the rows at these positions add to the gradient and the loss, tile by tile.
    #[inline]
    fn leaf(&self, positions: Range<usize>, scratch: &mut Scratch<T>, partial: &mut Partial<T>) {
        scratch.n_worked += positions.len() * self.work_of_row;
        if let Some(x) = self.rows_of_dense_leaf() {
            let leaf = DenseLeaf { pass: self, x, positions, scratch, partial };
            self.problem.objective.loss.visit(self.problem.data.targets.kind(), leaf);
            return;
        }
        let mut position = positions.start;
        while position < positions.end {
            let n = self.rows_of_tile.min(positions.end - position);
            let n_ahead = self.gather(position, n, scratch);
            self.tile(position, n, n_ahead, scratch, partial);
            position += n;
        }
    }

    /// Gathers the `n` rows from `position` on, their targets and weights, padded to whole vectors, and prefetches what is
    /// wanted of rows ahead but these themselves. Returns how many these are.
    #[inline(always)]
    pub(super) fn gather(&self, position: usize, n: usize, scratch: &mut Scratch<T>) -> usize {
        let data = &self.problem.data;
        let Scratch { rows, ahead, targets, weights, weights_are_for, own, .. } = scratch;
        let (rows, stride) = (&mut rows[..n], n.next_multiple_of(T::LANES));
        self.rows_at(position, rows);
        let n_ahead = self.rows_ahead(position, *own, &mut ahead[..n]);
        let ahead = &ahead[..n_ahead];
        data.targets.prefetch(ahead);
        data.weights.prefetch(ahead);
        data.offsets.prefetch(ahead);
        if let Some(variate) = &self.variate {
            variate.prefetch(ahead, self.model.layout().n_outputs());
        }
        data.targets.gather(rows, stride, &mut targets[..data.targets.per_row() * stride]);
        let weights = &mut weights[..stride];
        if *weights_are_for != n {
            data.weights.gather(rows, weights);
            let are_equal = data.weights.are_equal() && self.importance_weights.is_none();
            *weights_are_for = if are_equal { n } else { 0 };
        }
        if let Some(factors) = self.importance_weights.as_ref().filter(|_| self.wanted != Wanted::Value) {
            weights.iter_mut().zip(rows).for_each(|(weight, row)| *weight *= factors[*row]);
        }
        n_ahead
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
        let Problem { data, objective } = self.problem;
        let n_outputs = self.model.layout().n_outputs();
        let stride = n.next_multiple_of(T::LANES);
        let (rows, ahead) = (&scratch.rows[..n], &scratch.ahead[..n_ahead]);
        let y = &scratch.targets[..data.targets.per_row() * stride];
        let s = &scratch.weights[..stride];
        let scores = &mut scratch.scores[..n_outputs * stride];
        let tile_rows = match &self.active {
            None => TileRows::Stored(&data.rows, Tile { rows, ahead, prefetch: self.prefetch }),
            Some(batch) => {
                let first = position - self.first_at_hand;
                TileRows::Active(batch, first..first + n)
            }
        };
        let at = self.at(position);
        let model_scratch = &mut scratch.model;
        self.model.forward(self.tier, &tile_rows, at, scores, model_scratch);
        data.offsets.add_to(rows, stride, scores);
        let tile = TileOf { n_outputs, scores, targets: y, weights: s, unit: data.targets.unit() };
        partial.loss += objective.loss.slopes(self.tier, data.targets.kind(), tile);
        if let Some(variate) = self.variate.as_ref().filter(|_| self.wanted != Wanted::Value) {
            let known = &mut scratch.known[..n_outputs * stride];
            match &variate.baseline {
                Baseline::Table(table) => {
                    scratch.seen.note(rows, stride, scores);
                    ControlVariate::gather(table, rows, n_outputs, stride, known);
                }
                Baseline::Snapshot(params) => {
                    let at = ParamsOfPass { params, ..at };
                    self.model.forward(self.tier, &tile_rows, at, known, model_scratch);
                    data.offsets.add_to(rows, stride, known);
                    let tile = TileOf {
                        n_outputs,
                        scores: known,
                        targets: y,
                        weights: s,
                        unit: data.targets.unit(),
                    };
                    objective.loss.slopes(self.tier, data.targets.kind(), tile);
                }
            }
            self.tier.run(ScaleAdd { y: scores, scale: T::ONE, x: known, factor: -T::ONE });
        }
        if matches!(self.wanted, Wanted::Gradient | Wanted::GradientAndSquares) {
            self.model.backward(self.tier, &tile_rows, at, scores, &mut partial.gradient, model_scratch);
        }
        if matches!(self.wanted, Wanted::GradientAndSquares | Wanted::Products) {
            self.probe_rows(position, n, scratch, partial);
        }
    }

    /// What the model is asked at, for rows from `position` on.
    #[inline(always)]
    fn at(&self, position: usize) -> ParamsOfPass<'_, T> {
        let is_for_gradient = self.wanted != Wanted::Value;
        let masks = self.dropout.filter(|_| is_for_gradient).map(|key| Masks::new(key, position));
        ParamsOfPass { params: &self.params, prepared: &self.prepared, is_for_gradient, masks }
    }

    /// Adds up what a noise probe is made of, over the rows of the scratch, whose slopes are there. Out of line: steps
    /// that are not probed have a fixed cost that is counted in nanoseconds.
    #[cold]
    #[inline(never)]
    fn probe_rows(&self, position: usize, n: usize, scratch: &mut Scratch<T>, partial: &mut Partial<T>) {
        let stride = n.next_multiple_of(T::LANES);
        let Scratch { rows, scores, model, .. } = scratch;
        let slopes = &scores[..self.model.layout().n_outputs() * stride];
        let (data, rows) = (&self.problem.data.rows, &rows[..n]);
        let tile_rows = match &self.active {
            None => TileRows::Stored(data, Tile { rows, ahead: &[], prefetch: Prefetch::NONE }),
            Some(batch) => {
                let first = position - self.first_at_hand;
                TileRows::Active(batch, first..first + n)
            }
        };
        let at = self.at(position);
        if self.wanted == Wanted::GradientAndSquares {
            partial.of_rows[0] +=
                self.model.row_squares(self.tier, ((data, rows), &tile_rows), at, slopes, model);
            return;
        }
        let on = (slopes, &self.direction[..]);
        let [sum, squares] = self.model.row_products(self.tier, &tile_rows, at, on, model);
        partial.of_rows[0] += sum;
        partial.of_rows[1] += squares;
    }
}
