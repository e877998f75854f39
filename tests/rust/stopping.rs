//! Validation rows, stopping rules, and runs in pieces, without Python.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use mbgd_rs::data::{Dense, Rows, TargetKind, Targets, Weights};
use mbgd_rs::error::Error;
use mbgd_rs::gradient::loss::LogLoss;
use mbgd_rs::gradient::{Loss, Penalty, Problem, value_and_gradient};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::{Batches, BatchesConfig, Split, split};
use mbgd_rs::train::{
    Config, Fit, MaxSteps, Mode, Monitor, NoImprovement, Record, State, StopReason, StopRule, TargetLoss,
    Validation, ValidationRows, fit_with,
};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Optimizer, Rule, Schedule, Sgd};

const N_ROWS: usize = 2003;
const N_COLUMNS: usize = 19;

struct Data<T> {
    x: Vec<T>,
    y: Vec<T>,
    s: Vec<T>,
}

fn data<T: Scalar>() -> Data<T> {
    let stream = rng::Stream::new(1, 0, 99);
    let words = (0..(N_ROWS * N_COLUMNS) as u64).map(|i| stream.word(i));
    let x: Vec<T> = words.map(|w| T::from_f64(f64::from(w) / 2.0_f64.powi(31) - 1.0)).collect();
    let y = x.chunks(N_COLUMNS).map(|x| T::from_f64((x[0].to_f64() - x[1].to_f64() + 0.3).signum()));
    let s = (0..N_ROWS).map(|i| T::from_f64(1.0 + (i % 3) as f64));
    Data { y: y.collect(), s: s.collect(), x }
}

impl<T: Scalar> Data<T> {
    /// Copies of some rows.
    fn taken(&self, rows: &[usize]) -> Self {
        Self {
            x: rows.iter().flat_map(|&r| self.x[r * N_COLUMNS..][..N_COLUMNS].to_vec()).collect(),
            y: rows.iter().map(|&r| self.y[r]).collect(),
            s: rows.iter().map(|&r| self.s[r]).collect(),
        }
    }

    fn problem(&self, tier: Tier) -> Problem<'_, T> {
        let n_rows = self.y.len();
        let rows = Rows::Dense(Dense::new(tier, &self.x, n_rows, N_COLUMNS).unwrap());
        let targets = Targets::new(&self.y, n_rows, 1, TargetKind::Binary).unwrap();
        let weights = Weights::new(&self.s, n_rows).unwrap();
        let penalty = Penalty::elastic_net(1e-3, 0.5).unwrap();
        Problem::new(rows, targets, weights, Loss::LogLoss(LogLoss::default()), penalty, true).unwrap()
    }

    fn subset<'a>(&'a self, rows: &[usize], whole: &Problem<'a, T>) -> Problem<'a, T> {
        whole.subset(rows.to_vec(), Weights::subset(&self.s, N_ROWS, rows).unwrap()).unwrap()
    }
}

fn config(n_rows: usize, tier: Tier, n_threads: usize) -> Config {
    Config {
        batches: Batches::new(BatchesConfig::new(n_rows, 300)).unwrap(),
        optimizer: Optimizer {
            rule: Rule::Sgd(Sgd::new(0.9, false).unwrap()),
            learning_rate: Schedule::Constant(Constant::new(0.05).unwrap()),
        },
        accumulate: NonZeroUsize::MIN,
        average: None,
        clip: None,
        n_epochs: 6,
        record: Record { full_loss: true, ..Record::default() },
        n_threads,
        tier,
        sync_every: None,
        columns_for_entry: 2,
        window: None,
    }
}

fn start<T: Scalar>(problem: &Problem<'_, T>, config: &Config) -> State<T> {
    let n_params = problem.layout().len();
    State::new(vec![T::ZERO; n_params], config.optimizer.init(n_params).unwrap())
}

fn trained<T: Scalar>(
    problem: &Problem<'_, T>,
    config: &Config,
    validation: &Validation<'_, T>,
    state: State<T>,
) -> Fit<T> {
    fit_with(validation, problem, config, state, &|| false, &mut |_| ControlFlow::Continue(())).unwrap()
}

fn rows_in_place_give_the_same_fit_as_copies<T: Scalar>() {
    let data = data::<T>();
    let strata: Vec<usize> = data.y.iter().map(|&y| usize::from(y > T::ZERO)).collect();
    let Split { training, validation } = split(N_ROWS, 0.3, Some(&strata), 7, &|| false).unwrap();
    let copies = (data.taken(&training), data.taken(&validation));
    let mut expected: Option<Fit<T>> = None;
    for tier in Tier::available() {
        let whole = data.problem(tier);
        let (here, judged_here) = (data.subset(&training, &whole), data.subset(&validation, &whole));
        let (there, judged_there) = (copies.0.problem(tier), copies.1.problem(tier));
        for n_threads in [1, 2, 5] {
            let config = config(training.len(), tier, n_threads);
            for (problem, judged) in [(&here, &judged_here), (&there, &judged_there)] {
                let validation =
                    Validation::new(ValidationRows::AtHand(judged), Vec::new(), Vec::new()).unwrap();
                let fit = trained(problem, &config, &validation, start(problem, &config));
                let expected = expected.get_or_insert_with(|| fit.clone());
                assert!(fit.params == expected.params, "{tier:?}, {n_threads} threads");
                assert_eq!(fit.history.validation_loss, expected.history.validation_loss);
                assert_eq!(fit.history.full_loss, expected.history.full_loss);
            }
        }
        let last = expected.as_ref().unwrap();
        let free = Problem::new(
            Rows::Dense(Dense::new(tier, &copies.1.x, validation.len(), N_COLUMNS).unwrap()),
            Targets::new(&copies.1.y, validation.len(), 1, TargetKind::Binary).unwrap(),
            Weights::new(&copies.1.s, validation.len()).unwrap(),
            Loss::LogLoss(LogLoss::default()),
            Penalty::none(),
            true,
        );
        let (value, _) =
            value_and_gradient(&free.unwrap(), last.params.clone(), None, tier, 1, &|| false).unwrap();
        assert_eq!(last.history.validation_loss.last(), Some(&value));
    }
}

#[test]
fn rows_in_place_give_the_same_fit_as_copies_in_single_precision() {
    rows_in_place_give_the_same_fit_as_copies::<f32>();
}

#[test]
fn rows_in_place_give_the_same_fit_as_copies_in_double_precision() {
    rows_in_place_give_the_same_fit_as_copies::<f64>();
}

fn patient(monitor: Monitor, patience: i64) -> StopRule {
    StopRule::NoImprovement(NoImprovement::new(monitor, Mode::Min, 0.0, false, patience, true).unwrap())
}

#[test]
fn a_metric_of_the_observer_ends_the_run_and_the_best_model_is_returned() {
    let data = data::<f64>();
    let tier = Tier::current().unwrap();
    let problem = data.problem(tier);
    let config = config(N_ROWS, tier, 2);
    let rules = vec![patient(Monitor::Metric("m".into()), 3)];
    let validation = Validation::new(ValidationRows::None, rules, vec!["m".into()]).unwrap();
    let mut models = Vec::new();
    let fit =
        fit_with(&validation, &problem, &config, start(&problem, &config), &|| false, &mut |progress| {
            models.push(progress.params.to_vec());
            progress.metrics.push([3.0, 1.0, f64::NAN, 1.5, 2.0, 0.0][models.len() - 1]);
            ControlFlow::Continue(())
        });
    let fit = fit.unwrap();
    assert_eq!((fit.stop_reason, fit.best_epoch, models.len()), (StopReason::NoImprovement, Some(2), 5));
    assert_eq!(fit.params, models[1]);
    assert_eq!(fit.state.params, models[4]);
}

#[test]
fn a_run_in_pieces_is_the_run_in_one_piece() {
    let data = data::<f32>();
    let tier = Tier::current().unwrap();
    let problem = data.problem(tier);
    let mut config = config(N_ROWS, tier, 1);
    let judged = data.problem(tier);
    let rules = vec![patient(Monitor::ValidationLoss, 2)];
    let validation = Validation::new(ValidationRows::AtHand(&judged), rules.clone(), Vec::new()).unwrap();
    let whole = trained(&problem, &config, &validation, start(&problem, &config));
    let mut state = start(&problem, &config);
    for n in [1, 5, 7, 9] {
        let limited = [rules.clone(), vec![StopRule::MaxSteps(MaxSteps::new(n).unwrap())]].concat();
        let validation = Validation::new(ValidationRows::AtHand(&judged), limited, Vec::new()).unwrap();
        let fit = trained(&problem, &config, &validation, state);
        assert_eq!(fit.stop_reason, StopReason::MaxSteps);
        config.n_epochs = 6 - fit.state.epoch;
        state = fit.state;
    }
    let last = trained(&problem, &config, &validation, state);
    assert_eq!(last.state, whole.state);
    assert_eq!((last.params, last.best_epoch), (whole.params, whole.best_epoch));
}

#[test]
fn an_interrupted_run_keeps_what_it_has() {
    let data = data::<f64>();
    let tier = Tier::current().unwrap();
    let problem = data.problem(tier);
    let mut config = config(N_ROWS, tier, 1);
    config.n_epochs = 400;
    let validation = Validation::none();
    let whole = trained(&problem, &config, &validation, start(&problem, &config));
    for asked in 1..6 {
        let n_asked = AtomicUsize::new(0);
        let interrupted = || n_asked.fetch_add(1, Ordering::Relaxed) + 1 == asked * 8;
        let on = &mut |_: mbgd_rs::train::Progress<'_, f64>| ControlFlow::Continue(());
        config.n_epochs = 400;
        let first =
            fit_with(&validation, &problem, &config, start(&problem, &config), &interrupted, on).unwrap();
        assert_eq!(first.stop_reason, StopReason::Interrupted);
        config.n_epochs = 400 - first.state.epoch;
        let last = trained(&problem, &config, &validation, first.state);
        assert_eq!(last.state, whole.state);
        let joined = [first.history.full_loss, last.history.full_loss].concat();
        assert_eq!(joined, whole.history.full_loss);
    }
}

#[test]
fn what_a_rule_monitors_must_exist() {
    let target = |monitor| StopRule::TargetLoss(TargetLoss::new(1.0, monitor, Mode::Min).unwrap());
    let unknown = [Monitor::ValidationLoss, Monitor::Metric("m".into())];
    for monitor in unknown {
        let validation = Validation::<f64>::new(ValidationRows::None, vec![target(monitor)], Vec::new());
        assert!(matches!(validation, Err(Error::Incompatible(_))));
    }
    let two = vec![patient(Monitor::Loss, 1); 2];
    assert!(matches!(
        Validation::<f32>::new(ValidationRows::None, two, Vec::new()),
        Err(Error::Incompatible(_))
    ));
}

#[test]
fn rows_out_of_range_are_refused() {
    let data = data::<f64>();
    let whole = data.problem(Tier::SCALAR);
    assert!(matches!(whole.subset(vec![0, N_ROWS], Weights::equal()), Err(Error::OutOfRange { .. })));
    assert!(matches!(whole.subset(Vec::new(), Weights::equal()), Err(Error::OutOfRange { .. })));
    assert!(matches!(Weights::subset(&data.s, N_ROWS, &[N_ROWS]), Err(Error::OutOfRange { .. })));
    assert!(matches!(split(3, 0.5, Some(&[0, 1]), 0, &|| false), Err(Error::Shape { .. })));
}

#[test]
fn validation_rows_with_other_columns_are_refused() {
    let data = data::<f64>();
    let problem = data.problem(Tier::SCALAR);
    let rows = Rows::Dense(Dense::new(Tier::SCALAR, &data.x, N_ROWS * N_COLUMNS, 1).unwrap());
    let y = vec![1.0; N_ROWS * N_COLUMNS];
    let targets = Targets::new(&y, y.len(), 1, TargetKind::Binary).unwrap();
    let judged = Problem::new(
        rows,
        targets,
        Weights::equal(),
        Loss::LogLoss(LogLoss::default()),
        Penalty::none(),
        true,
    );
    let judged = judged.unwrap();
    let validation = Validation::new(ValidationRows::AtHand(&judged), Vec::new(), Vec::new()).unwrap();
    let config = config(N_ROWS, Tier::SCALAR, 1);
    let state = start(&problem, &config);
    let on = &mut |_: mbgd_rs::train::Progress<'_, f64>| ControlFlow::Continue(());
    let refused = fit_with(&validation, &problem, &config, state, &|| false, on);
    assert!(matches!(refused, Err(Error::Shape { argument: "validation", .. })));
}
