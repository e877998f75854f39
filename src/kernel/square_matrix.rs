//! A square matrix of doubles, and the decompositions of symmetric ones that preconditioners need.
//!
//! Everything is one operation, [`Factors::sums`]: sums over k of products of two matrices' rows k, for a block of entries that
//! stay in registers. An entry is a chain of fused multiply-adds in the order of k, however large the blocks are, so all
//! tiers give the same bits.

use std::ops::Range;

use super::{Kernel, Lanes, Tier, first_not_finite};
use crate::error::{Error, Result, try_filled};
use crate::scalar::Scalar;

/// Rows of a block. It divides the lanes of a vector, so the last block does not reach beyond the padding.
const BLOCK: usize = 4;
/// From so many registers on, blocks are four vectors wide, else one.
const MANY_REGISTERS: usize = 32;

/// A square matrix of doubles; rows are padded with zeros to a multiple of the logical lanes of `f64`.
#[derive(Debug, Clone, PartialEq)]
pub struct SquareMatrix {
    n: usize,
    stride: usize,
    values: Vec<f64>,
}

impl SquareMatrix {
    /// A matrix of n rows and n columns of zeros.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn zeros(n: usize) -> Result<Self> {
        let too_large = || Error::TooLarge { what: "a matrix", size: format!("{n} x {n}") };
        let stride = n.checked_next_multiple_of(f64::LANES).ok_or_else(too_large)?;
        let size = n.checked_mul(stride).ok_or_else(too_large)?;
        Ok(Self { n, stride, values: try_filled("a matrix", size, 0.0)? })
    }

    /// Number of rows, and of columns.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The n entries of row i.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.stride..][..self.n]
    }

    /// The n entries of row i.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.values[i * self.stride..][..self.n]
    }

    /// Of a symmetric positive definite matrix A, of which only the upper triangle is read, the inverse W of the lower
    /// Cholesky factor: lower triangular, with zeros above, and A^-1 = W^T W. None if A is not positive definite: if a
    /// pivot is not positive or not finite, or W is not finite.
    ///
    /// ```
    /// use mbgd_rs::kernel::{SquareMatrix, Tier};
    /// let mut a = SquareMatrix::zeros(2)?;
    /// a.row_mut(0).copy_from_slice(&[4.0, 2.0]);
    /// a.row_mut(1).copy_from_slice(&[2.0, 5.0]);
    /// let w = a.inverse_factor(Tier::current()?, &|| false)?.expect("A is positive definite");
    /// assert_eq!((w.row(0), w.row(1)), ([0.5, 0.0].as_slice(), [-0.25, 0.5].as_slice()));
    /// # Ok::<(), mbgd_rs::error::Error>(())
    /// ```
    ///
    /// `interrupted` is asked after every few rows whether to give up.
    ///
    /// # Errors
    /// If there is not enough memory, and [`Error::Interrupted`].
    pub fn inverse_factor(mut self, tier: Tier, interrupted: &dyn Fn() -> bool) -> Result<Option<Self>> {
        let mut inverse = Self::zeros(self.n)?;
        let is_positive =
            tier.run(InverseFactor { factor: &mut self, inverse: &mut inverse, interrupted })?;
        let is_finite = first_not_finite(tier, &inverse.values).is_none();
        Ok((is_positive && is_finite).then_some(inverse))
    }

    /// W^T W of a lower triangular W with zeros above: both triangles, exactly symmetric.
    ///
    /// # Errors
    /// As [`Self::inverse_factor`].
    pub fn gram_of_lower(&self, tier: Tier, interrupted: &dyn Fn() -> bool) -> Result<Self> {
        let mut gram = Self::zeros(self.n)?;
        tier.run(GramOfLower { lower: self, gram: &mut gram, interrupted })?;
        for i in 1..gram.n {
            for j in 0..i {
                gram.values[i * gram.stride + j] = gram.values[j * gram.stride + i];
            }
        }
        Ok(gram)
    }
}

/// A = U^T U, row by row of U and in the place of A; and W of U^T W = 1.
struct InverseFactor<'a> {
    factor: &'a mut SquareMatrix,
    inverse: &'a mut SquareMatrix,
    interrupted: &'a dyn Fn() -> bool,
}

impl Kernel<f64> for InverseFactor<'_> {
    type Output = Result<bool>;

    #[inline(always)]
    fn run<L: Lanes<Elem = f64>>(self) -> Result<bool> {
        let Self { factor, inverse, interrupted } = self;
        let (n, stride) = (factor.n, factor.stride);
        let mut first = 0;
        while first < n {
            let end = (first + BLOCK).min(n);
            let column = first - first % f64::LANES;
            // What all rows above take off this block of rows, and then what those within it take off each other.
            let (above, block) = factor.values.split_at_mut(first * stride);
            let factors = Factors { left: above, right: above, stride, first, is_lower: false };
            take_off::<L>(factors, column..stride, block);
            for i in first..end {
                let (above, row) = factor.values.split_at_mut(i * stride);
                for k in first..i {
                    let above = &above[k * stride..][..stride];
                    add_multiple::<L>(-above[i], &above[column..], &mut row[column..stride]);
                }
                let pivot = row[i];
                if !(pivot > 0.0 && pivot < f64::INFINITY) {
                    return Ok(false);
                }
                scale::<L>(1.0 / pivot.sqrt(), &mut row[column..stride]);
            }
            let last_column = end.next_multiple_of(f64::LANES);
            let (above, block) = inverse.values.split_at_mut(first * stride);
            let factors = Factors { left: &factor.values, right: above, stride, first, is_lower: true };
            take_off::<L>(factors, 0..last_column, block);
            for i in first..end {
                let (above, row) = inverse.values.split_at_mut(i * stride);
                row[i] = 1.0;
                for k in first..i {
                    let factor = factor.values[k * stride + i];
                    add_multiple::<L>(-factor, &above[k * stride..][..last_column], &mut row[..last_column]);
                }
                scale::<L>(1.0 / factor.values[i * stride + i], &mut row[..last_column]);
            }
            first = end;
            if interrupted() {
                return Err(Error::Interrupted);
            }
        }
        Ok(true)
    }
}

/// The upper triangle of W^T W, and a few entries below it.
struct GramOfLower<'a> {
    lower: &'a SquareMatrix,
    gram: &'a mut SquareMatrix,
    interrupted: &'a dyn Fn() -> bool,
}

impl Kernel<f64> for GramOfLower<'_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<L: Lanes<Elem = f64>>(self) -> Result<()> {
        let Self { lower: SquareMatrix { n, stride, values }, gram, interrupted } = self;
        let mut first = 0;
        while first < *n {
            let block = &mut gram.values[first * stride..];
            let factors = Factors { left: values, right: values, stride: *stride, first, is_lower: true };
            let mut column = first - first % f64::LANES;
            while column < *stride {
                column += match width::<L>(column..*stride) {
                    4 => factors.write::<L, 4, false>(column, *n, block),
                    2 => factors.write::<L, 2, false>(column, *n, block),
                    _ => factors.write::<L, 1, false>(column, *n, block),
                };
            }
            first += BLOCK;
            if interrupted() {
                return Err(Error::Interrupted);
            }
        }
        Ok(())
    }
}

/// How many vectors are computed at once.
#[inline(always)]
fn width<L: Lanes>(columns: Range<usize>) -> usize {
    let n_vectors = (columns.end - columns.start) / L::Elem::LANES;
    match n_vectors {
        _ if L::REGISTERS < MANY_REGISTERS => 1,
        0..2 => 1,
        2..4 => 2,
        _ => 4,
    }
}

/// Takes the products with all rows above a block off some of its columns.
#[inline(always)]
fn take_off<L: Lanes<Elem = f64>>(factors: Factors<'_>, columns: Range<usize>, block: &mut [f64]) {
    let mut column = columns.start;
    while column < columns.end {
        column += match width::<L>(column..columns.end) {
            4 => factors.write::<L, 4, true>(column, factors.first, block),
            2 => factors.write::<L, 2, true>(column, factors.first, block),
            _ => factors.write::<L, 1, true>(column, factors.first, block),
        };
    }
}

/// What a block of rows is made of: the entry of its row i in column c is a sum of `left[k, first + i] right[k, c]`.
#[derive(Clone, Copy)]
struct Factors<'a> {
    left: &'a [f64],
    right: &'a [f64],
    stride: usize,
    first: usize,
    /// Whether `right` has only zeros above its diagonal.
    is_lower: bool,
}

impl Factors<'_> {
    /// Writes the sums over k < `n_terms` in `V` vectors of columns from `column` on, or takes them off what is there;
    /// in the rows that the block has. Returns how many columns that are.
    #[inline(always)]
    fn write<L: Lanes<Elem = f64>, const V: usize, const TAKES_OFF: bool>(
        self,
        column: usize,
        n_terms: usize,
        block: &mut [f64],
    ) -> usize {
        let first_term = if self.is_lower { column.min(n_terms) } else { 0 };
        let sums = self.sums::<L, V>(column, first_term..n_terms);
        for (i, sums) in sums.iter().enumerate() {
            if i * self.stride == block.len() {
                break;
            }
            for (v, &sum) in sums.iter().enumerate() {
                let entries = &mut block[i * self.stride + column + v * f64::LANES..][..f64::LANES];
                if TAKES_OFF {
                    L::load(entries).sub(sum).store(entries);
                } else {
                    sum.store(entries);
                }
            }
        }
        V * f64::LANES
    }

    /// The sums over some k, in registers.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
    fn sums<L: Lanes<Elem = f64>, const V: usize>(
        self,
        column: usize,
        terms: Range<usize>,
    ) -> [[L; V]; BLOCK] {
        let Self { left, right, stride, first, .. } = self;
        let mut sums = [[L::splat(0.0); V]; BLOCK];
        let mut x = [L::splat(0.0); V];
        let size = terms.end * stride;
        assert!(size <= left.len() && size <= right.len());
        assert!(first + BLOCK <= stride && column + V * f64::LANES <= stride);
        let mut k = terms.start;
        while k < terms.end {
            for v in 0..V {
                let at = k * stride + column + v * f64::LANES;
                // SAFETY: column + V vectors <= stride, and k < terms.end, so many rows `right` has.
                x[v] = L::load(unsafe { right.get_unchecked(at..at + f64::LANES) });
            }
            for i in 0..BLOCK {
                // SAFETY: first + BLOCK <= stride, and k < terms.end, so many rows `left` has.
                let factor = L::splat(unsafe { *left.get_unchecked(k * stride + first + i) });
                for v in 0..V {
                    sums[i][v] = x[v].mul_add(factor, sums[i][v]);
                }
            }
            k += 1;
        }
        sums
    }
}

/// `y += factor * x`, of whole vectors.
#[inline(always)]
fn add_multiple<L: Lanes<Elem = f64>>(factor: f64, x: &[f64], y: &mut [f64]) {
    let factor = L::splat(factor);
    for (x, y) in x.chunks_exact(f64::LANES).zip(y.chunks_exact_mut(f64::LANES)) {
        L::load(x).mul_add(factor, L::load(y)).store(y);
    }
}

/// `y *= factor`, of whole vectors.
#[inline(always)]
fn scale<L: Lanes<Elem = f64>>(factor: f64, y: &mut [f64]) {
    let factor = L::splat(factor);
    for y in y.chunks_exact_mut(f64::LANES) {
        L::load(y).mul(factor).store(y);
    }
}
