//! Weighted sampling of rows.

use super::draws_by_weight::DrawsByWeight;
use super::order_by_weight::OrderByWeight;
use super::workspace::RowBuffers;
use crate::data::RowNumber;
use crate::error::{Error, Result, try_reserved};

/// The least weight other than zero, relative to the largest: smaller ones would underflow.
const LEAST: f64 = 1e-300;

/// How rows are drawn by weights.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedSampling {
    n_rows: usize,
    n_samples: usize,
    way: Way,
    importance_weights: Option<Vec<f64>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Way {
    WithReplacement(DrawsByWeight),
    WithoutReplacement(OrderByWeight),
}

impl WeightedSampling {
    /// Draws `n_samples` positions an epoch by `weights`, one a row, on any scale.
    ///
    /// With replacement every position draws row `i` with probability `p_i = weights[i] / sum(weights)`, and
    /// `n_samples` is the number of rows by default. Without, the first position does so, the next one among
    /// the rows that are left, and so on; `n_samples` is by default the number of rows of positive weight, all
    /// there are.
    ///
    /// With `correct_bias` a row has the importance weight `1 / (n p_i)`: the mean over a batch of some quantity times
    /// the importance weight is an unbiased estimate of its mean over all rows.
    ///
    /// # Errors
    /// If a weight is negative, not finite or out of range of the others, if all are zero, if there are fewer
    /// rows than samples to be had without replacement; if the bias cannot be corrected, because a row is
    /// never drawn or because there is no replacement.
    pub fn new(
        weights: &[f64],
        replacement: bool,
        n_samples: Option<usize>,
        correct_bias: bool,
    ) -> Result<Self> {
        let weights = scaled(weights, correct_bias)?;
        let n_rows = weights.len();
        let n_positive = weights.iter().filter(|&&w| w > 0.0).count();
        let n_samples = n_samples.unwrap_or(if replacement { n_rows } else { n_positive });
        let refused = |condition| {
            Err(Error::OutOfRange { argument: "n_samples", condition, value: n_samples.to_string() })
        };
        if n_samples == 0 {
            return refused(">= 1");
        }
        if !replacement && n_samples > n_positive {
            return refused("<= the number of rows of positive weight when replacement is False");
        }
        if !replacement && correct_bias {
            return Err(Error::Incompatible(
                "correct_bias needs replacement=True, got replacement=False".to_owned(),
            ));
        }
        let importance_weights = if correct_bias {
            let mean = weights.iter().sum::<f64>() / n_rows as f64;
            let mut importance_weights = try_reserved("importance weights", n_rows)?;
            importance_weights.extend(weights.iter().map(|&w| mean / w));
            Some(importance_weights)
        } else {
            None
        };
        let way = if replacement {
            Way::WithReplacement(DrawsByWeight::new(weights)?)
        } else {
            Way::WithoutReplacement(OrderByWeight::new(weights, n_samples))
        };
        Ok(Self { n_rows, n_samples, way, importance_weights })
    }

    /// Rows there are weights of.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Positions of an epoch.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// The importance weight of each row, if the bias is to be corrected: `1 / (n p_i)`.
    pub fn importance_weights(&self) -> Option<&[f64]> {
        self.importance_weights.as_deref()
    }

    /// Writes the rows from position `first` on.
    pub(super) fn order<R: RowNumber>(
        &self,
        seed: u64,
        epoch: u32,
        first: usize,
        out: &mut [R],
        buffers: &mut RowBuffers<R>,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<()> {
        match &self.way {
            Way::WithReplacement(draws) => draws.draw(seed, epoch, first, out, interrupted),
            Way::WithoutReplacement(order) => {
                order.sort(seed, epoch, first, out, &mut buffers.times, interrupted)
            }
        }
    }
}

/// The weights relative to the largest.
fn scaled(weights: &[f64], must_be_positive: bool) -> Result<Vec<f64>> {
    let (condition, is_valid): (_, fn(f64) -> bool) = match must_be_positive {
        false => ("finite and >= 0", |w| w.is_finite() && w >= 0.0),
        true => ("finite and > 0 when correct_bias is True", |w| w.is_finite() && w > 0.0),
    };
    let refused = |condition, row: usize| {
        Err(Error::InvalidEntry { argument: "weights", condition, row, value: weights[row].to_string() })
    };
    if let Some(row) = weights.iter().position(|&w| !is_valid(w)) {
        return refused(condition, row);
    }
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Error::OutOfRange {
            argument: "weights",
            condition: "positive for at least one row",
            value: if weights.is_empty() { "none" } else { "only zeros" }.into(),
        });
    }
    let mut scaled = try_reserved("weights", weights.len())?;
    scaled.extend(weights.iter().map(|&w| w / largest));
    if let Some(row) = scaled.iter().zip(weights).position(|(&s, &w)| w > 0.0 && s < LEAST) {
        return refused("0 or at least 1e-300 times the largest", row);
    }
    Ok(scaled)
}
