//! Moments of columns, against two passes in double; with the same bits for every number of threads and tier.

use mbgd_rs::data::{ColumnMoments, Csr, Dataset, Dense, Indices, Rows, TargetKind, Targets, Weights};
use mbgd_rs::error::Error;
use mbgd_rs::kernel::Tier;
use mbgd_rs::scalar::Scalar;
use proptest::prelude::*;

/// Numbers in -1..1 that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// A dense table, perhaps with weights, and perhaps some of its rows only.
#[derive(Debug, Clone)]
struct Table<T> {
    values: Vec<T>,
    n_columns: usize,
    weights: Option<Vec<T>>,
    row_subset: Option<Vec<usize>>,
}

/// The same as sparse rows.
struct Sparse<T> {
    values: Vec<T>,
    indices: Vec<i32>,
    indptr: Vec<i64>,
}

impl<T: Scalar> Table<T> {
    /// Columns `centre + spread * x` with x in -1..1, a third of it zeros if `spread` is negative.
    fn random(n_rows: usize, columns: &[(f64, f64)], seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let mut entry = |&(centre, spread): &(f64, f64)| {
            let x = numbers.next();
            T::from_f64(if spread < 0.0 && x < -0.3 { 0.0 } else { centre + spread * x })
        };
        let values = (0..n_rows).flat_map(|_| columns.iter().map(&mut entry).collect::<Vec<_>>()).collect();
        Self { values, n_columns: columns.len(), weights: None, row_subset: None }
    }

    fn n_rows(&self) -> usize {
        self.values.len() / self.n_columns
    }

    /// A third of the weights zero.
    fn weighted(mut self, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let mut weights: Vec<T> =
            (0..self.n_rows()).map(|_| T::from_f64((numbers.next() + 0.3).max(0.0))).collect();
        weights[0] = T::ONE;
        self.weights = Some(weights);
        self
    }

    /// Some rows, row 0 among them, one of them twice.
    fn subset(mut self) -> Self {
        let mut rows: Vec<usize> = (0..self.n_rows()).rev().filter(|row| row % 3 != 1).collect();
        rows.push(0);
        self.row_subset = Some(rows);
        self
    }

    /// Zeros are not stored, but for every fifth. Of every seventh row, entries are stored as two halves, and backwards.
    fn sparse(&self) -> Sparse<T> {
        let mut sparse = Sparse { values: Vec::new(), indices: Vec::new(), indptr: vec![0] };
        for (i, row) in self.values.chunks(self.n_columns).enumerate() {
            let stored = row.iter().enumerate().filter(|&(j, x)| *x != T::ZERO || (i + j) % 5 == 0);
            let mut entries: Vec<_> = stored.map(|(j, &x)| (j as i32, x)).collect();
            if i % 7 == 3 {
                let halves = entries.iter().map(|&(j, x)| (j, x * T::from_f64(0.5)));
                entries = halves.clone().rev().chain(halves).collect();
            }
            sparse.values.extend(entries.iter().map(|entry| entry.1));
            sparse.indices.extend(entries.iter().map(|entry| entry.0));
            sparse.indptr.push(sparse.values.len() as i64);
        }
        sparse
    }

    fn moments_of(&self, rows: Rows<'_, T>, tier: Tier, n_threads: usize) -> Result<ColumnMoments, Error> {
        let n_rows = self.n_rows();
        let y = vec![T::ZERO; n_rows];
        let targets = Targets::new(&y, n_rows, 1, TargetKind::Real).unwrap();
        let of_all = self.weights.as_ref().map_or(Weights::equal(), |s| Weights::new(s, n_rows).unwrap());
        let mut data = Dataset::new(rows, targets, of_all);
        if let Some(row_subset) = &self.row_subset {
            data = data.subset_of_own(row_subset.clone()).unwrap();
        }
        ColumnMoments::of(&data, tier, n_threads, &|| false)
    }

    fn of_dense(&self, tier: Tier, n_threads: usize) -> Result<ColumnMoments, Error> {
        let rows = Rows::Dense(Dense::unscanned(&self.values, self.n_rows(), self.n_columns).unwrap());
        self.moments_of(rows, tier, n_threads)
    }

    fn of_sparse(&self, tier: Tier, n_threads: usize) -> Result<ColumnMoments, Error> {
        let Sparse { values, indices, indptr } = self.sparse();
        let (indices, indptr) = (Indices::Narrow(&indices), Indices::Wide(&indptr));
        let csr = Csr::new(tier, &values, indices, indptr, self.n_rows(), self.n_columns).unwrap();
        self.moments_of(Rows::Csr(csr), tier, n_threads)
    }

    /// Two passes over each column, in units of `unit`.
    fn expected(&self, unit: f64) -> ColumnMoments {
        let all: Vec<usize> = (0..self.n_rows()).collect();
        let rows = self.row_subset.as_ref().unwrap_or(&all);
        let weight = |row: usize| self.weights.as_ref().map_or(1.0, |s| s[row].to_f64());
        let rows: Vec<usize> = rows.iter().copied().filter(|&row| weight(row) > 0.0).collect();
        let total: f64 = rows.iter().map(|&row| weight(row)).sum();
        let mut moments = ColumnMoments {
            mean: vec![],
            variance: vec![],
            mean_square: vec![],
            smallest: vec![],
            largest: vec![],
        };
        for column in 0..self.n_columns {
            let x = |row: usize| self.values[row * self.n_columns + column].to_f64() / unit;
            let mean_of = |of: &dyn Fn(f64) -> f64| {
                rows.iter().map(|&row| weight(row) * of(x(row))).sum::<f64>() / total
            };
            let centre = x(rows[0]);
            let mean = centre + mean_of(&|x| x - centre);
            moments.mean.push(mean);
            moments.variance.push(mean_of(&|x| (x - mean) * (x - mean)));
            moments.mean_square.push(mean_of(&|x| x * x));
            moments.smallest.push(rows.iter().map(|&row| x(row)).fold(f64::INFINITY, f64::min));
            moments.largest.push(rows.iter().map(|&row| x(row)).fold(f64::NEG_INFINITY, f64::max));
        }
        moments
    }

    /// Checks the moments of dense and of sparse rows on all tiers and several numbers of threads.
    fn check(&self, unit: f64) {
        let expected = self.expected(unit);
        let tolerance = if T::LANES == 16 { 2e-5 } else { 1e-11 };
        let (dense, sparse) =
            (self.of_dense(Tier::SCALAR, 1).unwrap(), self.of_sparse(Tier::SCALAR, 1).unwrap());
        for (kind, moments) in [("dense", &dense), ("sparse", &sparse)] {
            for j in 0..self.n_columns {
                let mean = moments.mean[j] / unit;
                let variance = moments.variance[j] / unit / unit;
                let mean_square = moments.mean_square[j] / unit / unit;
                let spread = expected.variance[j].sqrt();
                let context = format!("{kind} column {j}: {moments:?}, expected {expected:?} of {unit}");
                let rounding = 1e-14 * mean.abs(); // of the expected ones
                // Sparse rows are summed without a shift, in double: what is left of the difference has this error.
                let of_difference =
                    if kind == "sparse" { 16.0 * f64::EPSILON * expected.mean_square[j] } else { 0.0 };
                assert!((mean - expected.mean[j]).abs() <= tolerance * spread + rounding, "mean, {context}");
                let is_variance = (variance - expected.variance[j]).abs()
                    <= tolerance * expected.variance[j] + rounding * spread + of_difference;
                assert!(is_variance, "variance, {context}");
                let error = (mean_square - expected.mean_square[j]).abs();
                assert!(error <= tolerance * expected.mean_square[j], "mean_square, {context}");
                assert_eq!(moments.smallest[j] / unit, expected.smallest[j], "{context}");
                assert_eq!(moments.largest[j] / unit, expected.largest[j], "{context}");
                let is_constant = moments.smallest[j] == moments.largest[j];
                assert_eq!(moments.variance[j] == 0.0, is_constant, "{context}");
                assert!(!is_constant || moments.mean[j] == moments.smallest[j], "{context}");
            }
        }
        for tier in Tier::available() {
            for n_threads in [1, 2, 3] {
                let context = format!("{} {n_threads}", tier.name());
                assert_eq!(self.of_dense(tier, n_threads).unwrap(), dense, "{context}");
                assert_eq!(self.of_sparse(tier, n_threads).unwrap(), sparse, "{context}");
            }
        }
    }
}

fn check_all<T: Scalar>(n_rows: usize, columns: &[(f64, f64)], seed: u64, unit: f64) {
    let table = Table::<T>::random(n_rows, columns, seed);
    table.check(unit);
    table.clone().subset().check(unit);
    table.clone().weighted(seed + 1).check(unit);
    table.weighted(seed + 2).subset().check(unit);
}

const COLUMNS: [(f64, f64); 7] =
    [(0.0, 1.0), (3.0, 1e-3), (-2.0, 1e4), (5.0, -1.0), (1e6, 1.0), (7.3, 0.0), (0.0, 0.0)];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn moments_are_those_of_two_passes(n_rows in 1_usize..300, n_columns in 1_usize..40, seed in 0_u64..1 << 60) {
        let columns: Vec<_> = (0..n_columns).map(|j| COLUMNS[(j + seed as usize) % COLUMNS.len()]).collect();
        check_all::<f32>(n_rows, &columns, seed, 1.0);
        check_all::<f64>(n_rows, &columns, seed, 1.0);
    }
}

/// More rows than a chunk has.
#[test]
fn moments_of_many_rows_are_those_of_two_passes() {
    let columns: Vec<_> = COLUMNS.iter().copied().cycle().take(40).collect();
    check_all::<f32>(30_011, &columns, 5, 1.0);
    check_all::<f64>(30_011, &columns, 6, 1.0);
}

#[test]
fn squares_may_overflow_and_underflow() {
    let around = |unit: f64| [(0.0, unit), (unit, 0.3 * unit), (0.0, -unit), (unit, 0.0)];
    for unit in [1e30, 1e37, 1e-25, 1e-35] {
        check_all::<f32>(300, &around(unit), 7, 1.0);
    }
    for unit in [2_f64.powi(500), 2_f64.powi(-500)] {
        check_all::<f64>(300, &around(unit), 8, unit);
    }
}

/// What is not representable is as large, or as small, as what is.
#[test]
fn moments_are_finite_whatever_the_entries() {
    for unit in [1e200, 8e307, 1e-200, 2_f64.powi(-1030)] {
        let columns = [(0.0, unit), (unit, unit), (0.0, -unit), (unit, 0.0)];
        let table = Table::<f64>::random(100, &columns, 3);
        for moments in [table.of_dense(Tier::best(), 2).unwrap(), table.of_sparse(Tier::best(), 2).unwrap()] {
            let limit = if unit > 1.0 { f64::MAX } else { f64::MIN_POSITIVE };
            assert_eq!(moments.variance, [limit, limit, limit, 0.0], "{unit}");
            assert_eq!(moments.mean_square, [limit; 4], "{unit}");
            let is_close = |(mean, expected): (&f64, f64)| (mean - expected).abs() < 0.3 * unit;
            let expected = table.expected(unit).mean;
            assert!(moments.mean.iter().zip(expected.iter().map(|mean| mean * unit)).all(is_close), "{unit}");
        }
    }
}

/// The shift is a mean over a few rows, and these are not like the others.
#[test]
fn rows_far_away_do_not_hide_the_others() {
    for far in [1e4, 1e10, 1e18] {
        let mut table = Table::<f32>::random(6400, &[(0.0, 1.0), (1.0, 1e-3)], 9);
        for row in 0..64 {
            table.values[2 * (100 * row + 50)] = far as f32;
        }
        // Of weight 0 they are not seen, but for the shift.
        let mut weights = vec![1.0; 6400];
        (0..64).for_each(|row| weights[100 * row + 50] = 0.0);
        table.check(1.0);
        table.weights = Some(weights);
        table.check(1.0);
    }
}

#[test]
fn an_entry_that_is_not_finite_is_found() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for row in [0, 50, 199] {
            for columns in [[(0.0, 1.0); 3], [(2.0, 0.0); 3]] {
                let mut table = Table::<f32>::random(200, &columns, 1);
                table.values[3 * row + 1] = bad;
                let error = table.of_dense(Tier::best(), 1).unwrap_err();
                assert!(matches!(error, Error::NotFinite { row: r, column: 1, .. } if r == row), "{error}");
            }
        }
    }
}

#[test]
fn it_can_be_interrupted() {
    let table = Table::<f32>::random(1000, &[(0.0, 1.0)], 1);
    let y = vec![0.0; 1000];
    let targets = Targets::new(&y, 1000, 1, TargetKind::Real).unwrap();
    let rows = Rows::Dense(Dense::new(Tier::best(), &table.values, 1000, 1).unwrap());
    let data = Dataset::new(rows, targets, Weights::equal());
    let error = ColumnMoments::of(&data, Tier::best(), 1, &|| true).unwrap_err();
    assert_eq!(error, Error::Interrupted);
}
