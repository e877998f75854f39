//! Log loss of more than two classes: multinomial logistic regression.

use super::TileOf;
use crate::kernel::{Kernel, Lanes, math};
use crate::scalar::Scalar;

/// `log(sum_c exp(z_c)) - z_y`, slopes `p_c - [c = y]` with `p = softmax(z)`; curvature at most 1/2.
///
/// One vector holds one score of many rows, so that sums over the classes need no sums over lanes. The
/// largest score is subtracted in the exponentials, so none can overflow.
///
/// Source: J. S. Bridle, Probabilistic interpretation of feedforward classification network outputs (1990).
#[derive(Debug)]
pub struct Softmax<'a, T> {
    pub(crate) tile: TileOf<'a, T>,
}

impl<T> Softmax<'_, T> {
    /// The largest eigenvalue of the Hessian, `diag(p) - p p'`: with two classes of probability 1/2.
    pub const CURVATURE: f64 = 0.5;
}

impl<T: Scalar> Kernel<T> for Softmax<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let TileOf { n_outputs: n_classes, scores, targets, weights, .. } = self.tile;
        let stride = weights.len();
        let mut total = L::splat(T::ZERO);
        for (i, (y, s)) in targets.chunks_exact(T::LANES).zip(weights.chunks_exact(T::LANES)).enumerate() {
            let (y, s) = (L::load(y), L::load(s));
            let at = |c: usize| c * stride + i * T::LANES..c * stride + (i + 1) * T::LANES;

            let mut of_target = L::load(&scores[at(0)]);
            for c in 1..n_classes {
                of_target = L::select(y.eq(class::<L>(c)), L::load(&scores[at(c)]), of_target);
            }
            let (largest, sum) = exponentials::<L>(&mut scores[i * T::LANES..], n_classes, stride);
            for c in 0..n_classes {
                let p = L::load(&scores[at(c)]).div(sum);
                let is_class = L::select(y.eq(class::<L>(c)), L::splat(T::ONE), L::splat(T::ZERO));
                p.sub(is_class).mul(s).store(&mut scores[at(c)]);
            }
            let loss = math::ln(sum).add(largest.sub(of_target));
            total = L::select(L::splat(T::ZERO).lt(s), loss.mul_add(s, total), total);
        }
        total.sum()
    }
}

/// Replaces one vector of scores per class, `stride` apart, by `exp(z_c - largest)`. Returns the largest
/// scores and the sums of the exponentials.
#[inline(always)]
pub(super) fn exponentials<L: Lanes>(scores: &mut [L::Elem], n_classes: usize, stride: usize) -> (L, L) {
    let mut largest = L::load(scores);
    for c in 1..n_classes {
        largest = largest.max(L::load(&scores[c * stride..]));
    }
    let mut sum = L::splat(L::Elem::ZERO);
    for c in 0..n_classes {
        let z = &mut scores[c * stride..];
        let e = math::exp(L::load(z).sub(largest));
        sum = sum.add(e);
        e.store(z);
    }
    (largest, sum)
}

#[inline(always)]
fn class<L: Lanes>(c: usize) -> L {
    L::splat(L::Elem::from_f64(c as f64))
}
