//! Steps over all rows: the rate from how the gradient has changed.

use crate::error::{Result, try_copied};
use crate::scalar::Scalar;

/// Barzilai and Borwein's rates. With s the last step and y the change of the gradient along it, `|s|^2 / s.y` is
/// the inverse of the curvature along s, and `s.y / |y|^2` the shorter inverse that stiff directions ask for: the
/// shorter one is taken, or the longer where both agree within a factor of 2. A step after which the objective is
/// above the last three is taken back, and done again with a quarter of the rate.
///
/// Sources: J. Barzilai, J. M. Borwein, Two-point step size gradient methods, IMA J. Numer. Anal. 8 (1988);
/// B. Zhou, L. Gao, Y.-H. Dai, Gradient methods with adaptive step-sizes, Comput. Optim. Appl. 35 (2006);
/// M. Raydan, The Barzilai and Borwein gradient method for the large scale unconstrained minimization problem,
/// SIAM J. Optim. 7 (1997).
#[derive(Debug, Clone, PartialEq)]
pub struct Spectral<T> {
    /// The last objectives that were accepted; infinity where there were fewer.
    losses: [f64; N_LOSSES],
    best_loss: f64,
    n_backtracks: f64,
    /// Where the last step began, or the run.
    params: Vec<T>,
    /// The gradient there; empty before the first step.
    gradient: Vec<T>,
    /// Where the objective was least.
    best: Vec<T>,
}

const N_LOSSES: usize = 3;
const AGREEMENT: f64 = 0.5;
const AFTER_FAILURE: f64 = 0.25;
/// Growth where the objective did not curve at all along the last step.
const ALONG_A_LINE: f64 = 4.0;
const MOST_BACKTRACKS: f64 = 100.0;

impl<T: Scalar> Spectral<T> {
    /// Before the first step, at `params`.
    pub(super) fn new(params: Vec<T>) -> Result<Self> {
        let losses = [f64::INFINITY; N_LOSSES];
        let best = try_copied("parameters", &params)?;
        let gradient = try_copied("parameters", &params)?;
        Ok(Self { losses, best_loss: f64::INFINITY, n_backtracks: 0.0, params, gradient, best })
    }

    pub(super) fn observe(
        &mut self,
        rate: &mut f64,
        floor: f64,
        loss: f64,
        params: &mut [T],
        gradient: &mut [T],
    ) -> f64 {
        let has_stepped = self.best_loss.is_finite();
        if has_stepped && !(loss <= self.bar() && gradient.iter().all(|g| g.is_finite())) {
            params.copy_from_slice(&self.params);
            gradient.copy_from_slice(&self.gradient);
            *rate *= AFTER_FAILURE;
            return self.losses[0];
        }
        if has_stepped {
            *rate = self.rate(params, gradient, *rate).max(floor);
        }
        self.params.copy_from_slice(params);
        self.gradient.copy_from_slice(gradient);
        self.losses.rotate_right(1);
        self.losses[0] = loss;
        if loss < self.best_loss {
            self.best_loss = loss;
            self.best.copy_from_slice(params);
        }
        loss
    }

    /// What the objective has to stay below: the largest of the last ones.
    fn bar(&self) -> f64 {
        self.losses.iter().filter(|loss| loss.is_finite()).fold(f64::NEG_INFINITY, |m, &loss| m.max(loss))
    }

    fn rate(&self, params: &[T], gradient: &[T], last: f64) -> f64 {
        let (mut ss, mut sy, mut yy) = (0.0, 0.0, 0.0);
        let before = self.params.iter().zip(&self.gradient);
        for ((w, g), (w_before, g_before)) in params.iter().zip(gradient).zip(before) {
            let (s, y) = (w.to_f64() - w_before.to_f64(), g.to_f64() - g_before.to_f64());
            ss += s * s;
            sy += s * y;
            yy += y * y;
        }
        if ss == 0.0 {
            return last;
        }
        let (long, short) = (ss / sy, sy / yy);
        match short > AGREEMENT * long {
            _ if !(sy > 0.0 && long.is_finite() && short.is_finite()) => ALONG_A_LINE * last,
            true => long,
            false => short,
        }
    }

    pub(super) fn backtrack(&mut self, rate: &mut f64) -> Option<f64> {
        self.n_backtracks += 1.0;
        *rate *= AFTER_FAILURE;
        Some(self.losses[0]).filter(|loss| loss.is_finite() && self.n_backtracks <= MOST_BACKTRACKS)
    }

    pub(super) fn best(&self) -> Option<(&[T], f64)> {
        self.best_loss.is_finite().then_some((&*self.best, self.best_loss))
    }

    pub(super) fn numbers(&self) -> Vec<f64> {
        let mut numbers = self.losses.to_vec();
        numbers.extend([self.best_loss, self.n_backtracks]);
        numbers
    }

    pub(super) fn vectors(&self) -> Vec<&Vec<T>> {
        vec![&self.params, &self.gradient, &self.best]
    }

    pub(super) fn restored(numbers: &[f64], vectors: Vec<Vec<T>>) -> Option<Self> {
        let (&losses, &[best_loss, n_backtracks]) = numbers.split_first_chunk::<N_LOSSES>()? else {
            return None;
        };
        let [params, gradient, best] = vectors.try_into().ok()?;
        Some(Self { losses, best_loss, n_backtracks, params, gradient, best })
    }
}
