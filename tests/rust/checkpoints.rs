//! Checkpoints: each is a run that can be resumed to the bit, and none changes the run that it is of.

use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::ControlFlow;

use mbgd_rs::data::{Dense, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::SquaredError;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng;
use mbgd_rs::shuffle::{Batches, BatchesConfig};
use mbgd_rs::train::{
    CheckpointInterval, Checkpoints, Config, Fit, Record, State, StopReason, Validation, fit, fit_among,
};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Optimizer, Rule, Schedule, Sgd};

const N_ROWS: usize = 203;
const N_COLUMNS: usize = 5;
const N_EPOCHS: u64 = 4;

/// The steps of a checkpoint, which intervals were over, and the state.
type Saved = (u64, Vec<bool>, State<f64>);

fn config(tier: Tier, batch_size: usize) -> Config {
    Config {
        batches: Batches::new(BatchesConfig::new(N_ROWS, batch_size)).unwrap(),
        optimizer: Optimizer {
            rule: Rule::Sgd(Sgd::new(0.9, false).unwrap()),
            learning_rate: Schedule::Constant(Constant::new(0.01).unwrap()),
        },
        accumulate: NonZeroUsize::MIN,
        average: None,
        clip: None,
        n_epochs: N_EPOCHS,
        record: Record::default(),
        n_threads: 1,
        tier,
        sync_every: None,
        columns_for_entry: 2,
        window: None,
    }
}

fn saved(
    problem: &Problem<'_, f64>,
    config: &Config,
    state: State<f64>,
    intervals: &[CheckpointInterval],
) -> (Fit<f64>, Vec<Saved>) {
    let mut found = Vec::new();
    let mut save = |fit: &mut Fit<f64>, are_over: &[bool]| {
        assert_eq!(fit.stop_reason, StopReason::Interrupted);
        assert_eq!(fit.params, fit.state.params);
        assert_eq!(fit.history.epoch_loss.len() as u64, fit.state.epoch);
        found.push((fit.state.optimizer.n_steps, are_over.to_vec(), fit.state.clone()));
        ControlFlow::Continue(())
    };
    let go_on = &mut |_: mbgd_rs::train::Progress<'_, f64>| ControlFlow::Continue(());
    let checkpoints = Checkpoints::new(intervals, &mut save);
    let none = Validation::none();
    let run = fit_among(&none, problem, config, state, (None, &|| false), go_on, checkpoints).unwrap();
    (run, found)
}

#[test]
fn a_run_goes_on_from_each() {
    let tier = Tier::best();
    let stream = rng::Stream::new(1, 0, 99);
    let words = (0..(N_ROWS * N_COLUMNS) as u64).map(|i| stream.word(i));
    let x: Vec<f64> = words.map(|w| f64::from(w) / 2.0_f64.powi(31) - 1.0).collect();
    let y: Vec<f64> = x.chunks(N_COLUMNS).map(|x| x[0] - 2.0 * x[1] + x[2] * x[3]).collect();
    let rows = Rows::Dense(Dense::new(tier, &x, N_ROWS, N_COLUMNS).unwrap());
    let targets = Targets::new(&y, N_ROWS, 1, TargetKind::Real).unwrap();
    let loss = Loss::SquaredError(SquaredError);
    let penalty = Penalty::elastic_net(1e-3, 0.0).unwrap();
    let problem = Problem::new(rows, targets, Weights::equal(), loss, penalty, true).unwrap();
    let every = |n| NonZeroU64::new(n).unwrap();
    let intervals = [CheckpointInterval::Steps(every(7)), CheckpointInterval::Epochs(every(2))];
    for batch_size in [1, 10] {
        let config = config(tier, batch_size);
        let n_params = problem.layout().len();
        let start = || State::new(vec![0.0; n_params], config.optimizer.init(n_params).unwrap());
        let go_on = &mut |_: mbgd_rs::train::Progress<'_, f64>| ControlFlow::Continue(());
        let whole = fit(&problem, &config, start(), &|| false, go_on).unwrap();
        let (run, found) = saved(&problem, &config, start(), &intervals);
        assert_eq!((&run.state, &run.params), (&whole.state, &whole.params));
        let n_steps = whole.state.optimizer.n_steps;
        let of_epoch = n_steps / N_EPOCHS;
        let due: Vec<_> = (1..n_steps)
            .map(|n| (n, vec![n % 7 == 0, n % (2 * of_epoch) == 0]))
            .filter(|(_, are_over)| are_over.contains(&true))
            .collect();
        assert_eq!(found.iter().map(|(n, are_over, _)| (*n, are_over.clone())).collect::<Vec<_>>(), due);
        for (_, _, state) in found {
            let rest = Config { n_epochs: N_EPOCHS - state.epoch, ..config.clone() };
            let resumed = fit(&problem, &rest, state, &|| false, go_on).unwrap();
            assert_eq!((&resumed.state, &resumed.params), (&whole.state, &whole.params));
        }
    }
}
