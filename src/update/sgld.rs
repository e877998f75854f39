//! SGLD: gradient descent with so much noise that it draws from a distribution.

use super::moments::not_negative;
use super::{EffectiveStepSize, StepContext, Update};
use crate::error::{Error, Result};
use crate::options::Options;
use crate::rng::{NOISE, Stream};
use crate::scalar::Scalar;

/// `w -= learning_rate g` and then `w += sqrt(2 learning_rate temperature) xi`, xi standard normal.
///
/// With small rates and gradients of f on all rows, w is distributed as `exp(-f(w) / temperature)` in the long
/// run. If f is a mean over n rows, the posterior has temperature 1/n.
///
/// The noise of entry e at step t is a function of (seed, t, e) alone.
///
/// Source: M. Welling, Y. W. Teh, Bayesian learning via stochastic gradient Langevin dynamics, ICML 2011.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgld {
    temperature: f64,
    seed: u64,
}

impl Update for Sgld {
    const NAME: &'static str = "SGLD";

    fn from_options(options: &dyn Options) -> Result<Self> {
        let seed = options.integer("seed")?;
        let out_of_range =
            |_| Error::OutOfRange { argument: "seed", condition: ">= 0", value: seed.to_string() };
        Ok(Self {
            temperature: not_negative("temperature", options.number("temperature")?)?,
            seed: u64::try_from(seed).map_err(out_of_range)?,
        })
    }

    fn n_vectors(&self) -> usize {
        0
    }

    fn has_uniform_step_size(&self) -> bool {
        true
    }

    fn step<'r, T: Scalar>(&self, step: StepContext<'_, 'r, T>) -> EffectiveStepSize<'r, T> {
        let StepContext { t, learning_rate, entries, .. } = step;
        let scale = (2.0 * learning_rate * self.temperature).sqrt();
        let noise = LangevinNoise::new(self.seed, t, entries.array());
        let mut pair = [0.0; 2];
        for (number, i) in entries.runs().flatten().enumerate() {
            if number % 2 == 0 {
                pair = noise.pair(number as u64 / 2);
            }
            let w = step.params[i].to_f64() - learning_rate * step.grad[i].to_f64();
            step.params[i] = T::from_f64(w + scale * pair[number % 2]);
        }
        EffectiveStepSize::Uniform(T::from_f64(learning_rate))
    }
}

/// The noise of a step on an array.
struct LangevinNoise {
    stream: Stream,
    high: u64,
}

impl LangevinNoise {
    /// The stream of array a is `NOISE + 256 a`, its epoch the low half of the step; the high half is that of
    /// the block.
    fn new(seed: u64, t: u64, array: u32) -> Self {
        let stream = Stream::new(seed, t as u32, NOISE.wrapping_add(array.wrapping_mul(256)));
        Self { stream, high: t >> 32 << 32 }
    }

    fn pair(&self, number: u64) -> [f64; 2] {
        self.stream.normals(self.high ^ number)
    }
}
