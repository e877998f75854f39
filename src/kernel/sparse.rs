//! Products with sparse rows: the dot products of the scores and the scattered sums of the gradient.
//!
//! Plain Rust: single loads are as fast as the processors' gather instructions, and every tier rounds the
//! same way. A score has 8 accumulators, added by halves; an entry of the gradient is a chain of fused
//! multiply-adds in the order of the rows, as for dense rows.

use std::ops::Range;

use super::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Accumulators of a score: enough to hide the latency of an addition. The bits of a score depend on it.
const CHAINS: usize = 8;

/// A column index, in the integer type of the user's array.
pub trait Index: Copy + Send + Sync + std::fmt::Debug + 'static {
    /// The index as a `usize`; a negative one becomes an index that is out of range in every array.
    fn at(self) -> usize;
}

macro_rules! impl_index {
    ($($t:ty),*) => {
        $(impl Index for $t {
            #[inline(always)]
            fn at(self) -> usize {
                self as usize
            }
        })*
    };
}

impl_index!(u32, i32, i64);

/// `z_c[i] = x_i . w_c + b_c` for every row i of a tile and every output c.
#[derive(Debug)]
pub struct SparseScores<'a, T, I> {
    /// Stored entries, row by row.
    pub values: &'a [T],
    /// Their columns.
    pub indices: &'a [I],
    /// The range of the entries of each row of the tile.
    pub rows: &'a [Range<usize>],
    /// Coefficients, one row of `stride` per output.
    pub coef: &'a [T],
    /// Distance between the coefficients of consecutive outputs.
    pub stride: usize,
    /// One intercept per output.
    pub intercept: &'a [T],
    /// Scores, one padded row per output. Entries past the last row are not written.
    pub scores: &'a mut [T],
}

impl<T: Scalar, I: Index> Kernel<T> for SparseScores<'_, T, I> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let z_stride = self.rows.len().next_multiple_of(T::LANES);
        for (c, &b) in self.intercept.iter().enumerate() {
            let w = &self.coef[c * self.stride..][..self.stride];
            let z = &mut self.scores[c * z_stride..][..z_stride];
            for (row, z) in self.rows.iter().zip(z) {
                *z = dot(&self.values[row.clone()], &self.indices[row.clone()], w) + b;
            }
        }
    }
}

/// The product of a row with coefficients.
#[inline(always)]
pub(crate) fn dot<T: Scalar, I: Index>(x: &[T], indices: &[I], w: &[T]) -> T {
    let (x, last_x) = x.as_chunks::<CHAINS>();
    let (indices, last_indices) = indices.as_chunks::<CHAINS>();
    let mut acc = [T::ZERO; CHAINS];
    for (x, indices) in x.iter().zip(indices) {
        for i in 0..CHAINS {
            acc[i] = x[i].mul_add(w[indices[i].at()], acc[i]);
        }
    }
    // Of a constant length, so that the accumulators stay in registers.
    for (i, acc) in acc.iter_mut().enumerate() {
        let (Some(x), Some(index)) = (last_x.get(i), last_indices.get(i)) else { break };
        *acc = x.mul_add(w[index.at()], *acc);
    }
    let [a, b, c, d, e, f, g, h] = acc;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// `g_c += sum_i r_c[i] x_i` and `h_c += sum_i r_c[i]` over the rows i of a tile, for every output c.
#[derive(Debug)]
pub struct SparseAccumulate<'a, T, I> {
    /// Stored entries, row by row.
    pub values: &'a [T],
    /// Their columns.
    pub indices: &'a [I],
    /// The range of the entries of each row of the tile.
    pub rows: &'a [Range<usize>],
    /// What each row is multiplied by, one padded row per output, zero past the last row.
    pub slopes: &'a [T],
    /// Sums of rows, one row of `stride` per output.
    pub coef: &'a mut [T],
    /// Distance between the coefficients of consecutive outputs.
    pub stride: usize,
    /// Sums of slopes, one per output.
    pub intercept: &'a mut [T],
}

impl<T: Scalar, I: Index> Kernel<T> for SparseAccumulate<'_, T, I> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let r_stride = self.rows.len().next_multiple_of(T::LANES);
        for (c, h) in self.intercept.iter_mut().enumerate() {
            let g = &mut self.coef[c * self.stride..][..self.stride];
            let r = &self.slopes[c * r_stride..][..r_stride];
            let mut total = L::splat(T::ZERO);
            for r in r.chunks_exact(T::LANES) {
                total = total.add(L::load(r));
            }
            *h += total.sum();
            for (row, &slope) in self.rows.iter().zip(r) {
                for (&x, index) in self.values[row.clone()].iter().zip(&self.indices[row.clone()]) {
                    let g = &mut g[index.at()];
                    *g = x.mul_add(slope, *g);
                }
            }
        }
    }
}
