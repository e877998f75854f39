//! Rows of tables: packed and put back, and gradients by buckets of entries, against plain loops on every tier.

use mbgd_rs::kernel::Tier;
use mbgd_rs::kernel::factorization_machine::{BucketAccumulate, BucketEntry};
use mbgd_rs::kernel::table::{PackRows, UnpackRows};
use mbgd_rs::rng::Stream;
use mbgd_rs::scalar::Scalar;
use proptest::prelude::*;

fn random<T: Scalar>(stream: u32, n: usize) -> Vec<T> {
    let stream = Stream::new(11, 0, stream);
    (0..n as u64).map(|i| T::from_f64(f64::from(stream.word(i)) / 2.0_f64.powi(31) - 1.0)).collect()
}

/// Padded rows, zero past their width.
fn table<T: Scalar>(stream: u32, n_rows: usize, width: usize) -> Vec<T> {
    let stride = width.next_multiple_of(T::LANES);
    let mut table: Vec<T> = random(stream, n_rows * stride);
    table.chunks_mut(stride).for_each(|row| row[width..].fill(T::ZERO));
    table
}

/// Different rows of a table of `n`.
fn chosen(n: usize, n_chosen: usize) -> Vec<u32> {
    (0..n_chosen).map(|i| ((i * 7 + 3) % n) as u32).collect()
}

fn check_packing<T: Scalar>(width: usize, n_chosen: usize) {
    let n = 101;
    let stride = width.next_multiple_of(T::LANES);
    let (large, rows) = (table::<T>(1, n, width), chosen(n, n_chosen));
    let places: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
    for tier in Tier::available() {
        let mut packed = vec![T::from_f64(7.0); n_chosen * width];
        let rows_of_table = places.iter().copied();
        tier.run(PackRows { from: &large, stride, width, rows: rows_of_table, to: &mut packed });
        for (i, &row) in places.iter().enumerate() {
            assert!(packed[i * width..][..width] == large[row * stride..][..width], "{}", tier.name());
        }
        let small: Vec<T> = random(2, n_chosen * width);
        let mut expected = large.clone();
        for (i, &row) in places.iter().enumerate() {
            expected[row * stride..][..width].copy_from_slice(&small[i * width..][..width]);
        }
        let mut got = large.clone();
        tier.run(UnpackRows { from: &small, stride, width, rows: &rows, to: &mut got });
        assert!(got == expected, "{}", tier.name());
    }
}

fn check_accumulation<T: Scalar>(width: usize, entries: &[(usize, usize)]) {
    let (n_places, n_rows) = (13, 9);
    let stride = width.next_multiple_of(T::LANES);
    let packed: Vec<T> = random(3, n_places * width + stride);
    let pulls: Vec<T> = random(4, n_rows * 2 * stride);
    let start: Vec<T> = random(5, n_places * stride);
    let values: Vec<T> = random(6, entries.len());
    let mut expected = start.clone();
    for (&(place, row), &x) in entries.iter().zip(&values) {
        for at in 0..width {
            let (s, f) = (pulls[row * 2 * stride + at], pulls[(row * 2 + 1) * stride + at]);
            let g = &mut expected[place * stride + at];
            *g = (f * packed[place * width + at]).mul_add(x, s).mul_add(x, *g);
        }
    }
    let (mut of_bucket, mut places) = (Vec::new(), Vec::new());
    for (&(place, row), &x) in entries.iter().zip(&values) {
        of_bucket.push(BucketEntry { column: 1000 + place as u32, row: row as u32, x });
        places.push(place as u32);
    }
    for tier in Tier::available() {
        let mut gradient = start.clone();
        tier.run(BucketAccumulate {
            entries: &of_bucket,
            places: &places,
            packed: &packed,
            width,
            stride,
            pulls: &pulls,
            gradient: &mut gradient,
        });
        for (got, expected) in gradient.chunks(stride).zip(expected.chunks(stride)) {
            assert!(got[..width] == expected[..width], "{}", tier.name());
        }
    }
}

proptest! {
    #[test]
    fn rows_are_packed_and_put_back(width in 1_usize..70, n_chosen in 0_usize..60) {
        check_packing::<f32>(width, n_chosen);
        check_packing::<f64>(width, n_chosen);
    }

    #[test]
    fn buckets_add_up_as_plain_loops_do(
        width in 1_usize..40,
        entries in proptest::collection::vec((0_usize..13, 0_usize..9), 0..50),
    ) {
        check_accumulation::<f32>(width, &entries);
        check_accumulation::<f64>(width, &entries);
    }
}
