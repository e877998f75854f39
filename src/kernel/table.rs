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

/// The i-th of some rows of a table becomes row i of one without padding, which is less to compute with.
#[derive(Debug)]
pub struct PackRows<'a, T, R> {
    /// The large table.
    pub from: &'a [T],
    /// Entries of a row: a multiple of the lanes.
    pub stride: usize,
    /// Entries of a row that are no padding.
    pub width: usize,
    /// Which rows.
    pub rows: R,
    /// The packed rows.
    pub to: &'a mut [T],
}

impl<T: Scalar, R: Iterator<Item = usize>> Kernel<T> for PackRows<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { from, stride, width, rows, to } = self;
        let mut at = 0;
        for row in rows {
            copy_short(&from[row * stride..][..width], &mut to[at..][..width]);
            at += width;
        }
    }
}

/// Row i of a table without padding becomes row `rows[i]` of the large one, whose padding stays as it is.
#[derive(Debug)]
pub struct UnpackRows<'a, T> {
    /// The packed rows.
    pub from: &'a [T],
    /// Entries of a row of the large table: a multiple of the lanes.
    pub stride: usize,
    /// Entries of a row that are no padding.
    pub width: usize,
    /// Which rows.
    pub rows: &'a [u32],
    /// The large table.
    pub to: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for UnpackRows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { from, stride, width, rows, to } = self;
        let mut at = 0;
        for &row in rows {
            copy_short(&from[at..][..width], &mut to[row as usize * stride..][..width]);
            at += width;
        }
    }
}

/// A copy of few entries without a call, that touches no line but theirs: a table seldom begins with a line, and then the
/// padding of a row is on the next. To wait for that one, too, took as long as all else.
#[inline(always)]
fn copy_short<T: Copy>(from: &[T], to: &mut [T]) {
    let n = from.len();
    let to = &mut to[..n];
    let mut at = 0;
    while at + 8 <= n {
        to[at..at + 8].copy_from_slice(&from[at..at + 8]);
        at += 8;
    }
    if at + 4 <= n {
        to[at..at + 4].copy_from_slice(&from[at..at + 4]);
        at += 4;
    }
    while at < n {
        to[at] = from[at];
        at += 1;
    }
}
