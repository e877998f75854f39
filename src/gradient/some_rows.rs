//! Some rows of a problem, of which this process may not have all.

use super::work::Work;
use super::{Evaluator, Problem, with_evaluator};
use crate::data::{GatheredRows, Order};
use crate::error::{Result, try_collected, try_copied};
use crate::kernel::Tier;
use crate::scalar::Scalar;

impl<T: Scalar> Problem<'_, T> {
    /// Looks at some rows: with a problem that has them, and where it stores them. That is this one, or, where this process
    /// does not have all rows, one of copies that all processes have, of the same weights.
    pub(crate) fn on_rows<R>(
        &self,
        rows: &[usize],
        tier: Tier,
        look: impl FnOnce(&Problem<'_, T>, &[usize]) -> Result<R>,
    ) -> Result<R> {
        if let Some(among) = self.data.among() {
            let gathered = GatheredRows::of(&self.data, among, rows)?;
            let data = gathered.dataset(&self.data, tier)?;
            let stored = try_collected("rows", 0..rows.len())?;
            return look(&Problem { data, objective: self.objective.clone() }, &stored);
        }
        let mut stored = try_copied("rows", rows)?;
        self.data.to_stored_rows(&mut stored);
        look(self, &stored)
    }
}

impl<T: Scalar> Evaluator<'_, '_, T> {
    /// [`Self::value`] on at most so many rows, evenly spread, at other parameters.
    ///
    /// # Errors
    /// As [`Self::value_at`].
    pub fn value_on_spread(&mut self, n_wanted: usize, params: &[T]) -> Result<f64> {
        let (n_rows, Work { pass, .. }) = (self.n_rows(), self.team.job());
        let (tier, interrupted) = (pass.tier, pass.interrupted);
        let (order, n_rows) = (Order::spread(n_rows, n_wanted)?, n_rows.min(n_wanted));
        if pass.problem.data.among().is_some() {
            let copied = try_copied("parameters", params)?;
            let rows = try_collected("rows", (0..n_rows).map(|position| order.row(position)))?;
            return pass.problem.on_rows(&rows, tier, |problem, _| {
                with_evaluator(problem, copied, (tier, 1), interrupted, |mut evaluator| {
                    evaluator.value(0..n_rows)
                })
            });
        }
        let shards = pass.shards.take();
        let value =
            self.at(params, |evaluator| evaluator.in_order(order, |evaluator| evaluator.value(0..n_rows)));
        self.team.job().pass.shards = shards;
        value
    }
}
