//! The product of transposed rows with a matrix, added up: the gradient of a layer's weights.

use super::{MANY_REGISTERS, RowList, has_rows};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Vectors of R that are used for all columns of A before others are read: of 64 rows, few enough for the first-level
/// cache.
const WIDTH: usize = 8;

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
        let mut first = 0;
        while first < n {
            let end = (first + WIDTH * T::LANES).min(n);
            if L::REGISTERS < MANY_REGISTERS {
                self.columns::<L, 6>(first, end);
            } else {
                self.columns::<L, 8>(first, end);
            }
            first = end;
        }
    }
}

impl<T: Scalar> AccumulateProduct<'_, T> {
    /// Columns `first` to `end` of the result.
    #[inline(always)]
    fn columns<L: Lanes<Elem = T>, const C: usize>(&mut self, first: usize, end: usize) {
        let k = self.a.n_columns;
        let mut j = 0;
        while j + C <= k {
            self.rows::<L, C>(j, first, end);
            j += C;
        }
        if j + 4 <= k {
            self.rows::<L, 4>(j, first, end);
            j += 4;
        }
        if j + 2 <= k {
            self.rows::<L, 2>(j, first, end);
            j += 2;
        }
        if j < k {
            self.rows::<L, 1>(j, first, end);
        }
    }

    /// `C` rows of the result, from the j-th on.
    #[inline(always)]
    fn rows<L: Lanes<Elem = T>, const C: usize>(&mut self, j: usize, first: usize, end: usize) {
        let mut q = first;
        while q < end {
            let v = (end - q).div_ceil(T::LANES);
            if L::REGISTERS < MANY_REGISTERS || v == 1 {
                self.block::<L, C, 1>(j, q);
                q += T::LANES;
            } else if v == 2 {
                self.block::<L, C, 2>(j, q);
                q += 2 * T::LANES;
            } else {
                self.block::<L, C, 3>(j, q);
                q += 3 * T::LANES;
            }
        }
    }

    /// `C` rows of the result from the j-th on, `V` vectors of each from column q on, of which the last may go beyond
    /// the end.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
    fn block<L: Lanes<Elem = T>, const C: usize, const V: usize>(&mut self, j: usize, q: usize) {
        let lanes = T::LANES;
        let width = (self.n_outputs - q).min(V * lanes);
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
            s[V - 1] = L::load_partial(unsafe { slopes.get_unchecked((V - 1) * lanes..) });
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
