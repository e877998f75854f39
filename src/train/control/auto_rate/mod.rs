//! `AutoRate`: `learning_rate="auto"`, a rate that nobody has to tune.
//!
//! It begins at 1 / L(b), which is safe by theory, and then follows what the data say. On all rows at once by
//! [`Spectral`] steps; on batches by [`Trials`]. Neither knows how many epochs there will be, so that k epochs
//! and then m more are the same as k + m.

mod line_search;
mod spectral;
mod trials;

use line_search::search;
pub use spectral::Spectral;
pub use trials::Trials;

use crate::error::{Error, Result, try_copied};
use crate::gradient::{Evaluator, Problem, Smoothness};
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::train::Config;
use crate::update::metric::Metric;
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
    /// How it follows the data.
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
    /// The rate to begin with, from where the evaluator stands; in a metric, if steps are made in one.
    ///
    /// # Errors
    /// If a buffer cannot be allocated, or the work was interrupted.
    pub(in crate::train) fn begin(
        problem: &Problem<'_, T>,
        config: &Config,
        first_epoch: u64,
        metric: Option<&mut Metric<T>>,
        evaluator: &mut Evaluator<'_, '_, T>,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Self> {
        let batches = &config.batches;
        let mut smoothness = match &metric {
            Some(metric) => Smoothness { full: metric.smoothness, row: metric.leverage },
            None => {
                let weights = batches.importance_weights();
                Smoothness::of(problem, weights, config.tier, config.n_threads, interrupted)?
            }
        };
        let sgd = sgd(config);
        smoothness.full += sgd.weight_decay();
        smoothness.row += sgd.weight_decay();
        let batch_size = batches.batch_size().saturating_mul(config.accumulate.get());
        let batch_smoothness = smoothness.of_batches(batches.n_rows(), batch_size, batches.draws());
        let mut rate = rate_of(batch_smoothness);
        let params = try_copied("parameters", evaluator.params())?;
        let method = if Self::is_spectral(problem, config) {
            Method::Spectral(Spectral::new(params)?)
        } else {
            let loss = value_at(&params, config, evaluator)?;
            if problem.curvature().is_none() {
                // Without a bound on the curvature 1 / L says nothing: a line is searched instead.
                let of_all = rate_of(smoothness.full);
                rate = search(config, metric, evaluator, loss, of_all)? * (rate / of_all).min(1.0);
            }
            Method::Trials(Trials::new(params, loss)?)
        };
        Ok(Self { smoothness, batch_smoothness, rate, first_epoch, method })
    }

    /// Whether every step sees all rows and nothing but the gradient decides where it goes.
    fn is_spectral(problem: &Problem<'_, T>, config: &Config) -> bool {
        let batches = &config.batches;
        let n_steps = batches.n_steps().min(config.accumulate.get());
        let sees_all = batches.positions(n_steps - 1).end == problem.n_rows();
        let always_does = sees_all && !batches.draws() && !batches.has_sizes();
        let has_metric = config.optimizer.rule.preconditioner().is_some();
        always_does
            && !has_metric
            && sgd(config).is_plain()
            && config.clip.is_none()
            && problem.curvature().is_some()
    }

    /// Whether a saved rate is of this run: the same method, and vectors of the length of the parameters.
    pub(in crate::train) fn fits(&self, problem: &Problem<'_, T>, config: &Config) -> bool {
        let (is_spectral, vectors) = match &self.method {
            Method::Spectral(spectral) => (true, spectral.vectors()),
            Method::Trials(trials) => (false, trials.vectors()),
        };
        let n_params = problem.layout().len();
        is_spectral == Self::is_spectral(problem, config) && vectors.iter().all(|v| v.len() == n_params)
    }

    /// The rate for the optimizer.
    pub(in crate::train) fn schedule(&self, config: &Config) -> Result<Schedule> {
        let rate = self.rate * sgd(config).share_of_rate();
        Ok(Schedule::Constant(Constant::new(rate.clamp(SMALLEST, LARGEST))?))
    }

    /// Told of the objective and its gradient before a step; may change all three.
    pub(in crate::train) fn observe(&mut self, loss: f64, params: &mut [T], gradient: &mut [T]) -> f64 {
        match &mut self.method {
            Method::Spectral(spectral) => {
                let floor = 0.5 * rate_of(self.smoothness.full);
                spectral.observe(&mut self.rate, floor, loss, params, gradient)
            }
            Method::Trials(_) => loss,
        }
    }

    /// Whether the rate is to be [evaluated](Self::evaluate) before the next step.
    pub(in crate::train) fn is_due(&self) -> bool {
        match &self.method {
            Method::Spectral(_) => false,
            Method::Trials(trials) => trials.is_due(),
        }
    }

    /// Whether a trial of the rate is under way.
    pub(in crate::train) fn is_trying(&self) -> bool {
        match &self.method {
            Method::Spectral(_) => false,
            Method::Trials(trials) => !trials.is_due(),
        }
    }

    /// Told where a step begins, when nothing is due: in which epoch of the run, at which of its steps, of how
    /// many.
    pub(in crate::train) fn begin_step(&mut self, epoch: u64, step: u64, n_steps: u64) {
        if let Method::Trials(trials) = &mut self.method {
            trials.begin_step(epoch.saturating_sub(self.first_epoch), step, n_steps);
        }
    }

    /// Told of the parameters after a step.
    pub(in crate::train) fn after_step(&mut self, tier: Tier, params: &[T]) {
        if let Method::Trials(trials) = &mut self.method {
            trials.after_step(tier, params);
        }
    }

    /// Told of the mean objective of an epoch, and where it has ended.
    pub(in crate::train) fn end_epoch(&mut self, loss: f64, params: &[T]) {
        if let Method::Trials(trials) = &mut self.method {
            trials.end_epoch(loss, params);
        }
    }

    /// Evaluates the rate by the objective at the candidate, over all rows. May put the parameters back and clear the
    /// optimizer's `slots`.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and then nothing has changed.
    pub(in crate::train) fn evaluate(
        &mut self,
        config: &Config,
        evaluator: &mut Evaluator<'_, '_, T>,
        slots: &mut [Vec<T>],
    ) -> Result<()> {
        if let Method::Trials(trials) = &mut self.method {
            let loss = value_at(trials.candidate(), config, evaluator)?;
            trials.evaluate(&mut self.rate, loss, evaluator.params(), slots);
        }
        Ok(())
    }

    /// Goes back after a step that became non-finite. Returns the objective there, or None if going back
    /// has not helped for long.
    pub(in crate::train) fn backtrack(&mut self, params: &mut [T], slots: &mut [Vec<T>]) -> Option<f64> {
        match &mut self.method {
            Method::Spectral(spectral) => spectral.backtrack(&mut self.rate),
            Method::Trials(trials) => trials.backtrack(&mut self.rate, params, slots),
        }
    }

    /// The parameters to predict with, if they are not where training is.
    pub(in crate::train) fn model(&self) -> Option<&Vec<T>> {
        match &self.method {
            Method::Spectral(_) => None,
            Method::Trials(trials) => trials.model(),
        }
    }

    /// Other parameters to predict with, should they be better, and the objective there.
    pub(in crate::train) fn alternative(&self) -> Option<(&[T], f64)> {
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

/// What training brings down, over all rows, at `params`: the objective, and what weight decay pulls by.
pub(in crate::train) fn value_at<T: Scalar>(
    params: &[T],
    config: &Config,
    evaluator: &mut Evaluator<'_, '_, T>,
) -> Result<f64> {
    let loss = evaluator.value_at(params)?;
    let decay = sgd(config).weight_decay();
    let n_coef = evaluator.layout().n_coef();
    let pulled = match decay > 0.0 {
        true => params[..n_coef].iter().map(|w| w.to_f64() * w.to_f64()).sum::<f64>(),
        false => 0.0,
    };
    Ok(loss + 0.5 * decay * pulled)
}
