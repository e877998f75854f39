//! `SparseRows`: the rows of a sample by their entries, where they have few.

use super::Vectors;
use crate::error::{Error, Result, try_filled};
use crate::scalar::Scalar;

/// Standardised rows by their entries, the intercept's 1 included. The columns must not be centred, or there were no zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseRows<T> {
    ends: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<T>,
}

impl<T: Scalar> SparseRows<T> {
    /// Room for so many rows and entries.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn with_room(n_rows: usize, n_entries: usize) -> Result<Self> {
        let mut rows = Self { ends: Vec::new(), columns: Vec::new(), values: Vec::new() };
        let bytes = n_entries.saturating_mul(size_of::<usize>() + size_of::<T>());
        let reserved = rows.ends.try_reserve(n_rows).and_then(|()| rows.columns.try_reserve(n_entries));
        let reserved = reserved.and_then(|()| rows.values.try_reserve(n_entries));
        reserved.map_err(|_| Error::OutOfMemory { what: "a sample of rows", bytes })?;
        Ok(rows)
    }

    /// Adds a row of these entries. Those of the same column add up, as they do wherever rows are multiplied.
    pub fn push(&mut self, entries: impl Iterator<Item = (usize, T)>) {
        let first = self.columns.len();
        for (column, value) in entries {
            match self.columns[first..].last() {
                Some(&last) if last >= column => {
                    match self.columns[first..].iter().position(|&c| c == column) {
                        Some(at) => self.values[first + at] += value,
                        None => self.add(column, value),
                    }
                }
                _ => self.add(column, value),
            }
        }
        self.ends.push(self.columns.len());
    }

    fn add(&mut self, column: usize, value: T) {
        self.columns.push(column);
        self.values.push(value);
    }

    /// The columns and values of each row.
    fn rows(&self) -> impl Iterator<Item = (&[usize], &[T])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| (&self.columns[start..end], &self.values[start..end]))
    }

    /// `sum_j x_j^2 d_j` of every row.
    pub(super) fn weighted_squares<'s>(&'s self, d: &'s [T]) -> impl Iterator<Item = f64> + 's {
        self.rows().map(|(columns, values)| {
            let entries = columns.iter().zip(values);
            entries.map(|(&j, x)| x.to_f64() * x.to_f64() * d[j].to_f64()).sum::<f64>()
        })
    }

    /// Adds the square of every entry times a factor of its row to its column.
    pub(super) fn add_squares(&self, factors: impl Iterator<Item = f64>, to: &mut [f64]) {
        for ((columns, values), factor) in self.rows().zip(factors) {
            columns.iter().zip(values).for_each(|(&j, x)| to[j] += factor * x.to_f64() * x.to_f64());
        }
    }

    /// `sum_i f_i x_i (x_i . v)` for every vector v, f_i a factor of the row.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(super) fn weighted_gram_times(
        &self,
        factors: impl Iterator<Item = f64> + Clone,
        with: &Vectors<T>,
    ) -> Result<Vectors<T>> {
        let mut products = Vectors::zeros(with.n(), with.width)?;
        let mut sum = try_filled("products with a sample", with.width, 0.0)?;
        for c in 0..with.n() {
            let v = with.row(c);
            sum.fill(0.0);
            for ((columns, values), factor) in self.rows().zip(factors.clone()) {
                let entries = || columns.iter().zip(values);
                let product = entries().map(|(&j, x)| x.to_f64() * v[j].to_f64()).sum::<f64>() * factor;
                entries().for_each(|(&j, x)| sum[j] += product * x.to_f64());
            }
            products.row_mut(c).iter_mut().zip(&sum).for_each(|(to, &sum)| *to = T::from_f64(sum));
        }
        Ok(products)
    }
}
