//! Batch gradients that are corrected by a [`ControlVariate`]: the evaluator's part.

use std::ops::Range;

use super::control_variate::{Baseline, ControlVariate, OnColumns};
use super::pass::{Pass, Wanted};
use super::work::exclusive;
use super::{Evaluator, work::Work};
use crate::data::Order;
use crate::error::{Result, try_filled};
use crate::scalar::Scalar;

/// Rows that are summed at a time where the slopes of all rows are made known: the sums of so many are added up in double.
const ROWS_AT_A_TIME: usize = 1 << 15;
/// How far the mean gradient may be from that of the table, relatively, in square roots of the rounding: sums of different
/// rows in different orders have so many digits in common.
const MOST_OFF: f64 = 8.0;

impl<T: Scalar> Evaluator<'_, '_, T> {
    /// From now on gradients on batches are corrected by this, or by nothing. Returns what they were corrected by.
    pub fn set_control_variate(&mut self, variate: Option<ControlVariate<T>>) -> Option<ControlVariate<T>> {
        std::mem::replace(&mut self.team.job().pass.variate, variate)
    }

    /// What gradients on batches are corrected by.
    pub fn control_variate(&mut self) -> Option<&mut ControlVariate<T>> {
        self.team.job().pass.variate.as_mut()
    }

    /// The parameters, and what gradients on batches are corrected by.
    #[inline]
    pub fn params_and_control_variate(&mut self) -> (&mut Vec<T>, Option<&ControlVariate<T>>) {
        let Work { pass, .. } = self.team.job();
        (&mut pass.params, pass.variate.as_ref())
    }

    /// Whether the mean gradient is that of the slopes in the table, to rounding: not if rows or weights have changed since.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if the caller wants the work to end.
    pub fn knows_these_rows(&mut self) -> Result<bool> {
        let n_rows = self.n_rows();
        let sum_of_all = |evaluator: &mut Self| {
            evaluator.in_order(Order::Sequential, |evaluator| {
                let mut mean = try_filled("the mean gradient", evaluator.layout().len(), 0.0)?;
                for first in (0..n_rows).step_by(ROWS_AT_A_TIME) {
                    evaluator.sum(first..n_rows.min(first + ROWS_AT_A_TIME), Wanted::Gradient)?;
                    let sum = &evaluator.total.finish().gradient;
                    mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean += sum.to_f64() / n_rows as f64);
                }
                Result::Ok(mean)
            })
        };
        // The gradient less the one that is corrected, without the mean, is that of the table.
        let corrected = sum_of_all(self)?;
        let variate = self.set_control_variate(None);
        let plain = sum_of_all(self);
        self.set_control_variate(variate);
        let plain = plain?;
        let Some(variate) = self.control_variate() else { return Ok(true) };
        let known = plain.iter().zip(&corrected).map(|(plain, corrected)| plain - corrected);
        let (mut off, mut size) = (0.0, 0.0);
        for ((known, mean), plain) in known.zip(&variate.mean).zip(&plain) {
            off += (known - mean) * (known - mean);
            size += known * known + plain * plain;
        }
        Ok(off <= (MOST_OFF * T::EPSILON.sqrt()).powi(2) * size)
    }

    /// The step whose gradient was computed last is made: its slopes are known from now on.
    #[inline]
    pub fn accept_slopes(&mut self) {
        let Work { pass, workers, .. } = self.team.job();
        let Pass { problem, model, active, variate, .. } = pass;
        let Some(variate) = variate else { return };
        variate.take_change(OnColumns::of(active.as_ref(), model, problem.layout()), problem.n_rows());
        for worker in workers {
            variate.take_in(&exclusive(worker).seen);
        }
    }

    /// Makes the slopes of all rows at the parameters known, and the mean gradient they make. Returns the objective there.
    /// `variate` is of the kind that is wanted, and is put in the place of the evaluator's own only if nothing
    /// interrupts.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) if the caller wants the work to end.
    pub fn know_all_slopes(&mut self, mut variate: ControlVariate<T>) -> Result<f64> {
        variate.forget(self.params());
        let is_snapshot = matches!(variate.baseline, Baseline::Snapshot(_));
        let mut mean = if is_snapshot { std::mem::take(&mut variate.mean) } else { Vec::new() };
        let (given, before) = match is_snapshot {
            true => (Some(variate), self.set_control_variate(None)),
            false => (None, self.set_control_variate(Some(variate))),
        };
        let n_rows = self.n_rows();
        let summed = self.in_order(Order::Sequential, |evaluator| {
            let mut loss = 0.0;
            for first in (0..n_rows).step_by(ROWS_AT_A_TIME) {
                let rows = first..n_rows.min(first + ROWS_AT_A_TIME);
                loss += evaluator.know_slopes(rows, n_rows, &mut mean)?;
            }
            Ok(loss / n_rows as f64)
        });
        let known = match given {
            Some(mut variate) => {
                variate.mean = mean;
                Some(variate)
            }
            None => self.set_control_variate(None),
        };
        let is_known = summed.is_ok();
        self.set_control_variate(if is_known { known } else { before });
        if let Some(variate) = self.control_variate().filter(|_| is_known) {
            variate.uses_mean = true;
        }
        let Work { pass, .. } = self.team.job();
        summed.map(|loss| loss + pass.cost())
    }

    /// The loss on some rows, whose slopes are taken into the table, or of which the sum is added to `mean`.
    fn know_slopes(&mut self, rows: Range<usize>, n_rows: usize, mean: &mut [f64]) -> Result<f64> {
        self.sum(rows, Wanted::Gradient)?;
        let sum = self.total.finish();
        let loss = sum.loss;
        let share = 1.0 / n_rows as f64;
        mean.iter_mut().zip(&sum.gradient).for_each(|(mean, sum)| *mean += sum.to_f64() * share);
        if let Some(variate) = &mut self.team.job().pass.variate {
            variate.keep_change(&sum.gradient);
            self.accept_slopes();
        }
        Ok(loss)
    }
}
