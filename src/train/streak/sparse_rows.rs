//! Steps on a leaf of sparse rows at most, by the kernels of a step on any batch, without what is asked before each step.

use std::ops::Range;

use super::moved::MovedEntries;
use super::one_sparse_row::CACHE_BYTES;
use super::steps::{Room, StreakSteps};
use crate::data::{Csr, TargetKind};
use crate::gradient::Loss;
use crate::gradient::loss::TileOf;
use crate::gradient::sum::LEAF_ROWS;
use crate::kernel::sparse::{Index, SparseAccumulate, SparseScores};
use crate::kernel::{ScaleAdd, Tier, prefetch_one};
use crate::scalar::Scalar;
use crate::update::SgdStep;

/// Makes the steps: of the columns of their rows alone, if those are to be `moved`, or else of all.
pub(super) fn make<T: Scalar, I: Index>(
    (tier, loss, kind): (Tier, Loss, TargetKind),
    steps: &mut StreakSteps<'_, '_, Csr<'_, T>, T>,
    indices: &[I],
    mut moved: Option<&mut MovedEntries<T>>,
) {
    let mut spans = [const { 0..0 }; LEAF_ROWS];
    let n_coef = steps.params.len() - T::LANES;
    let rows_of_tile = steps.x.rows_of_tile();
    for i in steps.range.clone() {
        let position = i * steps.rows_of_step;
        let n_rows = steps.rows_of_step.min(steps.n_rows - position);
        let spans = &mut spans[..n_rows];
        for (span, &row) in spans.iter_mut().zip(&steps.rows[position..]) {
            *span = steps.x.entries(row);
        }
        let of_step = if moved.is_some() { n_coef..steps.params.len() } else { 0..steps.params.len() };
        steps.room.gradient[of_step].fill(T::ZERO); // where columns were moved, it is cleared
        let mut sum = 0.0;
        for (tile, spans) in spans.chunks(rows_of_tile).enumerate() {
            let first = position + tile * rows_of_tile;
            sum += add_tile((tier, loss, kind), steps, indices, first, spans);
        }
        let (params, gradient) = (&mut *steps.params, &mut *steps.room.gradient);
        let scale = T::from_f64(1.0 / n_rows as f64);
        let (coef, intercept) = params.split_at_mut(n_coef);
        let (of_coef, of_intercept) = gradient.split_at_mut(n_coef);
        match steps.fit_intercept {
            true => tier.run(ScaleAdd { y: of_intercept, scale, x: &[], factor: T::ZERO }),
            false => of_intercept.fill(T::ZERO),
        }
        steps.losses[i] = sum / n_rows as f64 + steps.penalty.value(tier, coef);
        let arithmetic = steps.arithmetic.get(i).copied();
        if let (Some(moved), Some(arithmetic)) = (&mut moved, arithmetic) {
            for span in spans {
                moved.against(&indices[span.clone()], coef, of_coef, (arithmetic, scale));
            }
            tier.run(SgdStep { arithmetic, velocity: &mut [], params: intercept, grad: of_intercept });
            continue;
        }
        tier.run(ScaleAdd { y: of_coef, scale, x: coef, factor: T::from_f64(steps.penalty.l2()) });
        if let Some(arithmetic) = arithmetic {
            tier.run(SgdStep { arithmetic, velocity: steps.velocity, params, grad: gradient });
        }
    }
}

/// Adds what a tile of rows, with the entries in these `spans`, adds to the gradient. Returns the sum of its losses.
fn add_tile<T: Scalar, I: Index>(
    (tier, loss, kind): (Tier, Loss, TargetKind),
    steps: &mut StreakSteps<'_, '_, Csr<'_, T>, T>,
    indices: &[I],
    first: usize,
    spans: &[Range<usize>],
) -> f64 {
    let (n, stride) = (spans.len(), spans.len().next_multiple_of(T::LANES));
    let ahead = steps.ahead(first, n);
    ahead.iter().for_each(|&row| steps.x.prefetch(row));
    steps.gather(first, n);
    let Room { scores, targets, weights, gradient } = &mut *steps.room;
    let (scores, targets, weights) = (&mut scores[..stride], &targets[..stride], &weights[..stride]);
    let values = steps.x.values();
    let (coef, intercept) = steps.params.split_at(steps.params.len() - T::LANES);
    if size_of_val(coef) > CACHE_BYTES {
        for column in spans.iter().flat_map(|span| &indices[span.clone()]) {
            prefetch_one(&coef[column.at()]);
            prefetch_one(&gradient[column.at()]);
        }
    }
    let (stride, rows, intercept) = (coef.len(), spans, &intercept[..1]);
    tier.run(SparseScores { values, indices, rows, coef, stride, intercept, scores });
    let tile = TileOf { n_outputs: 1, scores, targets, weights, unit: steps.unit };
    let sum = loss.slopes(tier, kind, tile);
    let (coef, intercept) = gradient.split_at_mut(stride);
    let intercept = &mut intercept[..1];
    tier.run(SparseAccumulate { values, indices, rows, slopes: scores, coef, stride, intercept });
    sum
}
