//! The order in which rows come, which `shuffle` makes and `gradient` reads.

use std::sync::Arc;

use crate::error::{Result, try_reserved};

/// The rows of an epoch by position.
///
/// Numbers of 32 bits take half the memory, and half the time where an order does not fit a cache.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Order {
    /// Position `p` has row `p`.
    #[default]
    Sequential,
    /// Position `p` has row `rows[p]`, of at most 2^32 rows.
    Listed(Vec<u32>),
    /// Position `p` has row `rows[p]`, of any number of rows.
    ListedWide(Vec<usize>),
    /// Position `p` has row `rows[p - first]`, of the rows at hand: those of a part of the epoch.
    Window {
        /// The first position there is.
        first: usize,
        /// The rows from there on.
        rows: Arc<[u32]>,
    },
}

/// The number of a row as a list of rows has it.
pub trait RowNumber: Copy + Default + Ord + Send + Sync {
    /// The number of this row.
    ///
    /// The row is one of a set of data that numbers of this type are enough for, see [`Order`].
    fn of(row: usize) -> Self;
    /// The row of this number.
    fn row(self) -> usize;
}

impl RowNumber for u32 {
    #[inline(always)]
    fn of(row: usize) -> Self {
        row as u32
    }
    #[inline(always)]
    fn row(self) -> usize {
        self as usize
    }
}

impl RowNumber for usize {
    #[inline(always)]
    fn of(row: usize) -> Self {
        row
    }
    #[inline(always)]
    fn row(self) -> usize {
        self
    }
}

impl Order {
    /// Whether numbers of 32 bits are enough for so many rows.
    pub(crate) fn is_narrow(n_rows: usize) -> bool {
        n_rows as u64 <= 1 << 32
    }

    /// `n_wanted` of `n_rows` rows, evenly spread, or all.
    pub(crate) fn spread(n_rows: usize, n_wanted: usize) -> Result<Self> {
        if n_wanted >= n_rows {
            return Ok(Order::Sequential);
        }
        let mut rows = try_reserved("rows", n_wanted)?;
        rows.extend((0..n_wanted as u128).map(|i| (i * n_rows as u128 / n_wanted as u128) as usize));
        Ok(Order::ListedWide(rows))
    }

    /// Up to which position rows are listed; None where rows come in sequence.
    #[inline(always)]
    pub fn n_listed(&self) -> Option<usize> {
        match self {
            Order::Sequential => None,
            Order::Listed(rows) => Some(rows.len()),
            Order::ListedWide(rows) => Some(rows.len()),
            Order::Window { first, rows } => Some(first + rows.len()),
        }
    }

    /// The row of a position.
    ///
    /// # Panics
    /// If the epoch has no such position.
    #[inline(always)]
    pub fn row(&self, position: usize) -> usize {
        match self {
            Order::Sequential => position,
            Order::Listed(rows) => rows[position].row(),
            Order::ListedWide(rows) => rows[position],
            Order::Window { first, rows } => rows[position - first].row(),
        }
    }

    /// Copies the rows of positions `start..start + out.len()`.
    ///
    /// # Panics
    /// If the epoch has no such positions.
    #[inline(always)]
    pub fn copy_to(&self, start: usize, out: &mut [usize]) {
        match self {
            Order::Sequential => out.iter_mut().zip(start..).for_each(|(row, position)| *row = position),
            Order::Listed(rows) => copy(&rows[start..][..out.len()], out),
            Order::ListedWide(rows) => out.copy_from_slice(&rows[start..start + out.len()]),
            Order::Window { first, rows } => copy(&rows[start - first..][..out.len()], out),
        }
    }
}

#[inline(always)]
fn copy(rows: &[u32], out: &mut [usize]) {
    out.iter_mut().zip(rows).for_each(|(to, row)| *to = row.row());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_evenly_spread() {
        assert_eq!(Order::spread(10, 10).unwrap(), Order::Sequential);
        assert_eq!(Order::spread(10, 4).unwrap(), Order::ListedWide(vec![0, 2, 5, 7]));
    }

    #[test]
    fn narrow_and_wide_orders_have_the_same_rows() {
        assert!(Order::is_narrow(1 << 32) && !Order::is_narrow((1 << 32) + 1));
        let rows = [3, 0, u32::MAX, 7];
        let orders = [Order::Listed(rows.to_vec()), Order::ListedWide(rows.map(RowNumber::row).to_vec())];
        for order in orders {
            assert_eq!(order.n_listed(), Some(4));
            assert!((0..4).all(|position| order.row(position) == rows[position] as usize));
            let mut copied = [0; 2];
            order.copy_to(1, &mut copied);
            assert_eq!(copied, [0, u32::MAX as usize]);
        }
    }

    #[test]
    fn a_window_has_the_positions_from_its_first_on() {
        let order = Order::Window { first: 10, rows: [3, 0, 7].into() };
        assert_eq!((order.n_listed(), order.row(10), order.row(12)), (Some(13), 3, 7));
        let mut copied = [0; 2];
        order.copy_to(11, &mut copied);
        assert_eq!(copied, [0, 7]);
    }
}
