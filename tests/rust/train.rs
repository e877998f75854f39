//! The loop as a whole: optima that are known, and equal bits whoever computes them.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use mbgd_rs::data::{Dense, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::{Hinge, LogLoss, SquaredError};
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::{Batches, BatchesConfig};
use mbgd_rs::train::{Config, Fit, Record, State, StopReason, fit};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Adam, Average, DoG, Optimizer, Rule, Schedule, Sgd};

struct Data<T> {
    n_rows: usize,
    n_columns: usize,
    x: Vec<T>,
    y: Vec<T>,
    kind: TargetKind,
}

/// Uniform columns in [-1, 1) and targets of a fixed linear rule.
fn data<T: Scalar>(n_rows: usize, n_columns: usize, kind: TargetKind) -> Data<T> {
    let mut words = vec![0; n_rows * n_columns];
    rng::Stream::new(1, 0, 99).words(0, &mut words);
    let x: Vec<f64> = words.iter().map(|&w| f64::from(w) / 2.0_f64.powi(31) - 1.0).collect();
    let y = x.chunks(n_columns).map(|x| {
        let z: f64 = x.iter().enumerate().map(|(j, x)| x * (1.0 + j as f64).sin()).sum();
        match kind {
            TargetKind::Real => z + 0.5,
            TargetKind::Binary => (z + 0.3).signum(),
            TargetKind::Class { n_classes } => ((z + 1.0).abs() * 2.0).floor().min(n_classes as f64 - 1.0),
        }
    });
    let y = y.map(T::from_f64).collect();
    Data { n_rows, n_columns, x: x.into_iter().map(T::from_f64).collect(), y, kind }
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
    }
}

fn trained<T: Scalar>(
    data: &Data<T>,
    loss: Loss,
    penalty: Penalty,
    config: &Config,
) -> (Vec<T>, Vec<T>, Fit<T>) {
    let rows = Rows::Dense(Dense::new(config.tier, &data.x, data.n_rows, data.n_columns).unwrap());
    let targets = Targets::new(&data.y, data.n_rows, 1, data.kind).unwrap();
    let problem = Problem::new(rows, targets, Weights::equal(), loss, penalty, true).unwrap();
    let layout = problem.layout();
    let state = State::new(vec![T::ZERO; layout.len()], config.optimizer.init(layout.len()).unwrap());
    let fit = fit(&problem, config, state, &|| false, &mut |_| ControlFlow::Continue(())).unwrap();
    let (coef, intercept) = layout.unpack(&fit.state.params);
    (coef, intercept, fit)
}

#[test]
fn least_squares_finds_the_rule_the_targets_were_made_by() {
    let data = data::<f64>(500, 7, TargetKind::Real);
    let mut config = config(500, 500, Rule::Sgd(Sgd::new(0.9, true).unwrap()), 0.3);
    config.n_epochs = 500;
    let (coef, intercept, _) = trained(&data, Loss::SquaredError(SquaredError), Penalty::none(), &config);
    for (j, w) in coef.iter().enumerate() {
        assert!((w - (1.0 + j as f64).sin()).abs() < 1e-12, "coefficient {j} is {w}");
    }
    assert!((intercept[0] - 0.5).abs() < 1e-12);
}

fn bits_are_equal_for_threads_and_tiers<T: Scalar>() {
    let rules = [
        (Rule::Sgd(Sgd::new(0.9, false).unwrap()), 700),
        (Rule::Adam(Adam::default()), 3001),
        (Rule::DoG(DoG::default()), 700),
    ];
    let cases = [
        (Loss::SquaredError(SquaredError), TargetKind::Real),
        (Loss::LogLoss(LogLoss), TargetKind::Binary),
        (Loss::Hinge(Hinge), TargetKind::Binary),
        (Loss::LogLoss(LogLoss), TargetKind::Class { n_classes: 5 }),
        (Loss::Hinge(Hinge), TargetKind::Class { n_classes: 5 }),
    ];
    for (loss, kind) in cases {
        for (rule, batch_size) in rules {
            let data = data::<T>(3001, 37, kind);
            let penalty = Penalty::elastic_net(1e-3, 0.5).unwrap();
            let mut config = config(3001, batch_size, rule, 0.01);
            config.average = Some(Average::ema(0.9, 3).unwrap());
            config.accumulate = NonZeroUsize::new(2).unwrap();
            let (expected, _, first) = trained(&data, loss, penalty, &config);
            assert_eq!(first.stop_reason, StopReason::Epochs);
            for tier in Tier::available() {
                for n_threads in [1, 2, 3, 7] {
                    (config.tier, config.n_threads) = (tier, n_threads);
                    let (coef, _, fit) = trained(&data, loss, penalty, &config);
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
