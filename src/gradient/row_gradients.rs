//! Norms and projections of the gradients of single rows, without computing the gradients.

use super::loss::TileOf;
use super::model::{ModelScratch, ParamsOfPass};
use super::sum::LEAF_ROWS;
use super::{Layout, Problem};
use crate::data::{Dataset, LinearParamsMut, Tile, TileRows, Unit};
use crate::error::{Error, Result, try_filled, try_reserved};
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

/// Squares below this have lost some or all of their digits to underflow.
const LEAST_SQUARE: f64 = 1e-280;

/// Norms and projections of the gradients `g_i = s_i r_i (x_i, 1)` of all rows, without the penalty.
///
/// Of a linear model, with the slopes r of its scores, row i has `|g_i| = s_i |r_i| sqrt(|x_i|^2 + 1)`, and its product with a
/// vector v is `g_i . v = s_i sum_c r_ic (x_i . v_c + v_c0)`: slopes times the scores that v would give as a
/// model.
#[derive(Debug, Clone, PartialEq)]
pub struct RowGradients {
    /// `|g_i|`, by row of the problem.
    pub norms: Vec<f64>,
    /// `g_i . v` for each of the directions.
    pub along: Vec<Vec<f64>>,
}

impl RowGradients {
    /// Computes them for all rows at `params`. With directions of length 1, products overflow only where
    /// gradients do.
    ///
    /// # Errors
    /// If an allocation failed, or the work was interrupted.
    pub fn of<T: Scalar>(
        problem: &Problem<'_, T>,
        params: &[T],
        directions: &[&[T]],
        tier: Tier,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let Dataset { rows: data, targets, weights, offsets, .. } = &problem.data;
        let (loss, layout) = (&problem.objective.loss, problem.layout());
        let (n, k) = (problem.n_rows(), layout.n_outputs());
        let one = if problem.fits_intercept() { 1.0 } else { 0.0 };
        let mut norms = try_reserved("gradients of rows", n)?;
        let mut along = Vec::new();
        for _ in directions {
            along.push(try_reserved("gradients of rows", n)?);
        }
        let filled = |what, n_rows: usize| try_filled(what, n_rows * LEAF_ROWS, T::ZERO);
        let mut slopes = filled("scores", k)?;
        let (mut y, mut s) = (filled("targets", targets.per_row())?, filled("weights", 1)?);
        let mut lengths = Lengths { problem, tier, row: Vec::new(), slopes: Vec::new() };
        let model = problem.model();
        let (mut scratch, mut prepared) = (ModelScratch::new(model)?, model.room_to_prepare()?);
        model.prepare(tier, params, &mut prepared);
        let at = ParamsOfPass { params, prepared: &prepared, is_for_gradient: true, masks: None };
        let mut of_rows = [0.0; LEAF_ROWS];
        let rows_of_tile = model.rows_of_tile(data);
        let mut numbers = [0; LEAF_ROWS];
        for first in (0..n).step_by(rows_of_tile) {
            if interrupted() {
                return Err(Error::Interrupted);
            }
            let rows = &mut numbers[..rows_of_tile.min(n - first)];
            rows.iter_mut().zip(first..).for_each(|(row, position)| *row = position);
            problem.data.to_stored_rows(rows);
            let stride = rows.len().next_multiple_of(T::LANES);
            let slopes = &mut slopes[..k * stride];
            let (y, s) = (&mut y[..targets.per_row() * stride], &mut s[..stride]);
            targets.gather(rows, stride, y);
            weights.gather(rows, s);
            let tile = TileRows::Stored(data, Tile { rows, ahead: &[], prefetch: Prefetch::NONE });
            model.forward(tier, &tile, at, slopes, &mut scratch);
            offsets.add_to(rows, stride, slopes);
            loss.slopes(
                tier,
                targets.kind(),
                TileOf { n_outputs: k, scores: slopes, targets: y, weights: s, unit: Unit::ONE },
            );
            let to = &mut of_rows[..rows.len()];
            if model.linear().is_some() {
                let slope = |c: usize, i: usize| slopes[c * stride + i].to_f64();
                for (i, &row) in rows.iter().enumerate() {
                    let slope_norm = (0..k).fold(0.0, |norm: f64, c| norm.hypot(slope(c, i)));
                    let length = if slope_norm == 0.0 { 0.0 } else { lengths.of(row)?.hypot(one) };
                    norms.push(slope_norm * length);
                }
            } else {
                model.squares_of_rows(tier, ((data, rows), &tile), at, slopes, to, &mut scratch);
                norms.extend(to.iter().map(|square| square.sqrt()));
            }
            for (along, direction) in along.iter_mut().zip(directions) {
                model.products_of_rows(tier, &tile, at, (slopes, direction), to, &mut scratch);
                along.extend_from_slice(to);
            }
        }
        Ok(Self { norms, along })
    }

    /// The largest norm.
    pub fn largest(&self) -> f64 {
        self.norms.iter().copied().fold(0.0, f64::max)
    }
}

/// `|x_i|`, also where its square is out of range.
struct Lengths<'a, T> {
    problem: &'a Problem<'a, T>,
    tier: Tier,
    row: Vec<T>,
    slopes: Vec<T>,
}

impl<T: Scalar> Lengths<'_, T> {
    fn of(&mut self, row: usize) -> Result<f64> {
        let square = self.problem.data.rows.squared_norm(row);
        if square.is_finite() && square > LEAST_SQUARE {
            return Ok(square.sqrt());
        }
        // The row itself, computed as what a slope of 1 adds to the gradient, where duplicate entries of a
        // column add up.
        let layout = Layout::new::<T>(self.problem.layout().n_columns(), 1)?;
        if self.row.is_empty() {
            self.row = try_filled("a row", layout.len(), T::ZERO)?;
            self.slopes = try_filled("a row", T::LANES, T::ZERO)?;
            self.slopes[0] = T::ONE;
        }
        self.row.fill(T::ZERO);
        let LinearParamsMut { coef, intercept } = layout.linear_mut(&mut self.row);
        self.problem.data.rows.accumulate(
            self.tier,
            &[row],
            &self.slopes,
            LinearParamsMut { coef, intercept },
        );
        let entries = || self.row[..layout.n_columns()].iter().map(|x| x.to_f64().abs());
        let largest = entries().fold(0.0, f64::max);
        if largest == 0.0 {
            return Ok(0.0);
        }
        Ok(entries().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt() * largest)
    }
}
