//! `Proximal`: a step in a metric of low rank with an l1 penalty, exactly.
//!
//! For `P = Lambda + F^T F` with r rows in F, the step from v along a gradient g, which is
//! `argmin_x g . x + |x - v|_P^2 / 2 + sum_j t_j |x_j|`, ends at `x(a) = soft(z + Lambda^-1 F^T a, t / Lambda)` with
//! `z = v - Lambda^-1 g`, where a solves the r equations `a = F (v - x(a))`. Their Jacobian is
//! `1 + F_A Lambda_A^-1 F_A^T`, A the entries that are not 0: a semismooth Newton method needs two or three steps. Where the
//! penalty balances the gradient x is v, whatever rounding has done to F.
//!
//! Source: S. Becker, J. Fadili, A quasi-Newton proximal splitting method, NIPS 2012.

use super::{Inverse, Metric};
use crate::error::{Result, try_filled};
use crate::kernel::{SquareMatrix, Tier};
use crate::scalar::Scalar;

/// Steps of the Newton method, and halvings of one, at most.
const MOST_STEPS: usize = 50;
const MOST_HALVINGS: usize = 20;
/// The residual at which it ends, relative to what it began with: that is as small as the step is, so that steps which come
/// to rest do so at the optimum.
const TOLERANCE: f64 = 1e-3;

/// P itself, and room for the map.
#[derive(Debug, Clone, PartialEq)]
pub struct Proximal {
    /// Lambda, by column and for the intercept.
    base: Vec<f64>,
    /// The rows of F, one after the other.
    factors: Vec<f64>,
    n: usize,
    rank: usize,
    from: Vec<f64>,
    z: Vec<f64>,
    x: Vec<f64>,
    moved: Vec<f64>,
    thresholds: Vec<f64>,
}

impl Proximal {
    /// That of a metric of low rank; of a full one, and of one that rounding has left without a factor, that of its diagonal.
    ///
    /// With `P^-1 = Lambda^-1 - B^T B` and `C = B Lambda^1/2`, F is `W B Lambda` for `(1 - C C^T)^-1 = W^T W`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn of<T: Scalar>(metric: &Metric<T>, tier: Tier) -> Result<Self> {
        let n = metric.columns.n() + 1;
        let Inverse::LowRank { diagonal, factors } = &metric.inverse else {
            return Self::made(Vec::new(), Vec::new(), n);
        };
        let rank = factors.n();
        let filled = |n: usize| try_filled("the metric", n, 0.0);
        let mut base = filled(n)?;
        base.iter_mut().zip(diagonal).for_each(|(base, d)| *base = 1.0 / d.to_f64());
        let mut gram = SquareMatrix::zeros(rank)?;
        for i in 0..rank {
            for k in i..rank {
                let products = factors.row(i)[..n].iter().zip(&factors.row(k)[..n]).zip(&base);
                let product = products.map(|((a, b), base)| a.to_f64() * b.to_f64() * base).sum::<f64>();
                gram.row_mut(i)[k] = f64::from(u8::from(i == k)) - product;
            }
        }
        let Some(factor) = gram.inverse_factor(tier, &|| false)? else {
            return Self::made(base, Vec::new(), n);
        };
        let mut of_p = filled(rank * n)?;
        for (i, row) in of_p.chunks_exact_mut(n).enumerate() {
            for (k, &w) in factor.row(i).iter().enumerate() {
                row.iter_mut().zip(factors.row(k)).for_each(|(to, b)| *to += w * b.to_f64());
            }
            row.iter_mut().zip(&base).for_each(|(to, base)| *to *= base);
        }
        Self::made(base, of_p, n)
    }

    fn made(mut base: Vec<f64>, factors: Vec<f64>, n: usize) -> Result<Self> {
        base.resize(n, 1.0);
        let filled = || try_filled("the metric", n, 0.0);
        let (from, z, x, moved, thresholds) = (filled()?, filled()?, filled()?, filled()?, filled()?);
        Ok(Self { rank: factors.len() / n, base, factors, n, from, z, x, moved, thresholds })
    }

    /// Ends a step of this rate: coefficients and the intercept of an output, which come from `before` and have been moved along
    /// the gradient [by the diagonal](Metric::precondition_by_diagonal) of the metric, go where the metric and the penalty
    /// put them. `strengths` are those of the absolute values, by column.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn apply<T: Scalar>(
        &mut self,
        metric: &Metric<T>,
        tier: Tier,
        (rate, strengths): (f64, &[f64]),
        before: (&[T], T),
        coef: &mut [T],
        intercept: &mut T,
    ) -> Result<()> {
        let (d, columns) = (self.n - 1, &metric.columns);
        for j in 0..d {
            let inverse_scale = columns.inverse_scale[j].to_f64();
            self.z[j] = coef[j].to_f64() / inverse_scale;
            self.from[j] = before.0[j].to_f64() / inverse_scale;
            self.thresholds[j] = rate * strengths[j] * inverse_scale;
        }
        self.z[d] = intercept.to_f64() + columns.product_with_centre(coef);
        self.from[d] = before.1.to_f64() + columns.product_with_centre(before.0);
        self.solve(tier)?;
        for ((w, &x), &inverse_scale) in coef.iter_mut().zip(&self.x[..d]).zip(&columns.inverse_scale) {
            *w = T::from_f64(x) * inverse_scale;
        }
        *intercept = T::from_f64(self.x[d] - columns.product_with_centre(coef));
        Ok(())
    }

    /// `|x|_P^2` of a change of the coefficients and the intercept of an output.
    pub(super) fn square<T: Scalar>(&self, metric: &Metric<T>, coef: &[T], intercept: T) -> f64 {
        let (d, columns) = (self.n - 1, &metric.columns);
        let of_intercept = intercept.to_f64() + columns.product_with_centre(coef);
        let entry = |j: usize| match j < d {
            true => coef[j].to_f64() / columns.inverse_scale[j].to_f64(),
            false => of_intercept,
        };
        let of_base = (0..self.n).map(|j| entry(j) * entry(j) * self.base[j]).sum::<f64>();
        let along = |row: &[f64]| row.iter().enumerate().map(|(j, f)| f * entry(j)).sum::<f64>();
        of_base + self.factors.chunks_exact(self.n).map(|row| along(row).powi(2)).sum::<f64>()
    }

    /// From z and `from` to x.
    fn solve(&mut self, tier: Tier) -> Result<()> {
        let mut a = try_filled("the metric", self.rank, 0.0)?;
        let mut residual = self.look_from(&a)?;
        let first = norm(&residual);
        let enough = TOLERANCE * first;
        for _ in 0..MOST_STEPS {
            let before = norm(&residual);
            if before <= enough {
                break;
            }
            let step = self.newton_step(&residual, tier)?;
            let mut share = 1.0;
            for _ in 0..MOST_HALVINGS {
                let mut tried = try_filled("the metric", self.rank, 0.0)?;
                tried.iter_mut().zip(a.iter().zip(&step)).for_each(|(to, (a, step))| *to = a - share * step);
                residual = self.look_from(&tried)?;
                if norm(&residual) < before {
                    a = tried;
                    break;
                }
                share *= 0.5;
            }
            let is_less = norm(&residual) < before;
            if !is_less {
                break; // rounding is all that is left
            }
        }
        self.look_from(&a).map(drop)
    }

    /// Writes x(a). Returns `a - F (v - x(a))`.
    fn look_from(&mut self, a: &[f64]) -> Result<Vec<f64>> {
        let Self { base, factors, n, from, z, x, moved, thresholds, .. } = self;
        x.copy_from_slice(z);
        moved.fill(0.0);
        for (row, a) in factors.chunks_exact(*n).zip(a) {
            moved.iter_mut().zip(row).for_each(|(to, f)| *to += a * f);
        }
        for j in 0..*n {
            x[j] += moved[j] / base[j];
            let threshold = thresholds[j] / base[j];
            x[j] = if x[j].abs() <= threshold { 0.0 } else { x[j] - threshold.copysign(x[j]) };
        }
        let mut residual = try_filled("the metric", a.len(), 0.0)?;
        moved.iter_mut().zip(from.iter().zip(&*x)).for_each(|(to, (v, x))| *to = v - x);
        for ((to, row), a) in residual.iter_mut().zip(factors.chunks_exact(*n)).zip(a) {
            *to = a - dot(row, moved);
        }
        Ok(residual)
    }

    /// `(1 + F_A Lambda_A^-1 F_A^T)^-1` times the residual.
    fn newton_step(&self, residual: &[f64], tier: Tier) -> Result<Vec<f64>> {
        // The columns of A alone, one after the other, so that products of rows are short and without branches.
        let active = || (0..self.n).filter(|&j| self.x[j] != 0.0 || self.thresholds[j] == 0.0);
        let n_active = active().count();
        let mut rows = try_filled("the metric", self.rank * n_active, 0.0)?;
        for (to, row) in rows.chunks_exact_mut(n_active.max(1)).zip(self.factors.chunks_exact(self.n)) {
            to.iter_mut().zip(active()).for_each(|(to, j)| *to = row[j] / self.base[j].sqrt());
        }
        let mut jacobian = SquareMatrix::zeros(self.rank)?;
        let row = |i: usize| &rows[i * n_active..][..n_active];
        for i in 0..self.rank {
            for k in i..self.rank {
                jacobian.row_mut(i)[k] = f64::from(u8::from(i == k)) + dot(row(i), row(k));
            }
        }
        let mut step = try_filled("the metric", self.rank, 0.0)?;
        let Some(factor) = jacobian.inverse_factor(tier, &|| false)? else {
            step.copy_from_slice(residual);
            return Ok(step);
        };
        for i in 0..self.rank {
            let product = dot(factor.row(i), residual);
            step.iter_mut().zip(factor.row(i)).for_each(|(to, w)| *to += w * product);
        }
        Ok(step)
    }
}

/// Eight sums, so that they need not wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}

fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}
