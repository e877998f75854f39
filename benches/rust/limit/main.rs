//! The library beside the limit: a bare loop of the same arithmetic, on the same kind of order, in the same run.
//!
//!     cargo bench --bench limit                          # everything
//!     cargo bench --bench limit -- 200000x100 256 t1     # the rows that have all these words
//!
//! The two sides take turns, so that a busy neighbour meets both; times are minima, medians in brackets. The bare loop
//! is tried with several ways to prefetch, and the best one counts. It has its order ready; the library makes one for
//! every shuffled epoch, which "order alone" measures.

#![allow(
    clippy::needless_range_loop,
    clippy::print_stdout,
    clippy::undocumented_unsafe_blocks,
    missing_docs,
    unreachable_pub
)]

mod csr;
mod dense;
mod library;
mod memory;
mod one_row;
mod read;
mod rules;
mod simd;
mod softmax;
mod timing;

use mbgd_rs::data::{Csr, Dense, Indices, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::LogLoss;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng::Stream;
use mbgd_rs::update::{Rule, Sgd};

use dense::{Data, Prefetch};
use simd::Real;
use timing::{Line, Selection};

const SHAPES: [(usize, usize); 4] = [(20_000, 30), (200_000, 100), (1_000_000, 28), (100_000, 784)];
const BATCH_SIZES: [usize; 4] = [1, 32, 256, 4096];
/// Dense rows, by a bare loop that computes the value of the loss, too, as the library does.
const VALUED: &str = "valued";

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return; // `cargo test` runs it, too, to see that it starts
    }
    let selection = Selection::from_arguments();
    timing::print_header();
    for (n_rows, n_columns) in SHAPES {
        dense_rows::<f32>(("dense", "f32"), n_rows, n_columns, &BATCH_SIZES, &selection);
    }
    dense_rows::<f32>((VALUED, "f32"), 20_000, 30, &BATCH_SIZES[1..], &selection);
    dense_rows::<f64>(("dense", "f64"), 20_000, 30, &[32, 256], &selection);
    dense_rows::<f64>(("dense", "f64"), 200_000, 100, &[32, 256], &selection);
    for n_columns in [30, 784] {
        every_rule(n_columns, &selection);
    }
    sparse_rows(32_561, 123, 14, &[1, 64, 256], &selection);
    sparse_rows(200_000, 20_000, 50, &[1, 64, 256], &selection);
    softmax(1_437, 64, &selection);
    softmax(10_000, 784, &selection);
}

/// All lines of a shape, of the arithmetic and the type of these names.
fn dense_rows<T: Real>(
    (arithmetic, name): (&str, &str),
    n_rows: usize,
    n_columns: usize,
    batch_sizes: &[usize],
    selection: &Selection,
) {
    let shape = format!("{n_rows}x{n_columns}");
    if !selection.may_include(&[arithmetic, name, &shape]) {
        return;
    }
    let has_value = arithmetic == VALUED;
    let data = random_data::<T>(n_rows, n_columns);
    let problem = dense_problem(&data);
    for &batch_size in batch_sizes {
        for is_shuffled in [false, true] {
            for n_threads in if batch_size == 1 { 1..=1 } else { 1..=2 } {
                let run = library::Run {
                    problem: &problem,
                    rule: Rule::Sgd(Sgd::default()),
                    rate: dense::RATE,
                    batch_size,
                    is_shuffled,
                    n_threads,
                };
                let line = Line {
                    words: [
                        arithmetic.into(),
                        name.into(),
                        shape.clone(),
                        batch_size.to_string(),
                        if is_shuffled { "shuffled" } else { "sequential" }.into(),
                        format!("t{n_threads}"),
                    ],
                    n_rows,
                };
                let bare = |prefetch, n_epochs| match T::as_f32(&data) {
                    Some(data) if batch_size == 1 => {
                        simd::run(&one_row::Steps { data, is_shuffled, prefetch, n_epochs })
                    }
                    _ => simd::run(&dense::Epochs {
                        data,
                        batch_size,
                        is_shuffled,
                        n_threads,
                        prefetch,
                        n_epochs,
                        rule: rules::Rule::Sgd,
                        has_value,
                    }),
                };
                line.measure(selection, |n_epochs| run.epochs(n_epochs), &Prefetch::ALL, bare);
            }
        }
    }
    if !has_value {
        read::lines(&shape, name, &data, selection);
    }
}

fn dense_problem<T: Real>(data: &Data<T>) -> Problem<'static, T> {
    let (n_rows, n_columns) = (data.y.len(), data.n_columns);
    let rows = Rows::Dense(Dense::new(Tier::best(), data.x, n_rows, n_columns).expect("finite"));
    let targets = Targets::new(data.y, n_rows, 1, TargetKind::Binary).expect("signs");
    let loss = Loss::LogLoss(LogLoss::default());
    Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), true).expect("they fit")
}

/// Steps of 32 rows in sequence, of data in cache: nanoseconds are those of a step.
fn every_rule(n_columns: usize, selection: &Selection) {
    const BATCH_SIZE: usize = 32;
    let n_rows = if n_columns < 100 { 1 << 14 } else { 1 << 9 };
    let shape = format!("{n_rows}x{n_columns}");
    if !selection.may_include(&["rule", "f32", &shape]) {
        return;
    }
    let data = random_data::<f32>(n_rows, n_columns);
    let problem = dense_problem(&data);
    for bare_rule in rules::Rule::ALL {
        let (name, rule) = bare_rule.of_library();
        let run = library::Run {
            problem: &problem,
            rule,
            rate: dense::RATE,
            batch_size: BATCH_SIZE,
            is_shuffled: false,
            n_threads: 1,
        };
        let words = ["rule", "f32", &shape, "32", name, "t1"].map(String::from);
        let bare = |prefetch, n_epochs| {
            simd::run(&dense::Epochs {
                data,
                batch_size: BATCH_SIZE,
                is_shuffled: false,
                n_threads: 1,
                prefetch,
                n_epochs,
                rule: bare_rule,
                has_value: false,
            })
        };
        let line = Line { words, n_rows: n_rows / BATCH_SIZE };
        line.measure(selection, |n_epochs| run.epochs(n_epochs), &[Prefetch::None], bare);
    }
}

/// Rows of so many ones each, as one-hot encoding makes them: every entry is in a part of the columns of its own.
fn sparse_rows(
    n_rows: usize,
    n_columns: usize,
    n_entries: usize,
    batch_sizes: &[usize],
    selection: &Selection,
) {
    let shape = format!("{n_rows}x{n_columns}");
    if !selection.may_include(&["csr", "f32", &shape]) {
        return;
    }
    let stream = Stream::new(3, 0, 99);
    let words: Vec<u32> = (0..(n_rows * n_entries) as u64).map(|i| stream.word(i)).collect();
    let column = |(i, &word): (usize, &u32)| {
        let part = i % n_entries;
        let (from, end) = (part * n_columns / n_entries, (part + 1) * n_columns / n_entries);
        (from + ((word as usize * (end - from)) >> 32)) as i32
    };
    let indices: Vec<i32> = words.iter().enumerate().map(column).collect();
    let indptr: Vec<i32> = (0..=n_rows).map(|row| (row * n_entries) as i32).collect();
    let values = vec![1.0; indices.len()];
    let y = memory::zeros::<f32>(n_rows);
    y.iter_mut()
        .zip(indices.chunks(n_entries))
        .for_each(|(y, row)| *y = if row[0] % 2 == 0 { 1.0 } else { -1.0 });
    let data = csr::Data { indptr, indices, values, y, n_columns, order: random_order(n_rows) };
    let (indices, indptr) = (Indices::Narrow(&data.indices), Indices::Narrow(&data.indptr));
    let rows = Csr::new(Tier::best(), &data.values, indices, indptr, n_rows, n_columns).expect("valid");
    let targets = Targets::new(data.y, n_rows, 1, TargetKind::Binary).expect("signs");
    let loss = Loss::LogLoss(LogLoss::default());
    let problem = Problem::new(Rows::Csr(rows), targets, Weights::equal(), loss, Penalty::none(), true);
    let problem = problem.expect("they fit");
    for &batch_size in batch_sizes {
        let run = library::Run {
            problem: &problem,
            rule: Rule::Sgd(Sgd::default()),
            rate: dense::RATE,
            batch_size,
            is_shuffled: true,
            n_threads: 1,
        };
        let words = ["csr", "f32", &shape, &batch_size.to_string(), "shuffled", "t1"].map(String::from);
        let bare =
            |prefetch, n_epochs| simd::run(&csr::Epochs { data: &data, batch_size, prefetch, n_epochs });
        Line { words, n_rows }.measure(selection, |n_epochs| run.epochs(n_epochs), &Prefetch::ALL, bare);
    }
}

/// Ten classes.
fn softmax(n_rows: usize, n_columns: usize, selection: &Selection) {
    const N_CLASSES: usize = 10;
    let shape = format!("{n_rows}x{n_columns}");
    if !selection.may_include(&["softmax", "f32", &shape]) {
        return;
    }
    let mut data = random_data::<f32>(n_rows, n_columns);
    let y = memory::zeros::<f32>(n_rows);
    y.iter_mut().zip(data.x.chunks(n_columns)).for_each(|(y, x)| *y = ((x[0] + 1.0) * 4.99).floor());
    data.y = y;
    let rows = Rows::Dense(Dense::new(Tier::best(), data.x, n_rows, n_columns).expect("finite"));
    let kind = TargetKind::Class { n_classes: N_CLASSES };
    let targets = Targets::new(data.y, n_rows, 1, kind).expect("classes");
    let loss = Loss::LogLoss(LogLoss::default());
    let problem = Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), true);
    let problem = problem.expect("they fit");
    for batch_size in [1, 32, 128] {
        let run = library::Run {
            problem: &problem,
            rule: Rule::Sgd(Sgd::default()),
            rate: dense::RATE,
            batch_size,
            is_shuffled: true,
            n_threads: 1,
        };
        let words = ["softmax", "f32", &shape, &batch_size.to_string(), "shuffled", "t1"].map(String::from);
        let bare = |prefetch, n_epochs| {
            let n_classes = N_CLASSES;
            simd::run(&softmax::Epochs { data: &data, n_classes, batch_size, prefetch, n_epochs })
        };
        Line { words, n_rows }.measure(selection, |n_epochs| run.epochs(n_epochs), &Prefetch::ALL, bare);
    }
}

/// Numbers from -1 to 1, and targets that depend on the first two columns.
fn random_data<T: Real>(n_rows: usize, n_columns: usize) -> Data<T> {
    let x = memory::zeros::<T>(n_rows * n_columns);
    let stream = Stream::new(1, 0, 99);
    for (x, i) in x.iter_mut().zip(0..) {
        *x = T::from_f64(f64::from(stream.word(i)) / 2_f64.powi(31) - 1.0);
    }
    let y = memory::zeros::<T>(n_rows);
    for (x, y) in x.chunks(n_columns).zip(&mut *y) {
        *y = T::from_f64((x[0].to_f64() - x[1].to_f64() + 0.3).signum());
    }
    Data { x, y, n_columns, order: random_order(n_rows) }
}

fn random_order(n_rows: usize) -> &'static [u32] {
    let order = memory::zeros::<u32>(n_rows);
    let stream = Stream::new(2, 0, 99);
    order.iter_mut().zip(0..).for_each(|(row, i)| *row = i);
    for i in (1..n_rows).rev() {
        order.swap(i, ((u64::from(stream.word(i as u64)) * (i as u64 + 1)) >> 32) as usize);
    }
    order
}
