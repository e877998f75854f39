//! Products of sparse rows with a matrix that has many outputs: the first layer of a network.
//!
//! Every number of a result is one chain of fused multiply-adds over the stored entries, in their order, from a bias or
//! from what is there; the lanes lie along the outputs. So it has the same bits on every instruction set.

use std::ops::Range;

use super::sparse::Index;
use super::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Entries of sparse rows: of each row of a tile a range.
#[derive(Debug, Clone, Copy)]
pub struct SparseRowList<'a, T, I> {
    /// Stored entries, row by row.
    pub values: &'a [T],
    /// Their columns.
    pub indices: &'a [I],
    /// The range of the entries of each row of the tile.
    pub rows: &'a [Range<usize>],
}

impl<'a, T: Scalar, I: Index> SparseRowList<'a, T, I> {
    /// The entries of the rows, one row after the other.
    #[inline(always)]
    pub fn entries(&self, row: usize) -> impl Iterator<Item = (usize, T)> + use<'a, T, I> {
        let range = self.rows[row].clone();
        let indices = self.indices[range.clone()].iter().map(|index| index.at());
        indices.zip(self.values[range].iter().copied())
    }
}

/// `C = bias + A B` of sparse rows A.
#[derive(Debug)]
pub struct SparseProduct<'a, T, I> {
    /// The rows.
    pub a: SparseRowList<'a, T, I>,
    /// The matrix, row by row: a row for each column of A.
    pub b: &'a [T],
    /// Distance between the beginnings of consecutive rows of `b`.
    pub b_stride: usize,
    /// n, the number of columns of `b`.
    pub n_outputs: usize,
    /// What every row begins from: n numbers, or none for zeros.
    pub bias: &'a [T],
    /// The result, row by row. Every row is padded to whole vectors, and the padding becomes zero.
    pub c: &'a mut [T],
    /// Distance between the beginnings of consecutive rows of `c`.
    pub c_stride: usize,
}

impl<T: Scalar, I: Index> Kernel<T> for SparseProduct<'_, T, I> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let n = self.n_outputs;
        for (i, c) in (0..self.a.rows.len()).zip(self.c.chunks_mut(self.c_stride)) {
            let c = &mut c[..n.next_multiple_of(T::LANES)];
            c.fill(T::ZERO);
            c[..self.bias.len()].copy_from_slice(self.bias);
            for (column, x) in self.a.entries(i) {
                add_scaled::<L>(&mut c[..n], x, &self.b[column * self.b_stride..][..n]);
            }
        }
    }
}

/// `G += A^T R` of sparse rows A.
#[derive(Debug)]
pub struct SparseAccumulateProduct<'a, T, I> {
    /// The rows.
    pub a: SparseRowList<'a, T, I>,
    /// The matrix R, a row for each row of A.
    pub slopes: &'a [T],
    /// Distance between the beginnings of consecutive rows of `slopes`.
    pub slopes_stride: usize,
    /// n, the number of columns of `slopes`.
    pub n_outputs: usize,
    /// The result, row by row: a row for each column of A.
    pub g: &'a mut [T],
    /// Distance between the beginnings of consecutive rows of `g`.
    pub g_stride: usize,
}

impl<T: Scalar, I: Index> Kernel<T> for SparseAccumulateProduct<'_, T, I> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let n = self.n_outputs;
        for i in 0..self.a.rows.len() {
            let slopes = &self.slopes[i * self.slopes_stride..][..n];
            for (column, x) in self.a.entries(i) {
                add_scaled::<L>(&mut self.g[column * self.g_stride..][..n], x, slopes);
            }
        }
    }
}

/// `to += x from`.
#[inline(always)]
fn add_scaled<L: Lanes>(to: &mut [L::Elem], x: L::Elem, from: &[L::Elem]) {
    let x = L::splat(x);
    let lanes = L::Elem::LANES;
    let n_whole = to.len() - to.len() % lanes;
    for (to, from) in to[..n_whole].chunks_exact_mut(lanes).zip(from.chunks_exact(lanes)) {
        L::load(from).mul_add(x, L::load(to)).store(to);
    }
    if n_whole < to.len() {
        let (to, from) = (&mut to[n_whole..], &from[n_whole..]);
        L::load_partial(from).mul_add(x, L::load_partial(to)).store_partial(to);
    }
}
