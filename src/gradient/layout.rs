//! Where the parameters of a model lie in one flat vector.

use std::ops::Range;

use crate::data::{LinearParams, LinearParamsMut};
use crate::error::{Error, Result, try_filled};
use crate::scalar::Scalar;

/// A matrix row by row, and then the intercepts. The rows of the matrix, and the intercepts, are padded with zeros to a
/// multiple of the logical lanes, so that kernels need no tails; gradients have the same layout, and zeros there too, so
/// that the padding stays zero under every update. Penalties are of the matrix, never of intercepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    n_columns: usize,
    n_outputs: usize,
    form: Form,
    row_len: usize,
    stride: usize,
    n_coef: usize,
    n_intercepts: usize,
    len: usize,
}

/// What a row of the matrix is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The coefficients of an output, by column of the data.
    Output,
    /// All that belongs to a column of the data.
    Column,
    /// Everything: there is one row.
    Whole,
}

impl Layout {
    /// The layout of a linear map: a row of coefficients and an intercept for each of `n_outputs` scores of rows of
    /// `n_columns` entries of type `T`.
    ///
    /// # Errors
    /// If the parameters would not fit the address space; so everywhere below.
    pub fn new<T: Scalar>(n_columns: usize, n_outputs: usize) -> Result<Self> {
        Self::of::<T>((n_columns, n_outputs), Form::Output, (n_outputs, n_columns), n_outputs)
    }

    /// A row of `width` entries for each column, and an intercept for each score.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn by_column<T: Scalar>(n_columns: usize, n_outputs: usize, width: usize) -> Result<Self> {
        Self::of::<T>((n_columns, n_outputs), Form::Column, (n_columns, width), n_outputs)
    }

    /// So many weights, and so many intercepts.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn whole<T: Scalar>(
        n_columns: usize,
        n_outputs: usize,
        n_weights: usize,
        n_intercepts: usize,
    ) -> Result<Self> {
        Self::of::<T>((n_columns, n_outputs), Form::Whole, (1, n_weights), n_intercepts)
    }

    /// The same of other columns of the data.
    ///
    /// # Errors
    /// As [`Layout::new`].
    pub fn on_columns<T: Scalar>(&self, n_columns: usize) -> Result<Self> {
        match self.form {
            Form::Output => Self::new::<T>(n_columns, self.n_outputs),
            Form::Column => Self::by_column::<T>(n_columns, self.n_outputs, self.row_len),
            Form::Whole => Ok(*self),
        }
    }

    fn of<T: Scalar>(
        (n_columns, n_outputs): (usize, usize),
        form: Form,
        (n_rows, row_len): (usize, usize),
        n_intercepts: usize,
    ) -> Result<Self> {
        let sizes = || {
            let stride = row_len.checked_next_multiple_of(T::LANES)?;
            let n_coef = n_rows.checked_mul(stride)?;
            let len = n_coef.checked_add(n_intercepts.checked_next_multiple_of(T::LANES)?)?;
            Some(Self { n_columns, n_outputs, form, row_len, stride, n_coef, n_intercepts, len })
        };
        sizes().ok_or_else(|| Error::TooLarge {
            what: "the coefficients",
            size: format!("{n_rows} x {row_len}"),
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

    /// Entries of a row of the matrix, without the padding.
    pub fn row_len(&self) -> usize {
        self.row_len
    }

    /// Entries of a padded row of the matrix: of a linear map, the coefficients of one output.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Entries of the padded matrix: where the intercepts begin.
    pub fn n_coef(&self) -> usize {
        self.n_coef
    }

    /// Intercepts, without the padding.
    pub fn n_intercepts(&self) -> usize {
        self.n_intercepts
    }

    /// Entries of the matrix, without the padding.
    pub fn n_weights(&self) -> usize {
        self.n_coef.checked_div(self.stride).unwrap_or(0) * self.row_len
    }

    /// Entries of the flat vector, without the padding.
    pub fn n_entries(&self) -> usize {
        self.n_weights() + self.n_intercepts
    }

    /// Whether a row of the matrix is what belongs to a column of the data.
    pub fn has_rows_of_columns(&self) -> bool {
        self.form == Form::Column
    }

    /// What belongs to a column of the data lies in so many runs, one in each of as many equal parts of the matrix.
    #[inline(always)]
    pub fn n_runs(&self) -> usize {
        match self.form {
            Form::Output => self.n_outputs,
            Form::Column => 1,
            Form::Whole => 0,
        }
    }

    /// One of the runs of a column: of a linear map its coefficient for an output.
    #[inline(always)]
    pub fn run(&self, run: usize, column: usize) -> Range<usize> {
        match self.form {
            Form::Output => {
                let at = run * self.stride + column;
                at..at + 1
            }
            Form::Column => column * self.stride..column * self.stride + self.row_len,
            Form::Whole => 0..0,
        }
    }

    /// All entries of the matrix that belong to a column of the data.
    pub fn of_column(&self, column: usize) -> impl Iterator<Item = usize> {
        let layout = *self;
        (0..self.n_runs()).flat_map(move |run| layout.run(run, column))
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

    /// Pads the entries of the matrix and the intercepts.
    ///
    /// # Errors
    /// If a shape does not fit or an entry is not finite; the error names `argument`.
    pub fn pack<T: Scalar>(&self, argument: &'static str, coef: &[T], intercept: &[T]) -> Result<Vec<T>> {
        let (n_weights, row_len) = (self.n_weights(), self.row_len);
        if coef.len() != n_weights || intercept.len() != self.n_intercepts {
            let n_rows = n_weights.checked_div(row_len).unwrap_or(0);
            return Err(Error::Shape {
                argument,
                expected: format!("{n_rows} x {row_len} coefficients and {} intercepts", self.n_intercepts),
                got: format!("{} coefficients and {} intercepts", coef.len(), intercept.len()),
            });
        }
        if let Some(i) = coef.iter().chain(intercept).position(|w| !w.is_finite()) {
            let value = coef.iter().chain(intercept).nth(i).map_or(f64::NAN, |w| w.to_f64());
            let (row, column) =
                if i < n_weights { (i / row_len, i % row_len) } else { (i - n_weights, row_len) };
            return Err(Error::NotFinite { argument, row, column, value });
        }
        let mut params = try_filled("parameters", self.len, T::ZERO)?;
        if row_len > 0 {
            let rows = params[..self.n_coef].chunks_exact_mut(self.stride);
            rows.zip(coef.chunks_exact(row_len)).for_each(|(to, from)| to[..row_len].copy_from_slice(from));
        }
        params[self.n_coef..][..self.n_intercepts].copy_from_slice(intercept);
        Ok(params)
    }

    /// The entries of the matrix and the intercepts, without the padding.
    pub fn unpack<T: Scalar>(&self, params: &[T]) -> (Vec<T>, Vec<T>) {
        let mut entries = self.entries(params);
        let coef = entries.by_ref().take(self.n_weights()).collect();
        (coef, entries.collect())
    }

    /// The entries without the padding: first the matrix, then the intercepts.
    pub fn entries<T: Scalar>(&self, params: &[T]) -> impl Iterator<Item = T> {
        let Self { row_len, stride, n_coef, n_intercepts, .. } = *self;
        let coef = params[..n_coef].chunks_exact(stride.max(1)).flat_map(move |row| &row[..row_len]);
        coef.chain(&params[n_coef..][..n_intercepts]).copied()
    }
}
