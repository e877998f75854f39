//! Passes over whole arrays give the same numbers on every number of threads.

use mbgd_rs::data::{Dense, Offsets, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gather::gather_rows;
use mbgd_rs::gradient::loss::{Focal, Gamma, LogLoss, ModifiedHuber, MultiClass, SquaredError};
use mbgd_rs::gradient::model::Architecture;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::predict::{Link, predict};
use mbgd_rs::shuffle::{Batches, BatchesConfig};
use mbgd_rs::train::{COLUMNS_FOR_ENTRY, Config, Record, Validation, ValidationRows, is_worth_threads};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Optimizer, Rule, Schedule, Sgd};

const N_ROWS: usize = 5000;

#[test]
fn predictions_are_the_same_on_every_number_of_threads() {
    let x: Vec<f64> = (0..3 * N_ROWS).map(|i| (i as f64).sin()).collect();
    let log_loss = Loss::LogLoss(LogLoss::default());
    let one_vs_rest = Loss::LogLoss(LogLoss { multi_class: MultiClass::OneVsRest });
    let huber = Loss::ModifiedHuber(ModifiedHuber);
    let four = TargetKind::Class { n_classes: 4 };
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    let clipped = |z: f64| (z.clamp(-1.0, 1.0) + 1.0) / 2.0;
    let scaled = |p: Vec<f64>| -> Vec<f64> { p.iter().map(|x| x / p.iter().sum::<f64>()).collect() };
    type Expected<'a> = &'a dyn Fn(&[f64]) -> Vec<f64>;
    let cases: [(Link, usize, Expected<'_>); 8] = [
        (Link::Identity, 2, &|z| z.to_vec()),
        (Link::Mean(Loss::Gamma(Gamma)), 2, &|z| z.iter().map(|z| z.exp()).collect()),
        (Link::Probability(log_loss, TargetKind::Binary), 1, &|z| vec![sigmoid(-z[0]), sigmoid(z[0])]),
        (Link::Probability(log_loss, TargetKind::Labels), 3, &|z| z.iter().map(|&z| sigmoid(z)).collect()),
        (Link::Probability(log_loss, four), 4, &|z| scaled(z.iter().map(|z| z.exp()).collect())),
        (Link::Probability(one_vs_rest, four), 4, &|z| scaled(z.iter().map(|&z| sigmoid(z)).collect())),
        (Link::Probability(huber, four), 4, &|z| scaled(z.iter().map(|&z| clipped(z)).collect())),
        (Link::Probability(Loss::Focal(Focal::new(0.0).unwrap()), TargetKind::Binary), 1, &|z| {
            vec![sigmoid(-z[0]), sigmoid(z[0])]
        }),
    ];
    for (link, k, expected_of) in cases {
        for tier in Tier::available() {
            let rows = Rows::Dense(Dense::new(tier, &x, N_ROWS, 3).unwrap());
            let model = Architecture::Linear.model::<f64>(3, k, true).unwrap();
            let layout = model.layout();
            let coef: Vec<f64> = (0..3 * k).map(|j| (j as f64).cos()).collect();
            let params = layout.pack("params", &coef, &vec![0.5; k]).unwrap();
            let on = |n_threads| {
                predict((rows, Offsets::none()), &model, &params, link, tier, n_threads, &|| false).unwrap()
            };
            let expected = on(1);
            let row = N_ROWS - 1;
            let z = |c: usize| (0..3).map(|j| x[3 * row + j] * coef[3 * c + j]).sum::<f64>() + 0.5;
            let last = expected_of(&(0..k).map(z).collect::<Vec<_>>());
            for (p, q) in expected[expected.len() - last.len()..].iter().zip(last) {
                assert!((p - q).abs() < 1e-14, "{link:?}: {p} is not {q}");
            }
            assert!([2, 3, 7].into_iter().all(|n_threads| on(n_threads) == expected), "{link:?} {tier:?}");
        }
    }
}

#[test]
fn gathered_rows_are_those_rows() {
    const WIDTH: usize = 1000;
    let values: Vec<u8> = (0..100 * WIDTH).map(|i| (i * i % 251) as u8).collect();
    let rows: Vec<usize> = (0..N_ROWS).map(|i| i * 37 % 100).collect();
    for n_threads in [1, 2, 7] {
        let mut out = vec![0; N_ROWS * WIDTH];
        gather_rows(&values, WIDTH, &rows, &mut out, n_threads, &|| false).unwrap();
        for (out, row) in out.chunks_exact(WIDTH).zip(&rows) {
            assert!(*out == values[row * WIDTH..][..WIDTH]);
        }
    }
}

/// To start a thread takes longer than one epoch of a small problem.
#[test]
fn threads_are_for_runs_that_are_long_enough() {
    let x = vec![1.0_f32; 1437 * 64];
    let y = vec![1.0; 1437];
    let problem = |n| {
        let rows = Rows::Dense(Dense::new(Tier::SCALAR, &x[..64 * n], n, 64).unwrap());
        let targets = Targets::new(&y[..n], n, 1, TargetKind::Real).unwrap();
        let loss = Loss::SquaredError(SquaredError);
        Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), true).unwrap()
    };
    let config = |n_rows, n_epochs| Config {
        batches: Batches::new(BatchesConfig::new(n_rows, 128)).unwrap(),
        optimizer: Optimizer {
            rule: Rule::Sgd(Sgd::default()),
            learning_rate: Schedule::Constant(Constant::new(0.1).unwrap()),
        },
        accumulate: std::num::NonZeroUsize::MIN,
        average: None,
        clip: None,
        n_epochs,
        record: Record::default(),
        n_threads: 2,
        tier: Tier::SCALAR,
        sync_every: None,
        columns_for_entry: COLUMNS_FOR_ENTRY,
        window: None,
    };
    let (few, all) = (problem(100), problem(1437));
    let is_worth =
        |validation: &_, n_epochs| is_worth_threads(validation, &few, &config(100, n_epochs)).unwrap();
    let none = Validation::none();
    assert!(
        !is_worth(&none, 0) && !is_worth(&none, 20) && is_worth(&none, 2000) && is_worth(&none, u64::MAX)
    );
    // Rows to judge by count, too.
    let judged = Validation::new(ValidationRows::AtHand(&all), Vec::new(), Vec::new()).unwrap();
    assert!(!is_worth(&judged, 1) && is_worth(&judged, 20));
}
