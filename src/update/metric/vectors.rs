//! `Vectors`: some vectors, and what is made of them alone.

use super::products::{Products, TILE, Transposed};
use crate::error::{Result, try_copied, try_filled};
use crate::kernel::{SquareMatrix, Tier};
use crate::scalar::Scalar;

/// Vectors of the length of the rows of a sample, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors<T> {
    /// Entries.
    pub values: Vec<T>,
    /// Entries of a vector.
    pub width: usize,
}

impl<T: Scalar> Vectors<T> {
    /// So many vectors of zeros.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn zeros(n: usize, width: usize) -> Result<Self> {
        Ok(Self { values: try_filled("the metric", n.saturating_mul(width), T::ZERO)?, width })
    }

    /// A copy.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn copied(&self) -> Result<Self> {
        Ok(Self { values: try_copied("the metric", &self.values)?, width: self.width })
    }

    /// How many.
    pub fn n(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Vector i.
    pub fn row(&self, i: usize) -> &[T] {
        &self.values[i * self.width..][..self.width]
    }

    /// Vector i.
    pub fn row_mut(&mut self, i: usize) -> &mut [T] {
        &mut self.values[i * self.width..][..self.width]
    }

    /// The products of all vectors with all of another set.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn products_with(&self, other: &Self, tier: Tier) -> Result<SquareMatrix> {
        let mut matrix = SquareMatrix::zeros(self.n())?;
        let (mut room, other) = (Products::room(other.n())?, Transposed::of(other, tier)?);
        for (tile, vectors) in self.values.chunks(TILE * self.width).enumerate() {
            for (i, products) in room.of_rows(tier, vectors, &other).enumerate() {
                let entries = matrix.row_mut(tile * TILE + i).iter_mut().zip(products);
                entries.for_each(|(entry, product)| *entry = product.to_f64());
            }
        }
        Ok(matrix)
    }

    /// The rows of a matrix times these vectors.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub(super) fn combined_by(&self, matrix: &SquareMatrix, tier: Tier) -> Result<Self> {
        let mut sums = Self::zeros(matrix.n(), self.width)?;
        let mut room = Products::room(matrix.n())?;
        for (tile, vectors) in self.values.chunks(TILE * self.width).enumerate() {
            for (i, factors) in room.rows(vectors.len() / self.width).enumerate() {
                for (c, factor) in factors.iter_mut().enumerate() {
                    *factor = T::from_f64(matrix.row(c)[tile * TILE + i]);
                }
            }
            room.add_rows(tier, vectors, &mut sums);
        }
        Ok(sums)
    }
}
