//! One epoch of logistic regression in f32, data in cache: what a step costs beside its memory.

use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mbgd_rs::data::{Dense, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::LogLoss;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng;
use mbgd_rs::shuffle::{Batches, BatchesConfig, Shuffle};
use mbgd_rs::train::{COLUMNS_FOR_ENTRY, Config, Record, State, fit};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Optimizer, Rule, Schedule, Sgd};

const N_ROWS: usize = 20_000;
const N_COLUMNS: usize = 30;

fn epoch(criterion: &mut Criterion) {
    let stream = rng::Stream::new(1, 0, 99);
    let words = (0..(N_ROWS * N_COLUMNS) as u64).map(|i| stream.word(i));
    let x: Vec<f32> = words.map(|word| word as f32 / 2.0_f32.powi(31) - 1.0).collect();
    let y: Vec<f32> = x.chunks(N_COLUMNS).map(|x| (x[0] - x[1] + 0.3).signum()).collect();
    let tier = *Tier::available().last().expect("plain Rust is always available");
    let rows = Rows::Dense(Dense::new(tier, &x, N_ROWS, N_COLUMNS).expect("finite"));
    let targets = Targets::new(&y, N_ROWS, 1, TargetKind::Binary).expect("signs");
    let problem = Problem::new(
        rows,
        targets,
        Weights::equal(),
        Loss::LogLoss(LogLoss::default()),
        Penalty::none(),
        true,
    )
    .expect("loss and targets fit");
    let n_params = problem.layout().len();

    let mut group = criterion.benchmark_group(format!("epoch of {N_ROWS} x {N_COLUMNS}"));
    group.throughput(Throughput::Elements(N_ROWS as u64));
    for shuffle in [Shuffle::Sequential, Shuffle::Full] {
        for batch_size in [1, 32, 256, 4096] {
            let batches =
                BatchesConfig { shuffle: shuffle.clone(), ..BatchesConfig::new(N_ROWS, batch_size) };
            let rate = Schedule::Constant(Constant::new(0.01).expect("positive"));
            let config = Config {
                batches: Batches::new(batches).expect("valid"),
                optimizer: Optimizer { rule: Rule::Sgd(Sgd::default()), learning_rate: rate },
                accumulate: std::num::NonZeroUsize::MIN,
                average: None,
                clip: None,
                n_epochs: 1,
                record: Record::default(),
                n_threads: 1,
                tier,
                sync_every: None,
                columns_for_entry: COLUMNS_FOR_ENTRY,
                window: None,
            };
            let id = BenchmarkId::new(format!("{shuffle:?}"), batch_size);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let memory = config.optimizer.init(n_params).expect("memory");
                    let state = State::new(vec![0.0; n_params], memory);
                    black_box(
                        fit(&problem, &config, state, &|| false, &mut |_| ControlFlow::Continue(()))
                            .expect("a fit"),
                    )
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, epoch);
criterion_main!(benches);
