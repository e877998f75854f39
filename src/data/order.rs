//! The order in which rows come, which `shuffle` makes and `gradient` reads.

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
