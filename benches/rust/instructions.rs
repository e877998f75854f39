//! One fit, to be run under callgrind: `instructions CASE EPOCHS` prints how many steps it made. Without arguments the
//! names of the cases. `make bench-guard` compares two numbers of epochs, so that what is done once cancels.

#![allow(clippy::print_stdout)]

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use mbgd_rs::data::{Csr, Dense, Indices, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::LogLoss;
use mbgd_rs::gradient::{Loss, Penalty, Problem};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng;
use mbgd_rs::shuffle::{Batches, BatchesConfig, Shuffle};
use mbgd_rs::train::{COLUMNS_FOR_ENTRY, Config, Record, State, fit};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Adam, Optimizer, Rule, Schedule, Sgd};

/// What is fitted: log loss, SGD without a penalty, reshuffled, unless it says otherwise.
struct Case {
    name: &'static str,
    n_rows: usize,
    n_columns: usize,
    /// Entries stored for a row of CSR; dense rows otherwise.
    n_entries: Option<usize>,
    n_classes: usize,
    batch_size: usize,
    is_shuffled: bool,
    is_adam: bool,
    l2: f64,
}

const DENSE: Case = Case {
    name: "",
    n_rows: 4000,
    n_columns: 30,
    n_entries: None,
    n_classes: 2,
    batch_size: 1,
    is_shuffled: true,
    is_adam: false,
    l2: 0.0,
};
const CASES: [Case; 7] = [
    Case { name: "b1-d30-sequential", is_shuffled: false, ..DENSE },
    Case { name: "b1-d30", ..DENSE },
    Case { name: "b32-d30", batch_size: 32, ..DENSE },
    Case { name: "b256-d100", batch_size: 256, n_columns: 100, ..DENSE },
    Case { name: "b64-csr-d123-l2", batch_size: 64, n_columns: 123, n_entries: Some(14), l2: 1e-4, ..DENSE },
    Case { name: "b64-d64-softmax10", batch_size: 64, n_columns: 64, n_classes: 10, ..DENSE },
    Case { name: "b32-d30-adam", batch_size: 32, is_adam: true, ..DENSE },
];

fn main() {
    // What cargo bench says to every benchmark begins with a dash.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    match words.as_slice() {
        [name, n_epochs] => {
            let case = CASES.iter().find(|case| case.name == name).expect("the name of a case");
            println!("{}", n_steps(case, n_epochs.parse().expect("a number of epochs")));
        }
        _ => CASES.iter().for_each(|case| println!("{}", case.name)),
    }
}

/// Fits, and returns the number of steps that it took.
fn n_steps(case: &Case, n_epochs: u64) -> u64 {
    let &Case { n_rows, n_columns, n_classes, .. } = case;
    let n_stored = case.n_entries.unwrap_or(n_columns);
    let stream = rng::Stream::new(1, 0, 99);
    let words: Vec<u32> = (0..(n_rows * n_stored) as u64).map(|i| stream.word(i)).collect();
    let x: Vec<f32> = words.iter().map(|&word| word as f32 / 2.0_f32.powi(31) - 1.0).collect();
    let y: Vec<f32> = x
        .chunks(n_stored)
        .map(|x| match n_classes {
            2 => (x[0] - x[1] + 0.3).signum(),
            _ => (0..n_classes).max_by(|&i, &j| x[i].total_cmp(&x[j])).expect("classes") as f32,
        })
        .collect();
    let kind = if n_classes == 2 { TargetKind::Binary } else { TargetKind::Class { n_classes } };
    let targets = Targets::new(&y, n_rows, 1, kind).expect("valid for their kind");

    // One entry in each of as many groups of columns, as a table of categories gives them.
    let width = n_columns / n_stored;
    let indices: Vec<i32> = words
        .iter()
        .zip(0..)
        .map(|(word, i)| (i % n_stored * width + *word as usize % width) as i32)
        .collect();
    let indptr: Vec<i32> = (0..=n_rows).map(|row| (row * n_stored) as i32).collect();
    let tier = Tier::from_name("avx2").expect("valgrind knows AVX2, and no AVX-512");
    let rows = match case.n_entries {
        None => Rows::Dense(Dense::new(tier, &x, n_rows, n_columns).expect("finite")),
        Some(_) => {
            let (indices, indptr) = (Indices::Narrow(&indices), Indices::Narrow(&indptr));
            Rows::Csr(Csr::new(tier, &x, indices, indptr, n_rows, n_columns).expect("well formed"))
        }
    };
    let penalty = Penalty::elastic_net(case.l2, 0.0).expect("finite");
    let loss = Loss::LogLoss(LogLoss::default());
    let problem = Problem::new(rows, targets, Weights::equal(), loss, penalty, true).expect("they fit");

    let shuffle = if case.is_shuffled { Shuffle::Full } else { Shuffle::Sequential };
    let batches = BatchesConfig { shuffle, ..BatchesConfig::new(n_rows, case.batch_size) };
    let rule = if case.is_adam { Rule::Adam(Adam::default()) } else { Rule::Sgd(Sgd::default()) };
    let config = Config {
        batches: Batches::new(batches).expect("valid"),
        optimizer: Optimizer {
            rule,
            learning_rate: Schedule::Constant(Constant::new(0.01).expect("positive")),
        },
        accumulate: NonZeroUsize::MIN,
        average: None,
        clip: None,
        n_epochs,
        record: Record::default(),
        n_threads: 1,
        tier,
        sync_every: None,
        columns_for_entry: COLUMNS_FOR_ENTRY,
        window: None,
    };
    let n_params = problem.layout().len();
    let state = State::new(vec![0.0; n_params], config.optimizer.init(n_params).expect("memory"));
    let outcome = fit(&problem, &config, state, &|| false, &mut |_| ControlFlow::Continue(()));
    outcome.expect("a fit");
    n_rows.div_ceil(case.batch_size) as u64 * n_epochs
}
