//! `OneRowSteps`: steps on a single row each, every one waiting for the one before.

use super::steps::{Room, StreakSteps};
use crate::data::Dense;
use crate::gradient::loss::{Pointwise, value_at};
use crate::kernel::rows::dots;
use crate::kernel::{Kernel, Lanes, prefetch_one};
use crate::scalar::Scalar;
use crate::update::SgdArithmetic;

/// The chain is dot product, slope, update, and the next dot product; nothing else is on it. The slope stays in all
/// lanes of a register, the row is added to the coefficients while it is in the first-level cache, and no gradient is
/// stored. Losses are computed afterwards, a vector of them at a time.
pub(super) struct OneRowSteps<'k, 's, 'a, T, F> {
    pub(super) loss: F,
    pub(super) steps: &'k mut StreakSteps<'s, 'a, Dense<'a, T>, T>,
}

impl<T: Scalar, F: Pointwise> Kernel<T> for OneRowSteps<'_, '_, '_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { loss, steps } = self;
        let (values, d) = (steps.x.values(), steps.x.n_columns());
        let n_coef = steps.params.len() - T::LANES;
        let l2 = T::from_f64(steps.penalty.l2());
        steps.room.weights.fill(T::ONE);
        let mut intercept = Intercept::of(steps);
        for i in 0..steps.losses.len() {
            for &r in steps.ahead(i, 1) {
                steps.prefetch.row(&values[r * d..][..d]);
                prefetch_one(&steps.targets.values()[r]);
                steps.weights.prefetch(&[r]);
            }
            let (r, arithmetic) = (steps.rows[i], steps.arithmetic[i]);
            let x = &values[r * d..][..d];
            let coef = &steps.params[..n_coef];
            steps.losses[i] = steps.penalty.value_in_kernel(coef);
            let [products] = dots::<L, 1>([x], coef);
            let score = products.sum() + intercept.value;
            let slope: L = slope_of(loss, steps, i, score);
            RowStep { arithmetic, x, slope, l2 }.run(&mut steps.params[..n_coef], steps.velocity);
            if steps.fit_intercept {
                intercept.step(arithmetic, slope);
            }
        }
        intercept.give_back(steps);
        add_losses::<L, _, F>(loss, steps);
    }
}

/// The intercept and its velocity, if there is momentum, in registers for the steps of a streak.
pub(super) struct Intercept<T> {
    pub(super) value: T,
    velocity: Option<T>,
}

impl<T: Scalar> Intercept<T> {
    #[inline(always)]
    pub(super) fn of<X>(steps: &StreakSteps<'_, '_, X, T>) -> Self {
        let at = steps.params.len() - T::LANES;
        Self { value: steps.params[at], velocity: steps.velocity.get(at).copied() }
    }

    #[inline(always)]
    pub(super) fn step<L: Lanes<Elem = T>>(&mut self, arithmetic: SgdArithmetic<T>, slope: L) {
        let mut direction = L::splat(T::ZERO).add(slope); // as a sum begins
        if let Some(v) = &mut self.velocity {
            let velocity;
            (velocity, direction) = arithmetic.accelerated(L::splat(*v), direction);
            *v = velocity.first();
        }
        self.value = arithmetic.moved(L::splat(self.value), direction).first();
    }

    #[inline(always)]
    pub(super) fn give_back<X>(self, steps: &mut StreakSteps<'_, '_, X, T>) {
        let at = steps.params.len() - T::LANES;
        steps.params[at] = self.value;
        if let Some(velocity) = self.velocity {
            steps.velocity[at] = velocity;
        }
    }
}

/// The step against the gradient `slope x + l2 w`.
pub(super) struct RowStep<'x, L: Lanes> {
    pub(super) arithmetic: SgdArithmetic<L::Elem>,
    pub(super) x: &'x [L::Elem],
    pub(super) slope: L,
    pub(super) l2: L::Elem,
}

impl<L: Lanes> RowStep<'_, L> {
    /// Moves the coefficients, with a velocity if there is any.
    #[inline(always)]
    pub(super) fn run(&self, coef: &mut [L::Elem], velocity: &mut [L::Elem]) {
        match velocity.is_empty() {
            true => self.plain(coef),
            false => self.with_momentum(coef, &mut velocity[..coef.len()]),
        }
    }

    #[inline(always)]
    fn gradient(&self, x: L, w: L) -> L {
        let (zero, l2) = (L::Elem::ZERO, self.l2);
        let gradient = x.mul_add(self.slope, L::splat(zero));
        if l2 == zero { gradient } else { gradient.add(L::splat(l2).mul(w)) }
    }

    #[inline(always)]
    fn plain(&self, coef: &mut [L::Elem]) {
        let (lanes, full) = (L::Elem::LANES, self.x.len() - self.x.len() % L::Elem::LANES);
        for j in (0..full).step_by(lanes) {
            self.moved(L::load(&self.x[j..j + lanes]), &mut coef[j..j + lanes]);
        }
        if full < self.x.len() {
            self.moved(L::load_partial(&self.x[full..]), &mut coef[full..full + lanes]);
        }
    }

    #[inline(always)]
    fn with_momentum(&self, coef: &mut [L::Elem], velocity: &mut [L::Elem]) {
        let (lanes, full) = (L::Elem::LANES, self.x.len() - self.x.len() % L::Elem::LANES);
        for j in (0..full).step_by(lanes) {
            let x = L::load(&self.x[j..j + lanes]);
            self.accelerated(x, &mut coef[j..j + lanes], &mut velocity[j..j + lanes]);
        }
        if full < self.x.len() {
            let x = L::load_partial(&self.x[full..]);
            self.accelerated(x, &mut coef[full..full + lanes], &mut velocity[full..full + lanes]);
        }
    }

    #[inline(always)]
    fn moved(&self, x: L, w: &mut [L::Elem]) {
        let before = L::load(w);
        self.arithmetic.moved(before, self.gradient(x, before)).store(w);
    }

    #[inline(always)]
    fn accelerated(&self, x: L, w: &mut [L::Elem], v: &mut [L::Elem]) {
        let before = L::load(w);
        let (velocity, direction) = self.arithmetic.accelerated(L::load(v), self.gradient(x, before));
        velocity.store(v);
        self.arithmetic.moved(before, direction).store(w);
    }
}

/// The weighted slope of step i at a score, in all lanes. Keeps what the loss is computed of.
#[inline(always)]
pub(super) fn slope_of<L: Lanes, X, F: Pointwise>(
    loss: F,
    steps: &mut StreakSteps<'_, '_, X, L::Elem>,
    i: usize,
    score: L::Elem,
) -> L {
    let r = steps.rows[i];
    let y = steps.targets.values()[r];
    (steps.room.scores[i], steps.room.targets[i]) = (score, y);
    let slope = loss.slope(L::splat(score), L::splat(y));
    if !steps.is_weighted {
        return slope;
    }
    let of_row = L::Elem::from_f64(steps.weights.of(r));
    let weight = of_row * steps.importance_weights.map_or(L::Elem::ONE, |s| s[r]);
    steps.room.weights[i] = weight;
    let zero = L::splat(L::Elem::ZERO);
    L::select(zero.lt(L::splat(weight)), slope.mul(L::splat(weight)), zero)
}

/// Adds the weighted losses at the scores of the steps to what is there, the penalties.
#[inline(always)]
pub(super) fn add_losses<L: Lanes, X, F: Pointwise>(loss: F, steps: &mut StreakSteps<'_, '_, X, L::Elem>) {
    let Room { scores, targets, weights, .. } = &mut *steps.room;
    let zero = L::splat(L::Elem::ZERO);
    let (scale, of_scaled) = (L::splat(L::Elem::from_f64(steps.unit.scale)), loss.of_scaled(steps.unit));
    let scores = scores.chunks_exact_mut(L::Elem::LANES).zip(targets.chunks_exact(L::Elem::LANES));
    let lanes = scores.zip(weights.chunks_exact(L::Elem::LANES));
    for (((z, y), s), losses) in lanes.zip(steps.losses.chunks_mut(L::Elem::LANES)) {
        let weight = L::load(s);
        let value = value_at(loss, L::load(z), L::load(y), scale).mul_add(weight, zero);
        L::select(zero.lt(weight), value, zero).store(z);
        for (loss, &value) in losses.iter_mut().zip(&*z) {
            *loss += value.to_f64() * of_scaled;
        }
    }
}
