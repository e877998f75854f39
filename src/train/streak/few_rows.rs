//! `FewRowsSteps`: steps on a leaf of rows at most, by the kernels of a step on any batch, in one call of the tier.

use super::steps::{Room, StreakSteps};
use crate::data::{Dense, Tile};
use crate::gradient::loss::{Pointwise, TileOf};
use crate::gradient::{DenseTile, slopes};
use crate::kernel::{Kernel, Lanes, ScaleAdd};
use crate::scalar::Scalar;
use crate::update::SgdStep;

/// What [`Evaluator::sum`](crate::gradient::Evaluator::sum), `finish` and the optimizer do, without what they ask
/// before each step.
pub(super) struct FewRowsSteps<'k, 's, 'a, T, F> {
    pub(super) loss: F,
    pub(super) steps: &'k mut StreakSteps<'s, 'a, Dense<'a, T>, T>,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for FewRowsSteps<'_, '_, '_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { loss, steps } = self;
        let rows_of_tile = steps.x.rows_of_tile();
        let n_coef = steps.params.len() - T::LANES;
        for i in steps.range.clone() {
            let mut position = i * steps.rows_of_step;
            let end = steps.n_rows.min(position + steps.rows_of_step);
            let n_rows = end - position;
            steps.room.gradient.fill(T::ZERO);
            let mut sum = 0.0;
            while position < end {
                let n = rows_of_tile.min(end - position);
                sum += tile::<L, F>(loss, steps, position, n);
                position += n;
            }
            let (params, gradient) = (&mut *steps.params, &mut *steps.room.gradient);
            let (coef, of_coef) = (&params[..n_coef], &mut gradient[..n_coef]);
            let scale = T::from_f64(1.0 / n_rows as f64);
            let factor = T::from_f64(steps.penalty.l2());
            ScaleAdd { y: of_coef, scale, x: coef, factor }.run::<L>();
            steps.losses[i] = sum / n_rows as f64 + steps.penalty.value_in_kernel(coef);
            let of_intercept = &mut gradient[n_coef..];
            if steps.fit_intercept {
                ScaleAdd { y: of_intercept, scale, x: &[], factor: T::ZERO }.run::<L>();
            } else {
                of_intercept.fill(T::ZERO);
            }
            if let Some(&arithmetic) = steps.arithmetic.get(i) {
                SgdStep { arithmetic, velocity: steps.velocity, params, grad: gradient }.run::<L>();
            }
        }
    }
}

/// Adds what a tile of `n` rows adds to the gradient, and returns the sum of its losses.
#[inline(always)]
fn tile<L: Lanes, F: Pointwise>(
    loss: F,
    steps: &mut StreakSteps<'_, '_, Dense<'_, L::Elem>, L::Elem>,
    position: usize,
    n: usize,
) -> f64 {
    let stride = n.next_multiple_of(L::Elem::LANES);
    let (rows, ahead) = (&steps.rows[position..][..n], steps.ahead(position, n));
    steps.gather(position, n);
    let Room { scores, targets, weights, gradient } = &mut *steps.room;
    let (scores, targets, weights) = (&mut scores[..stride], &targets[..stride], &weights[..stride]);
    let tile = DenseTile { x: steps.x, tile: Tile { rows, ahead, prefetch: steps.prefetch } };
    tile.scores::<L>(steps.params, true, scores);
    let of_loss = TileOf { n_outputs: 1, scores: &mut *scores, targets, weights, unit: steps.unit };
    let sum = slopes::<L, F>(loss, of_loss);
    tile.accumulate::<L>(scores, gradient);
    sum
}
