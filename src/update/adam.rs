//! Adam: steps scaled by running moments of the gradient.

use super::{Rate, Step, Update};
use crate::error::{Error, Result};
use crate::kernel::{Kernel, Lanes};
use crate::options::Options;
use crate::scalar::Scalar;

/// `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g^2`,
/// `w -= learning_rate m^ / (sqrt(v^) + eps)` with `m^ = m / (1 - beta1^t)`, `v^ = v / (1 - beta2^t)`, t from 1.
///
/// Source: D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    beta1: f64,
    beta2: f64,
    eps: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Adam {
    /// Both betas in [0, 1), eps finite and > 0.
    pub fn new(beta1: f64, beta2: f64, eps: f64) -> Result<Self> {
        for beta in [beta1, beta2] {
            if !(0.0..1.0).contains(&beta) {
                let value = format!("({beta1}, {beta2})");
                return Err(Error::OutOfRange { argument: "betas", condition: "in [0, 1)", value });
            }
        }
        if !(eps.is_finite() && eps > 0.0) {
            let value = eps.to_string();
            return Err(Error::OutOfRange { argument: "eps", condition: "finite and > 0", value });
        }
        Ok(Self { beta1, beta2, eps })
    }
}

impl Update for Adam {
    const NAME: &'static str = "Adam";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let (beta1, beta2) = options.pair("betas")?;
        Self::new(beta1, beta2, options.number("eps")?)
    }

    /// The moments m and v.
    fn n_vectors(&self) -> usize {
        2
    }

    fn step<'r, T: Scalar>(&self, step: Step<'_, 'r, T>) -> Rate<'r, T> {
        let Step { tier, t, learning_rate, memory, params, grad, wants_rates, rates, .. } = step;
        let unbias = |beta: f64| 1.0 - beta.powf((t + 1) as f64);
        let [m, v] = memory else { unreachable!("checked by Optimizer::step") };
        tier.run(Moments {
            beta1: T::from_f64(self.beta1),
            rest1: T::from_f64(1.0 - self.beta1),
            beta2: T::from_f64(self.beta2),
            rest2: T::from_f64(1.0 - self.beta2),
            eps: T::from_f64(self.eps),
            rate: T::from_f64(learning_rate / unbias(self.beta1)),
            root_unbias2: T::from_f64(unbias(self.beta2).sqrt()),
            m,
            v,
            params,
            grad,
        });
        if wants_rates {
            // What a constant gradient would meet: its unbiased m is itself.
            let (eps, root) = (T::from_f64(self.eps), T::from_f64(unbias(self.beta2).sqrt()));
            let learning_rate = T::from_f64(learning_rate);
            for (rate, v) in rates.iter_mut().zip(v) {
                *rate = learning_rate / (v.sqrt() / root + eps);
            }
        }
        Rate::Each(rates)
    }
}

struct Moments<'a, T> {
    beta1: T,
    rest1: T,
    beta2: T,
    rest2: T,
    eps: T,
    rate: T,
    root_unbias2: T,
    m: &'a mut [T],
    v: &'a mut [T],
    params: &'a mut [T],
    grad: &'a [T],
}

impl<T: Scalar> Kernel<T> for Moments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { beta1, rest1, beta2, rest2, eps, rate, root_unbias2, m, v, params, grad } = self;
        for (((w, m), v), &g) in params.iter_mut().zip(m).zip(v).zip(grad) {
            *m = beta1 * *m + rest1 * g;
            *v = beta2 * *v + rest2 * g * g;
            *w -= rate * *m / (v.sqrt() / root_unbias2 + eps);
        }
    }
}
