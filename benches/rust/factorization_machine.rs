//! Epochs of a factorization machine by Adagrad in f32 on click-like data: 39 one-hot fields of a million columns, of which
//! every batch has some thousands; and on a few dense columns.
//!
//! The time is that of the epochs after the first, as runs record it: what a run does once is left out.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mbgd_rs::data::{Csr, Dense, Indices, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::LogLoss;
use mbgd_rs::gradient::model::Architecture;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng;
use mbgd_rs::shuffle::{Batches, BatchesConfig};
use mbgd_rs::train::{COLUMNS_FOR_ENTRY, Config, Record, State, fit};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Adagrad, Optimizer, Rule, Schedule};

const N_ROWS: usize = 51_200;
const N_FIELDS: usize = 39;
const N_COLUMNS: usize = 1_000_000;
const N_DENSE_COLUMNS: usize = 100;
const RANK: usize = 8;

/// The column of a field of each row: all alike, or by Zipf's law.
fn columns(is_skewed: bool) -> Vec<i32> {
    let stream = rng::Stream::new(1, 0, 99);
    let of_field = (N_COLUMNS / N_FIELDS) as f64;
    (0..N_ROWS * N_FIELDS)
        .map(|i| {
            let u = f64::from(stream.word(i as u64)) / 2.0_f64.powi(32);
            let column = if is_skewed { of_field.powf(u) - 1.0 } else { of_field * u };
            (i % N_FIELDS * (N_COLUMNS / N_FIELDS)) as i32 + column as i32
        })
        .collect()
}

fn bench_rows(criterion: &mut Criterion, id: &str, rows: Rows<'_, f32>, n_entries: usize) {
    let tier = Tier::best();
    let y: Vec<f32> = (0..N_ROWS).map(|i| if i * i % 7 < 3 { 1.0 } else { -1.0 }).collect();
    let targets = Targets::new(&y, N_ROWS, 1, TargetKind::Binary).expect("signs");
    let loss = Loss::LogLoss(LogLoss::default());
    let architecture = Architecture::FactorizationMachine { rank: RANK };
    let penalty = Penalty::none();
    let problem = Problem::of(rows, targets, Weights::equal(), loss, penalty, (&architecture, true));
    let problem = problem.expect("they fit");
    let layout = problem.layout();
    let stream = rng::Stream::new(2, 0, 99);
    let factor = |i: u64| 0.1 * (stream.word(i) as f32 / 2.0_f32.powi(31) - 1.0);
    let table: Vec<f32> = (0..layout.n_weights() as u64).map(factor).collect();
    let start = layout.pack("start", &table, &[0.0]).expect("finite");
    let mut group = criterion.benchmark_group(id);
    group.throughput(Throughput::Elements((N_ROWS * n_entries) as u64)).sample_size(10);
    for (batch_size, n_threads) in [(256, 1), (256, 2), (32, 1), (4096, 1), (4096, 2)] {
        let rate = Schedule::Constant(Constant::new(0.05).expect("positive"));
        let config = Config {
            batches: Batches::new(BatchesConfig::new(N_ROWS, batch_size)).expect("valid"),
            optimizer: Optimizer { rule: Rule::Adagrad(Adagrad::default()), learning_rate: rate },
            accumulate: NonZeroUsize::MIN,
            average: None,
            clip: None,
            n_epochs: 1,
            record: Record::default(),
            n_threads,
            tier,
            sync_every: None,
            columns_for_entry: COLUMNS_FOR_ENTRY,
            window: None,
        };
        let memory = config.optimizer.init(layout.len()).expect("memory");
        let mut state = State::new(start.clone(), memory);
        group.bench_function(BenchmarkId::new(format!("b = {batch_size}, threads"), n_threads), |bencher| {
            bencher.iter_custom(|n_epochs| {
                let run = Config { n_epochs: n_epochs + 1, ..config.clone() };
                let begun = std::mem::replace(&mut state, State::new(Vec::new(), Default::default()));
                let ended = fit(&problem, &run, begun, &|| false, &mut |_| ControlFlow::Continue(()));
                let ended = ended.expect("a fit");
                state = ended.state;
                let elapsed = ended.history.epoch_elapsed;
                Duration::from_secs_f64(elapsed[n_epochs as usize] - elapsed[0])
            });
        });
    }
    group.finish();
}

fn epochs(criterion: &mut Criterion) {
    let tier = Tier::best();
    let indptr: Vec<i32> = (0..=N_ROWS).map(|row| (row * N_FIELDS) as i32).collect();
    let ones = vec![1.0; N_ROWS * N_FIELDS];
    for (id, is_skewed) in [("fields, all columns alike", false), ("fields, columns by Zipf's law", true)] {
        let indices = columns(is_skewed);
        let (indices, indptr) = (Indices::Narrow(&indices), Indices::Narrow(&indptr));
        let rows = Csr::new(tier, &ones, indices, indptr, N_ROWS, N_COLUMNS).expect("valid");
        bench_rows(criterion, id, Rows::Csr(rows), N_FIELDS);
    }
    let stream = rng::Stream::new(3, 0, 99);
    let words = (0..(N_ROWS * N_DENSE_COLUMNS) as u64).map(|i| stream.word(i));
    let x: Vec<f32> = words.map(|word| 0.1 * (word as f32 / 2.0_f32.powi(31) - 1.0)).collect();
    let rows = Dense::new(tier, &x, N_ROWS, N_DENSE_COLUMNS).expect("finite");
    bench_rows(criterion, "dense columns", Rows::Dense(rows), N_DENSE_COLUMNS);
}

criterion_group!(benches, epochs);
criterion_main!(benches);
