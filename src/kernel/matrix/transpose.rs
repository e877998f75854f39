//! The transpose of a matrix, from which a product with a transposed matrix is made.

use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Rows and columns of a block: few enough for the first-level cache.
const BLOCK: usize = 16;

/// Writes the transpose of a k x n matrix.
#[derive(Debug)]
pub struct Transpose<'a, T> {
    /// The k x n matrix, row by row.
    pub from: &'a [T],
    /// Distance between the beginnings of consecutive rows of `from`.
    pub from_stride: usize,
    /// k.
    pub n_rows: usize,
    /// n.
    pub n_columns: usize,
    /// The n x k matrix, row by row. What is between its rows is not written.
    pub to: &'a mut [T],
    /// Distance between the beginnings of consecutive rows of `to`.
    pub to_stride: usize,
}

impl<T: Scalar> Kernel<T> for Transpose<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        for i in (0..self.n_rows).step_by(BLOCK) {
            for j in (0..self.n_columns).step_by(BLOCK) {
                for j in j..(j + BLOCK).min(self.n_columns) {
                    for i in i..(i + BLOCK).min(self.n_rows) {
                        self.to[j * self.to_stride + i] = self.from[i * self.from_stride + j];
                    }
                }
            }
        }
    }
}
