//! `WholeSparseRowSteps`: steps on a single sparse row each, which move all columns: by a penalty, or by momentum.

use super::one_row::{Intercept, RowStep, add_losses, slope_of};
use super::one_sparse_row::prefetch;
use super::steps::StreakSteps;
use crate::data::Csr;
use crate::gradient::loss::Pointwise;
use crate::kernel::sparse::{Index, dot};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// As [`OneRowSteps`](super::one_row::OneRowSteps), with a gradient that is written where the row has entries. To move the
/// others with them takes less time than to know them apart.
pub(super) struct WholeSparseRowSteps<'k, 's, 'a, T, I, F> {
    pub(super) loss: F,
    /// The columns of all entries.
    pub(super) indices: &'a [I],
    pub(super) steps: &'k mut StreakSteps<'s, 'a, Csr<'a, T>, T>,
}

impl<T: Scalar, I: Index, F: Pointwise> Kernel<T> for WholeSparseRowSteps<'_, '_, '_, T, I, F> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { loss, indices: all_indices, steps } = self;
        let (csr, n_coef) = (steps.x, steps.params.len() - T::LANES);
        let l2 = T::from_f64(steps.penalty.l2());
        steps.room.weights.fill(T::ONE);
        steps.room.gradient.fill(T::ZERO);
        let mut intercept = Intercept::of(steps);
        for i in 0..steps.losses.len() {
            prefetch(steps, all_indices, i);
            let entries = csr.entries(steps.rows[i]);
            let (values, indices) = (&csr.values()[entries.clone()], &all_indices[entries]);
            let coef = &steps.params[..n_coef];
            steps.losses[i] = steps.penalty.value_in_kernel(coef);
            let score = dot(values, indices, coef) + intercept.value;
            let slope: L = slope_of(loss, steps, i, score);
            let (arithmetic, gradient) = (steps.arithmetic[i], &mut steps.room.gradient[..n_coef]);
            for (&x, column) in values.iter().zip(indices) {
                let g = &mut gradient[column.at()];
                *g = x.mul_add(slope.first(), *g);
            }
            let of_all = RowStep { arithmetic, x: gradient, slope: L::splat(T::ONE), l2 };
            of_all.run(&mut steps.params[..n_coef], steps.velocity);
            indices.iter().for_each(|column| gradient[column.at()] = T::ZERO);
            if steps.fit_intercept {
                intercept.step(arithmetic, slope);
            }
        }
        intercept.give_back(steps);
        add_losses::<L, _, F>(loss, steps);
    }
}
