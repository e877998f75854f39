//! Gradient descent, with momentum if wanted.

use super::decay::Decay;
use super::lazy::{AffineStep, LazyUpdate};
use super::metric::Preconditioner;
use super::moments::fraction;
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::{Error, Result, checked};
use crate::kernel::{Kernel, Lanes};
use crate::options::Options;
use crate::scalar::Scalar;

/// `v = momentum v + (1 - dampening) g`, `w -= learning_rate v`; with `nesterov`,
/// `w -= learning_rate (g + momentum v)`.
/// Without momentum `w -= learning_rate g`, and there is no state.
///
/// As in PyTorch: the first v is g, and the learning rate is not part of the velocity.
///
/// Source: I. Sutskever et al., On the importance of initialization and momentum in deep learning, ICML 2013.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sgd {
    momentum: f64,
    dampening: f64,
    nesterov: bool,
    weight_decay: f64,
    preconditioner: Option<Preconditioner>,
}

impl Sgd {
    /// Momentum in [0, 1); > 0 for Nesterov's variant.
    pub fn new(momentum: f64, nesterov: bool) -> Result<Self> {
        fraction("momentum", momentum)?;
        if nesterov && momentum == 0.0 {
            return Err(Error::OutOfRange {
                argument: "momentum",
                condition: "> 0 when nesterov=True",
                value: "0".into(),
            });
        }
        Ok(Self { momentum, nesterov, ..Self::default() })
    }

    /// Whether a step is the rate times the gradient and nothing else.
    pub(crate) fn is_plain(&self) -> bool {
        self.momentum == 0.0 && self.weight_decay == 0.0
    }

    /// The coupled weight decay.
    pub(crate) fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    /// The factor for a rate that keeps steps along a constant gradient no longer than the rate.
    pub(crate) fn share_of_rate(&self) -> f64 {
        ((1.0 - self.momentum) / (1.0 - self.dampening)).min(1.0)
    }

    /// Step t as numbers of the type of the parameters.
    pub(crate) fn arithmetic<T: Scalar>(&self, t: u64, learning_rate: f64) -> SgdArithmetic<T> {
        SgdArithmetic {
            rate: T::from_f64(learning_rate),
            momentum: T::from_f64(self.momentum),
            share: T::from_f64(if t == 0 { 1.0 } else { 1.0 - self.dampening }),
            nesterov: self.nesterov,
        }
    }

    /// What `v` (or Nesterov's direction) is after step t when all gradients have been 1.
    fn gain(&self, t: u64) -> f64 {
        // Nesterov is one step ahead.
        let n_terms = (t + 1).saturating_add(u64::from(self.nesterov));
        powers(self.momentum, n_terms) - self.dampening * powers(self.momentum, t)
    }
}

/// `1 + m + m^2 + ...`, so many terms.
pub(super) fn powers(m: f64, n_terms: u64) -> f64 {
    (1.0 - m.powi(n_terms.min(i32::MAX as u64) as i32)) / (1.0 - m)
}

impl Update for Sgd {
    const NAME: &'static str = "SGD";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let plain = Self::new(options.number("momentum")?, options.flag("nesterov")?)?;
        let dampening = checked("dampening", "in [0, 1]", options.number("dampening")?, |dampening| {
            (0.0..=1.0).contains(&dampening)
        })?;
        if plain.nesterov && dampening > 0.0 {
            return Err(Error::OutOfRange {
                argument: "dampening",
                condition: "0 when nesterov=True",
                value: dampening.to_string(),
            });
        }
        let preconditioner = Preconditioner::from_option(options, "preconditioner")?;
        Ok(Self { dampening, weight_decay: Decay::strength_of(options)?, preconditioner, ..plain })
    }

    fn finds_rate(&self) -> bool {
        true
    }

    fn preconditioner(&self) -> Option<Preconditioner> {
        self.preconditioner
    }

    fn decay(&self) -> Decay {
        Decay::Coupled(self.weight_decay)
    }

    fn n_vectors(&self) -> usize {
        usize::from(self.momentum > 0.0)
    }

    fn has_uniform_step_size(&self) -> bool {
        true
    }

    fn lazy_update(&self, t: u64, learning_rate: f64, l2: f64) -> LazyUpdate {
        if self.preconditioner.is_some() {
            return LazyUpdate::Dense; // a metric couples columns, or moves the intercept with them
        }
        let (m, l2) = (self.momentum, l2 + self.weight_decay);
        if m == 0.0 {
            let ww = 1.0 - learning_rate * l2;
            return LazyUpdate::Affine(AffineStep { ww, wv: 0.0, vw: 0.0, vv: 0.0, rate: learning_rate });
        }
        // v' = m v + share l2 w and w' = w - learning_rate v', or w - learning_rate (l2 w + m v').
        let share = if t == 0 { 1.0 } else { 1.0 - self.dampening };
        let (of_gradient, of_velocity) = if self.nesterov { (1.0, m) } else { (0.0, 1.0) };
        LazyUpdate::Affine(AffineStep {
            ww: 1.0 - learning_rate * l2 * (of_gradient + share * of_velocity),
            wv: -learning_rate * of_velocity * m,
            vw: share * l2,
            vv: m,
            rate: learning_rate * self.gain(t),
        })
    }

    fn is_entrywise(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let StepContext { tier, t, learning_rate, slots, params, grad, .. } = step;
        let velocity = slots.first_mut().map_or(&mut [][..], |velocity| &mut **velocity);
        tier.run(SgdStep { arithmetic: self.arithmetic(t, learning_rate), velocity, params, grad });
        EffectiveStepSize::Uniform(match self.momentum > 0.0 {
            true => T::from_f64(learning_rate * self.gain(t)),
            false => T::from_f64(learning_rate),
        })
    }
}

/// The numbers of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SgdArithmetic<T> {
    rate: T,
    momentum: T,
    /// The weight of a gradient in the velocity.
    share: T,
    nesterov: bool,
}

impl<T: Scalar> SgdArithmetic<T> {
    /// A step without momentum.
    pub(super) fn plain(learning_rate: f64) -> Self {
        Self { rate: T::from_f64(learning_rate), momentum: T::ZERO, share: T::ONE, nesterov: false }
    }

    /// A vector of parameters moved against its gradient.
    #[inline(always)]
    pub(crate) fn moved<L: Lanes<Elem = T>>(self, w: L, g: L) -> L {
        w.sub(L::splat(self.rate).mul(g))
    }

    /// The same of one parameter, rounded as in a vector.
    #[inline(always)]
    pub(crate) fn moved_one(self, w: T, g: T) -> T {
        w - self.rate * g
    }

    /// The velocity after a gradient, and the direction in which the parameters are [moved](Self::moved).
    #[inline(always)]
    pub(crate) fn accelerated<L: Lanes<Elem = T>>(self, v: L, g: L) -> (L, L) {
        let momentum = L::splat(self.momentum);
        let v = momentum.mul(v).add(L::splat(self.share).mul(g));
        (v, if self.nesterov { g.add(momentum.mul(v)) } else { v })
    }
}

/// A step of all parameters.
pub(crate) struct SgdStep<'a, T> {
    pub(crate) arithmetic: SgdArithmetic<T>,
    /// Empty without momentum.
    pub(crate) velocity: &'a mut [T],
    pub(crate) params: &'a mut [T],
    pub(crate) grad: &'a [T],
}

impl<T: Scalar> Kernel<T> for SgdStep<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { arithmetic, velocity, params, grad } = self;
        let (lanes, full) = (T::LANES, params.len() - params.len() % T::LANES);
        if velocity.is_empty() {
            for j in (0..full).step_by(lanes) {
                let w = &mut params[j..j + lanes];
                arithmetic.moved(L::load(w), L::load(&grad[j..j + lanes])).store(w);
            }
            let w = &mut params[full..];
            arithmetic.moved(L::load_partial(w), L::load_partial(&grad[full..])).store_partial(w);
            return;
        }
        for j in (0..full).step_by(lanes) {
            let (w, v) = (&mut params[j..j + lanes], &mut velocity[j..j + lanes]);
            let (velocity, direction) = arithmetic.accelerated(L::load(v), L::load(&grad[j..j + lanes]));
            velocity.store(v);
            arithmetic.moved(L::load(w), direction).store(w);
        }
        let (w, v) = (&mut params[full..], &mut velocity[full..]);
        let (velocity, direction) =
            arithmetic.accelerated(L::load_partial(v), L::load_partial(&grad[full..]));
        velocity.store_partial(v);
        arithmetic.moved(L::load_partial(w), direction).store_partial(w);
    }
}
