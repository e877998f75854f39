//! Gradients of some rows of the table, from the entries of the data that are in their columns.

use super::accumulate::added;
use super::{FactorTable, Pulls, RowEntries};
use crate::kernel::{Kernel, Lanes};
use crate::scalar::Scalar;

/// An entry of a row, on its way to others of near columns.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BucketEntry<T> {
    /// Its column.
    pub column: u32,
    /// The number of its row among those that were put into buckets with it.
    pub row: u32,
    /// Its value.
    pub x: T,
}

/// Writes what rows pull with, see [`Pulls`], and the sums of their slopes.
#[derive(Debug)]
pub struct WritePulls<'a, T, E> {
    /// The rows of the tile.
    pub rows: E,
    /// Coefficients and factors.
    pub table: FactorTable<'a, T>,
    /// Where to.
    pub pulls: Pulls<'a, T>,
    /// Sums of slopes, one per output.
    pub intercept: &'a mut [T],
}

impl<T: Scalar, E: RowEntries<T>> Kernel<T> for WritePulls<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { rows, table, mut pulls, intercept } = self;
        pulls.add_slopes::<L>(rows.n_rows(), intercept);
        pulls.write::<L>(rows.n_rows(), &table);
    }
}

/// Adds what rows make of their entries in some columns, in the order of the entries: what
/// [`FactorAccumulate`](super::FactorAccumulate) adds to the rows of these columns.
#[derive(Debug)]
pub struct BucketAccumulate<'a, T> {
    /// The entries.
    pub entries: &'a [BucketEntry<T>],
    /// Which row of the gradient each of them adds to.
    pub places: &'a [u32],
    /// Coefficients and factors: a row for each row of the gradient, without padding but behind the last.
    pub packed: &'a [T],
    /// Entries of such a row.
    pub width: usize,
    /// Entries of a padded row: a multiple of the lanes.
    pub stride: usize,
    /// What the rows of the data pull with: two padded rows for each, those of each after those of the one before.
    pub pulls: &'a [T],
    /// Padded rows. The padding is of no use: something is added to it.
    pub gradient: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for BucketAccumulate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { entries, places, packed, width, stride, pulls, gradient } = self;
        let lanes = T::LANES;
        for (entry, &place) in entries.iter().zip(places) {
            let (x, place) = (L::splat(entry.x), place as usize);
            let pull = &pulls[entry.row as usize * 2 * stride..][..2 * stride];
            let v = &packed[place * width..][..stride];
            let g = &mut gradient[place * stride..][..stride];
            let mut at = 0;
            while at < stride {
                let pull = [L::load(&pull[at..]), L::load(&pull[stride + at..])];
                added::<L>(L::load(&g[at..]), x, L::load(&v[at..]), pull).store(&mut g[at..]);
                at += lanes;
            }
        }
    }
}
