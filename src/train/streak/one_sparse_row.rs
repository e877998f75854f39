//! `OneSparseRowSteps`: steps on a single sparse row each, which move the columns of that row and no other.

use super::moved::MovedEntries;
use super::one_row::{Intercept, add_losses, slope_of};
use super::steps::StreakSteps;
use crate::data::Csr;
use crate::gradient::loss::Pointwise;
use crate::kernel::sparse::{Index, dot};
use crate::kernel::{Kernel, Lanes, prefetch_one};
use crate::scalar::Scalar;

/// Rows whose pointers and targets are prefetched.
const POINTERS_AHEAD: usize = 32;
/// Rows whose entries are prefetched.
const ROWS_AHEAD: usize = 16;
/// Rows the coefficients of whose columns are prefetched, if these do not fit the cache.
const COEFFICIENTS_AHEAD: usize = 4;
pub(super) const CACHE_BYTES: usize = 256 << 10;

/// As [`OneRowSteps`](super::one_row::OneRowSteps), by a plain step without a penalty: where a row has no entry, nothing
/// moves.
pub(super) struct OneSparseRowSteps<'k, 's, 'a, T, I, F> {
    pub(super) loss: F,
    /// The columns of all entries.
    pub(super) indices: &'a [I],
    pub(super) steps: &'k mut StreakSteps<'s, 'a, Csr<'a, T>, T>,
    pub(super) moved: &'k mut MovedEntries<T>,
}

impl<T: Scalar, I: Index, F: Pointwise> Kernel<T> for OneSparseRowSteps<'_, '_, '_, T, I, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { loss, indices: all_indices, steps, moved } = self;
        let (csr, n_coef) = (steps.x, steps.params.len() - T::LANES);
        steps.room.weights.fill(T::ONE);
        let mut intercept = Intercept::of(steps);
        for i in 0..steps.losses.len() {
            prefetch(steps, all_indices, i);
            let coef = &steps.params[..n_coef];
            let entries = csr.entries(steps.rows[i]);
            let (values, indices) = (&csr.values()[entries.clone()], &all_indices[entries]);
            let score = dot(values, indices, coef) + intercept.value;
            let slope: L = slope_of(loss, steps, i, score);
            let (arithmetic, coef) = (steps.arithmetic[i], &mut steps.params[..n_coef]);
            if is_ascending(indices) {
                let of_row = slope.first();
                moved.each(indices, coef, |p, w| arithmetic.moved_one(w, values[p].mul_add(of_row, T::ZERO)));
            } else {
                // Entries of the same column are one: their sum moves it.
                let gradient = &mut steps.room.gradient[..n_coef];
                for (&x, column) in values.iter().zip(indices) {
                    let g = &mut gradient[column.at()];
                    *g = x.mul_add(slope.first(), *g);
                }
                moved.against(indices, coef, gradient, (arithmetic, T::ONE));
            }
            if steps.fit_intercept {
                intercept.step(arithmetic, slope);
            }
            steps.losses[i] = 0.0;
        }
        intercept.give_back(steps);
        add_losses::<L, _, F>(loss, steps);
    }
}

/// Prefetches what steps after the i-th will read.
#[inline(always)]
pub(super) fn prefetch<T: Scalar, I: Index>(
    steps: &StreakSteps<'_, '_, Csr<'_, T>, T>,
    indices: &[I],
    i: usize,
) {
    let coef = &steps.params[..steps.params.len() - T::LANES];
    if let Some(&row) = steps.rows.get(i + POINTERS_AHEAD) {
        steps.x.prefetch_pointer(row);
        prefetch_one(&steps.targets.values()[row]);
        steps.weights.prefetch(&[row]);
    }
    if let Some(&row) = steps.rows.get(i + ROWS_AHEAD) {
        steps.x.prefetch(row);
    }
    if size_of_val(coef) > CACHE_BYTES
        && let Some(&row) = steps.rows.get(i + COEFFICIENTS_AHEAD)
    {
        indices[steps.x.entries(row)].iter().for_each(|column| prefetch_one(&coef[column.at()]));
    }
}

/// Whether no column comes twice, as far as that is seen at a glance.
#[inline(always)]
fn is_ascending<I: Index>(indices: &[I]) -> bool {
    let others = indices.get(1..).unwrap_or_default();
    indices.iter().zip(others).fold(true, |all, (a, b)| all & (a.at() < b.at()))
}
