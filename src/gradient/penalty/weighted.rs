//! The elastic-net family with a strength for each coefficient.

use std::sync::Arc;

use super::{checked_alphas, checked_ratio, reserved, shrunk, sign};
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::kernel::{ScaleAddEach, Tier};
use crate::scalar::Scalar;
use crate::step_size::EffectiveStepSize;

/// `sum_j alpha_j (l1_ratio |w_j| + (1 - l1_ratio)/2 w_j^2)`; a strength of 0 leaves a coefficient free. With
/// d strengths they are those of the columns, for each output; with k d those of the coefficients.
///
/// Source: H. Zou, The adaptive lasso and its oracle properties, J. Am. Stat. Assoc. 101 (2006).
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedElasticNet {
    alphas: Arc<Vec<f64>>,
    l1_ratio: f64,
}

impl WeightedElasticNet {
    /// Strengths, finite and >= 0; `l1_ratio` in [0, 1] is the share of the l1 part.
    pub fn new(alphas: Vec<f64>, l1_ratio: f64) -> Result<Self> {
        checked_alphas(&alphas)?;
        Ok(Self { alphas: Arc::new(alphas), l1_ratio: checked_ratio(l1_ratio)? })
    }

    pub(super) fn check(&self, layout: Layout) -> Result<()> {
        let (of_row, of_all, n) = (layout.row_len(), layout.n_weights(), self.alphas.len());
        if n == of_row || n == of_all {
            return Ok(());
        }
        let all =
            if of_all > of_row { format!(", or {} x {of_row}", of_all / of_row) } else { String::new() };
        let expected = format!("{of_row} entries, one for each column of X{all}");
        Err(Error::Shape { argument: "alpha", expected, got: n.to_string() })
    }

    pub(super) fn largest_l2(&self) -> f64 {
        (1.0 - self.l1_ratio) * self.alphas.iter().fold(0.0, |largest: f64, &alpha| largest.max(alpha))
    }

    /// Writes the largest strength of half the squares of each column.
    pub(super) fn largest_l2_by_column(&self, layout: Layout, to: &mut [f64]) {
        for alphas in self.alphas.chunks(layout.n_columns().max(1)) {
            for (to, alpha) in to.iter_mut().zip(alphas) {
                *to = to.max(alpha * (1.0 - self.l1_ratio));
            }
        }
    }

    /// Writes the strengths of the absolute values of the coefficients of an output.
    pub(super) fn l1_of_output(&self, layout: Layout, output: usize, to: &mut [f64]) {
        if let Some((_, alphas)) = self.rows(layout).nth(output) {
            to.iter_mut().zip(alphas).for_each(|(to, alpha)| *to = alpha * self.l1_ratio);
        }
    }

    pub(super) fn has_prox(&self) -> bool {
        self.l1_ratio > 0.0 && self.alphas.iter().any(|&alpha| alpha > 0.0)
    }

    /// For each row of the padded coefficients, where it begins and the strengths of its columns.
    fn rows(&self, layout: Layout) -> impl Iterator<Item = (usize, &[f64])> {
        // Of no columns, as a batch without an entry has, there are no rows and no strengths.
        let starts = (0..layout.n_coef()).step_by(layout.stride().max(1));
        starts.zip(self.alphas.chunks(layout.row_len().max(1)).cycle())
    }

    /// The strength of an entry of the padded matrix.
    fn alpha(&self, layout: Layout, at: usize) -> f64 {
        let (row, column) = (at / layout.stride(), at % layout.stride());
        match self.alphas.len() == layout.row_len() {
            true => self.alphas[column],
            false => self.alphas[row * layout.row_len() + column],
        }
    }

    /// Puts the strengths of some columns in the place of those of `few`.
    pub(super) fn restrict(&self, layout: Layout, columns: &[usize], few: &mut Self) -> Result<()> {
        few.l1_ratio = self.l1_ratio;
        let (has_rows_of_columns, n_alphas) = (layout.has_rows_of_columns(), self.alphas.len());
        if has_rows_of_columns && n_alphas == layout.row_len() {
            reserved(&mut few.alphas, n_alphas)?.extend_from_slice(&self.alphas);
            return Ok(());
        }
        let n_kept = n_alphas / layout.n_columns().max(1);
        let alphas = reserved(&mut few.alphas, n_kept.saturating_mul(columns.len()))?;
        if has_rows_of_columns {
            columns.iter().for_each(|&j| alphas.extend_from_slice(&self.alphas[j * n_kept..][..n_kept]));
            return Ok(());
        }
        for row in self.alphas.chunks(layout.n_columns()) {
            alphas.extend(columns.iter().map(|&column| row[column]));
        }
        Ok(())
    }

    /// The penalty of the coefficients of one column.
    pub(super) fn value_of_column<T: Scalar>(&self, layout: Layout, w: &[T], column: usize) -> f64 {
        let value = |at: usize| {
            let w = w[at].to_f64();
            self.alpha(layout, at) * (self.l1_ratio * w.abs() + (1.0 - self.l1_ratio) * 0.5 * w * w)
        };
        layout.of_column(column).map(value).sum()
    }

    pub(super) fn value<T: Scalar>(&self, layout: Layout, w: &[T]) -> f64 {
        let mut sum = 0.0;
        for (start, alphas) in self.rows(layout) {
            for (w, &alpha) in w[start..].iter().zip(alphas) {
                let w = w.to_f64();
                sum += alpha * (self.l1_ratio * w.abs() + (1.0 - self.l1_ratio) * 0.5 * w * w);
            }
        }
        sum
    }

    pub(super) fn add_to<T: Scalar>(&self, tier: Tier, layout: Layout, grad: &mut [T], scale: T, w: &[T]) {
        for (start, factors) in self.rows(layout) {
            let (y, x) = (&mut grad[start..][..factors.len()], &w[start..][..factors.len()]);
            tier.run(ScaleAddEach { y, scale, x, factors, factor: 1.0 - self.l1_ratio });
        }
    }

    /// `sign(w_j) max(|w_j| - alpha_j l1_ratio step_size_j, 0)`.
    pub(super) fn prox<T: Scalar>(&self, layout: Layout, w: &mut [T], step_size: EffectiveStepSize<'_, T>) {
        let l1 = |alpha: f64| T::from_f64(alpha * self.l1_ratio);
        for (start, alphas) in self.rows(layout) {
            let w = w[start..].iter_mut().zip(alphas);
            match step_size {
                EffectiveStepSize::Uniform(step_size) => {
                    w.for_each(|(w, &alpha)| *w = shrunk(*w, l1(alpha) * step_size))
                }
                EffectiveStepSize::PerParameter(step_sizes) => {
                    let w = w.zip(&step_sizes[start..]);
                    w.for_each(|((w, &alpha), &step_size)| *w = shrunk(*w, l1(alpha) * step_size));
                }
            }
        }
    }

    pub(super) fn add_subgradient<T: Scalar>(&self, layout: Layout, grad: &mut [T], w: &[T]) {
        for (start, alphas) in self.rows(layout) {
            for ((g, &w), &alpha) in grad[start..].iter_mut().zip(&w[start..]).zip(alphas) {
                *g += T::from_f64(alpha * self.l1_ratio) * sign(w);
            }
        }
    }
}
