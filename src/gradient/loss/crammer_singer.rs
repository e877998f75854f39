//! Hinge loss of all classes at once: the multiclass support vector machine.

use super::{Hinge, Pointwise, TileOf, constant};
use crate::error::Result;
use crate::kernel::{Kernel, Lanes};
use crate::options::Options;
use crate::scalar::Scalar;

/// `max_c ([c != y] + z_c) - z_y`, slopes `e_c - e_y` for the c of the maximum, zero if that is y; not
/// smooth. Among equal maxima, c is y if y is one of them, else the first.
///
/// With two classes there is one score, the difference of the two, and the loss is `max(0, 1 - y z)`, the
/// [`Hinge`]. The same holds for each of several labels.
///
/// Source: K. Crammer, Y. Singer, On the algorithmic implementation of multiclass kernel-based vector
/// machines, JMLR 2 (2001).
///
/// ```
/// use mbgd_rs::gradient::loss::{CrammerSinger, Pointwise};
///
/// assert_eq!(CrammerSinger.at(0.25, 1.0), (0.75, -1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrammerSinger;

impl Pointwise for CrammerSinger {
    const NAME: &'static str = "crammer_singer";
    const IS_CLASSIFICATION: bool = true;
    const HAS_KINK: bool = true;

    fn from_options(_: &dyn Options) -> Result<Self> {
        Ok(Self)
    }

    #[inline(always)]
    fn value<L: Lanes>(self, z: L, y: L) -> L {
        Hinge.value(z, y)
    }

    #[inline(always)]
    fn slope<L: Lanes>(self, z: L, y: L) -> L {
        Hinge.slope(z, y)
    }
}

/// The loss of more than two classes.
#[derive(Debug)]
pub(super) struct CrammerSingerOfClasses<'a, T> {
    pub tile: TileOf<'a, T>,
}

impl<T: Scalar> Kernel<T> for CrammerSingerOfClasses<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> T {
        let TileOf { n_outputs: n_classes, scores, targets, weights, .. } = self.tile;
        let stride = weights.len();
        let (zero, one) = (L::splat(T::ZERO), L::splat(T::ONE));
        let mut total = zero;
        for (i, (y, s)) in targets.chunks_exact(T::LANES).zip(weights.chunks_exact(T::LANES)).enumerate() {
            let (y, s) = (L::load(y), L::load(s));
            let at = |c: usize| c * stride + i * T::LANES..c * stride + (i + 1) * T::LANES;

            // Scores relative to the target's; a NaN propagates to the loss and to all slopes of the row.
            let mut of_target = L::load(&scores[at(0)]);
            for c in 1..n_classes {
                of_target = L::select(y.eq(constant::<L>(c as f64)), L::load(&scores[at(c)]), of_target);
            }
            let (mut largest, mut worst) = (zero, y);
            let mut any_nan = of_target.sub(of_target);
            for c in 0..n_classes {
                let z = L::load(&scores[at(c)]);
                any_nan = any_nan.add(z.sub(z));
                let excess = L::select(y.eq(constant::<L>(c as f64)), zero, one.add(z.sub(of_target)));
                let is_larger = largest.lt(excess);
                largest = L::select(is_larger, excess, largest);
                worst = L::select(is_larger, constant::<L>(c as f64), worst);
            }
            for c in 0..n_classes {
                let of_worst = L::select(worst.eq(constant::<L>(c as f64)), one, zero);
                let of_y = L::select(y.eq(constant::<L>(c as f64)), one, zero);
                of_worst.sub(of_y).add(any_nan).mul(s).store(&mut scores[at(c)]);
            }
            total = L::select(zero.lt(s), largest.add(any_nan).mul_add(s, total), total);
        }
        total.sum()
    }
}
