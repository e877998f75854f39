//! `MovedEntries`: the parameters that the steps of a streak have moved, where these are few of all.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::kernel::sparse::Index;
use crate::scalar::Scalar;
use crate::update::SgdArithmetic;

/// Moves the coefficients of the entries of rows, and can move them back: what they were is written down in the order of
/// the moves. Copying and checking all of them before and after a streak would take longer than its steps.
#[derive(Debug, Default)]
pub(super) struct MovedEntries<T> {
    columns: Vec<usize>,
    before: Vec<T>,
    n: usize,
    are_finite: bool,
}

impl<T: Scalar> MovedEntries<T> {
    /// None, and room for so many.
    pub(super) fn begin(&mut self, n_entries: usize) -> Result<&mut Self> {
        (self.n, self.are_finite) = (0, true);
        let bytes = n_entries.saturating_mul(size_of::<usize>());
        let failed = |_| Error::OutOfMemory { what: "the entries of a streak", bytes };
        self.columns.try_reserve(n_entries.saturating_sub(self.columns.len())).map_err(failed)?;
        self.before.try_reserve(n_entries.saturating_sub(self.before.len())).map_err(failed)?;
        let len = n_entries.max(self.columns.len());
        self.columns.resize(len, 0);
        self.before.resize(len, T::ZERO);
        Ok(self)
    }

    /// Moves the coefficients of the entries of a row by `to`, which is given the number of the entry and the coefficient.
    #[inline(always)]
    pub(super) fn each<I: Index>(
        &mut self,
        indices: &[I],
        coef: &mut [T],
        mut to: impl FnMut(usize, T) -> T,
    ) {
        let log = self.n..self.n + indices.len();
        self.n = log.end;
        let (columns, before) = (&mut self.columns[log.clone()], &mut self.before[log]);
        let mut are_finite = self.are_finite;
        for (p, ((index, column), before)) in indices.iter().zip(columns).zip(before).enumerate() {
            let w = &mut coef[index.at()];
            (*column, *before) = (index.at(), *w);
            *w = to(p, *w);
            are_finite &= w.is_finite();
        }
        self.are_finite = are_finite;
    }

    /// Moves them against a gradient that is to be scaled, and clears it there. If a column comes again, its gradient
    /// is zero by then.
    #[inline(always)]
    pub(super) fn against<I: Index>(
        &mut self,
        indices: &[I],
        coef: &mut [T],
        gradient: &mut [T],
        (arithmetic, scale): (SgdArithmetic<T>, T),
    ) {
        self.each(indices, coef, |p, w| {
            let g = std::mem::replace(&mut gradient[indices[p].at()], T::ZERO);
            arithmetic.moved_one(w, g * scale)
        });
    }

    /// Whether all are finite.
    pub(super) fn are_finite(&self) -> bool {
        self.are_finite
    }

    /// Moves them back.
    #[cold]
    pub(super) fn undo(&self, coef: &mut [T]) {
        let log: Range<usize> = 0..self.n;
        for (&column, &before) in self.columns[log.clone()].iter().zip(&self.before[log]).rev() {
            coef[column] = before;
        }
    }
}
