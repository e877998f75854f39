//! Where the parameters of a linear model lie in one flat vector.

use crate::data::{LinearParams, LinearParamsMut};
use crate::error::{Error, Result, try_filled};
use crate::scalar::Scalar;

/// Coefficients row by row, one row of `stride` entries per output, then one intercept per output. Every
/// part is padded with zeros to a multiple of the logical lanes, so that kernels need no tails; gradients
/// have the same layout, and zeros there too, so that the padding stays zero under every update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    n_columns: usize,
    n_outputs: usize,
    stride: usize,
    n_coef: usize,
    len: usize,
}

impl Layout {
    /// The layout for `n_outputs` scores of rows of `n_columns` entries of type `T`.
    pub fn new<T: Scalar>(n_columns: usize, n_outputs: usize) -> Result<Self> {
        let sizes = || {
            let stride = n_columns.checked_next_multiple_of(T::LANES)?;
            let n_coef = n_outputs.checked_mul(stride)?;
            let len = n_coef.checked_add(n_outputs.checked_next_multiple_of(T::LANES)?)?;
            Some(Self { n_columns, n_outputs, stride, n_coef, len })
        };
        sizes().ok_or_else(|| Error::TooLarge {
            what: "the coefficients",
            size: format!("{n_outputs} x {n_columns}"),
        })
    }

    /// Entries of the flat vector, padding included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never true: a model has at least one output.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Columns of the data, d.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Scores per row, k.
    pub fn n_outputs(&self) -> usize {
        self.n_outputs
    }

    /// Entries of the padded coefficients of one output.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Entries of the padded coefficients: where the intercepts begin.
    pub fn n_coef(&self) -> usize {
        self.n_coef
    }

    /// The parameters as a linear map.
    pub fn linear<'a, T>(&self, params: &'a [T]) -> LinearParams<'a, T> {
        let (coef, intercept) = params.split_at(self.n_coef);
        LinearParams { coef, intercept: &intercept[..self.n_outputs] }
    }

    /// A gradient as that of a linear map.
    pub fn linear_mut<'a, T>(&self, gradient: &'a mut [T]) -> LinearParamsMut<'a, T> {
        let (coef, intercept) = gradient.split_at_mut(self.n_coef);
        LinearParamsMut { coef, intercept: &mut intercept[..self.n_outputs] }
    }

    /// Pads coefficients of shape (k, d) and k intercepts.
    ///
    /// # Errors
    /// If a shape does not fit or an entry is not finite; the error names `argument`.
    pub fn pack<T: Scalar>(&self, argument: &'static str, coef: &[T], intercept: &[T]) -> Result<Vec<T>> {
        let (k, d) = (self.n_outputs, self.n_columns);
        if coef.len() != k * d || intercept.len() != k {
            return Err(Error::Shape {
                argument,
                expected: format!("{k} x {d} coefficients and {k} intercepts"),
                got: format!("{} coefficients and {} intercepts", coef.len(), intercept.len()),
            });
        }
        if let Some(i) = coef.iter().chain(intercept).position(|w| !w.is_finite()) {
            let value = coef.iter().chain(intercept).nth(i).map_or(f64::NAN, |w| w.to_f64());
            let (row, column) = if i < k * d { (i / d, i % d) } else { (i - k * d, d) };
            return Err(Error::NotFinite { argument, row, column, value });
        }
        let mut params = try_filled("parameters", self.len, T::ZERO)?;
        for (to, from) in params[..self.n_coef].chunks_exact_mut(self.stride).zip(coef.chunks_exact(d)) {
            to[..d].copy_from_slice(from);
        }
        params[self.n_coef..][..k].copy_from_slice(intercept);
        Ok(params)
    }

    /// Coefficients of shape (k, d) and k intercepts without the padding.
    pub fn unpack<T: Scalar>(&self, params: &[T]) -> (Vec<T>, Vec<T>) {
        let mut entries = self.entries(params);
        let coef = entries.by_ref().take(self.n_outputs * self.n_columns).collect();
        (coef, entries.collect())
    }

    /// The entries without the padding: first the coefficients, then the intercepts.
    pub fn entries<T: Scalar>(&self, params: &[T]) -> impl Iterator<Item = T> {
        let Self { n_columns, n_outputs, stride, n_coef, .. } = *self;
        let coef = params[..n_coef].chunks_exact(stride).flat_map(move |row| &row[..n_columns]);
        coef.chain(&params[n_coef..][..n_outputs]).copied()
    }
}
