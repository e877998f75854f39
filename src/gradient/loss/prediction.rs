//! Predictions from scores: means of targets and probabilities of classes.

use super::{Pointwise, exponentials};
use crate::data::TargetKind;
use crate::kernel::{Kernel, Lanes, Tier};
use crate::scalar::Scalar;

/// Turns the scores of some rows into means.
pub(super) fn means<T: Scalar, F: Pointwise>(tier: Tier, loss: F, scores: &mut [T]) {
    tier.run(Means { loss, scores });
}

/// Turns scores, one padded row of `stride` for each output, into probabilities. For two classes, the first
/// row holds the scores, and the second receives the probabilities of +1.
pub(super) fn probabilities<T: Scalar, F: Pointwise>(
    tier: Tier,
    loss: F,
    kind: TargetKind,
    scores: &mut [T],
    stride: usize,
) {
    match kind {
        TargetKind::Real => {}
        TargetKind::Binary => tier.run(TwoClasses { loss, scores }),
        TargetKind::Labels => tier.run(Labels { loss, scores }),
        TargetKind::Class { .. } => tier.run(OneOfRest { loss, scores, stride }),
    }
}

struct Means<'a, T, F> {
    loss: F,
    scores: &'a mut [T],
}

impl<T: Scalar, F: Pointwise> Kernel<T> for Means<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        for z in self.scores.chunks_exact_mut(T::LANES) {
            self.loss.inverse_link(L::load(z)).store(z);
        }
    }
}

/// Turns the scores in the first half into the probabilities of -1 there and of +1 in the second half.
struct TwoClasses<'a, T, F> {
    loss: F,
    scores: &'a mut [T],
}

impl<T: Scalar, F: Pointwise> Kernel<T> for TwoClasses<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let (first, second) = self.scores.split_at_mut(self.scores.len() / 2);
        for (z, p) in first.chunks_exact_mut(T::LANES).zip(second.chunks_exact_mut(T::LANES)) {
            let score = L::load(z);
            self.loss.probability(score).store(p);
            self.loss.probability(score.neg()).store(z);
        }
    }
}

/// Turns each score into the probability of its label.
struct Labels<'a, T, F> {
    loss: F,
    scores: &'a mut [T],
}

impl<T: Scalar, F: Pointwise> Kernel<T> for Labels<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        for z in self.scores.chunks_exact_mut(T::LANES) {
            self.loss.probability(L::load(z)).store(z);
        }
    }
}

/// Probabilities of each class against the rest, scaled so that those of a row add up to 1. Where all are
/// zero, the classes are equally probable.
struct OneOfRest<'a, T, F> {
    loss: F,
    scores: &'a mut [T],
    stride: usize,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for OneOfRest<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { loss, scores, stride } = self;
        let n_classes = scores.len() / stride;
        let zero = L::splat(T::ZERO);
        let equal = L::splat(T::from_f64(1.0 / n_classes as f64));
        for i in (0..stride).step_by(T::LANES) {
            let mut sum = zero;
            for c in 0..n_classes {
                let p = loss.probability(L::load(&scores[c * stride + i..]));
                p.store(&mut scores[c * stride + i..]);
                sum = sum.add(p);
            }
            for c in 0..n_classes {
                let p = L::load(&scores[c * stride + i..]).div(sum);
                L::select(sum.eq(zero), equal, p).store(&mut scores[c * stride + i..]);
            }
        }
    }
}

/// Turns scores, one padded row of `stride` for each class, into the probabilities of the softmax.
pub(super) struct SoftmaxOfClasses<'a, T> {
    pub scores: &'a mut [T],
    pub stride: usize,
}

impl<T: Scalar> Kernel<T> for SoftmaxOfClasses<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { scores, stride } = self;
        let n_classes = scores.len() / stride;
        for i in (0..stride).step_by(T::LANES) {
            let (_, sum) = exponentials::<L>(&mut scores[i..], n_classes, stride);
            for c in 0..n_classes {
                let p = L::load(&scores[c * stride + i..]).div(sum);
                p.store(&mut scores[c * stride + i..]);
            }
        }
    }
}
