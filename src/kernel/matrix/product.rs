//! The product of some rows with a matrix: the scores of a layer.

use super::RowList;
use crate::kernel::{Kernel, Lanes, Prefetch};
use crate::scalar::Scalar;

/// Rows of a block.
const ROWS: usize = 6;
/// Vectors of a block, with many registers; else 1.
const VECTORS: usize = 4;
/// From so many registers on blocks are large.
const MANY_REGISTERS: usize = 32;

/// `C = bias + A B`: entry (i, j) is the chain of fused multiply-adds `bias_j + a_i0 b_0j + a_i1 b_1j + ...`, in this
/// order.
#[derive(Debug)]
pub struct Product<'a, T> {
    /// The m x k matrix.
    pub a: RowList<'a, T>,
    /// Rows of `a.values` to prefetch while these are read.
    pub ahead: &'a [usize],
    /// How.
    pub prefetch: Prefetch,
    /// The k x n matrix, row by row. Its rows need no padding.
    pub b: &'a [T],
    /// Distance between the beginnings of consecutive rows of `b`.
    pub b_stride: usize,
    /// n, the number of columns of `b`.
    pub n_outputs: usize,
    /// What every row begins from: n numbers, or none for zeros.
    pub bias: &'a [T],
    /// The m x n result, row by row. Every row is padded to whole vectors, and the padding becomes zero.
    pub c: &'a mut [T],
    /// Distance between the beginnings of consecutive rows of `c`; at least n rounded up to whole vectors.
    pub c_stride: usize,
}

impl<T: Scalar> Kernel<T> for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(mut self) {
        let m = self.a.rows.len();
        let (k, n) = (self.a.n_columns, self.n_outputs);
        assert!(k == 0 || self.b.len() >= (k - 1) * self.b_stride + n);
        assert!(self.bias.is_empty() || self.bias.len() == n);
        for &r in self.ahead {
            self.prefetch.row(&self.a.values[r * self.a.stride..][..k]);
        }
        let mut i = 0;
        while i < m {
            if i + ROWS <= m {
                self.rows::<L, ROWS>(i);
                i += ROWS;
            } else {
                self.rows::<L, 1>(i);
                i += 1;
            }
        }
    }
}

impl<T: Scalar> Product<'_, T> {
    /// `R` rows of the result, from the i-th on.
    #[inline(always)]
    fn rows<L: Lanes<Elem = T>, const R: usize>(&mut self, i: usize) {
        let mut j = 0;
        while L::REGISTERS >= MANY_REGISTERS && j + VECTORS * T::LANES <= self.n_outputs {
            self.block::<L, R, VECTORS>(i, j);
            j += VECTORS * T::LANES;
        }
        while j < self.n_outputs {
            self.block::<L, R, 1>(i, j);
            j += T::LANES;
        }
    }

    /// `R` rows from the i-th on, `V` vectors of each from column j on, of which the last may go beyond the end.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
    fn block<L: Lanes<Elem = T>, const R: usize, const V: usize>(&mut self, i: usize, j: usize) {
        let lanes = T::LANES;
        let k = self.a.n_columns;
        let last = (self.n_outputs - j - (V - 1) * lanes).min(lanes);
        let width = (V - 1) * lanes + last;
        let mut x = [&self.a.values[..0]; R];
        for r in 0..R {
            x[r] = self.a.row(i + r);
        }
        let mut acc = [[L::splat(T::ZERO); V]; R];
        if !self.bias.is_empty() {
            for v in 0..V {
                let bias = L::load_partial(&self.bias[j + v * lanes..]);
                for r in 0..R {
                    acc[r][v] = bias;
                }
            }
        }
        let mut b = [L::splat(T::ZERO); V];
        for t in 0..k {
            // SAFETY: row t < k of `b` has n >= j + width columns: see the assertion in `run`.
            let row = unsafe { self.b.get_unchecked(t * self.b_stride + j..t * self.b_stride + j + width) };
            for v in 0..V - 1 {
                // SAFETY: v < V - 1, so (v + 1) * lanes <= width.
                b[v] = L::load(unsafe { row.get_unchecked(v * lanes..(v + 1) * lanes) });
            }
            // SAFETY: (V - 1) * lanes <= width.
            b[V - 1] = L::load_partial(unsafe { row.get_unchecked((V - 1) * lanes..) });
            for r in 0..R {
                // SAFETY: t < k, the length of every row.
                let a = L::splat(unsafe { *x[r].get_unchecked(t) });
                for v in 0..V {
                    acc[r][v] = b[v].mul_add(a, acc[r][v]);
                }
            }
        }
        let is_column = L::splat(T::ZERO).lt(L::load_partial(&[T::ONE; 16][..last]));
        for r in 0..R {
            let c = &mut self.c[(i + r) * self.c_stride + j..][..V * lanes];
            acc[r][V - 1] = L::select(is_column, acc[r][V - 1], L::splat(T::ZERO));
            for v in 0..V {
                acc[r][v].store(&mut c[v * lanes..]);
            }
        }
    }
}
