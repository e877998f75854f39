//! The group penalty: the mixed l1/l2 norm of the coefficient matrix.

use super::{checked_alphas, checked_ratio};
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::kernel::{ScaleAddEach, Tier};
use crate::scalar::Scalar;
use crate::step_size::EffectiveStepSize;

/// Columns handled at once; divides the padded length of a row.
const WIDTH: usize = 8;

/// `sum_j alpha_j (l1_ratio |W_j|_2 + (1 - l1_ratio)/2 |W_j|_2^2)`, W_j the k coefficients of column j, one
/// for each output: columns are kept or left out for all outputs at once. scikit-learn's `MultiTaskLasso` and
/// `MultiTaskElasticNet`; with one output, the elastic net.
///
/// Sources: M. Yuan, Y. Lin, Model selection and estimation in regression with grouped variables, J. R. Stat.
/// Soc. B 68 (2006); G. Obozinski, B. Taskar, M. Jordan, Joint covariate selection and joint subspace
/// selection for multiple classification problems, Stat. Comput. 20 (2010).
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// One for each column, or one for all.
    alphas: Vec<f64>,
    l1_ratio: f64,
}

impl Group {
    /// A strength for each column, or one for all, finite and >= 0; `l1_ratio` in [0, 1] is the share of the
    /// norms.
    pub fn new(alphas: Vec<f64>, l1_ratio: f64) -> Result<Self> {
        checked_alphas(&alphas)?;
        Ok(Self { alphas, l1_ratio: checked_ratio(l1_ratio)? })
    }

    pub(super) fn name(&self) -> &'static str {
        if self.l1_ratio == 1.0 { "group_l1" } else { "group_elasticnet" }
    }

    pub(super) fn check(&self, layout: Layout) -> Result<()> {
        if self.alphas.len() == 1 || self.alphas.len() == layout.n_columns() {
            return Ok(());
        }
        Err(Error::Shape {
            argument: "alpha",
            expected: format!("{} entries, one for each column of X", layout.n_columns()),
            got: self.alphas.len().to_string(),
        })
    }

    pub(super) fn largest_l2(&self) -> f64 {
        (1.0 - self.l1_ratio) * self.alphas.iter().fold(0.0, |largest: f64, &alpha| largest.max(alpha))
    }

    pub(super) fn has_prox(&self) -> bool {
        self.l1_ratio > 0.0 && self.alphas.iter().any(|&alpha| alpha > 0.0)
    }

    fn alpha(&self, column: usize) -> f64 {
        // The coefficients of the padding are zero, so that its strength does not matter.
        self.alphas.get(column).or(self.alphas.first()).copied().unwrap_or(0.0)
    }

    pub(super) fn value<T: Scalar>(&self, layout: Layout, w: &[T]) -> f64 {
        let mut sum = 0.0;
        for from in (0..layout.stride()).step_by(WIDTH) {
            for (j, norm) in norms(layout, w, from).into_iter().enumerate() {
                sum += self.alpha(from + j) * (self.l1_ratio + (1.0 - self.l1_ratio) * 0.5 * norm) * norm;
            }
        }
        sum
    }

    pub(super) fn add_to<T: Scalar>(&self, tier: Tier, layout: Layout, grad: &mut [T], scale: T, w: &[T]) {
        let factor = 1.0 - self.l1_ratio;
        let d = layout.n_columns();
        for start in (0..layout.n_coef()).step_by(layout.stride()) {
            let (y, x) = (&mut grad[start..][..d], &w[start..][..d]);
            tier.run(ScaleAddEach { y, scale, x, factors: &self.alphas, factor });
        }
    }

    /// `W_j max(1 - alpha_j l1_ratio step_size / |W_j|, 0)`.
    pub(super) fn prox<T: Scalar>(&self, layout: Layout, w: &mut [T], step_size: EffectiveStepSize<'_, T>) {
        let EffectiveStepSize::Uniform(step_size) = step_size else { return };
        for from in (0..layout.stride()).step_by(WIDTH) {
            let norms = norms(layout, w, from);
            let mut scales = [T::ONE; WIDTH];
            for (j, (scale, norm)) in scales.iter_mut().zip(norms).enumerate() {
                let by = self.alpha(from + j) * self.l1_ratio * step_size.to_f64();
                // With the branches in this order, NaN propagates and is detected.
                *scale = if norm <= by { T::ZERO } else { T::from_f64(1.0 - by / norm) };
            }
            for start in (from..layout.n_coef()).step_by(layout.stride()) {
                for (w, &scale) in w[start..][..WIDTH].iter_mut().zip(&scales) {
                    *w = if scale == T::ZERO { T::ZERO } else { *w * scale };
                }
            }
        }
    }

    /// `alpha_j l1_ratio W_j / |W_j|`.
    pub(super) fn add_subgradient<T: Scalar>(&self, layout: Layout, grad: &mut [T], w: &[T]) {
        for from in (0..layout.stride()).step_by(WIDTH) {
            let norms = norms(layout, w, from);
            for start in (from..layout.n_coef()).step_by(layout.stride()) {
                for (j, norm) in norms.into_iter().enumerate().filter(|(_, norm)| *norm > 0.0) {
                    let direction = w[start + j].to_f64() / norm;
                    grad[start + j] += T::from_f64(self.alpha(from + j) * self.l1_ratio * direction);
                }
            }
        }
    }
}

/// The 2-norms of `WIDTH` columns from `from` on, which neither overflow nor underflow.
fn norms<T: Scalar>(layout: Layout, w: &[T], from: usize) -> [f64; WIDTH] {
    let starts = || (from..layout.n_coef()).step_by(layout.stride());
    let (mut largest, mut squares) = ([0.0_f64; WIDTH], [0.0_f64; WIDTH]);
    for start in starts() {
        for (largest, w) in largest.iter_mut().zip(&w[start..]) {
            let abs = w.to_f64().abs();
            // A NaN entry makes the norm NaN, whether it comes before or after the largest entry.
            *largest = if abs <= *largest { *largest } else { abs };
        }
    }
    for start in starts() {
        for ((sum, largest), w) in squares.iter_mut().zip(largest).zip(&w[start..]) {
            let part = w.to_f64() / largest;
            *sum += part * part;
        }
    }
    let mut norms = largest;
    for (norm, sum) in norms.iter_mut().zip(squares) {
        *norm = if *norm == 0.0 { 0.0 } else { *norm * sum.sqrt() };
    }
    norms
}
