//! The order in which rows come, which `shuffle` makes and `gradient` reads.

use crate::error::{Result, try_reserved};

/// The rows of an epoch by position.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Order {
    /// Position `p` has row `p`.
    #[default]
    Sequential,
    /// Position `p` has row `rows[p]`.
    Listed(Vec<usize>),
}

impl Order {
    /// `n_wanted` of `n_rows` rows, evenly spread, or all.
    pub(crate) fn spread(n_rows: usize, n_wanted: usize) -> Result<Self> {
        if n_wanted >= n_rows {
            return Ok(Order::Sequential);
        }
        let mut rows = try_reserved("rows", n_wanted)?;
        rows.extend((0..n_wanted as u128).map(|i| (i * n_rows as u128 / n_wanted as u128) as usize));
        Ok(Order::Listed(rows))
    }

    /// The row of a position.
    ///
    /// # Panics
    /// If the epoch has no such position.
    #[inline(always)]
    pub fn row(&self, position: usize) -> usize {
        match self {
            Order::Sequential => position,
            Order::Listed(rows) => rows[position],
        }
    }

    /// Copies the rows of positions `start..start + out.len()`.
    ///
    /// # Panics
    /// If the epoch has no such positions.
    pub fn copy_to(&self, start: usize, out: &mut [usize]) {
        match self {
            Order::Sequential => out.iter_mut().zip(start..).for_each(|(row, position)| *row = position),
            Order::Listed(rows) => out.copy_from_slice(&rows[start..start + out.len()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_evenly_spread() {
        assert_eq!(Order::spread(10, 10).unwrap(), Order::Sequential);
        assert_eq!(Order::spread(10, 4).unwrap(), Order::Listed(vec![0, 2, 5, 7]));
    }
}
