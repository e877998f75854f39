//! Moments of columns: sums, sums of squares and extremes over some rows, all columns at once.
//!
//! Rows are read in blocks, in which the sums of a vector of columns stay in registers. An entry's sums are chains in the
//! order of the rows, however large the blocks are.

use super::rows::prefetch_rows;
use super::{Kernel, Lanes, Prefetch};
use crate::scalar::Scalar;

/// Rows of a block.
const BLOCK: usize = 8;

/// Adds a run of rows to the moments of all columns. Within the run, sums are in the type of the rows: it is to be short,
/// 64 rows say. What overflows there is infinite or NaN afterwards.
#[derive(Debug)]
pub struct AddMoments<'a, T> {
    /// All rows, one after the other.
    pub values: &'a [T],
    /// Entries of a row.
    pub n_columns: usize,
    /// The rows to add.
    pub rows: &'a [usize],
    /// Rows to prefetch while these are read.
    pub ahead: &'a [usize],
    /// How.
    pub prefetch: Prefetch,
    /// The weights of the rows, or none if all are 1.
    pub weights: &'a [T],
    /// What is taken off the entries of a column before they are summed. Padded, as all that follow.
    pub shift: &'a [T],
    /// Space for the sums of this run.
    pub run_sums: &'a mut [T],
    /// Space for the sums of squares of this run.
    pub run_squares: &'a mut [T],
    /// Weighted sums.
    pub sums: &'a mut [f64],
    /// Weighted sums of squares.
    pub squares: &'a mut [f64],
    /// The smallest entries, not shifted.
    pub smallest: &'a mut [T],
    /// The largest entries, not shifted.
    pub largest: &'a mut [T],
}

impl<T: Scalar> Kernel<T> for AddMoments<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Elem = T>>(self) {
        let Self { values, n_columns, rows, ahead, prefetch, weights, shift, .. } = self;
        let stride = n_columns.next_multiple_of(T::LANES);
        let mut moments = RunMoments {
            shift: &shift[..stride],
            sums: &mut self.run_sums[..stride],
            squares: &mut self.run_squares[..stride],
            smallest: &mut self.smallest[..stride],
            largest: &mut self.largest[..stride],
        };
        moments.sums.fill(T::ZERO);
        moments.squares.fill(T::ZERO);
        let mut first = 0;
        while first < rows.len() {
            prefetch_rows(prefetch, values, n_columns, ahead, first..first + BLOCK);
            let (rows, is_block) = (&rows[first..], first + BLOCK <= rows.len());
            match (is_block, weights.is_empty()) {
                (true, true) => moments.add::<L, BLOCK, false>(values, n_columns, rows, &[]),
                (true, false) => moments.add::<L, BLOCK, true>(values, n_columns, rows, &weights[first..]),
                (false, true) => moments.add::<L, 1, false>(values, n_columns, rows, &[]),
                (false, false) => moments.add::<L, 1, true>(values, n_columns, rows, &weights[first..]),
            }
            first += if is_block { BLOCK } else { 1 };
        }
        for j in 0..n_columns {
            self.sums[j] += moments.sums[j].to_f64();
            self.squares[j] += moments.squares[j].to_f64();
        }
    }
}

/// The moments of the rows of a run, and its shift; all of one length, that of a padded row.
struct RunMoments<'a, T> {
    shift: &'a [T],
    sums: &'a mut [T],
    squares: &'a mut [T],
    smallest: &'a mut [T],
    largest: &'a mut [T],
}

impl<T: Scalar> RunMoments<'_, T> {
    /// Adds the first `R` of these rows.
    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // loops over indices are unrolled, so that everything is in registers
    fn add<L: Lanes<Elem = T>, const R: usize, const IS_WEIGHTED: bool>(
        &mut self,
        values: &[T],
        n_columns: usize,
        rows: &[usize],
        weights: &[T],
    ) {
        let (mut x, mut s) = ([&values[..0]; R], [T::ONE; R]);
        for i in 0..R {
            x[i] = &values[rows[i] * n_columns..][..n_columns];
            if IS_WEIGHTED {
                s[i] = weights[i];
            }
        }
        let full = n_columns - n_columns % T::LANES;
        let mut j = 0;
        while j < full {
            let mut vectors = self.load::<L>(j);
            for i in 0..R {
                // SAFETY: j + LANES <= full <= length of every row.
                let x = L::load(unsafe { x[i].get_unchecked(j..j + T::LANES) });
                vectors.add::<IS_WEIGHTED>(x, s[i]);
            }
            self.store(vectors, j);
            j += T::LANES;
        }
        if full < n_columns {
            let mut vectors = self.load::<L>(full);
            for i in 0..R {
                vectors.add::<IS_WEIGHTED>(L::load_partial(&x[i][full..]), s[i]);
            }
            self.store(vectors, full);
        }
    }

    #[inline(always)]
    fn load<L: Lanes<Elem = T>>(&self, j: usize) -> VectorMoments<L> {
        VectorMoments {
            shift: L::load(&self.shift[j..]),
            sum: L::load(&self.sums[j..]),
            squares: L::load(&self.squares[j..]),
            smallest: L::load(&self.smallest[j..]),
            largest: L::load(&self.largest[j..]),
        }
    }

    #[inline(always)]
    fn store<L: Lanes<Elem = T>>(&mut self, vectors: VectorMoments<L>, j: usize) {
        vectors.sum.store(&mut self.sums[j..]);
        vectors.squares.store(&mut self.squares[j..]);
        vectors.smallest.store(&mut self.smallest[j..]);
        vectors.largest.store(&mut self.largest[j..]);
    }
}

/// The moments of a vector of columns.
struct VectorMoments<L> {
    shift: L,
    sum: L,
    squares: L,
    smallest: L,
    largest: L,
}

impl<L: Lanes> VectorMoments<L> {
    /// Adds a row of weight s.
    #[inline(always)]
    fn add<const IS_WEIGHTED: bool>(&mut self, x: L, s: L::Elem) {
        self.smallest = x.min(self.smallest);
        self.largest = x.max(self.largest);
        let distance = x.sub(self.shift);
        let weighted = if IS_WEIGHTED { distance.mul(L::splat(s)) } else { distance };
        self.sum = self.sum.add(weighted);
        self.squares = weighted.mul_add(distance, self.squares);
    }
}
