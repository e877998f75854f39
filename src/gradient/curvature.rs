//! The curvature of the loss at the scores of some rows, for metrics.

use super::loss::TileOf;
use super::sum::LEAF_ROWS;
use super::{Loss, Problem};
use crate::data::{Domain, TargetKind, Tile, Unit};
use crate::error::{Result, try_filled, try_reserved};
use crate::kernel::{Prefetch, Tier};
use crate::scalar::Scalar;

/// The distance at which slopes are compared, and the same relative to scores and targets.
const DISTANCE: f64 = 1e-3;
const RELATIVE_DISTANCE: f64 = 1e-6;
/// No curvature of a row, before it is weighted, is less than this part of the largest: squared hinge and Huber's loss have rows of no curvature, which
/// may have some after the next step.
const LEAST: f64 = 1e-3;

/// For each of these stored rows its weight times the second derivative of the loss by the score at `params`; of several
/// outputs the largest, and of the softmax a bound on the largest eigenvalue.
///
/// A metric needs it to a digit or two, so it is a difference of slopes, for every loss alike. A loss with a kink has no
/// curvature: all rows count the same.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
pub fn row_curvatures<T: Scalar>(
    problem: &Problem<'_, T>,
    params: &[T],
    stored_rows: &[usize],
    tier: Tier,
) -> Result<Vec<f64>> {
    let (data, loss, layout) = (&problem.data, problem.objective.loss, problem.layout());
    let (kind, per_row, k) = (data.targets.kind(), data.targets.per_row(), layout.n_outputs());
    let mut curvatures = try_filled("curvatures", stored_rows.len(), 1.0)?;
    let mut scores = try_filled("scores", k * LEAF_ROWS, T::ZERO)?;
    let mut targets = try_filled("targets", per_row * LEAF_ROWS, T::ZERO)?;
    let reserved = || try_reserved("curvatures", k.max(per_row).saturating_mul(LEAF_ROWS));
    let mut room = [reserved()?, reserved()?, reserved()?, reserved()?];
    for (rows, curvatures) in stored_rows.chunks(LEAF_ROWS).zip(curvatures.chunks_mut(LEAF_ROWS)) {
        if !loss.has_kink() {
            let stride = rows.len().next_multiple_of(LEAF_ROWS);
            let (scores, targets) = (&mut scores[..k * stride], &mut targets[..per_row * stride]);
            scores.fill(T::ZERO);
            let t_stride = rows.len().next_multiple_of(T::LANES);
            let tile = Tile { rows, ahead: &[], prefetch: Prefetch::NONE };
            data.rows.scores(tier, tile, layout.linear(params), &mut scores[..k * t_stride]);
            data.offsets.add_to(rows, t_stride, &mut scores[..k * t_stride]);
            data.targets.gather(rows, stride, targets);
            let score = |c: usize, i: usize| scores[c * t_stride + i.min(rows.len() - 1)].to_f64();
            let second = Seconds { tier, loss, kind, k, stride, targets };
            second.write(score, &mut room, curvatures);
        }
        for (h, &row) in curvatures.iter_mut().zip(rows) {
            *h = if h.is_finite() && data.weights.of(row) > 0.0 { h.max(0.0) } else { 0.0 };
        }
    }
    let largest = curvatures.iter().fold(0.0, |a: f64, &b| a.max(b));
    let least = if largest > 0.0 { LEAST * largest } else { 1.0 };
    for (h, &row) in curvatures.iter_mut().zip(stored_rows) {
        *h = h.max(least) * data.weights.of(row);
    }
    Ok(curvatures)
}

/// Second derivatives on a tile.
struct Seconds<'t, T> {
    tier: Tier,
    loss: Loss,
    kind: TargetKind,
    k: usize,
    stride: usize,
    targets: &'t [T],
}

impl<T: Scalar> Seconds<'_, T> {
    /// Writes the largest of the outputs of each row.
    fn write(&self, score: impl Fn(usize, usize) -> f64, room: &mut [Vec<f64>; 4], to: &mut [f64]) {
        let Self { tier, loss, kind, k, stride, targets } = *self;
        let [low, high, y, gaps] = room;
        y.clear();
        y.extend(targets.iter().map(|y| y.to_f64()));
        low.clear();
        low.extend((0..k * stride).map(|at| score(at / stride, at % stride)));
        if loss.is_softmax(kind) {
            // What Gershgorin's circles bound the largest eigenvalue of diag(p) - p p^T by: the metric has no room for how
            // classes depend on each other.
            loss.probabilities(tier, kind, low, stride);
            for (i, to) in to.iter_mut().enumerate() {
                let p = |c: usize| low[c * stride + i];
                *to = 2.0 * (0..k).map(|c| p(c) * (1.0 - p(c))).fold(0.0, f64::max);
            }
            return;
        }
        let has_link = loss.domain() != Domain::Real;
        let distance = |c: usize, i: usize, z: f64| {
            let target = if kind == TargetKind::Real && !has_link { y[c * stride + i].abs() } else { 0.0 };
            DISTANCE.max(RELATIVE_DISTANCE * z.abs().max(target))
        };
        high.clear();
        high.extend_from_slice(low);
        for (at, (low, high)) in low.iter_mut().zip(high.iter_mut()).enumerate() {
            let distance = distance(at / stride, at % stride, *low);
            *low -= distance;
            *high += distance;
        }
        let ones = [1.0; LEAF_ROWS];
        let weights = &ones[..stride];
        let unit = Unit::ONE;
        gaps.clear();
        gaps.extend(low.iter().zip(high.iter()).map(|(low, high)| high - low));
        for scores in [&mut *low, &mut *high] {
            loss.slopes(tier, kind, TileOf { n_outputs: k, scores, targets: y, weights, unit });
        }
        for (i, to) in to.iter_mut().enumerate() {
            let second = |at: usize| (high[at] - low[at]) / gaps[at];
            *to = (0..k).map(|c| second(c * stride + i)).fold(0.0, f64::max);
        }
    }
}
