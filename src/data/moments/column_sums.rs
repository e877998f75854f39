//! `ColumnSums`: what is added up over rows for a column.

use std::ops::Range;

use crate::data::Dataset;
use crate::error::Result;
use crate::scalar::Scalar;

/// How entries are seen by what adds them up: as `scale * x - shift`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// A power of two.
    pub(super) scale: f64,
    /// Taken off scaled entries.
    pub(super) shift: f64,
}

impl Change {
    pub(super) const NONE: Self = Self { scale: 1.0, shift: 0.0 };

    /// A scale by which the larger one of these is about 1 in absolute value: its square neither overflows nor underflows.
    pub(super) fn for_extremes((smallest, largest): (f64, f64)) -> Self {
        const MANTISSA_BITS: u64 = 52;
        const BIAS: u64 = 1023;
        let biased_exponent = smallest.abs().max(largest.abs()).to_bits() >> MANTISSA_BITS;
        // Up to 2^1000, which can be divided by twice.
        let of_scale = (2 * BIAS).saturating_sub(biased_exponent).clamp(BIAS - 1000, BIAS + 1000);
        Self { scale: f64::from_bits(of_scale << MANTISSA_BITS), shift: 0.0 }
    }
}

/// The rows that count: those of positive weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    /// How many there are.
    pub(super) n_rows: u64,
    /// The sum of their weights.
    pub(super) weight: f64,
}

impl Totals {
    /// Of all rows. Sums over shards are added in order.
    pub(super) fn of<T: Scalar>(data: &Dataset<'_, T>) -> Result<Self> {
        if data.weights.are_equal() {
            return Ok(Self { n_rows: data.n_rows() as u64, weight: data.n_rows() as f64 });
        }
        let Some(sharding) = data.sharding else { return Ok(Self::of_rows(data, 0..data.n_rows())) };
        let mut of_shards = Vec::new();
        for rows in sharding.own_rows_by_shard() {
            let Self { n_rows, weight } = Self::of_rows(data, rows);
            of_shards.extend([n_rows as f64, weight]);
        }
        let mut totals = Self { n_rows: 0, weight: 0.0 };
        for &[n_rows, weight] in sharding.of_all(of_shards)?.as_chunks::<2>().0 {
            totals.n_rows += n_rows as u64;
            totals.weight += weight;
        }
        Ok(totals)
    }

    fn of_rows<T: Scalar>(data: &Dataset<'_, T>, positions: Range<usize>) -> Self {
        let mut totals = Self { n_rows: 0, weight: 0.0 };
        for position in positions {
            let weight = data.weights.of(data.stored_row(position));
            if weight > 0.0 {
                totals.n_rows += 1;
                totals.weight += weight;
            }
        }
        totals
    }
}

/// Sums over the stored entries of a column, seen through a [`Change`].
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnSums {
    /// How many entries there are.
    pub(super) n_entries: u64,
    /// The sum of the weights of their rows.
    pub(super) weight: f64,
    /// The weighted sum.
    pub(super) sum: f64,
    /// The weighted sum of squares.
    pub(super) squares: f64,
    /// The smallest entry, as it is stored.
    pub(super) smallest: f64,
    /// The largest entry, as it is stored.
    pub(super) largest: f64,
}

impl ColumnSums {
    pub(super) const NONE: Self = Self {
        n_entries: 0,
        weight: 0.0,
        sum: 0.0,
        squares: 0.0,
        smallest: f64::INFINITY,
        largest: f64::NEG_INFINITY,
    };

    /// As numbers, to be told to other processes.
    pub(super) fn numbers(&self) -> [f64; 6] {
        let Self { n_entries, weight, sum, squares, smallest, largest } = *self;
        [n_entries as f64, weight, sum, squares, smallest, largest]
    }

    /// Of such numbers.
    pub(super) fn of_numbers([n_entries, weight, sum, squares, smallest, largest]: [f64; 6]) -> Self {
        Self { n_entries: n_entries as u64, weight, sum, squares, smallest, largest }
    }

    /// Adds an entry of a row of this weight.
    #[inline(always)]
    pub(super) fn add(&mut self, x: f64, weight: f64, change: Change) {
        let seen = x * change.scale - change.shift;
        let weighted = seen * weight;
        self.n_entries += 1;
        self.weight += weight;
        self.sum += weighted;
        self.squares += weighted * seen;
        self.smallest = self.smallest.min(x);
        self.largest = self.largest.max(x);
    }

    /// Adds the sums over other rows.
    pub(super) fn merge(&mut self, other: &Self) {
        self.n_entries += other.n_entries;
        self.weight += other.weight;
        self.sum += other.sum;
        self.squares += other.squares;
        self.smallest = self.smallest.min(other.smallest);
        self.largest = self.largest.max(other.largest);
    }

    /// The smallest and the largest entry, zeros that are not stored among them.
    pub(super) fn extremes(&self, totals: Totals) -> (f64, f64) {
        let has_zeros = self.n_entries < totals.n_rows;
        if has_zeros {
            (self.smallest.min(0.0), self.largest.max(0.0))
        } else {
            (self.smallest, self.largest)
        }
    }

    /// The weighted means of what is seen and of its square, zeros that are not stored among it.
    pub(super) fn means(&self, totals: Totals, change: Change) -> (f64, f64) {
        let has_zeros = self.n_entries < totals.n_rows;
        let of_zeros = if has_zeros { (totals.weight - self.weight).max(0.0) } else { 0.0 };
        let sum = self.sum - of_zeros * change.shift;
        let squares = self.squares + of_zeros * change.shift * change.shift;
        (sum / totals.weight, squares / totals.weight)
    }
}
