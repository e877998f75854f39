//! Steps on batches: the rate from whether the average of the parameters has come down.

use crate::error::{Result, try_copied};
use crate::kernel::Tier;
use crate::scalar::Scalar;
use crate::update::approach;

/// The steps fall into trials: three in the first epoch, two in the second, then whole epochs, about a quarter of
/// the run so far. At the end of a trial the objective over all rows is taken at the mean of the parameters over
/// its second half, where most of the noise is gone: it tells a rate that is too long from one that is merely
/// noisy. If it has come down, the rate rises: by 2 until it fails for the first time, then by less. If it has
/// gone up, the rate is halved, and if that was the first time or it was much, the trial is taken back. A trial may be many
/// epochs long; it ends with an epoch whose mean objective is many times the least.
///
/// The model is an average that forgets, `a += (GAMMA + 1)/(t + GAMMA) (w - a)`, which comes to rest although the
/// rate does not.
///
/// Sources: O. Shamir, T. Zhang, Stochastic gradient descent for non-smooth optimization: convergence results and
/// optimal averaging schemes, ICML 2013 (the average); R. Battiti, Accelerated backpropagation learning: two
/// optimization methods, Complex Systems 3 (1989) (the bold driver).
#[derive(Debug, Clone, PartialEq)]
pub struct Trials<T> {
    /// The least objective at a candidate so far, or that at the start.
    loss: f64,
    is_growing: bool,
    /// Steps made, also those taken back, and when the trial began.
    t: u64,
    begun: u64,
    /// Steps of the trial; 0 if it is to begin with the next step.
    n_steps: u64,
    /// Steps in the model, and at the beginning of the trial.
    n_kept: u64,
    n_kept_before: u64,
    /// Trials taken back in a row.
    n_backtracks: u64,
    /// Where the objective is `loss`: from here a rate short enough gets below it.
    refuge: Vec<T>,
    /// The candidate: the mean of the parameters over the second half of the trial.
    tail: Vec<T>,
    /// The average that forgets.
    model: Vec<T>,
    /// The model at the beginning of the trial.
    model_before: Vec<T>,
}

const GAMMA: f64 = 3.0;
/// What the objective may rise by, relatively, and still count as not higher; and what is too much to continue from.
const TOLERANCE: f64 = 0.02;
const TOO_MUCH: f64 = 0.1;
/// How many times the least objective that of an epoch may be.
const FAR_TOO_MUCH: f64 = 10.0;
const FIRST_GROWTH: f64 = 2.0;
const LATER_GROWTH: f64 = 1.3;
const AFTER_FAILURE: f64 = 0.5;
/// When a trial has been taken back and the next fails as well, or numbers were not finite.
const AFTER_MORE_FAILURES: f64 = 0.125;
const MOST_BACKTRACKS: u64 = 400;

impl<T: Scalar> Trials<T> {
    /// Before the first step, at `params`, where the objective is `loss`.
    pub(super) fn new(params: Vec<T>, loss: f64) -> Result<Self> {
        let copy = || try_copied("parameters", &params);
        let (refuge, tail, model) = (copy()?, copy()?, copy()?);
        Ok(Self {
            loss,
            is_growing: true,
            t: 0,
            begun: 0,
            n_steps: 0,
            n_kept: 0,
            n_kept_before: 0,
            n_backtracks: 0,
            refuge,
            tail,
            model,
            model_before: params,
        })
    }

    /// Whether the trial is over and to be evaluated.
    pub(super) fn is_due(&self) -> bool {
        self.n_steps > 0 && self.t - self.begun >= self.n_steps
    }

    /// Begins a trial, if one is to begin, at this step of the epoch, which has `n_steps`.
    pub(super) fn begin_step(&mut self, epoch: u64, step: u64, n_steps: u64) {
        if self.n_steps > 0 {
            return;
        }
        self.n_steps = match epoch {
            0 => n_steps.div_ceil(3).min(n_steps - step),
            1 => n_steps.div_ceil(2).min(n_steps - step),
            _ => n_steps.saturating_mul((epoch / 3).max(1)) - step,
        };
        self.model_before.copy_from_slice(&self.model);
        self.n_kept_before = self.n_kept;
        self.begun = self.t;
    }

    pub(super) fn after_step(&mut self, tier: Tier, params: &[T]) {
        self.t += 1;
        self.n_kept += 1;
        let share = (GAMMA + 1.0) / (self.n_kept as f64 + GAMMA);
        take_in(tier, &mut self.model, params, share);
        let (position, half) = (self.t - self.begun, self.n_steps / 2);
        if position > half {
            take_in(tier, &mut self.tail, params, 1.0 / (position - half) as f64);
        }
    }

    /// Told of the mean objective of an epoch, and where it has ended: a trial that leads away is over.
    pub(super) fn end_epoch(&mut self, loss: f64, params: &[T]) {
        let is_far = loss.is_nan() || loss > FAR_TOO_MUCH * self.loss.abs();
        let is_lost = is_far && self.loss != 0.0;
        if is_lost && self.n_steps > 0 && !self.is_due() {
            self.n_steps = self.t - self.begun;
            self.tail.copy_from_slice(params);
        }
    }

    /// The parameters that say how good the rate is.
    pub(super) fn candidate(&self) -> &[T] {
        &self.tail
    }

    /// Told the objective at the candidate. May put `params` back and clear the optimizer's `slots`.
    pub(super) fn evaluate(&mut self, rate: &mut f64, loss: f64, params: &mut [T], slots: &mut [Vec<T>]) {
        let size = self.loss.abs();
        let is_little = loss <= self.loss + TOO_MUCH * size; // and a NaN is not
        if loss <= self.loss + TOLERANCE * size {
            // An objective of 0 cannot come down, or is too small for a number: it says nothing of the rate.
            *rate *= match self.is_growing {
                _ if size == 0.0 => 1.0,
                true => FIRST_GROWTH,
                false => LATER_GROWTH,
            };
            self.keep(loss);
        } else if self.is_growing || self.n_backtracks > 0 || !is_little {
            self.take_back(params, slots);
            let is_hopeless = self.n_backtracks > 1 || !loss.is_finite();
            *rate *= if is_hopeless { AFTER_MORE_FAILURES } else { AFTER_FAILURE };
        } else {
            *rate *= AFTER_FAILURE;
            self.keep(loss);
            self.is_growing = false;
        }
        self.n_steps = 0;
    }

    pub(super) fn backtrack(
        &mut self,
        rate: &mut f64,
        params: &mut [T],
        slots: &mut [Vec<T>],
    ) -> Option<f64> {
        self.t += 1;
        self.take_back(params, slots);
        *rate *= AFTER_MORE_FAILURES;
        self.n_steps = 0;
        Some(self.loss).filter(|loss| loss.is_finite() && self.n_backtracks <= MOST_BACKTRACKS)
    }

    fn take_back(&mut self, params: &mut [T], slots: &mut [Vec<T>]) {
        params.copy_from_slice(&self.refuge);
        self.model.copy_from_slice(&self.model_before);
        self.n_kept = self.n_kept_before;
        slots.iter_mut().for_each(|vector| vector.fill(T::ZERO));
        self.is_growing = false;
        self.n_backtracks += 1;
    }

    fn keep(&mut self, loss: f64) {
        self.n_backtracks = 0;
        if loss < self.loss {
            self.loss = loss;
            self.refuge.copy_from_slice(&self.tail);
        }
    }

    pub(super) fn model(&self) -> Option<&Vec<T>> {
        Some(&self.model)
    }

    /// The refuge, and the objective there.
    pub(super) fn alternative(&self) -> Option<(&[T], f64)> {
        (self.t > 0).then_some((&*self.refuge, self.loss))
    }

    pub(super) fn numbers(&self) -> Vec<f64> {
        let counts = [self.t, self.begun, self.n_steps, self.n_kept, self.n_kept_before, self.n_backtracks];
        let mut numbers = vec![self.loss, f64::from(u8::from(self.is_growing))];
        numbers.extend(counts.map(|n| n as f64));
        numbers
    }

    pub(super) fn vectors(&self) -> Vec<&Vec<T>> {
        vec![&self.refuge, &self.tail, &self.model, &self.model_before]
    }

    pub(super) fn restored(numbers: &[f64], vectors: Vec<Vec<T>>) -> Option<Self> {
        let &[loss, is_growing, ref counts @ ..] = numbers else { return None };
        let &[t, begun, n_steps, n_kept, n_kept_before, n_backtracks] = counts else { return None };
        let [refuge, tail, model, model_before] = vectors.try_into().ok()?;
        let [t, begun, n_steps, n_kept, n_kept_before, n_backtracks] =
            [t, begun, n_steps, n_kept, n_kept_before, n_backtracks].map(|n| n as u64);
        let is_growing = is_growing != 0.0;
        let is_one = begun <= t && n_kept_before <= n_kept;
        is_one.then_some(Self {
            loss,
            is_growing,
            t,
            begun,
            n_steps,
            n_kept,
            n_kept_before,
            n_backtracks,
            refuge,
            tail,
            model,
            model_before,
        })
    }
}

/// Moves `to` by `share` of the way to `target`, and exactly there if that is 1.
fn take_in<T: Scalar>(tier: Tier, to: &mut [T], target: &[T], share: f64) {
    if share >= 1.0 {
        return to.copy_from_slice(target);
    }
    approach(tier, to, target, share);
}
