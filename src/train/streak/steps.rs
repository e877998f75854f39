//! `StreakSteps`: what the kernels of a streak read and move.

use std::ops::Range;

use crate::data::{Targets, Unit, Weights};
use crate::error::{Result, try_filled};
use crate::gradient::penalty::ElasticNet;
use crate::kernel::Prefetch;
use crate::scalar::Scalar;
use crate::update::SgdArithmetic;

/// Steps of gradient descent one after the other, on rows of a kind.
pub(super) struct StreakSteps<'s, 'a, X, T> {
    pub(super) x: X,
    pub(super) targets: &'s Targets<'a, T>,
    pub(super) weights: &'s Weights<T>,
    pub(super) importance_weights: Option<&'s [T]>,
    /// Whether a row has a weight other than 1.
    pub(super) is_weighted: bool,
    pub(super) unit: Unit,
    pub(super) penalty: ElasticNet,
    pub(super) fit_intercept: bool,
    /// The rows of all steps, then some that follow them in the order.
    pub(super) rows: &'s [usize],
    pub(super) n_rows: usize,
    /// Rows of a step; the last one may have fewer.
    pub(super) rows_of_step: usize,
    /// The steps to be made by the next call of a kernel.
    pub(super) range: Range<usize>,
    pub(super) prefetch: Prefetch,
    /// Of each step; of none where another rule is to move the parameters, against the gradient in the room.
    pub(super) arithmetic: &'s [SgdArithmetic<T>],
    /// Coefficients, padded, then the intercept, padded.
    pub(super) params: &'s mut [T],
    /// As long, or empty without momentum.
    pub(super) velocity: &'s mut [T],
    /// The objective before each step.
    pub(super) losses: &'s mut [f64],
    pub(super) room: &'s mut Room<T>,
}

impl<'s, X, T: Scalar> StreakSteps<'s, '_, X, T> {
    /// Rows to prefetch while the `n` rows from `first` on are read.
    #[inline(always)]
    pub(super) fn ahead(&self, first: usize, n: usize) -> &'s [usize] {
        if self.prefetch == Prefetch::NONE {
            return &[];
        }
        let ahead = &self.rows[self.rows.len().min(first + self.prefetch.n_ahead)..];
        &ahead[..n.min(ahead.len())]
    }

    /// Gathers targets and weights of the `n` rows from `first` on into the room, padded to whole vectors, and prefetches
    /// those of rows ahead.
    #[inline(always)]
    pub(super) fn gather(&mut self, first: usize, n: usize) {
        let (rows, ahead) = (&self.rows[first..][..n], self.ahead(first, n));
        self.targets.prefetch(ahead);
        self.weights.prefetch(ahead);
        let stride = n.next_multiple_of(T::LANES);
        let weights = &mut self.room.weights[..stride];
        self.targets.gather(rows, stride, &mut self.room.targets[..stride]);
        self.weights.gather(rows, weights);
        if let Some(factors) = self.importance_weights {
            weights.iter_mut().zip(rows).for_each(|(weight, &row)| *weight *= factors[row]);
        }
    }
}

/// Buffers of the kernels.
#[derive(Debug)]
pub(super) struct Room<T> {
    pub(super) scores: Vec<T>,
    pub(super) targets: Vec<T>,
    pub(super) weights: Vec<T>,
    /// As long as the parameters.
    pub(super) gradient: Vec<T>,
}

impl<T: Scalar> Room<T> {
    /// Room for so many rows at a time.
    pub(super) fn new(n_rows: usize, n_params: usize) -> Result<Self> {
        let filled = |what| try_filled(what, n_rows.next_multiple_of(T::LANES), T::ONE);
        let (scores, targets, weights) = (filled("scores")?, filled("targets")?, filled("weights")?);
        Ok(Self { scores, targets, weights, gradient: try_filled("the gradient", n_params, T::ZERO)? })
    }
}
