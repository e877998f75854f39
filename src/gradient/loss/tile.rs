//! `TileOf`: scores, targets and weights of a tile of rows, and the loops over them that all losses share.

use super::{Pointwise, constant};
use crate::data::{TargetKind, Unit};
use crate::kernel::{Kernel, Lanes, Tier};
use crate::scalar::Scalar;

/// Scores, targets and weights of the rows of a tile. All rows of these small matrices are padded to the same
/// length, a multiple of the logical lanes; the weights of the padding are zero.
#[derive(Debug)]
pub(crate) struct TileOf<'a, T> {
    /// Scores of a row, k.
    pub n_outputs: usize,
    /// One row per output: scores on entry, weighted slopes on return.
    pub scores: &'a mut [T],
    /// One row per target.
    pub targets: &'a [T],
    /// One row.
    pub weights: &'a [T],
    /// See [`Pointwise::scaled_value`].
    pub unit: Unit,
}

/// Turns the scores of a tile into weighted slopes, output by output, and returns the sum of the weighted losses.
pub(super) fn pointwise<T: Scalar, F: Pointwise>(
    tier: Tier,
    loss: F,
    kind: TargetKind,
    tile: TileOf<'_, T>,
) -> f64 {
    let unit = tile.unit;
    let scaled = match kind {
        TargetKind::Real | TargetKind::Binary | TargetKind::Labels => tier.run(EachOutput { loss, tile }),
        TargetKind::Class { .. } => tier.run(OneVsRest { loss, tile }),
    };
    scaled.to_f64() * loss.of_scaled(unit)
}

/// Every output has targets of its own; the losses add up.
pub(crate) struct EachOutput<'a, T, F> {
    pub(crate) loss: F,
    pub(crate) tile: TileOf<'a, T>,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for EachOutput<'_, T, F> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let TileOf { n_outputs, scores, targets, weights, unit } = self.tile;
        let (stride, scale) = (weights.len(), constant::<L>(unit.scale));
        let mut total = L::splat(T::ZERO);
        for c in 0..n_outputs {
            let z = scores[c * stride..][..stride].chunks_exact_mut(T::LANES);
            let y = targets[c * stride..][..stride].chunks_exact(T::LANES);
            for ((z, y), s) in z.zip(y).zip(weights.chunks_exact(T::LANES)) {
                total = one(self.loss, z, L::load(y), L::load(s), scale, total);
            }
        }
        total.sum()
    }
}

/// The target of output c is +1 for class c and -1 for every other class; the losses add up.
struct OneVsRest<'a, T, F> {
    loss: F,
    tile: TileOf<'a, T>,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for OneVsRest<'_, T, F> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let TileOf { scores, targets, weights, unit, .. } = self.tile;
        let scale = constant::<L>(unit.scale);
        let mut total = L::splat(T::ZERO);
        for (class, z) in scores.chunks_exact_mut(weights.len()).enumerate() {
            let class = L::splat(T::from_f64(class as f64));
            let lanes = z.chunks_exact_mut(T::LANES).zip(targets.chunks_exact(T::LANES));
            for ((z, y), s) in lanes.zip(weights.chunks_exact(T::LANES)) {
                let is_class = L::load(y).eq(class);
                let sign = L::select(is_class, L::splat(T::ONE), L::splat(-T::ONE));
                total = one(self.loss, z, sign, L::load(s), scale, total);
            }
        }
        total.sum()
    }
}

/// Replaces one vector of scores by weighted slopes and adds the weighted losses to `total`. Entries without
/// weight, such as the padding, add nothing, even if their loss overflows.
#[inline(always)]
fn one<L: Lanes, F: Pointwise>(loss: F, z: &mut [L::Elem], y: L, s: L, scale: L, total: L) -> L {
    let (score, zero) = (L::load(z), L::splat(L::Elem::ZERO));
    let counts = zero.lt(s);
    L::select(counts, loss.slope(score, y).mul(s), zero).store(z);
    L::select(counts, value_at(loss, score, y, scale).mul_add(s, total), total)
}

/// The scaled value, or NaN where the score is not finite, even if the loss is flat there: rows of X whose entries are
/// not finite have such scores, and a run must not go on from them.
#[inline(always)]
pub(crate) fn value_at<L: Lanes, F: Pointwise>(loss: F, score: L, y: L, scale: L) -> L {
    score.mul_add(L::splat(L::Elem::ZERO), loss.scaled_value(score, y, scale))
}
