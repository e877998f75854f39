//! `Columns`: the change of variables to centred and scaled columns, without touching the rows.

use crate::error::{Result, try_copied, try_filled};
use crate::scalar::Scalar;

/// A coefficient w_j and the intercept c of the columns as they are have, of the columns `(x_j - centre_j) / scale_j`, the
/// values `v_j = scale_j w_j` and `c + sum_j centre_j w_j`. A step of the v and that intercept, along their gradient, is
/// made with the parameters as they are: that is the geometry of standardised columns, with the model of these.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns<T> {
    /// What is subtracted, by column.
    pub centre: Vec<T>,
    /// `1 / scale`, by column.
    pub inverse_scale: Vec<T>,
}

impl<T: Scalar> Columns<T> {
    /// Of these centres and scales.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn new(centre: &[f64], scale: &[f64]) -> Result<Self> {
        let mut columns = Self {
            centre: try_filled("centres of columns", centre.len(), T::ZERO)?,
            inverse_scale: try_filled("scales of columns", scale.len(), T::ZERO)?,
        };
        let inverse = |scale: f64| T::from_f64((1.0 / scale).min(T::LARGEST.sqrt()));
        columns.centre.iter_mut().zip(centre).for_each(|(to, &from)| *to = T::from_f64(from));
        columns.inverse_scale.iter_mut().zip(scale).for_each(|(to, &from)| *to = inverse(from));
        Ok(columns)
    }

    /// A copy.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::error::Error::OutOfMemory).
    pub fn copied(&self) -> Result<Self> {
        Ok(Self {
            centre: try_copied("centres of columns", &self.centre)?,
            inverse_scale: try_copied("scales of columns", &self.inverse_scale)?,
        })
    }

    /// Number of columns, d.
    pub fn n(&self) -> usize {
        self.centre.len()
    }

    /// Whether something is subtracted of a column.
    pub fn are_centred(&self) -> bool {
        self.centre.iter().any(|&centre| centre != T::ZERO)
    }

    /// Writes the row of a sample: centred, scaled, and `one` for the intercept; zeros follow.
    pub fn standardise(&self, x: &[T], one: T, to: &mut [T]) {
        let d = self.n();
        for j in 0..d {
            to[j] = (x[j] - self.centre[j]) * self.inverse_scale[j];
        }
        to[d] = one;
        to[d + 1..].fill(T::ZERO);
    }

    /// The gradient by v and its intercept, from that by w (`coef`) and c.
    #[inline]
    pub fn pull(&self, coef: &[T], intercept: T, to: &mut [T]) {
        let d = self.n();
        for j in 0..d {
            to[j] = (coef[j] - self.centre[j] * intercept) * self.inverse_scale[j];
        }
        to[d] = intercept;
        to[d + 1..].fill(T::ZERO);
    }

    /// The step of w and c, from that of v and its intercept.
    #[inline]
    pub fn push(&self, step: &[T], coef: &mut [T], intercept: &mut T) {
        let d = self.n();
        for j in 0..d {
            coef[j] = step[j] * self.inverse_scale[j];
        }
        *intercept = T::from_f64(step[d].to_f64() - self.product_with_centre(coef));
    }

    /// `sum_j centre_j w_j`: what the intercept of centred columns has beside that of the columns as they are.
    pub fn product_with_centre(&self, coef: &[T]) -> f64 {
        self.centre.iter().zip(coef).map(|(centre, w)| centre.to_f64() * w.to_f64()).sum()
    }
}
