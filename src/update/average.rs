//! Averages of the parameters over the steps, less noisy than the parameters themselves.

use super::moments::fraction;
use crate::error::{Error, Result, try_filled};
use crate::kernel::{Kernel, Lanes, Tier};
use crate::options::Options;
use crate::scalar::Scalar;

/// The weights of the average. Training continues from the parameters themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    weights: AverageWeights,
    start: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum AverageWeights {
    Equal,
    Decaying(f64),
}

impl Average {
    /// The mean of the parameters after every step from number `start`, counted from 0, on.
    ///
    /// Source: B. T. Polyak, A. B. Juditsky, Acceleration of stochastic approximation by averaging, SIAM J.
    /// Control Optim. 30 (1992).
    pub fn polyak(start: u64) -> Self {
        Self { weights: AverageWeights::Equal, start }
    }

    /// The same with weights that fall by `decay`, in [0, 1), with every step into the past; they sum to 1
    /// from the first on.
    pub fn ema(decay: f64, start: u64) -> Result<Self> {
        Ok(Self { weights: AverageWeights::Decaying(fraction("decay", decay)?), start })
    }

    /// The average that these options describe; None if they describe something else.
    ///
    /// # Errors
    /// If a parameter is out of its range.
    pub fn from_options(options: &dyn Options) -> Result<Option<Self>> {
        let start = || {
            let start = options.integer("start")?;
            let out_of_range =
                |_| Error::OutOfRange { argument: "start", condition: ">= 0", value: start.to_string() };
            u64::try_from(start).map_err(out_of_range)
        };
        match options.name().as_str() {
            "Polyak" => Ok(Some(Self::polyak(start()?))),
            "EMA" => Self::ema(options.number("decay")?, start()?).map(Some),
            _ => Ok(None),
        }
    }

    /// The weight of the newest of `n` in their average.
    fn share(&self, n: u64) -> f64 {
        match self.weights {
            AverageWeights::Equal => 1.0 / n as f64,
            AverageWeights::Decaying(decay) => (1.0 - decay) / (1.0 - decay.powf(n as f64)),
        }
    }

    /// Adds the parameters after step `t`, counted from 0, to the average. The state has room for them.
    pub fn step<T: Scalar>(&self, tier: Tier, t: u64, state: &mut AverageState<T>, params: &[T]) {
        if t < self.start {
            return;
        }
        state.n += 1;
        if state.n == 1 {
            state.params.copy_from_slice(params);
        } else {
            approach(tier, &mut state.params, params, self.share(state.n));
        }
    }
}

/// The current average.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AverageState<T> {
    /// The average, once there is one, or room for it.
    pub params: Vec<T>,
    /// Number of steps averaged.
    pub n: u64,
}

impl<T: Scalar> AverageState<T> {
    /// Room for an average of so many parameters.
    pub fn new(n_params: usize) -> Result<Self> {
        Ok(Self { params: try_filled("the average", n_params, T::ZERO)?, n: 0 })
    }
}

/// Moves `to` by `share` of the way to `target`.
pub fn approach<T: Scalar>(tier: Tier, to: &mut [T], target: &[T], share: f64) {
    struct Approach<'a, T> {
        to: &'a mut [T],
        target: &'a [T],
        share: T,
    }

    impl<T: Scalar> Kernel<T> for Approach<'_, T> {
        type Output = ();

        #[inline(always)]
        fn run<L: Lanes<Elem = T>>(self) {
            let share = self.share;
            self.to.iter_mut().zip(self.target).for_each(|(to, &w)| *to += share * (w - *to));
        }
    }

    tier.run(Approach { to, target, share: T::from_f64(share) });
}
