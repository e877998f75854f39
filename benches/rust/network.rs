//! Steps of networks by Adam in f32: those of digits, whose products are large, and small ones, whose products are not.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mbgd_rs::data::{Dense, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::LogLoss;
use mbgd_rs::gradient::model::Architecture;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::{Activation, Tier};
use mbgd_rs::rng;
use mbgd_rs::shuffle::{Batches, BatchesConfig};
use mbgd_rs::train::{COLUMNS_FOR_ENTRY, Config, Record, State, fit};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Adam, Optimizer, Rule, Schedule};

/// Rows, columns, units of the hidden layer, classes and rows of a batch.
const CASES: &[(usize, usize, usize, usize, usize)] = &[
    (12_800, 784, 128, 10, 128),
    (12_800, 784, 128, 10, 256),
    (12_800, 784, 128, 10, 32),
    (20_480, 30, 32, 2, 32),
];

fn numbers(n: usize) -> Vec<f32> {
    let stream = rng::Stream::new(1, 0, 99);
    (0..n as u64).map(|i| stream.word(i) as f32 / 2.0_f32.powi(31) - 1.0).collect()
}

fn epoch(criterion: &mut Criterion) {
    let tier = Tier::best();
    for &(n_rows, n_columns, n_units, n_classes, batch_size) in CASES {
        let x = numbers(n_rows * n_columns);
        let is_binary = n_classes == 2;
        let class = |x: &[f32]| ((x[0] + 1.0) / 2.0 * n_classes as f32).floor().min(n_classes as f32 - 1.0);
        let target = |x: &[f32]| if is_binary { x[0].signum() } else { class(x) };
        let y: Vec<f32> = x.chunks(n_columns).map(target).collect();
        let kind = if is_binary { TargetKind::Binary } else { TargetKind::Class { n_classes } };
        let rows = Rows::Dense(Dense::new(tier, &x, n_rows, n_columns).expect("finite"));
        let targets = Targets::new(&y, n_rows, 1, kind).expect("classes");
        let hidden = vec![(n_units, Activation::Relu)];
        let architecture = Architecture::Mlp { hidden, dropout: 0.0 };
        let loss = Loss::LogLoss(LogLoss::default());
        let model = (&architecture, true);
        let problem =
            Problem::of(rows, targets, Weights::equal(), loss, Penalty::none(), model).expect("they fit");
        let layout = problem.layout();
        let weights: Vec<f32> = numbers(layout.n_weights()).iter().map(|w| 0.05 * w).collect();
        let start = layout.pack("start", &weights, &vec![0.0; layout.n_intercepts()]).expect("finite");
        let id = format!("epoch of {n_rows} rows, {n_columns}-{n_units}-{n_classes}, b = {batch_size}");
        let mut group = criterion.benchmark_group(id);
        group.throughput(Throughput::Elements(n_rows as u64)).sample_size(20);
        for n_threads in [1, 2] {
            let rate = Schedule::Constant(Constant::new(0.001).expect("positive"));
            let config = Config {
                batches: Batches::new(BatchesConfig::new(n_rows, batch_size)).expect("valid"),
                optimizer: Optimizer { rule: Rule::Adam(Adam::default()), learning_rate: rate },
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
            group.bench_function(BenchmarkId::new("threads", n_threads), |bencher| {
                bencher.iter(|| {
                    let memory = config.optimizer.init(layout.len()).expect("memory");
                    let state = State::new(start.clone(), memory);
                    black_box(
                        fit(&problem, &config, state, &|| false, &mut |_| ControlFlow::Continue(()))
                            .expect("a fit"),
                    )
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, epoch);
criterion_main!(benches);
