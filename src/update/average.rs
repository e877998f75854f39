//! Averages of the parameters along the way, to predict with: less noisy than where training stands.

use super::moments::fraction;
use crate::error::{Error, Result, try_filled};
use crate::kernel::{Kernel, Lanes, Tier};
use crate::options::Options;
use crate::scalar::Scalar;

/// Which average. Training goes on from the parameters themselves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Average {
    weights: Weights,
    start: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Weights {
    Equal,
    Decaying(f64),
}

impl Average {
    /// The mean of the parameters after every step from number `start`, counted from 0, on.
    ///
    /// Source: B. T. Polyak, A. B. Juditsky, Acceleration of stochastic approximation by averaging, SIAM J.
    /// Control Optim. 30 (1992).
    pub fn polyak(start: u64) -> Self {
        Self { weights: Weights::Equal, start }
    }

    /// The same with weights that fall by `decay`, in [0, 1), with every step into the past; they sum to 1
    /// from the first on.
    pub fn ema(decay: f64, start: u64) -> Result<Self> {
        Ok(Self { weights: Weights::Decaying(fraction("decay", decay)?), start })
    }

    /// The average these options are of; None if they are of something else.
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

    /// What the newest of `n` is of their average.
    fn share(&self, n: u64) -> f64 {
        match self.weights {
            Weights::Equal => 1.0 / n as f64,
            Weights::Decaying(decay) => (1.0 - decay) / (1.0 - decay.powf(n as f64)),
        }
    }

    /// Takes in the parameters after step `t`, counted from 0.
    pub fn step<T: Scalar>(
        &self,
        tier: Tier,
        t: u64,
        state: &mut AverageState<T>,
        params: &[T],
    ) -> Result<()> {
        if t < self.start {
            return Ok(());
        }
        if state.params.len() != params.len() {
            *state = AverageState { params: try_filled("the average", params.len(), T::ZERO)?, n: 0 };
        }
        state.n += 1;
        let share = T::from_f64(self.share(state.n));
        if state.n == 1 {
            state.params.copy_from_slice(params);
        } else {
            tier.run(Approach { average: &mut state.params, share, params });
        }
        Ok(())
    }
}

/// An average as it stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AverageState<T> {
    /// The average; empty before its first step.
    pub params: Vec<T>,
    /// Of how many steps.
    pub n: u64,
}

struct Approach<'a, T> {
    average: &'a mut [T],
    share: T,
    params: &'a [T],
}

impl<T: Scalar> Kernel<T> for Approach<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { average, share, params } = self;
        average.iter_mut().zip(params).for_each(|(mean, &w)| *mean += share * (w - *mean));
    }
}
