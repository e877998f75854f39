//! Networks: gradients against finite differences, equal bits, masks, and what is said of the gradients of rows.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use mbgd_rs::data::{Csr, Dense, Indices, Rows, TargetKind, Targets, Weights};
use mbgd_rs::gradient::loss::{LogLoss, SquaredError};
use mbgd_rs::gradient::model::Architecture;
use mbgd_rs::gradient::{Loss, Penalty, Problem, RowGradients, value_and_gradient};
use mbgd_rs::kernel::{Activation, Tier};
use mbgd_rs::rng::{DROPOUT, Stream};
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::{Batches, BatchesConfig, Shuffle};
use mbgd_rs::train::{Config, Record, State, fit};
use mbgd_rs::update::schedule::Constant;
use mbgd_rs::update::{Adam, Optimizer, Rule, Schedule, Sgd};

const N: usize = 150;
const D: usize = 7;

/// Numbers in [-1, 1).
fn random<T: Scalar>(stream: u32, n: usize) -> Vec<T> {
    let stream = Stream::new(7, 0, stream);
    (0..n as u64).map(|i| T::from_f64(f64::from(stream.word(i)) / 2.0_f64.powi(31) - 1.0)).collect()
}

fn network(hidden: &[(usize, Activation)], dropout: f64) -> Architecture {
    Architecture::Mlp { hidden: hidden.to_vec(), dropout }
}

/// A network on these rows, for three classes.
fn problem<'a, T: Scalar>(rows: Rows<'a, T>, y: &'a [T], architecture: &Architecture) -> Problem<'a, T> {
    let weights = random::<T>(1, N).iter().map(|s| *s + T::ONE).collect::<Vec<_>>();
    let targets = Targets::new(y, N, 1, TargetKind::Class { n_classes: 3 }).unwrap();
    let (loss, penalty) = (Loss::LogLoss(LogLoss::default()), Penalty::elastic_net(0.1, 0.0).unwrap());
    let weights = Weights::new(&weights, N).unwrap();
    Problem::of(rows, targets, weights, loss, penalty, (architecture, true)).unwrap()
}

fn classes<T: Scalar>() -> Vec<T> {
    (0..N).map(|i| T::from_f64((i * i % 3) as f64)).collect()
}

fn params<T: Scalar>(problem: &Problem<'_, T>) -> Vec<T> {
    let layout = problem.layout();
    let (coef, intercept) = (random(2, layout.n_weights()), random(3, layout.n_intercepts()));
    layout.pack("params", &coef, &intercept).unwrap()
}

fn architectures(dropout: f64) -> Vec<Architecture> {
    let mut all: Vec<_> = Activation::ALL.iter().map(|&a| network(&[(5, a), (18, a)], dropout)).collect();
    all.push(network(&[], dropout));
    all.push(network(&[(33, Activation::Tanh)], dropout));
    all
}

fn config(tier: Tier, n_threads: usize, rule: Rule, batch_size: usize) -> Config {
    let learning_rate = Schedule::Constant(Constant::new(0.01).unwrap());
    Config {
        batches: Batches::new(BatchesConfig::new(N, batch_size)).unwrap(),
        optimizer: Optimizer { rule, learning_rate },
        accumulate: NonZeroUsize::MIN,
        average: None,
        clip: None,
        n_epochs: 2,
        record: Record::default(),
        n_threads,
        tier,
        sync_every: None,
        columns_for_entry: 2,
        window: None,
    }
}

fn trained<T: Scalar>(problem: &Problem<'_, T>, config: &Config) -> Vec<T> {
    let state = State::new(params(problem), config.optimizer.init(problem.layout().len()).unwrap());
    fit(problem, config, state, &|| false, &mut |_| ControlFlow::Continue(())).unwrap().state.params
}

/// The same rows with their zeros left out.
struct Sparse<T> {
    values: Vec<T>,
    indices: Vec<i32>,
    indptr: Vec<i32>,
}

impl<T: Scalar> Sparse<T> {
    fn of(x: &[T]) -> Self {
        let (mut values, mut indices, mut indptr) = (Vec::new(), Vec::new(), vec![0]);
        for row in x.chunks(D) {
            for (j, &value) in row.iter().enumerate().filter(|(_, value)| **value != T::ZERO) {
                values.push(value);
                indices.push(j as i32);
            }
            indptr.push(values.len() as i32);
        }
        Self { values, indices, indptr }
    }

    fn rows(&self, tier: Tier) -> Rows<'_, T> {
        let (indices, indptr) = (Indices::Narrow(&self.indices), Indices::Narrow(&self.indptr));
        Rows::Csr(Csr::new(tier, &self.values, indices, indptr, N, D).unwrap())
    }
}

/// Rows of which half of the entries are zero.
fn half_empty<T: Scalar>() -> Vec<T> {
    random::<T>(4, N * D).into_iter().map(|x| if x < T::ZERO { T::ZERO } else { x }).collect()
}

#[test]
fn gradients_are_derivatives() {
    let (x, y, tier) = (half_empty::<f64>(), classes(), Tier::best());
    let sparse = Sparse::of(&x);
    for architecture in architectures(0.5) {
        for rows in [Rows::Dense(Dense::new(tier, &x, N, D).unwrap()), sparse.rows(tier)] {
            let problem = problem(rows, &y, &architecture);
            let value =
                |params: Vec<f64>| value_and_gradient(&problem, params, None, tier, 1, &|| false).unwrap();
            let at = params(&problem);
            let (_, gradient) = value(at.clone());
            let step = 1e-6;
            for (i, _) in at.iter().enumerate().filter(|(_, w)| **w != 0.0) {
                let moved = |by: f64| {
                    let mut moved = at.clone();
                    moved[i] += by;
                    value(moved).0
                };
                let difference = (moved(step) - moved(-step)) / (2.0 * step);
                assert!(
                    (difference - gradient[i]).abs() < 1e-7,
                    "{architecture:?} {i}: {difference} {}",
                    gradient[i]
                );
            }
        }
    }
}

fn bits_are_equal<T: Scalar>() {
    let (x, y) = (half_empty::<T>(), classes());
    let sparse = Sparse::of(&x);
    for architecture in architectures(0.3) {
        for is_sparse in [false, true] {
            let run = |tier: Tier, n_threads: usize, batch_size: usize| {
                let rows = match is_sparse {
                    true => sparse.rows(tier),
                    false => Rows::Dense(Dense::new(tier, &x, N, D).unwrap()),
                };
                let problem = problem(rows, &y, &architecture);
                trained(&problem, &config(tier, n_threads, Rule::Adam(Adam::default()), batch_size))
            };
            let expected = run(Tier::SCALAR, 1, 140);
            for tier in Tier::available() {
                for n_threads in [1, 2, 3, 7] {
                    assert!(run(tier, n_threads, 140) == expected, "{architecture:?} {tier:?} {n_threads}");
                }
            }
            assert!(run(Tier::best(), 1, 32) == run(Tier::SCALAR, 2, 32));
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads_or_tiers_in_single_precision() {
    bits_are_equal::<f32>();
}

#[test]
fn bits_do_not_depend_on_threads_or_tiers_in_double_precision() {
    bits_are_equal::<f64>();
}

/// So many parameters that workers share the update, too.
#[test]
fn workers_that_move_a_shard_each_make_the_same_step() {
    let (x, y, tier) = (half_empty::<f32>(), classes(), Tier::best());
    let architecture = network(&[(300, Activation::Relu), (60, Activation::Tanh)], 0.0);
    let accelerated = Sgd::new(0.9, true).unwrap();
    for rule in [Rule::Adam(Adam::default()), Rule::Sgd(Sgd::default()), Rule::Sgd(accelerated)] {
        let run = |n_threads: usize| {
            let rows = Rows::Dense(Dense::new(tier, &x, N, D).unwrap());
            let problem = problem(rows, &y, &architecture);
            assert!(problem.layout().len() > 1 << 14);
            let mut config = config(tier, n_threads, rule, 150);
            config.n_epochs = 8;
            trained(&problem, &config)
        };
        let expected = run(1);
        assert!([2, 3, 7].into_iter().all(|n_threads| run(n_threads) == expected), "{rule:?}");
    }
}

#[test]
fn a_network_without_hidden_layers_is_the_linear_model() {
    let (x, y, tier) = (half_empty::<f64>(), classes(), Tier::best());
    let rows = || Rows::Dense(Dense::new(tier, &x, N, D).unwrap());
    let (network, linear) =
        (problem(rows(), &y, &network(&[], 0.0)), problem(rows(), &y, &Architecture::Linear));
    // Weights are (d, k) here and coefficients (k, d) there.
    let weights = random::<f64>(2, 3 * D);
    let coef: Vec<f64> = (0..3 * D).map(|i| weights[i % D * 3 + i / D]).collect();
    let intercept = random::<f64>(3, 3);
    let at = |problem: &Problem<'_, f64>, coef: &[f64]| {
        let params = problem.layout().pack("params", coef, &intercept).unwrap();
        value_and_gradient(problem, params, None, tier, 1, &|| false).unwrap()
    };
    let ((value, gradient), (expected, of_linear)) = (at(&network, &weights), at(&linear, &coef));
    assert!((value - expected).abs() < 1e-14);
    let (gradient, _) = network.layout().unpack(&gradient);
    let (of_linear, _) = linear.layout().unpack(&of_linear);
    for i in 0..3 * D {
        assert!((gradient[i % D * 3 + i / D] - of_linear[i]).abs() < 1e-14);
    }
}

/// With one unit and the identity, a step of plain gradient descent on one row says which unit was left out.
#[test]
fn masks_are_where_their_address_says() {
    const UNITS: usize = 6;
    let (x, y) = ([1.0], [1.0]);
    let tier = Tier::best();
    let architecture = network(&[(UNITS, Activation::Identity)], 0.5);
    let rows = Rows::Dense(Dense::new(tier, &x, 1, 1).unwrap());
    let targets = Targets::new(&y, 1, 1, TargetKind::Real).unwrap();
    let loss = Loss::SquaredError(SquaredError);
    let problem =
        Problem::of(rows, targets, Weights::equal(), loss, Penalty::none(), (&architecture, false)).unwrap();
    let layout = problem.layout();
    let start = layout.pack("params", &[[1.0; UNITS], [0.0; UNITS]].concat(), &[0.0; UNITS + 1]).unwrap();
    for n_epochs in 1..20 {
        let mut config = config(tier, 1, Rule::Sgd(Sgd::default()), 1);
        let mut batches = BatchesConfig::new(1, 1);
        (batches.seed, batches.shuffle) = (5, Shuffle::Sequential);
        config.batches = Batches::new(batches).unwrap();
        config.n_epochs = 1;
        let mut state = State::new(start.clone(), config.optimizer.init(layout.len()).unwrap());
        state.epoch = n_epochs;
        config.n_epochs = 1;
        let after = fit(&problem, &config, state, &|| false, &mut |_| ControlFlow::Continue(())).unwrap();
        let (weights, _) = layout.unpack(&after.state.params);
        let words = Stream::new(5, n_epochs as u32, DROPOUT);
        for (u, &w) in weights[UNITS..].iter().enumerate() {
            let is_left_out = words.word(u as u64) < 1 << 31;
            assert_eq!(w == 0.0, is_left_out, "epoch {n_epochs}, unit {u}: {w}");
        }
    }
}

#[test]
fn gradients_of_rows_have_these_norms_and_products() {
    let (x, y, tier) = (half_empty::<f64>(), classes(), Tier::best());
    let sparse = Sparse::of(&x);
    for architecture in architectures(0.5) {
        for rows in [Rows::Dense(Dense::new(tier, &x, N, D).unwrap()), sparse.rows(tier)] {
            let free = problem(rows, &y, &architecture);
            let at = params(&free);
            let direction = {
                let layout = free.layout();
                layout.pack("v", &random(5, layout.n_weights()), &random(6, layout.n_intercepts())).unwrap()
            };
            let all = RowGradients::of(&free, &at, &[&direction], tier, &|| false).unwrap();
            let of_penalty: Vec<f64> = at[..free.layout().n_coef()].iter().map(|w| 0.1 * w).collect();
            for i in 0..N {
                let rows = Some(vec![i]);
                let (_, mut gradient) =
                    value_and_gradient(&free, at.clone(), rows, tier, 1, &|| false).unwrap();
                gradient.iter_mut().zip(&of_penalty).for_each(|(g, p)| *g -= p);
                let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                let along: f64 = gradient.iter().zip(&direction).map(|(g, v)| g * v).sum();
                assert!((norm - all.norms[i]).abs() < 1e-10, "{architecture:?} {i}");
                assert!((along - all.along[0][i]).abs() < 1e-10, "{architecture:?} {i}");
            }
        }
    }
}
