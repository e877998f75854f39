//! Rows of a large table that are copied to a small one, and back.
//!
//! They lie anywhere in memory, so that they are prefetched; and they are whole vectors, which are copied by one
//! instruction each and not by a call.

use super::{Kernel, Lanes, prefetch};
use crate::scalar::Scalar;

/// Rows that are prefetched ahead of their use.
const ROWS_AHEAD: usize = 32;

/// Row i of the small table becomes row `rows[i]` of the large one.
#[derive(Debug)]
pub struct GatherRows<'a, T> {
    /// The large table.
    pub from: &'a [T],
    /// Entries of a row: a multiple of the lanes.
    pub stride: usize,
    /// Which rows.
    pub rows: &'a [usize],
    /// The small table.
    pub to: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for GatherRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { from, stride, rows, to } = self;
        for (i, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(i + ROWS_AHEAD) {
                prefetch(&from[ahead * stride..][..stride]);
            }
            copy::<L>(&from[row * stride..][..stride], &mut to[i * stride..][..stride]);
        }
    }
}

/// Row `rows[i]` of the large table becomes row i of the small one.
#[derive(Debug)]
pub struct ScatterRows<'a, T> {
    /// The small table.
    pub from: &'a [T],
    /// Entries of a row: a multiple of the lanes.
    pub stride: usize,
    /// Which rows.
    pub rows: &'a [usize],
    /// The large table.
    pub to: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for ScatterRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { from, stride, rows, to } = self;
        for (i, &row) in rows.iter().enumerate() {
            if let Some(&ahead) = rows.get(i + ROWS_AHEAD) {
                prefetch(&to[ahead * stride..][..stride]);
            }
            copy::<L>(&from[i * stride..][..stride], &mut to[row * stride..][..stride]);
        }
    }
}

#[inline(always)]
fn copy<L: Lanes>(from: &[L::Elem], to: &mut [L::Elem]) {
    let lanes = L::Elem::LANES;
    for (from, to) in from.chunks_exact(lanes).zip(to.chunks_exact_mut(lanes)) {
        L::load(from).store(to);
    }
}
