//! The product of some rows with a matrix: the scores of a layer.
//!
//! A block of the result stays in registers for up to [`DEPTH`] links of its chains; between, it is in C. With many
//! registers it has 8 rows and 3 vectors, 24 sums, and 3 registers more for B; the numbers of A are broadcast from
//! memory. With few it has 6 rows and one logical vector. A panel, these few columns of B, is used for all rows before
//! the next is read.
//!
//! Measured with AVX-512 in `f32`, 64 rows, 784 x 128 and 256 x 256 and 1024 x 1024: 94, 94 and 83 % of the peak. B is
//! read where it lies: that leaves little for a packed copy of its panels to gain. All columns for some rows before the
//! next rows are 89, 96 and 83 %. So ordered, blocks of 6 x 4 (84 % of 784 x 128), 4 x 4 (88 %), 7 x 4 (77 %) and 12 x 2
//! (83 %) are slower.

use super::{MANY_REGISTERS, RowList, has_rows};
use crate::kernel::{Kernel, Lanes, Prefetch};
use crate::scalar::Scalar;

/// Rows of B that are used for all rows of A before others are read: few enough that three vectors of each fit into the
/// second-level cache whatever the distance between them. Without such a limit, 1024 x 1024 takes a quarter more time.
const DEPTH: usize = 256;
/// Vectors of a block of a single row.
const SINGLE: usize = 8;

/// `C = bias + A B`: entry (i, j) is the chain of fused multiply-adds `bias_j + a_i0 b_0j + a_i1 b_1j + ...`, in this
/// order.
#[derive(Debug)]
pub struct Product<'a, T> {
    /// The m x k matrix.
    pub a: RowList<'a, T>,
    /// Rows of `a.values` to prefetch, the i-th while row i of A is read: 4 % of the time of a product with random rows of
    /// a large array.
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
    /// The m x n result, row by row. Every row is padded to whole vectors, and the padding becomes zero; what is between
    /// the rows is not written.
    pub c: &'a mut [T],
    /// Distance between the beginnings of consecutive rows of `c`; at least n rounded up to whole vectors.
    pub c_stride: usize,
}

impl<T: Scalar> Kernel<T> for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(mut self) {
        let (m, k, n) = (self.a.rows.len(), self.a.n_columns, self.n_outputs);
        assert!(has_rows(self.b, k, self.b_stride, n));
        assert!(self.bias.is_empty() || self.bias.len() == n);
        let mut j = 0;
        // A single row has few chains at once, unless blocks are wide.
        while m == 1 && j + SINGLE * T::LANES <= n {
            self.block::<L, 1, SINGLE>(0, j, 0, k);
            j += SINGLE * T::LANES;
        }
        while j < n {
            let v = (n - j).div_ceil(T::LANES);
            if L::REGISTERS < MANY_REGISTERS {
                self.panel::<L, 6, 1>(j);
                j += T::LANES;
            } else if v >= 3 {
                self.panel::<L, 8, 3>(j);
                j += 3 * T::LANES;
            } else if v == 2 {
                self.panel::<L, 8, 2>(j);
                j += 2 * T::LANES;
            } else {
                self.panel::<L, 8, 1>(j);
                j += T::LANES;
            }
        }
    }
}

impl<T: Scalar> Product<'_, T> {
    /// The columns of a panel, from the j-th on: `V` vectors, of which the last may go beyond the end; `R` rows at once.
    #[inline(always)]
    fn panel<L: Lanes<Elem = T>, const R: usize, const V: usize>(&mut self, j: usize) {
        let (m, k) = (self.a.rows.len(), self.a.n_columns);
        let mut first = 0;
        loop {
            let end = (first + DEPTH).min(k);
            let mut i = 0;
            while i + R <= m {
                self.block::<L, R, V>(i, j, first, end);
                i += R;
            }
            if i + 4 <= m {
                self.block::<L, 4, V>(i, j, first, end);
                i += 4;
            }
            if i + 2 <= m {
                self.block::<L, 2, V>(i, j, first, end);
                i += 2;
            }
            if i < m {
                self.block::<L, 1, V>(i, j, first, end);
            }
            first = end;
            if first == k {
                break;
            }
        }
    }

    /// Of the chains of `R` rows from the i-th on, and of the panel from column j on, the links from `first` to `end`.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
    fn block<L: Lanes<Elem = T>, const R: usize, const V: usize>(
        &mut self,
        i: usize,
        j: usize,
        first: usize,
        end: usize,
    ) {
        let lanes = T::LANES;
        let last = (self.n_outputs - j - (V - 1) * lanes).min(lanes);
        let width = (V - 1) * lanes + last;
        let mut x = [&self.a.values[..0]; R];
        for r in 0..R {
            x[r] = self.a.row(i + r);
        }
        let mut acc = [[L::splat(T::ZERO); V]; R];
        if first > 0 {
            for r in 0..R {
                let c = &self.c[(i + r) * self.c_stride + j..][..V * lanes];
                for v in 0..V {
                    acc[r][v] = L::load(&c[v * lanes..]);
                }
            }
        } else if !self.bias.is_empty() {
            for v in 0..V {
                let bias = L::load_partial(&self.bias[j + v * lanes..]);
                for r in 0..R {
                    acc[r][v] = bias;
                }
            }
        }
        let mut b = [L::splat(T::ZERO); V];
        for t in first..end {
            if j == 0 && t % lanes == 0 {
                // A line of each row, every hundred cycles or two: of all at once, the buffers would be full.
                for r in 0..R {
                    if let Some(&row) = self.ahead.get(i + r) {
                        self.prefetch.one(&self.a.values[row * self.a.stride + t]);
                    }
                }
            }
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
