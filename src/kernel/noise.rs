//! Sums over the rows of a tile from which the noise of the gradient is estimated.
//!
//! Summed in double in a fixed order, like the norm: squares of single-precision numbers soon overflow or
//! underflow.

use super::{Kernel, Lanes};
use crate::scalar::Scalar;

/// Numbers handled at a time.
const WIDTH: usize = 8;

/// `sum_i |r_i|^2 (|x_i|^2 + one)` over the rows i of a tile, r_i the slopes of all outputs: the squared
/// norms of the gradients of the rows.
#[derive(Debug)]
pub struct RowSquares<'a, T> {
    /// One padded row per output, zero past the last row of the tile.
    pub slopes: &'a [T],
    /// `|x_i|^2`, one padded row; finite in the padding.
    pub squares: &'a [f64],
    /// What the intercept's column of ones adds to each square: 1, or 0 without an intercept.
    pub one: f64,
}

impl<T: Scalar> Kernel<T> for RowSquares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> f64 {
        let mut sums = [0.0; WIDTH];
        let (squares, _) = self.squares.as_chunks::<WIDTH>();
        for slopes in self.slopes.chunks_exact(self.squares.len()) {
            for (slopes, squares) in slopes.as_chunks::<WIDTH>().0.iter().zip(squares) {
                for ((sum, slope), square) in sums.iter_mut().zip(slopes).zip(squares) {
                    let slope = slope.to_f64();
                    *sum += slope * slope * (square + self.one);
                }
            }
        }
        sums.iter().sum()
    }
}

/// `sum_i p_i` and `sum_i p_i^2` over the rows i of a tile, with `p_i = sum_c r_c[i] z_c[i]`: the products of
/// the gradients of the rows with a direction, whose scores are z.
#[derive(Debug)]
pub struct RowProducts<'a, T> {
    /// One padded row per output, zero past the last row of the tile.
    pub slopes: &'a [T],
    /// Scores along the direction, of the same shape; finite in the padding.
    pub along: &'a [T],
    /// Length of a padded row.
    pub stride: usize,
}

impl<T: Scalar> Kernel<T> for RowProducts<'_, T> {
    type Output = [f64; 2];

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) -> [f64; 2] {
        let Self { slopes, along, stride } = self;
        let (mut sums, mut squares) = ([0.0; WIDTH], [0.0; WIDTH]);
        for first in (0..stride).step_by(WIDTH) {
            let mut products = [0.0; WIDTH];
            for (slopes, along) in slopes.chunks_exact(stride).zip(along.chunks_exact(stride)) {
                let (slopes, along) = (&slopes[first..][..WIDTH], &along[first..][..WIDTH]);
                for ((product, slope), along) in products.iter_mut().zip(slopes).zip(along) {
                    *product += slope.to_f64() * along.to_f64();
                }
            }
            for ((sum, square), product) in sums.iter_mut().zip(&mut squares).zip(products) {
                *sum += product;
                *square += product * product;
            }
        }
        [sums.iter().sum(), squares.iter().sum()]
    }
}
