//! `Work`: what the workers of a team share: a pass over rows, cut into parts, and room for each worker.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::in_place::InPlace;
use super::leaves::Leaves;
use super::pass::{Pass, Wanted};
use super::scratch::Scratch;
use super::sharded::Sharded;
use super::sum::{LEAF_ROWS, TreeSum, n_leaves_of_part};
use super::{Layout, Objective, Penalty, Problem};
use crate::data::{Active, Order};
use crate::error::{Result, try_filled};
use crate::kernel::{Prefetch, Tier};
use crate::parallel::{Job, LEADER};
use crate::scalar::Scalar;

/// Multiply-adds a worker should have to do in a step for sharing to be tried at all: half a microsecond's worth,
/// less than any meeting takes.
const WORK_WORTH_TRYING: usize = 1 << 12;
/// What a row costs beside its multiply-adds, counted as such: its slope, and if rows come in random order the
/// waiting for memory, of which two threads do twice as much at a time.
const WORK_OF_ROW: usize = 16;
const WORK_OF_RANDOM_ROW: usize = 96;

/// Multiply-adds, and what is worth as much, of steps on so many rows.
pub fn work_of<T: Scalar>(problem: &Problem<'_, T>, n_rows: usize, is_random: bool) -> usize {
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

/// A pass, its parts, and the scratch of each worker.
#[derive(Debug)]
pub(super) struct Work<'a, T> {
    pub(super) pass: Pass<'a, T>,
    pub(super) parts: Vec<Mutex<TreeSum<T>>>,
    pub(super) workers: Vec<Mutex<Scratch<T>>>,
    /// What the workers do instead of a pass.
    pub(super) sharded: Option<Sharded<T>>,
    /// What they do of a step in place, if one is under way.
    pub(super) in_place: InPlace<T>,
    pub(super) is_in_place: bool,
}

impl<'a, T: Scalar> Work<'a, T> {
    /// Work on `problem`, from `params`, for a team of `n_workers`. `interrupted` is asked by the leader about
    /// every millisecond.
    pub(super) fn new(
        problem: &'a Problem<'a, T>,
        tier: Tier,
        params: Vec<T>,
        n_workers: usize,
        interrupted: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let pass = Pass {
            problem,
            tier,
            rows_of_tile: problem.objective.model.rows_of_tile(&problem.data.rows),
            prefetch: Prefetch::NONE,
            work_of_row: problem.work_of_row(),
            params,
            model: problem.objective.model.clone(),
            prepared: problem.objective.model.room_to_prepare()?,
            dropout: None,
            intercept_slope: problem.objective.loss.intercept_slope(),
            active: None,
            active_penalty: Penalty::none(),
            order: Order::Sequential,
            importance_weights: None,
            variate: None,
            positions: 0..0,
            own_positions: 0..0,
            first_at_hand: 0,
            shards: problem.data.sharding.map(|sharding| sharding.shards),
            wanted: Wanted::Gradient,
            direction: Vec::new(),
            leaves: Leaves::of(0..0, LEAF_ROWS, None),
            own_leaves: 0..0,
            leaves_of_part: 1,
            leaves_of_worker: 1,
            interrupted,
            is_cancelled: false.into(),
        };
        let workers = (0..n_workers).map(|_| Scratch::new(problem).map(Mutex::new));
        let workers = workers.collect::<Result<_>>()?;
        let in_place = InPlace::new();
        Ok(Self { pass, parts: Vec::new(), workers, sharded: None, in_place, is_in_place: false })
    }

    /// Multiplies the weight of row i by `factors[i]` wherever a gradient is computed, because rows are drawn
    /// by other probabilities than the objective counts them. The value on its own stays what it is.
    pub(super) fn set_importance_weights(&mut self, factors: &[f64]) -> Result<()> {
        let data = &self.pass.problem.data;
        let mut stored = try_filled("importance weights", data.rows.n_rows(), T::ONE)?;
        for (row, &factor) in factors.iter().enumerate() {
            let mut row = [row];
            data.to_stored_rows(&mut row);
            stored[row[0]] = T::from_f64(factor);
        }
        self.pass.importance_weights = Some(stored);
        self.forget_weights();
        Ok(())
    }

    /// From now on passes are over `active`, the rows at their positions on the columns they have entries in, and
    /// the parameters are those of these columns; or again over the data themselves.
    pub(super) fn set_active(&mut self, active: Option<Active<T>>) -> Result<Option<Active<T>>> {
        let Objective { model, penalty, .. } = &self.pass.problem.objective;
        self.pass.model = match &active {
            Some(active) => {
                penalty.restrict(model.layout(), active.columns(), &mut self.pass.active_penalty)?;
                model.on_columns::<T>(active.columns().len())?
            }
            None => model.clone(),
        };
        Ok(std::mem::replace(&mut self.pass.active, active))
    }

    /// Turns to another problem of the same layout. Returns the problem left.
    pub(super) fn exchange_problem(&mut self, problem: &'a Problem<'a, T>) -> &'a Problem<'a, T> {
        self.pass.rows_of_tile = problem.objective.model.rows_of_tile(&problem.data.rows);
        self.pass.work_of_row = problem.work_of_row();
        self.pass.shards = problem.data.sharding.map(|sharding| sharding.shards);
        self.forget_weights();
        std::mem::replace(&mut self.pass.problem, problem)
    }

    /// What workers know of the weights of tiles no longer holds.
    fn forget_weights(&mut self) {
        self.workers.iter_mut().for_each(|worker| exclusive(worker).weights_are_for = 0);
    }

    /// Makes room for the slopes of the rows of a pass, if they are to be known.
    pub(super) fn forget_seen(&mut self) -> Result<()> {
        if self.pass.variate.is_some() {
            let (n_rows, n_outputs) = (self.pass.positions.len(), self.pass.model.layout().n_outputs());
            for worker in &mut self.workers {
                exclusive(worker).seen.clear();
                exclusive(worker).seen.reserve(n_rows, n_outputs)?;
            }
        }
        Ok(())
    }

    /// The layout of the parameters: that of the problem, or of the columns of a batch.
    pub(super) fn layout(&self) -> Layout {
        self.pass.model.layout()
    }

    /// Multiply-adds, and what is worth as much, of a pass over so many rows.
    pub(super) fn work_of(&self, n_rows: usize) -> usize {
        work_of(self.pass.problem, n_rows, self.pass.order.n_listed().is_some())
    }

    /// Sets the next pass, of which this process does its own leaves, and cuts these into parts for so many workers, of
    /// at most so many leaves. Returns how many.
    pub(super) fn begin(
        &mut self,
        (leaves, own_leaves): (Leaves, Range<usize>),
        wanted: Wanted,
        (n_workers, most_leaves): (usize, usize),
    ) -> Result<usize> {
        let n_params = self.pass.n_summed(wanted);
        let n_leaves = own_leaves.len();
        let leaves_of_part = match n_workers {
            1 => n_leaves.next_power_of_two().min(most_leaves),
            n_workers => n_leaves_of_part(n_leaves, n_workers, n_params).min(most_leaves),
        };
        let n_parts = n_leaves.div_ceil(leaves_of_part);
        while self.parts.len() < n_parts {
            self.parts.push(Mutex::new(TreeSum::new(self.pass.tier)));
        }
        for part in &mut self.parts[..n_parts] {
            exclusive(part).reserve(n_params, leaves_of_part)?;
        }
        self.pass.positions = leaves.positions().clone();
        self.pass.own_positions = leaves.range(own_leaves.clone());
        self.pass.first_at_hand = match self.pass.problem.data.among() {
            Some(_) => self.pass.own_positions.start,
            None => self.pass.positions.start,
        };
        self.pass.wanted = wanted;
        self.pass.leaves = leaves;
        self.pass.own_leaves = own_leaves;
        self.pass.leaves_of_part = leaves_of_part;
        self.pass.leaves_of_worker = n_parts.div_ceil(n_workers) * leaves_of_part;
        self.forget_seen()?;
        Ok(n_parts)
    }
}

impl<T: Scalar> Job for Work<'_, T> {
    fn part(&self, part: usize, worker: usize) {
        if let Some(sharded) = &self.sharded {
            return sharded.part(part);
        }
        if self.is_in_place {
            return self.in_place.part(&self.pass, part);
        }
        let (mut sum, mut scratch) = (locked(&self.parts[part]), locked(&self.workers[worker]));
        self.pass.part(part, worker, &mut sum, &mut scratch);
    }

    fn alone(&mut self, n_parts: usize) {
        if let Some(sharded) = &self.sharded {
            return (0..n_parts).for_each(|part| sharded.part(part));
        }
        if self.is_in_place {
            return (0..n_parts).for_each(|part| self.in_place.part(&self.pass, part));
        }
        let scratch = exclusive(&mut self.workers[LEADER]);
        for (part, sum) in self.parts[..n_parts].iter_mut().enumerate() {
            self.pass.part(part, LEADER, exclusive(sum), scratch);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn exclusive<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}
