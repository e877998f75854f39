//! The group penalty: the mixed l1/l2 norm of the coefficient matrix.

use std::sync::Arc;

use super::{checked_alphas, checked_ratio, reserved};
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::kernel::{ScaleAddEach, Tier};
use crate::scalar::Scalar;
use crate::step_size::EffectiveStepSize;

/// Columns handled at once; divides the padded length of a row.
const WIDTH: usize = 8;

/// `sum_j alpha_j (l1_ratio |W_j|_2 + (1 - l1_ratio)/2 |W_j|_2^2)`, W_j the k coefficients of column j, one for
/// each output: columns are kept or left out for all outputs at once. scikit-learn's `MultiTaskLasso` and
/// `MultiTaskElasticNet`; with one output, the elastic net.
///
/// Sources: M. Yuan, Y. Lin, Model selection and estimation in regression with grouped variables, J. R. Stat.
/// Soc. B 68 (2006); G. Obozinski, B. Taskar, M. Jordan, Joint covariate selection and joint subspace selection
/// for multiple classification problems, Stat. Comput. 20 (2010).
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// One for each column, or one for all.
    alphas: Arc<Vec<f64>>,
    l1_ratio: f64,
}

impl Group {
    /// A strength for each column, or one for all, finite and >= 0; `l1_ratio` in [0, 1] is the share of the
    /// norms.
    pub fn new(alphas: Vec<f64>, l1_ratio: f64) -> Result<Self> {
        checked_alphas(&alphas)?;
        Ok(Self { alphas: Arc::new(alphas), l1_ratio: checked_ratio(l1_ratio)? })
    }

    /// Where the strengths lie.
    #[cfg(test)]
    pub(super) fn place(&self) -> *const f64 {
        self.alphas.as_ptr()
    }

    pub(in crate::gradient) fn name(&self) -> &'static str {
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

    /// Writes the strength of half the squares of each column.
    pub(super) fn l2_by_column(&self, to: &mut [f64]) {
        to.iter_mut().enumerate().for_each(|(j, to)| *to = self.alpha(j) * (1.0 - self.l1_ratio));
    }

    pub(super) fn has_prox(&self) -> bool {
        self.l1_ratio > 0.0 && self.alphas.iter().any(|&alpha| alpha > 0.0)
    }

    fn alpha(&self, column: usize) -> f64 {
        // The padding has coefficients of zero, and whatever strength.
        self.alphas.get(column).or(self.alphas.first()).copied().unwrap_or(0.0)
    }

    /// Puts the strengths of some columns in the place of those of `few`.
    pub(super) fn restrict(&self, columns: &[usize], few: &mut Self) -> Result<()> {
        let is_of_columns = self.alphas.len() > 1;
        let alphas = reserved(&mut few.alphas, if is_of_columns { columns.len() } else { 1 })?;
        match is_of_columns {
            true => alphas.extend(columns.iter().map(|&column| self.alphas[column])),
            false => alphas.extend_from_slice(&self.alphas),
        }
        few.l1_ratio = self.l1_ratio;
        Ok(())
    }

    /// The penalty of the coefficients of one column.
    pub(super) fn value_of_column<T: Scalar>(&self, layout: Layout, w: &[T], column: usize) -> f64 {
        let (first, i) = (column - column % WIDTH, column % WIDTH);
        self.value_of_norm(column, norms(layout, w, first)[i])
    }

    fn value_of_norm(&self, column: usize, norm: f64) -> f64 {
        self.alpha(column) * (self.l1_ratio + (1.0 - self.l1_ratio) * 0.5 * norm) * norm
    }

    pub(super) fn value<T: Scalar>(&self, layout: Layout, w: &[T]) -> f64 {
        let mut sum = 0.0;
        for from in (0..layout.stride()).step_by(WIDTH) {
            for (j, norm) in norms(layout, w, from).into_iter().enumerate() {
                sum += self.value_of_norm(from + j, norm);
            }
        }
        sum
    }

    pub(super) fn add_to<T: Scalar>(&self, tier: Tier, layout: Layout, grad: &mut [T], scale: T, w: &[T]) {
        let factor = 1.0 - self.l1_ratio;
        let d = layout.n_columns();
        for start in (0..layout.n_coef()).step_by(layout.stride().max(1)) {
            let (y, x) = (&mut grad[start..][..d], &w[start..][..d]);
            tier.run(ScaleAddEach { y, scale, x, factors: &self.alphas, factor });
        }
    }

    /// `W_j max(1 - alpha_j l1_ratio step_size_j / |W_j|, 0)`. A step size for each parameter has to be the same for all
    /// outputs.
    pub(super) fn prox<T: Scalar>(&self, layout: Layout, w: &mut [T], step_size: EffectiveStepSize<'_, T>) {
        let step_size = |column: usize| match step_size {
            EffectiveStepSize::Uniform(step_size) => step_size.to_f64(),
            EffectiveStepSize::PerParameter(step_sizes) => step_sizes[column].to_f64(),
        };
        for from in (0..layout.stride()).step_by(WIDTH) {
            let norms = norms(layout, w, from);
            let mut scales = [T::ONE; WIDTH];
            for (j, (scale, norm)) in scales.iter_mut().zip(norms).enumerate() {
                let by = self.alpha(from + j) * self.l1_ratio * step_size(from + j);
                // In this order a NaN stays one and is found.
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
            // A NaN stays, whichever comes first.
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
