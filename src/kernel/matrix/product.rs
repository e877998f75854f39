//! The product of some rows with a matrix: the scores of a layer.
//!
//! A block of the result stays in registers for up to [`DEPTH`] links of its chains; between, it is in C. With many
//! registers it has 8 rows and 3 vectors, 24 sums, and 3 registers more for B; the numbers of A are broadcast from
//! memory. With few it has 6 rows and one logical vector. A panel, these few columns of B, is used for all rows before
//! the next is read.
//!
//! With few registers there is none for the mask of a vector that goes beyond the end, so whole vectors have loops of
//! their own: with AVX2 in `f32`, 64 rows, 55 -> 76 % of the peak of 784 x 128. Copied panels, too: 76 -> 80 % there, 77 ->
//! 83 % of 256 x 256 and 45 -> 62 % of 1024 x 1024; where rows do not conflict in the cache, copies cost 10 %.
//!
//! Measured with AVX-512 in `f32`, 64 rows, 784 x 128 and 256 x 256 and 1024 x 1024: 94, 94 and 83 % of the peak. B is
//! read where it lies: that leaves little for a packed copy of its panels to gain. All columns for some rows before the
//! next rows are 89, 96 and 83 %. So ordered, blocks of 6 x 4 (84 % of 784 x 128), 4 x 4 (88 %), 7 x 4 (77 %) and 12 x 2
//! (83 %) are slower.

use std::ops::Range;

use super::{MANY_REGISTERS, RowList, has_rows};
use crate::kernel::{Kernel, Lanes, Prefetch};
use crate::scalar::Scalar;

/// Rows of B that are used for all rows of A before others are read: few enough that three vectors of each fit into the
/// second-level cache whatever the distance between them. Without such a limit, 1024 x 1024 takes a quarter more time.
const DEPTH: usize = 256;
/// Vectors of a block of a single row.
const SINGLE: usize = 8;
/// Bytes: panels of one vector are copied where rows of B are a multiple of so many apart, of which the first-level cache
/// holds a few only, and where they are used for so many rows and links.
const CONFLICT: usize = 512;
const ROWS_OF_COPY: usize = 12;
const LINKS_OF_COPY: usize = 128;
/// Lanes of any type of numbers.
const MOST_LANES: usize = 16;

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
            let b = self.panel(j, SINGLE, 0);
            self.block::<L, 1, SINGLE, true>(b, 0, j, 0..k);
            j += SINGLE * T::LANES;
        }
        if L::REGISTERS < MANY_REGISTERS {
            let conflicts = (self.b_stride * size_of::<T>()).is_multiple_of(CONFLICT);
            return match conflicts && m >= ROWS_OF_COPY && k >= LINKS_OF_COPY {
                true => self.copied_panels::<L>(),
                false => self.narrow_panels::<L>(j),
            };
        }
        while j < n {
            let v = (n - j).div_ceil(T::LANES).min(3);
            for links in parts(k) {
                let b = self.panel(j, v, links.start);
                match v {
                    3 => self.rows::<L, 8, 3, false>(b, j, links),
                    2 => self.rows::<L, 8, 2, false>(b, j, links),
                    _ => self.rows::<L, 8, 1, false>(b, j, links),
                }
            }
            j += v * T::LANES;
        }
    }
}

/// Some neighbouring columns of B from some row on, where they lie or copied.
#[derive(Clone, Copy)]
struct Panel<'a, T> {
    values: &'a [T],
    stride: usize,
    width: usize,
}

/// The links of chains that are made before a panel is changed for another: none at first, where there are none.
fn parts(k: usize) -> impl Iterator<Item = Range<usize>> {
    (0..k.max(1)).step_by(DEPTH).map(move |first| first..k.min(first + DEPTH))
}

impl<'a, T: Scalar> Product<'a, T> {
    /// `v` vectors of columns at most, from column j and from row `first` on.
    #[inline(always)]
    fn panel(&self, j: usize, v: usize, first: usize) -> Panel<'a, T> {
        let (width, stride) = ((self.n_outputs - j).min(v * T::LANES), self.b_stride);
        Panel { values: self.b.get(first * stride + j..).unwrap_or_default(), stride, width }
    }

    /// Panels of one vector from column j on, read where they lie.
    #[inline(always)]
    fn narrow_panels<L: Lanes<Elem = T>>(&mut self, j: usize) {
        for j in (j..self.n_outputs).step_by(T::LANES) {
            for links in parts(self.a.n_columns) {
                let b = self.panel(j, 1, links.start);
                match b.width == T::LANES {
                    true => self.rows::<L, 6, 1, true>(b, j, links),
                    false => self.rows::<L, 6, 1, false>(b, j, links),
                }
            }
        }
    }

    /// Panels of one vector, copied before they are used.
    #[inline(always)]
    fn copied_panels<L: Lanes<Elem = T>>(&mut self) {
        let mut copy = [[T::ZERO; MOST_LANES]; DEPTH];
        let copy = &mut copy.as_flattened_mut()[..DEPTH * T::LANES];
        for j in (0..self.n_outputs).step_by(T::LANES) {
            for links in parts(self.a.n_columns) {
                let b = self.panel(j, 1, links.start);
                for (t, to) in copy.chunks_exact_mut(T::LANES).take(links.len()).enumerate() {
                    L::load_partial(&b.values[t * b.stride..][..b.width]).store(to);
                }
                let b = Panel { values: copy, stride: T::LANES, width: T::LANES };
                self.rows::<L, 6, 1, true>(b, j, links);
            }
        }
    }

    /// Of the chains of all rows and of a panel, whose first column is the j-th, these links; `R` rows at once.
    #[inline(always)]
    fn rows<L: Lanes<Elem = T>, const R: usize, const V: usize, const WHOLE: bool>(
        &mut self,
        b: Panel<'_, T>,
        j: usize,
        links: Range<usize>,
    ) {
        let m = self.a.rows.len();
        let mut i = 0;
        while i + R <= m {
            self.block::<L, R, V, WHOLE>(b, i, j, links.clone());
            i += R;
        }
        if i + 4 <= m {
            self.block::<L, 4, V, WHOLE>(b, i, j, links.clone());
            i += 4;
        }
        if i + 2 <= m {
            self.block::<L, 2, V, WHOLE>(b, i, j, links.clone());
            i += 2;
        }
        if i < m {
            self.block::<L, 1, V, WHOLE>(b, i, j, links);
        }
    }

    /// The same for `R` rows from the i-th on. `WHOLE`: no vector of the panel goes beyond its end.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
    fn block<L: Lanes<Elem = T>, const R: usize, const V: usize, const WHOLE: bool>(
        &mut self,
        b: Panel<'_, T>,
        i: usize,
        j: usize,
        links: Range<usize>,
    ) {
        let (lanes, first) = (T::LANES, links.start);
        let width = if WHOLE { V * lanes } else { b.width };
        assert!(width <= b.width.next_multiple_of(lanes) && has_rows(b.values, links.len(), b.stride, width));
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
        let mut of_row = [L::splat(T::ZERO); V];
        for t in links {
            if j == 0 && t % lanes == 0 {
                // A line of each row, every hundred cycles or two: of all at once, the buffers would be full.
                for r in 0..R {
                    if let Some(&row) = self.ahead.get(i + r) {
                        self.prefetch.one(&self.a.values[row * self.a.stride + t]);
                    }
                }
            }
            let at = (t - first) * b.stride;
            // SAFETY: row t - first of the panel has so many columns: see the assertion.
            let row = unsafe { b.values.get_unchecked(at..at + width) };
            for v in 0..V - 1 {
                // SAFETY: v < V - 1, so (v + 1) * lanes <= width.
                of_row[v] = L::load(unsafe { row.get_unchecked(v * lanes..(v + 1) * lanes) });
            }
            // SAFETY: (V - 1) * lanes <= width.
            let last = unsafe { row.get_unchecked((V - 1) * lanes..) };
            of_row[V - 1] = if WHOLE { L::load(last) } else { L::load_partial(last) };
            for r in 0..R {
                // SAFETY: t < k, the length of every row.
                let a = L::splat(unsafe { *x[r].get_unchecked(t) });
                for v in 0..V {
                    acc[r][v] = of_row[v].mul_add(a, acc[r][v]);
                }
            }
        }
        let last = (self.n_outputs - j - (V - 1) * lanes).min(lanes);
        let is_column = L::splat(T::ZERO).lt(L::load_partial(&[T::ONE; MOST_LANES][..last]));
        for r in 0..R {
            let c = &mut self.c[(i + r) * self.c_stride + j..][..V * lanes];
            acc[r][V - 1] = L::select(is_column, acc[r][V - 1], L::splat(T::ZERO));
            for v in 0..V {
                acc[r][v].store(&mut c[v * lanes..]);
            }
        }
    }
}
