//! The loop as a whole: known optima, and equal bits on every tier and number of threads.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::every_loss::every_loss;
use mbgd_rs::data::{Dense, Domain, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::*;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::{Batches, BatchesConfig};
use mbgd_rs::train::{Config, Fit, Record, State, StopReason, fit};
use mbgd_rs::update::schedule::{Auto, Constant};
use mbgd_rs::update::{Adam, Average, DoG, Optimizer, Rule, Schedule, Sgd};

struct Data<T> {
    n_rows: usize,
    n_columns: usize,
    x: Vec<T>,
    y: Vec<T>,
    kind: TargetKind,
    per_row: usize,
}

/// Uniform columns in [-1, 1) and targets of a fixed linear rule.
fn data<T: Scalar>(n_rows: usize, n_columns: usize, kind: TargetKind) -> Data<T> {
    let stream = rng::Stream::new(1, 0, 99);
    let words = (0..(n_rows * n_columns) as u64).map(|i| stream.word(i));
    let x: Vec<f64> = words.map(|w| f64::from(w) / 2.0_f64.powi(31) - 1.0).collect();
    let y = x.chunks(n_columns).map(|x| {
        let z: f64 = x.iter().enumerate().map(|(j, x)| x * (1.0 + j as f64).sin()).sum();
        match kind {
            TargetKind::Real => z + 0.5,
            TargetKind::Binary | TargetKind::Labels => (z + 0.3).signum(),
            TargetKind::Class { n_classes } => ((z + 1.0).abs() * 2.0).floor().min(n_classes as f64 - 1.0),
        }
    });
    // Each label is the same rule for the columns of the row after the next, and so on.
    let per_row = if kind == TargetKind::Labels { 3 } else { 1 };
    let rule: Vec<T> = y.map(T::from_f64).collect();
    let y = (0..n_rows * per_row).map(|i| rule[(i / per_row + 2 * (i % per_row)) % n_rows]).collect();
    Data { n_rows, n_columns, x: x.into_iter().map(T::from_f64).collect(), y, kind, per_row }
}

fn config(n_rows: usize, batch_size: usize, rule: Rule, learning_rate: f64) -> Config {
    Config {
        batches: Batches::new(BatchesConfig::new(n_rows, batch_size)).unwrap(),
        optimizer: Optimizer {
            rule,
            learning_rate: Schedule::Constant(Constant::new(learning_rate).unwrap()),
        },
        accumulate: NonZeroUsize::MIN,
        average: None,
        clip: None,
        n_epochs: 3,
        record: Record::default(),
        n_threads: 1,
        tier: *Tier::available().last().unwrap(),
        sync_every: None,
        columns_for_entry: 2,
        window: None,
    }
}

fn trained<T: Scalar>(
    data: &Data<T>,
    loss: Loss,
    penalty: Penalty,
    config: &Config,
) -> (Vec<T>, Vec<T>, Fit<T>) {
    let rows = Rows::Dense(Dense::new(config.tier, &data.x, data.n_rows, data.n_columns).unwrap());
    let targets = Targets::new(&data.y, data.n_rows, data.per_row, data.kind).unwrap();
    let problem = Problem::new(rows, targets, Weights::equal(), loss, penalty, true).unwrap();
    let layout = problem.layout();
    let state = State::new(vec![T::ZERO; layout.len()], config.optimizer.init(layout.len()).unwrap());
    let fit = fit(&problem, config, state, &|| false, &mut |_| ControlFlow::Continue(())).unwrap();
    let (coef, intercept) = layout.unpack(&fit.state.params);
    (coef, intercept, fit)
}

#[test]
fn least_squares_recovers_the_rule_behind_the_targets() {
    let data = data::<f64>(500, 7, TargetKind::Real);
    let mut config = config(500, 500, Rule::Sgd(Sgd::new(0.9, true).unwrap()), 0.3);
    config.n_epochs = 500;
    let (coef, intercept, _) = trained(&data, Loss::SquaredError(SquaredError), Penalty::none(), &config);
    for (j, w) in coef.iter().enumerate() {
        assert!((w - (1.0 + j as f64).sin()).abs() < 1e-12, "coefficient {j} is {w}");
    }
    assert!((intercept[0] - 0.5).abs() < 1e-12);
}

/// Every loss, on every kind of targets that its loops distinguish.
fn bits_are_equal_for_threads_and_tiers<T: Scalar>() {
    let rules = [
        (Rule::Sgd(Sgd::new(0.9, false).unwrap()), 700),
        (Rule::Adam(Adam::default()), 3001),
        (Rule::DoG(DoG::default()), 700),
    ];
    let binary = TargetKind::Binary;
    let five = TargetKind::Class { n_classes: 5 };
    let kinds_of = |loss: Loss| match loss.is_classification() {
        true => vec![binary, five],
        false => vec![TargetKind::Real],
    };
    let others = [
        (Loss::Tweedie(Tweedie::new(0.0).unwrap()), TargetKind::Real),
        (Loss::Tweedie(Tweedie::new(3.0).unwrap()), TargetKind::Real),
        (Loss::LogLoss(LogLoss::default()), TargetKind::Labels),
        (Loss::LogLoss(LogLoss { multi_class: MultiClass::OneVsRest }), five),
        (Loss::ModifiedHuber(ModifiedHuber), TargetKind::Labels),
    ];
    let cases = every_loss().flat_map(|loss| kinds_of(loss).into_iter().map(move |kind| (loss, kind)));
    for (loss, kind) in cases.chain(others) {
        for (rule, batch_size) in rules {
            let mut data = data::<T>(3001, 37, kind);
            if loss.domain() != Domain::Real {
                data.y.iter_mut().for_each(|y| *y = y.abs() + T::from_f64(0.1));
            }
            let penalty = Penalty::elastic_net(1e-3, 0.5).unwrap();
            let mut config = config(3001, batch_size, rule, 0.01);
            config.average = Some(Average::ema(0.9, 3).unwrap());
            config.accumulate = NonZeroUsize::new(2).unwrap();
            let (expected, _, first) = trained(&data, loss, penalty.clone(), &config);
            assert_eq!(first.stop_reason, StopReason::Epochs);
            for tier in Tier::available() {
                for n_threads in [1, 2, 3, 7] {
                    (config.tier, config.n_threads) = (tier, n_threads);
                    let (coef, _, fit) = trained(&data, loss, penalty.clone(), &config);
                    assert!(coef == expected, "{loss:?} {kind:?} {tier:?} {n_threads} threads");
                    assert_eq!(fit.history.epoch_loss, first.history.epoch_loss);
                }
            }
        }
    }
}

#[test]
fn bits_are_equal_in_single_precision() {
    bits_are_equal_for_threads_and_tiers::<f32>();
}

#[test]
fn bits_are_equal_in_double_precision() {
    bits_are_equal_for_threads_and_tiers::<f64>();
}

#[test]
fn a_run_that_diverges_keeps_its_last_finite_parameters() {
    let data = data::<f32>(100, 5, TargetKind::Real);
    let mut config = config(100, 10, Rule::Sgd(Sgd::default()), 1e3);
    config.n_epochs = 50;
    let (coef, _, fit) = trained(&data, Loss::SquaredError(SquaredError), Penalty::none(), &config);
    assert!(matches!(fit.stop_reason, StopReason::Diverged { .. }), "{:?}", fit.stop_reason);
    assert!(coef.iter().all(|w| w.is_finite() && *w != 0.0));
}

#[test]
fn an_automatic_learning_rate_can_be_interrupted_at_any_poll() {
    let data = data::<f32>(20_000, 100, TargetKind::Real);
    let mut config = config(20_000, 4_000, Rule::Sgd(Sgd::default()), 1.0);
    config.optimizer.learning_rate = Schedule::Auto(Auto);
    config.record.path = true;
    let rows = Rows::Dense(Dense::new(config.tier, &data.x, data.n_rows, data.n_columns).unwrap());
    let targets = Targets::new(&data.y, data.n_rows, data.per_row, data.kind).unwrap();
    let loss = Loss::SquaredError(SquaredError);
    let problem = Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), true).unwrap();
    let start = || {
        let n = problem.layout().len();
        State::new(vec![0.0; n], config.optimizer.init(n).unwrap())
    };
    let run = |config: &Config, state: State<f32>, n_asked: usize| {
        let n = AtomicUsize::new(0);
        let interrupted = || n.fetch_add(1, Ordering::Relaxed) == n_asked;
        fit(&problem, config, state, &interrupted, &mut |_| ControlFlow::Continue(())).unwrap()
    };
    let whole = run(&config, start(), usize::MAX);
    let mut n_interrupted = 0;
    for n_asked in 0..40 {
        let first = run(&config, start(), n_asked);
        if first.stop_reason != StopReason::Interrupted {
            continue;
        }
        n_interrupted += 1;
        let rest = Config { n_epochs: config.n_epochs - first.state.epoch, ..config.clone() };
        let second = run(&rest, first.state, usize::MAX);
        assert_eq!(second.state.params, whole.state.params, "interrupted at the poll {n_asked}");
        assert_eq!(second.params, whole.params, "interrupted at the poll {n_asked}");
        let path = [first.history.path, second.history.path].concat();
        assert_eq!(path, whole.history.path, "interrupted at the poll {n_asked}");
    }
    assert!(n_interrupted > 5, "only {n_interrupted}");
}
