//! `learning_rate="auto"`: a rate that nobody has to tune.
//!
//! It begins at 1 / L(b), which is safe by theory, and then follows what the data say. On all rows at once by
//! [`Spectral`] steps; on batches by [`Trials`]. Neither knows how many epochs there will be, so that k epochs
//! and then m more are the same as k + m.

mod run;
mod spectral;
mod trials;

use run::value_at;
pub use spectral::Spectral;
pub use trials::Trials;

use super::Config;
use crate::error::{Error, Result};
use crate::gradient::{BatchGradient, Problem, Smoothness, Work};
use crate::kernel::Tier;
use crate::parallel::Team;
use crate::scalar::Scalar;
use crate::update::schedule::Constant;
use crate::update::{Rule, Schedule, Sgd};

/// The rate as it stands, and what it follows from.
#[derive(Debug, Clone, PartialEq)]
pub struct AutoRate<T> {
    /// L and L_max.
    pub smoothness: Smoothness,
    /// L(b), the expected smoothness of the batches.
    pub batch_smoothness: f64,
    /// The rate of the next step; with momentum m, of a step along gradients that stay the same.
    pub rate: f64,
    /// Epochs that the run had done before.
    pub first_epoch: u64,
    /// How it goes on.
    pub method: Method<T>,
}

/// How the rate follows the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Method<T> {
    /// For gradients over all rows.
    Spectral(Spectral<T>),
    /// For gradients on batches.
    Trials(Trials<T>),
}

impl<T: Scalar> AutoRate<T> {
    /// The rate to begin with, from where the team stands.
    ///
    /// # Errors
    /// If an allocation failed, or the work was interrupted.
    pub(super) fn begin(
        problem: &Problem<'_, T>,
        config: &Config,
        first_epoch: u64,
        gradient: &mut BatchGradient<T>,
        team: &mut Team<'_, Work<'_, T>>,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let batches = &config.batches;
        let factors = batches.importance_weights();
        let mut smoothness = Smoothness::of(problem, factors, config.tier, config.n_threads, interrupted)?;
        let sgd = sgd(config);
        smoothness.full += sgd.weight_decay();
        smoothness.row += sgd.weight_decay();
        let batch_size = batches.batch_size().saturating_mul(config.accumulate.get());
        let batch_smoothness = smoothness.of_batches(batches.n_rows(), batch_size, batches.draws());
        let mut rate = rate_of(batch_smoothness);
        let params = team.job().params().clone();
        let method = if Self::is_spectral(problem, config) {
            Method::Spectral(Spectral::new(params))
        } else {
            let loss = value_at(None, config, gradient, team)?;
            if problem.curvature().is_none() {
                // Without a bound on the curvature 1 / L says nothing: a line is searched instead.
                let of_all = rate_of(smoothness.full);
                rate = search(config, gradient, team, loss, of_all)? * (rate / of_all).min(1.0);
            }
            Method::Trials(Trials::new(params, loss))
        };
        Ok(Self { smoothness, batch_smoothness, rate, first_epoch, method })
    }

    /// Whether every step sees all rows and nothing but the gradient decides where it goes.
    fn is_spectral(problem: &Problem<'_, T>, config: &Config) -> bool {
        let batches = &config.batches;
        let n_steps = batches.n_steps().min(config.accumulate.get());
        let sees_all = batches.positions(n_steps - 1).end == problem.n_rows();
        let always_does = sees_all && !batches.draws() && !batches.has_sizes();
        always_does && sgd(config).is_plain() && config.clip.is_none() && problem.curvature().is_some()
    }

    /// Whether a saved rate is of this run: the same method, and vectors of the length of the parameters.
    pub(super) fn fits(&self, problem: &Problem<'_, T>, config: &Config) -> bool {
        let (is_spectral, vectors) = match &self.method {
            Method::Spectral(spectral) => (true, spectral.vectors()),
            Method::Trials(trials) => (false, trials.vectors()),
        };
        let n_params = problem.layout().len();
        is_spectral == Self::is_spectral(problem, config) && vectors.iter().all(|v| v.len() == n_params)
    }

    /// The rate for the optimizer.
    pub(super) fn schedule(&self, config: &Config) -> Result<Schedule> {
        let rate = self.rate * sgd(config).share_of_rate();
        Ok(Schedule::Constant(Constant::new(rate.clamp(SMALLEST, LARGEST))?))
    }

    /// Told of the objective and its gradient before a step; may change all three.
    pub(super) fn before_step(&mut self, loss: f64, params: &mut [T], gradient: &mut [T]) -> f64 {
        match &mut self.method {
            Method::Spectral(spectral) => {
                let floor = 0.5 * rate_of(self.smoothness.full);
                spectral.before_step(&mut self.rate, floor, loss, params, gradient)
            }
            Method::Trials(_) => loss,
        }
    }

    /// Whether the objective at the [`candidate`](Self::candidate) is to be [evaluated](Self::judge) before the next
    /// step.
    pub(super) fn is_due(&self) -> bool {
        match &self.method {
            Method::Spectral(_) => false,
            Method::Trials(trials) => trials.is_due(),
        }
    }

    /// Told where a step begins, when nothing is due: in which epoch of the run, at which of its steps, of how
    /// many.
    pub(super) fn begin_step(&mut self, epoch: u64, step: u64, n_steps: u64) {
        if let Method::Trials(trials) = &mut self.method {
            trials.begin_step(epoch.saturating_sub(self.first_epoch), step, n_steps);
        }
    }

    /// Told of the parameters after a step.
    pub(super) fn after_step(&mut self, tier: Tier, params: &[T]) {
        if let Method::Trials(trials) = &mut self.method {
            trials.after_step(tier, params);
        }
    }

    /// The parameters that say how good the rate is.
    pub(super) fn candidate(&mut self) -> Option<&mut Vec<T>> {
        match &mut self.method {
            Method::Spectral(_) => None,
            Method::Trials(trials) => Some(trials.candidate()),
        }
    }

    /// Told the objective at the candidate. May put `params` back and clear the optimizer's `slots`.
    pub(super) fn evaluate(&mut self, loss: f64, params: &mut [T], slots: &mut [Vec<T>]) {
        if let Method::Trials(trials) = &mut self.method {
            trials.evaluate(&mut self.rate, loss, params, slots);
        }
    }

    /// Goes back after a step that became non-finite. Returns the objective there, or None if going back
    /// has not helped for long.
    pub(super) fn backtrack(&mut self, params: &mut [T], slots: &mut [Vec<T>]) -> Option<f64> {
        match &mut self.method {
            Method::Spectral(spectral) => spectral.backtrack(&mut self.rate),
            Method::Trials(trials) => trials.backtrack(&mut self.rate, params, slots),
        }
    }

    /// The parameters to predict with, if they are not where training is.
    pub(super) fn model(&mut self) -> Option<&mut Vec<T>> {
        match &mut self.method {
            Method::Spectral(_) => None,
            Method::Trials(trials) => trials.model(),
        }
    }

    /// Other parameters to predict with, should they be better, and the objective there.
    pub(super) fn alternative(&self) -> Option<(&Vec<T>, f64)> {
        match &self.method {
            Method::Spectral(spectral) => spectral.best(),
            Method::Trials(trials) => trials.alternative(),
        }
    }

    /// The name of the method, its numbers and its vectors: what [`AutoRate::restored`] wants.
    pub fn saved(&self) -> (&'static str, Vec<f64>, Vec<&Vec<T>>) {
        let (name, numbers, vectors) = match &self.method {
            Method::Spectral(spectral) => (SPECTRAL, spectral.numbers(), spectral.vectors()),
            Method::Trials(trials) => (TRIALS, trials.numbers(), trials.vectors()),
        };
        let Smoothness { full, row } = self.smoothness;
        let mut all = vec![full, row, self.batch_smoothness, self.rate, self.first_epoch as f64];
        all.extend(numbers);
        (name, all, vectors.into_iter().collect())
    }

    /// The rate that was [saved](AutoRate::saved).
    ///
    /// # Errors
    /// If it is not one.
    pub fn restored(name: &str, numbers: &[f64], vectors: Vec<Vec<T>>) -> Result<Self> {
        let made = || {
            let (&[full, row, batch_smoothness, rate, first_epoch], numbers) =
                numbers.split_first_chunk::<5>()?;
            let first_epoch = first_epoch as u64;
            let method = match name {
                SPECTRAL => Method::Spectral(Spectral::restored(numbers, vectors)?),
                TRIALS => Method::Trials(Trials::restored(numbers, vectors)?),
                _ => return None,
            };
            let smoothness = Smoothness { full, row };
            Some(Self { smoothness, batch_smoothness, rate, first_epoch, method })
        };
        made().ok_or_else(|| Error::Shape {
            argument: "resume",
            expected: "a learning rate as it was saved".into(),
            got: format!("{name:?} with {} numbers", numbers.len()),
        })
    }
}

const SPECTRAL: &str = "spectral";
const TRIALS: &str = "trials";
/// Rates outside of this are no rates of double precision any more.
const SMALLEST: f64 = 1e-300;
const LARGEST: f64 = 1e300;

/// The inverse of a constant; 1 where nothing curves.
fn rate_of(smoothness: f64) -> f64 {
    if smoothness > 0.0 { (1.0 / smoothness).clamp(SMALLEST, LARGEST) } else { 1.0 }
}

/// The rule, which is gradient descent: no other one has such a rate.
fn sgd(config: &Config) -> Sgd {
    if let Rule::Sgd(sgd) = config.optimizer.rule { sgd } else { Sgd::default() }
}

/// Rates tried along a line, and the factor between them.
const N_TRIED: usize = 40;
const FACTOR: f64 = 4.0;

/// The rate, `rate` times a power of [`FACTOR`], with which a step along the gradient over all rows brings the
/// objective down most before it rises again. The objective here is `loss`.
fn search<T: Scalar>(
    config: &Config,
    gradient: &mut BatchGradient<T>,
    team: &mut Team<'_, Work<'_, T>>,
    loss: f64,
    rate: f64,
) -> Result<f64> {
    gradient.of_all(team)?;
    let direction = gradient.last().clone();
    let start = team.job().params().clone();
    let mut to = start.clone();
    let mut after = |rate: f64| {
        for ((w, &from), &g) in to.iter_mut().zip(&start).zip(&direction) {
            *w = T::from_f64(from.to_f64() - rate * g.to_f64());
        }
        let value = value_at(Some(&mut to), config, gradient, team);
        value.map(|value| if value.is_nan() { f64::INFINITY } else { value })
    };
    let (mut best, mut found) = (after(rate)?, rate);
    let shrinks = best >= loss;
    for _ in 0..N_TRIED {
        let next = if shrinks { found / FACTOR } else { found * FACTOR };
        let value = after(next)?;
        if !shrinks && value >= best {
            break;
        }
        (best, found) = (value, next);
        if shrinks && best < loss {
            break;
        }
    }
    Ok(found)
}
