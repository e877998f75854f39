//! `Dataset`: rows, their targets, weights and offsets, or some of them.

use super::{Offsets, Rows, Sharding, Targets, Weights};
use crate::error::{Error, Result};
use crate::scalar::Scalar;

/// What an objective is a mean over. A *row* of the dataset is a position in the subset, if there is one; a
/// *stored row* is where the data have it.
#[derive(Debug, Clone)]
pub struct Dataset<'a, T> {
    pub(crate) rows: Rows<'a, T>,
    pub(crate) targets: Targets<'a, T>,
    pub(crate) weights: Weights<T>,
    pub(crate) offsets: Offsets<'a, T>,
    /// The stored rows that are learned from, by position, if not all.
    pub(crate) row_subset: Option<Vec<usize>>,
    /// The shards that rows are cut into, if they are.
    pub(crate) sharding: Option<Sharding<'a>>,
}

impl<'a, T: Scalar> Dataset<'a, T> {
    /// All rows, without offsets.
    pub fn new(rows: Rows<'a, T>, targets: Targets<'a, T>, weights: Weights<T>) -> Self {
        Self { rows, targets, weights, offsets: Offsets::none(), row_subset: None, sharding: None }
    }

    /// Some of the stored rows, which stay where they are: row p is now stored row `row_subset[p]`. The weights
    /// are given anew, of mean 1 over these rows.
    ///
    /// # Errors
    /// If there are none, or one is not there.
    pub fn subset(&self, row_subset: Vec<usize>, weights: Weights<T>) -> Result<Self> {
        let n_rows = self.rows.n_rows();
        if row_subset.is_empty() {
            let (argument, condition) = ("rows", "at least one");
            return Err(Error::OutOfRange { argument, condition, value: "none".into() });
        }
        if let Some(row) = row_subset.iter().find(|&&row| row >= n_rows) {
            let (argument, condition) = ("rows", "less than the number of rows of X");
            return Err(Error::OutOfRange { argument, condition, value: row.to_string() });
        }
        Ok(Self { weights, row_subset: Some(row_subset), sharding: None, ..*self })
    }

    /// Some of its own rows; a row may be there more than once. Their weights are scaled anew.
    ///
    /// # Errors
    /// As [`Dataset::subset`], and if all these rows have weight zero.
    pub fn subset_of_own(&self, mut rows: Vec<usize>) -> Result<Self> {
        self.to_stored_rows(&mut rows);
        let weights = self.weights.rescaled(&rows)?;
        self.subset(rows, weights)
    }

    /// The same rows in shards, which may be those of this process among others.
    ///
    /// # Errors
    /// If there are not as many as this process has to have. One that has to have none has one that is not read, since no
    /// dataset is empty.
    pub(crate) fn with_shards(mut self, sharding: Sharding<'a>) -> Result<Self> {
        let (n_rows, n_own) = (self.n_own_rows(), sharding.shards.own_rows().len());
        if n_rows != n_own.max(1) {
            let expected = format!("{n_own} rows, those of the shards of this process");
            return Err(Error::Shape { argument: "X", expected, got: n_rows.to_string() });
        }
        self.sharding = Some(sharding);
        Ok(self)
    }

    /// Number of rows learned from, n: of all processes, if each has some of its own.
    pub fn n_rows(&self) -> usize {
        self.sharding.map_or(self.n_own_rows(), |sharding| sharding.shards.n_rows())
    }

    /// Number of rows that this process has.
    pub(crate) fn n_own_rows(&self) -> usize {
        self.row_subset.as_ref().map_or(self.rows.n_rows(), Vec::len)
    }

    /// The sharding of rows of which this process has some only.
    pub(crate) fn among(&self) -> Option<Sharding<'a>> {
        self.sharding.filter(|sharding| sharding.ranks.is_some())
    }

    /// Where the data have a row of the dataset, counted from the first that this process has.
    #[inline(always)]
    pub(crate) fn stored_row(&self, row: usize) -> usize {
        self.row_subset.as_ref().map_or(row, |row_subset| row_subset[row])
    }

    /// Stored rows in place of rows of the dataset.
    #[inline(always)]
    pub(crate) fn to_stored_rows(&self, rows: &mut [usize]) {
        if let Some(row_subset) = &self.row_subset {
            rows.iter_mut().for_each(|row| *row = row_subset[*row]);
        }
    }
}
