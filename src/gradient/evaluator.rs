//! `Evaluator`: the objective and its gradient on batches, computed by a team.

use std::ops::Range;

use super::leaves::Leaves;
use super::over_ranks::SharedSums;
use super::parallelism::ParallelismHeuristic;
use super::pass::{Pass, Wanted};
use super::prefetching::PrefetchHeuristic;
use super::scratch::Own;
use super::sum::{LEAF_ROWS, TreeSum};
use super::work::{Work, exclusive};
use super::{Layout, Problem};
use crate::data::{Active, Order};
use crate::error::{Error, Result, try_reserved};
use crate::kernel::{Prefetch, Tier};
use crate::parallel::{LEADER, Team, with_team};
use crate::scalar::Scalar;

/// Multiply-adds that clearing, finishing and moving a parameter are worth: a step that moves many is polled in time.
const WORK_OF_PARAMETER: usize = 16;

/// A team at work on a problem: where its parameters are, in which order its rows come, and the gradient computed
/// last.
#[derive(Debug)]
pub struct Evaluator<'t, 'a, T> {
    pub(super) team: Team<'t, Work<'a, T>>,
    pub(super) total: TreeSum<T>,
    pub(super) parallelism: ParallelismHeuristic,
    /// Whether all workers have taken part in the last sum.
    pub(super) has_shared: bool,
    /// Of rows in sequence, and in random order.
    prefetching: [PrefetchHeuristic; 2],
    /// Sums of a second pass over a batch, which leaves its gradient alone.
    pub(super) products: TreeSum<T>,
    /// A buffer for the parameters of a value elsewhere.
    spare: Vec<T>,
    /// The processes that share sums, if there are several.
    pub(super) among: Option<SharedSums<'a, T>>,
}

/// Calls `lead` with an evaluator of `problem` at `params`, and a team of `n_workers`. `interrupted` is asked about
/// every millisecond of work whether this is to end.
///
/// # Errors
/// Those of `lead`, and [`Error::OutOfMemory`].
pub fn with_evaluator<'a, T: Scalar, R>(
    problem: &'a Problem<'a, T>,
    params: Vec<T>,
    (tier, n_workers): (Tier, usize),
    interrupted: &'a (dyn Fn() -> bool + Sync),
    lead: impl FnOnce(Evaluator<'_, 'a, T>) -> Result<R>,
) -> Result<R> {
    let work = Work::new(problem, tier, params, n_workers, interrupted)?;
    with_team(n_workers, work, |team| {
        let mut total = TreeSum::new(tier);
        total.reserve(problem.layout().len(), 1)?;
        let (parallelism, products) = (ParallelismHeuristic::default(), TreeSum::new(tier));
        let prefetching =
            [false, true].map(|is_random| PrefetchHeuristic::new(problem.data.rows.prefetches(is_random)));
        lead(Evaluator {
            team,
            total,
            parallelism,
            has_shared: false,
            prefetching,
            products,
            spare: Vec::new(),
            among: None,
        })
    })
}

/// The batch gradient, in the two halves between which an all-reduce over processes stands.
impl<'a, T: Scalar> Evaluator<'_, 'a, T> {
    /// Adds up the rows at `positions` of the order, in a tree of fixed shape.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    #[inline(always)]
    pub fn sum(&mut self, positions: Range<usize>, wanted: Wanted) -> Result<()> {
        let prefetch = self.prefetch(positions.len());
        let pass = &mut self.team.job().pass;
        pass.prefetch = prefetch;
        pass.model.prepare(pass.tier, &pass.params, &mut pass.prepared);
        if self.among.is_some() {
            return self.sum_among(positions, wanted);
        }
        self.sum_alone(positions, wanted)
    }

    /// The sum of all rows, by this process.
    #[inline(always)]
    pub(super) fn sum_alone(&mut self, positions: Range<usize>, wanted: Wanted) -> Result<()> {
        if positions.len() <= LEAF_ROWS && self.team.job().pass.shards.is_none() {
            self.sum_leaf(positions, wanted)
        } else {
            self.sum_leaves(positions, wanted)
        }
    }

    /// A pass of one leaf has no use for parts, nor for the bookkeeping of a team.
    #[inline(always)]
    fn sum_leaf(&mut self, positions: Range<usize>, wanted: Wanted) -> Result<()> {
        self.has_shared = false;
        self.team.job().pass.positions = positions.clone();
        self.team.job().pass.first_at_hand = positions.start;
        self.team.job().forget_seen()?;
        let Work { pass, workers, .. } = self.team.job();
        let scratch = exclusive(&mut workers[LEADER]);
        pass.wanted = wanted;
        scratch.own = Own { end: positions.end, next: positions.end };
        scratch.n_worked += pass.params.len() * WORK_OF_PARAMETER;
        self.total.reserve(pass.n_summed(wanted), 1)?;
        self.total.reset();
        pass.add_leaf(positions, scratch, &mut self.total);
        if pass.poll(scratch) { Err(Error::Interrupted) } else { Ok(()) }
    }

    fn sum_leaves(&mut self, positions: Range<usize>, wanted: Wanted) -> Result<()> {
        let leaves = self.team.job().pass.leaves_of(positions);
        let all = 0..leaves.n();
        let n_parts = self.sum_parts(leaves, all, wanted, usize::MAX)?;
        let n_summed = self.team.job().pass.n_summed(wanted);
        self.add_parts(0..n_parts, n_summed);
        self.parallelism.end(self.team.was_helped());
        Ok(())
    }

    /// Adds up this process's own leaves of a pass, in parts of at most so many. Returns how many parts there are.
    pub(super) fn sum_parts(
        &mut self,
        leaves: Leaves,
        own_leaves: Range<usize>,
        wanted: Wanted,
        most_leaves: usize,
    ) -> Result<usize> {
        let (n_rows, n_workers) = (leaves.range(own_leaves.clone()).len(), self.team.n_workers());
        let is_shared = n_workers > 1 && self.parallelism.begin(n_rows, self.team.job().work_of(n_rows));
        let n_params = self.team.job().pass.params.len();
        self.count_params(n_params);
        let cut = (if is_shared { n_workers } else { 1 }, most_leaves);
        let n_parts = self.team.job().begin((leaves, own_leaves), wanted, cut)?;
        if n_parts > 0 {
            self.team.run(n_parts);
        }
        let Work { pass, .. } = self.team.job();
        if *pass.is_cancelled.get_mut() {
            return Err(Error::Interrupted);
        }
        let n_summed = pass.n_summed(wanted);
        self.total.reserve(n_summed, n_parts)?;
        self.total.reset();
        self.has_shared = is_shared && n_parts > 1;
        Ok(n_parts)
    }

    /// Makes the gradient of the sums over `n_rows` rows: divides, and adds what the parameters cost: the smooth part of
    /// the penalty, and the intercept slope of the loss. Returns the objective there.
    #[inline(always)]
    pub fn finish(&mut self, n_rows: usize) -> f64 {
        let Work { pass, .. } = self.team.job();
        let sum = self.total.finish();
        if let Some(variate) = &mut pass.variate {
            variate.keep_change(&sum.gradient);
        }
        let (tier, layout, penalty) = (pass.tier, pass.model.layout(), pass.penalty());
        let scale = T::from_f64(1.0 / n_rows.max(1) as f64);
        let mut cost = 0.0;
        for block in pass.model.blocks() {
            let (gradient, w) = (&mut sum.gradient[block.range.clone()], &pass.params[block.range.clone()]);
            match (block.is_trained, block.is_penalised) {
                (false, _) => gradient.fill(T::ZERO),
                (true, false) => cost += pass.finish_intercepts(gradient, scale),
                (true, true) => {
                    penalty.add_to(tier, layout, gradient, scale, w);
                    cost += penalty.value(tier, layout, w);
                }
            }
            if let Some(variate) = pass.variate.as_ref().filter(|_| block.is_trained) {
                variate.add_mean(pass.on_columns(), &block, gradient);
            }
        }
        sum.loss / n_rows.max(1) as f64 + cost
    }

    /// Both halves: the gradient on the rows at `positions` of the order, without the l1 part, and the objective
    /// there.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn gradient(&mut self, positions: Range<usize>) -> Result<f64> {
        let n_rows = positions.len();
        self.sum(positions, Wanted::Gradient)?;
        Ok(self.finish(n_rows))
    }

    /// The gradient computed last, in the layout of the parameters.
    #[inline]
    pub fn last(&mut self) -> &mut Vec<T> {
        &mut self.total.finish().gradient
    }
}

/// Values and gradients over all rows, whatever the order of the steps is.
impl<'a, T: Scalar> Evaluator<'_, 'a, T> {
    /// The objective on the rows at `positions` of the order.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn value(&mut self, positions: Range<usize>) -> Result<f64> {
        let n_rows = positions.len();
        self.sum(positions, Wanted::Value)?;
        let Work { pass, .. } = self.team.job();
        let cost = pass.cost();
        Ok(self.total.finish().loss / n_rows.max(1) as f64 + cost)
    }

    /// [`Self::gradient`] over all rows.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn gradient_of_all(&mut self) -> Result<f64> {
        let n_rows = self.n_rows();
        let variate = self.set_control_variate(None);
        let value = self.in_order(Order::Sequential, |evaluator| evaluator.gradient(0..n_rows));
        self.set_control_variate(variate);
        value
    }

    /// [`Self::value`] over all rows.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end.
    pub fn value_of_all(&mut self) -> Result<f64> {
        let n_rows = self.n_rows();
        self.in_order(Order::Sequential, |evaluator| evaluator.value(0..n_rows))
    }

    /// [`Self::value_of_all`] at other parameters, in the layout of the problem.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the caller wants the work to end, and [`Error::OutOfMemory`].
    pub fn value_at(&mut self, params: &[T]) -> Result<f64> {
        self.at(params, Self::value_of_all)
    }

    /// The mean loss, without the penalty, over the first rows of an order of another problem of the same layout, at
    /// other parameters.
    ///
    /// # Errors
    /// As [`Self::value_at`].
    pub fn loss_on(
        &mut self,
        problem: &'a Problem<'a, T>,
        (order, n_rows): (Order, usize),
        params: &[T],
    ) -> Result<f64> {
        self.at(params, |evaluator| {
            let own = evaluator.team.job().exchange_problem(problem);
            let summed = evaluator.in_order(order, |evaluator| evaluator.sum(0..n_rows, Wanted::Value));
            evaluator.team.job().exchange_problem(own);
            let cost = evaluator.team.job().pass.cost_of_intercepts();
            summed.map(|()| evaluator.total.finish().loss / n_rows as f64 + cost)
        })
    }

    /// Does something at other parameters.
    pub(super) fn at<R>(&mut self, params: &[T], evaluate: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        if self.spare.len() != params.len() {
            self.spare = try_reserved("parameters", params.len())?;
        }
        self.spare.clear();
        self.spare.extend_from_slice(params);
        std::mem::swap(&mut self.spare, &mut self.team.job().pass.params);
        let evaluated = evaluate(self);
        std::mem::swap(&mut self.spare, &mut self.team.job().pass.params);
        evaluated
    }

    /// Does something while rows come in another order.
    pub(super) fn in_order<R>(&mut self, order: Order, evaluate: impl FnOnce(&mut Self) -> R) -> R {
        let order = std::mem::replace(self.order(), order);
        let evaluated = evaluate(self);
        *self.order() = order;
        evaluated
    }
}

/// What the next pass is over.
impl<'a, T: Scalar> Evaluator<'_, 'a, T> {
    /// Where the model is, in the [layout](Self::layout) of the pass.
    #[inline]
    pub fn params(&mut self) -> &mut Vec<T> {
        &mut self.team.job().pass.params
    }

    /// The layout of the parameters: that of the problem, or of the columns of a batch.
    #[inline]
    pub fn layout(&mut self) -> Layout {
        self.team.job().layout()
    }

    /// From now on the gradients of batches are those of a network in training, which leaves units out: by this seed and
    /// epoch.
    pub fn set_dropout(&mut self, key: (u64, u32)) {
        self.team.job().pass.dropout = Some(key);
    }

    /// In which order rows come.
    pub fn order(&mut self) -> &mut Order {
        &mut self.team.job().pass.order
    }

    /// Rows of the problem.
    pub fn n_rows(&mut self) -> usize {
        self.team.job().pass.problem.n_rows()
    }

    /// Multiplies the weight of row i by `factors[i]` wherever a gradient is computed, because rows are drawn by
    /// other probabilities than the objective counts them.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn set_importance_weights(&mut self, factors: &[f64]) -> Result<()> {
        self.team.job().set_importance_weights(factors)
    }

    /// From now on passes are over `active`, the rows at their positions on the columns they have entries in, and
    /// the parameters are those of these columns; or again over the data themselves. Returns what was active.
    ///
    /// # Errors
    /// If the parameters would not fit the address space.
    pub fn set_active(&mut self, active: Option<Active<T>>) -> Result<Option<Active<T>>> {
        self.team.job().set_active(active)
    }

    /// How to prefetch in a step of so many rows that begins now.
    #[inline]
    pub fn prefetch(&mut self, n_rows: usize) -> Prefetch {
        let is_random = self.team.job().pass.order.n_listed().is_some();
        let prefetching = &mut self.prefetching[usize::from(is_random)];
        if self.parallelism.is_trying(n_rows) { prefetching.last() } else { prefetching.begin(n_rows) }
    }

    /// Copies the stored rows at the positions from `first` on.
    pub fn copy_rows(&mut self, first: usize, rows: &mut [usize]) {
        self.team.job().pass.rows_at(first, rows);
    }

    /// The parameters, and what the weights of rows are multiplied by, see [`Self::set_importance_weights`].
    pub fn params_and_importance_weights(&mut self) -> (&mut [T], Option<&[T]>) {
        let Pass { params, importance_weights, .. } = &mut self.team.job().pass;
        (params, importance_weights.as_deref())
    }

    /// Stored rows of positions: of those whose rows this process has.
    pub fn stored_rows(&mut self, positions: Range<usize>) -> impl ExactSizeIterator<Item = usize> + Clone {
        self.team.job().pass.stored_rows(positions)
    }

    /// Whether the caller wants all to end, to be asked by the calling thread.
    pub fn interrupted(&mut self) -> &'a (dyn Fn() -> bool + Sync) {
        self.team.job().pass.interrupted
    }

    /// Counts work on so many rows that is done without a pass, and asks in time whether all is to end.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn poll(&mut self, n_rows: usize) -> Result<()> {
        let Work { pass, workers, .. } = self.team.job();
        let scratch = exclusive(&mut workers[LEADER]);
        let work = n_rows * pass.work_of_row;
        scratch.n_worked += work;
        if pass.poll(scratch) {
            return Err(Error::Interrupted);
        }
        self.ranks().map_or(Ok(()), |ranks| ranks.count(work))
    }

    /// Counts work on so many parameters that is done beside passes over rows, so that the caller is asked in time
    /// whether all is to end.
    pub fn count_params(&mut self, n: usize) {
        exclusive(&mut self.team.job().workers[LEADER]).n_worked += n * WORK_OF_PARAMETER;
    }
}
