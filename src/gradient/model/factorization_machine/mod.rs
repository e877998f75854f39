//! `FactorizationMachine`: a linear model with products of all pairs of columns.
//!
//! Of output c, `z_c = b_c + sum_j w_j x_j + sum_{i<j} (v_i . v_j) x_i x_j`, where the sum over pairs is
//! `1/2 sum_f ((sum_j v_jf x_j)^2 - sum_j v_jf^2 x_j^2)`.
//!
//! Source: S. Rendle, Factorization machines, ICDM 2010.

mod sums;
mod visits;

pub(super) use sums::FactorSums;

use crate::data::{Rows, TileRows};
use crate::error::{Error, Result};
use crate::gradient::Layout;
use crate::kernel::Tier;
use crate::kernel::factorization_machine::{FactorTable, Pulls};
use crate::scalar::Scalar;
use visits::{AlongDirection, Backward, Forward, Pull, Squares};

/// A table with a row for each column of the data: for each output a coefficient and `rank` factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorizationMachine {
    layout: Layout,
    rank: usize,
    fit_intercept: bool,
}

impl FactorizationMachine {
    /// For rows of `n_columns` and `n_outputs` scores.
    ///
    /// # Errors
    /// If the rank is 0, or the parameters would not fit the address space.
    pub fn new<T: Scalar>(
        (n_columns, n_outputs): (usize, usize),
        rank: usize,
        fit_intercept: bool,
    ) -> Result<Self> {
        if rank == 0 {
            return Err(Error::OutOfRange { argument: "rank", condition: ">= 1", value: "0".into() });
        }
        let width = rank.checked_add(1).and_then(|width| width.checked_mul(n_outputs));
        let size = || format!("{n_outputs} x (1 + {rank}) for each column");
        let width = width.ok_or_else(|| Error::TooLarge { what: "the factors", size: size() })?;
        let layout = Layout::by_column::<T>(n_columns, n_outputs, width)?;
        Ok(Self { layout, rank, fit_intercept })
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn fits_intercept(&self) -> bool {
        self.fit_intercept
    }

    /// The model of the same scores over other columns: those of a batch.
    pub(super) fn on_columns<T: Scalar>(&self, n_columns: usize) -> Result<Self> {
        Ok(Self { layout: self.layout.on_columns::<T>(n_columns)?, ..*self })
    }

    /// What a row costs, in multiply-adds of dense rows: three for every number of the table that it has to do with, and what
    /// a sparse entry costs by itself.
    pub(super) fn work_of_row<T: Scalar>(&self, rows: &Rows<'_, T>) -> usize {
        rows.work_of_row(1 + self.layout.stride() / 2, self.layout.len().saturating_mul(3))
    }

    /// Writes the scores of the rows of a tile, one padded row per output.
    #[inline(always)]
    pub(super) fn forward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        scores: &mut [T],
        kept: &mut FactorSums<T>,
    ) {
        rows.prefetch();
        let FactorSums { is_coef, sums, pulls, merged, .. } = kept;
        let (table, intercept) = self.split(params, is_coef);
        let n = rows.len() * table.stride;
        let (sums, parts) = (&mut sums[..n], &mut pulls[..n]);
        rows.visit(merged, Forward { tier, table, intercept, sums, parts, scores });
    }

    /// Adds what the slopes of the rows make of the gradient.
    #[inline(always)]
    pub(super) fn backward<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        slopes: &[T],
        gradient: &mut [T],
        kept: &mut FactorSums<T>,
    ) {
        let FactorSums { is_coef, sums, pulls, merged, .. } = kept;
        let (table, _) = self.split(params, is_coef);
        let n = rows.len() * table.stride;
        let n_outputs = self.layout.n_outputs();
        let pulls = Pulls { values: &mut pulls[..2 * n], sums: &sums[..n], slopes, n_outputs };
        let (gradient, intercept) = gradient.split_at_mut(self.layout.n_coef());
        let intercept = &mut intercept[..n_outputs];
        rows.visit(merged, Backward { tier, table, pulls, gradient, intercept });
    }

    /// Writes what the rows of a tile pull the rows of the table with, from their slopes, and adds these to those of the
    /// intercepts: what [`FactorizationMachine::backward`] makes the gradient of.
    pub(super) fn pull<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        slopes: &[T],
        (values, intercept): (&mut [T], &mut [T]),
        kept: &mut FactorSums<T>,
    ) {
        let FactorSums { is_coef, sums, merged, .. } = kept;
        let (table, _) = self.split(params, is_coef);
        let sums = &sums[..rows.len() * table.stride];
        let pulls = Pulls { values, sums, slopes, n_outputs: self.layout.n_outputs() };
        rows.visit(merged, Pull { tier, table, pulls, intercept });
    }

    /// Writes the squared norms of the gradients of the rows of a tile, from their weighted slopes.
    pub(super) fn squares_of_rows<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        slopes: &[T],
        to: &mut [f64],
        kept: &mut FactorSums<T>,
    ) {
        let FactorSums { is_coef, sums, room, merged, .. } = kept;
        let (table, _) = self.split(params, is_coef);
        let sums = &sums[..rows.len() * table.stride];
        let n_outputs = self.layout.n_outputs();
        rows.visit(merged, Squares { tier, table, sums, slopes, n_outputs, room, squares: to });
        if self.fit_intercept {
            let stride = slopes.len() / n_outputs;
            for (i, to) in to.iter_mut().enumerate() {
                *to += slopes.iter().skip(i).step_by(stride).map(|r| r.to_f64().powi(2)).sum::<f64>();
            }
        }
    }

    /// Writes the products of the gradients of the rows of a tile with `direction`, from their weighted slopes.
    pub(super) fn products_of_rows<T: Scalar>(
        &self,
        tier: Tier,
        rows: &TileRows<'_, '_, T>,
        params: &[T],
        (slopes, direction): (&[T], &[T]),
        to: &mut [f64],
        (kept, along): (&mut FactorSums<T>, &mut [T]),
    ) {
        let FactorSums { is_coef, sums, pulls, merged, .. } = kept;
        let (table, _) = self.split(params, is_coef);
        let (direction, intercept) = self.split(direction, is_coef);
        let n = rows.len() * table.stride;
        let (sums, parts) = (&sums[..n], &mut pulls[..n]);
        let along = &mut along[..slopes.len()];
        let direction = direction.values;
        rows.visit(merged, AlongDirection { tier, table, sums, direction, intercept, parts, along });
        let stride = slopes.len() / self.layout.n_outputs();
        for (i, to) in to.iter_mut().enumerate() {
            let of_row = slopes.iter().zip(&*along).skip(i).step_by(stride);
            *to = of_row.map(|(r, z)| r.to_f64() * z.to_f64()).sum();
        }
    }

    /// The table, and the intercepts.
    #[inline(always)]
    fn split<'p, T: Scalar>(&self, params: &'p [T], is_coef: &'p [T]) -> (FactorTable<'p, T>, &'p [T]) {
        let (values, intercept) = params.split_at(self.layout.n_coef());
        let (stride, width) = (self.layout.stride(), 1 + self.rank);
        (FactorTable { values, stride, width, is_coef }, &intercept[..self.layout.n_outputs()])
    }
}
