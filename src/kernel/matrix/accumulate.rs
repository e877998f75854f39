//! The product of transposed rows with a matrix, added up: the gradient of a layer's weights.
//!
//! The rows of A are read where they lie: a block broadcasts some neighbouring numbers of each. With many registers these
//! are 8, and 3 vectors of R: 24 sums, and 3 registers more. All columns of some rows of G come before other rows, so
//! that G, the largest of the matrices, is read and written once, and from its beginning to its end. With few registers
//! whole vectors have a loop of their own, as in [`super::Product`]: with AVX2 63 -> 77 % of the peak.
//!
//! Measured with AVX-512 in `f32`, 64 rows, 784 x 128 and 256 x 256: 90 and 83 % of the peak. Blocks of 6 x 4 are as fast
//! there; 7 x 4 (65 %) and 12 x 2 (50 %) need more registers than there are. R in parts that fit into the first-level
//! cache gain 2 % at 256 x 256 and lose 30 % at 1024 x 1024, where 60 to 70 % are reached: there G is larger than the
//! second-level cache. Copying the numbers of A side by side (-3 %), prefetching G (-4 %), and prefetching the next rows
//! of A here instead of in [`super::Product`] (-20 %) cost more than they gain.

use super::{MANY_REGISTERS, RowList, has_rows};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// `G += A^T R`: entry (j, q) of G goes through the chain of fused multiply-adds `g_jq + a_0j r_0q + a_1j r_1q + ...`,
/// in this order.
#[derive(Debug)]
pub struct AccumulateProduct<'a, T> {
    /// The m x k matrix.
    pub a: RowList<'a, T>,
    /// The m x n matrix R, row by row.
    pub slopes: &'a [T],
    /// Distance between the beginnings of consecutive rows of `slopes`.
    pub slopes_stride: usize,
    /// n, the number of columns of `slopes`.
    pub n_outputs: usize,
    /// The k x n result, row by row. Its rows need no padding: of each n numbers are read and written.
    pub g: &'a mut [T],
    /// Distance between the beginnings of consecutive rows of `g`.
    pub g_stride: usize,
    /// Whether chains begin at zero, whatever `g` holds.
    pub overwrites: bool,
}

impl<T: Scalar> Kernel<T> for AccumulateProduct<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(mut self) {
        let (m, n) = (self.a.rows.len(), self.n_outputs);
        assert!(has_rows(self.slopes, m, self.slopes_stride, n));
        for i in 0..m {
            self.a.row(i); // panics if it is not there
        }
        if L::REGISTERS < MANY_REGISTERS { self.all::<L, 6>() } else { self.all::<L, 8>() }
    }
}

impl<T: Scalar> AccumulateProduct<'_, T> {
    /// The whole result, `C` rows at once.
    #[inline(always)]
    fn all<L: Lanes<Elem = T>, const C: usize>(&mut self) {
        let k = self.a.n_columns;
        let mut j = 0;
        while j + C <= k {
            self.rows::<L, C>(j);
            j += C;
        }
        if j + 4 <= k {
            self.rows::<L, 4>(j);
            j += 4;
        }
        if j + 2 <= k {
            self.rows::<L, 2>(j);
            j += 2;
        }
        if j < k {
            self.rows::<L, 1>(j);
        }
    }

    /// `C` rows of the result, from the j-th on.
    #[inline(always)]
    fn rows<L: Lanes<Elem = T>, const C: usize>(&mut self, j: usize) {
        let mut q = 0;
        while q < self.n_outputs {
            let v = (self.n_outputs - q).div_ceil(T::LANES);
            if L::REGISTERS < MANY_REGISTERS && self.n_outputs - q >= T::LANES {
                self.block::<L, C, 1, true>(j, q);
                q += T::LANES;
            } else if L::REGISTERS < MANY_REGISTERS || v == 1 {
                self.block::<L, C, 1, false>(j, q);
                q += T::LANES;
            } else if v == 2 {
                self.block::<L, C, 2, false>(j, q);
                q += 2 * T::LANES;
            } else {
                self.block::<L, C, 3, false>(j, q);
                q += 3 * T::LANES;
            }
        }
    }

    /// `C` rows of the result from the j-th on, `V` vectors of each from column q on, of which the last may go beyond
    /// the end.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
    fn block<L: Lanes<Elem = T>, const C: usize, const V: usize, const WHOLE: bool>(
        &mut self,
        j: usize,
        q: usize,
    ) {
        let lanes = T::LANES;
        let width = if WHOLE { V * lanes } else { (self.n_outputs - q).min(V * lanes) };
        let mut acc = [[L::splat(T::ZERO); V]; C];
        for c in 0..if self.overwrites { 0 } else { C } {
            let g = &self.g[(j + c) * self.g_stride + q..][..width];
            for v in 0..V {
                acc[c][v] = L::load_partial(&g[v * lanes..]);
            }
        }
        let mut s = [L::splat(T::ZERO); V];
        for (i, &r) in self.a.rows.iter().enumerate() {
            let at = i * self.slopes_stride + q;
            // SAFETY: row i < m of `slopes` has n >= q + width columns: see the assertion in `run`.
            let slopes = unsafe { self.slopes.get_unchecked(at..at + width) };
            for v in 0..V - 1 {
                // SAFETY: v < V - 1, so (v + 1) * lanes <= width.
                s[v] = L::load(unsafe { slopes.get_unchecked(v * lanes..(v + 1) * lanes) });
            }
            // SAFETY: (V - 1) * lanes <= width.
            let last = unsafe { slopes.get_unchecked((V - 1) * lanes..) };
            s[V - 1] = if WHOLE { L::load(last) } else { L::load_partial(last) };
            for c in 0..C {
                // SAFETY: `run` has asked for every row, and j + c < k.
                let a = L::splat(unsafe { *self.a.values.get_unchecked(r * self.a.stride + j + c) });
                for v in 0..V {
                    acc[c][v] = s[v].mul_add(a, acc[c][v]);
                }
            }
        }
        for c in 0..C {
            let g = &mut self.g[(j + c) * self.g_stride + q..][..width];
            for v in 0..V {
                acc[c][v].store_partial(&mut g[v * lanes..]);
            }
        }
    }
}
