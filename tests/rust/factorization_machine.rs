//! Factorization machines: scores against a sum over all pairs, gradients against finite differences, equal bits, and
//! steps on the columns of a batch against steps on all.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;

use mbgd_rs::data::{Csr, Dense, Indices, Offsets, Rows, TargetKind, Targets, Weights};
use mbgd_rs::error::Result;
use mbgd_rs::gradient::loss::{Huber, LogLoss, SquaredError};
use mbgd_rs::gradient::model::Architecture;
use mbgd_rs::gradient::penalty::Group;
use mbgd_rs::gradient::{Loss, Penalty, Problem, RowGradients, Smoothness, value_and_gradient};
use mbgd_rs::kernel::Tier;
use mbgd_rs::options::Options;
use mbgd_rs::predict::{Link, predict};
use mbgd_rs::rng::Stream;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::{Batches, BatchesConfig};
use mbgd_rs::train::{
    Config, Fit, MaxSteps, Record, State, StopRule, Validation, ValidationRows, fit, fit_with,
};
use mbgd_rs::update::schedule::{Auto, Constant};
use mbgd_rs::update::{Adam, Optimizer, Rule, Schedule, Sgd};
use proptest::prelude::*;

const N: usize = 150;

/// Numbers in [-1, 1).
fn random<T: Scalar>(stream: u32, n: usize) -> Vec<T> {
    let stream = Stream::new(7, 0, stream);
    (0..n as u64).map(|i| T::from_f64(f64::from(stream.word(i)) / 2.0_f64.powi(31) - 1.0)).collect()
}

/// Sparse rows of N, in whose columns there may be several entries.
struct Sparse<T> {
    values: Vec<T>,
    indices: Vec<i32>,
    indptr: Vec<i64>,
    n_columns: usize,
}

impl<T: Scalar> Sparse<T> {
    fn of(rows: impl Iterator<Item = Vec<(usize, T)>>, n_columns: usize) -> Self {
        let mut sparse = Self { values: Vec::new(), indices: Vec::new(), indptr: vec![0], n_columns };
        for row in rows {
            for (column, x) in row {
                sparse.values.push(x);
                sparse.indices.push(column as i32);
            }
            sparse.indptr.push(sparse.values.len() as i64);
        }
        sparse
    }

    /// Dense rows without their zeros.
    fn of_dense(x: &[T], n_columns: usize) -> Self {
        let entries = |row: &[T]| row.iter().copied().enumerate().filter(|(_, x)| *x != T::ZERO).collect();
        Self::of(x.chunks(n_columns).map(entries), n_columns)
    }

    /// Some entries a row.
    fn of_fields(n_columns: usize) -> Self {
        let (at, values) = (random::<f64>(20, 5 * N), random::<T>(21, 5 * N));
        let column = |i: usize| ((at[i] + 1.0) / 2.0 * (n_columns / 5) as f64) as usize * 5 + i % 5;
        Self::of(
            (0..N).map(|row| (5 * row..5 * row + 5).map(|i| (column(i), values[i])).collect()),
            n_columns,
        )
    }

    fn rows(&self, tier: Tier) -> Rows<'_, T> {
        let (indices, indptr) = (Indices::Narrow(&self.indices), Indices::Wide(&self.indptr));
        Rows::Csr(
            Csr::new(tier, &self.values, indices, indptr, self.indptr.len() - 1, self.n_columns).unwrap(),
        )
    }

    fn dense(&self) -> Vec<T> {
        let mut x = vec![T::ZERO; (self.indptr.len() - 1) * self.n_columns];
        for (row, x) in x.chunks_mut(self.n_columns).enumerate() {
            for p in self.indptr[row] as usize..self.indptr[row + 1] as usize {
                x[self.indices[p] as usize] += self.values[p];
            }
        }
        x
    }
}

/// Rows of which half of the entries are zero.
fn half_empty<T: Scalar>(n_columns: usize) -> Vec<T> {
    random::<T>(4, N * n_columns).into_iter().map(|x| if x < T::ZERO { T::ZERO } else { x }).collect()
}

fn dense<T: Scalar>(tier: Tier, x: &[T], n_columns: usize) -> Rows<'_, T> {
    Rows::Dense(Dense::new(tier, x, x.len() / n_columns, n_columns).unwrap())
}

/// Kinds of targets, and losses for them.
fn kinds() -> [(TargetKind, usize, Loss); 5] {
    let log_loss = Loss::LogLoss(LogLoss::default());
    [
        (TargetKind::Real, 1, Loss::SquaredError(SquaredError)),
        (TargetKind::Real, 2, Loss::Huber(Huber::new(0.3).unwrap())),
        (TargetKind::Binary, 1, log_loss),
        (TargetKind::Class { n_classes: 3 }, 1, log_loss),
        (TargetKind::Labels, 4, log_loss),
    ]
}

fn targets<T: Scalar>(kind: TargetKind, per_row: usize) -> Vec<T> {
    let real = random::<f64>(8, N * per_row);
    let target = |z: f64| match kind {
        TargetKind::Real => z,
        TargetKind::Binary | TargetKind::Labels => z.signum(),
        TargetKind::Class { n_classes } => ((z + 1.0) / 2.0 * n_classes as f64).floor(),
    };
    real.into_iter().map(|z| T::from_f64(target(z))).collect()
}

fn problem<'a, T: Scalar>(
    rows: Rows<'a, T>,
    y: &'a [T],
    (kind, per_row, loss): (TargetKind, usize, Loss),
    penalty: Penalty,
    (rank, fit_intercept): (usize, bool),
) -> Problem<'a, T> {
    let weights = random::<T>(1, N).iter().map(|s| *s + T::ONE).collect::<Vec<_>>();
    let targets = Targets::new(y, N, per_row, kind).unwrap();
    let architecture = (&Architecture::FactorizationMachine { rank }, fit_intercept);
    Problem::of(rows, targets, Weights::new(&weights, N).unwrap(), loss, penalty, architecture).unwrap()
}

fn params<T: Scalar>(problem: &Problem<'_, T>) -> Vec<T> {
    let layout = problem.layout();
    let coef: Vec<T> = random(2, layout.n_weights()).iter().map(|w: &T| *w * T::from_f64(0.3)).collect();
    layout.pack("params", &coef, &random(3, layout.n_intercepts())).unwrap()
}

fn config(tier: Tier, n_threads: usize, optimizer: Optimizer, batch_size: usize) -> Config {
    Config {
        batches: Batches::new(BatchesConfig::new(N, batch_size)).unwrap(),
        optimizer,
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

fn at_rate(rule: Rule, rate: f64) -> Optimizer {
    Optimizer { rule, learning_rate: Schedule::Constant(Constant::new(rate).unwrap()) }
}

fn trained<T: Scalar>(problem: &Problem<'_, T>, config: &Config) -> Fit<T> {
    let state = State::new(params(problem), config.optimizer.init(problem.layout().len()).unwrap());
    fit(problem, config, state, &|| false, &mut |_| ControlFlow::Continue(())).unwrap()
}

#[test]
fn scores_are_sums_over_all_pairs() {
    let (d, rank, k, tier) = (6, 3, 2, Tier::best());
    let x = half_empty::<f64>(d);
    let y = targets(TargetKind::Real, k);
    let kind = (TargetKind::Real, k, Loss::SquaredError(SquaredError));
    // Every entry in two halves, and columns in falling order.
    let halves = |row: &[f64]| (0..2 * d).rev().map(|i| (i % d, row[i % d] / 2.0)).collect();
    let (sparse, twice) = (Sparse::of_dense(&x, d), Sparse::of(x.chunks(d).map(halves), d));
    for rows in [dense(tier, &x, d), sparse.rows(tier), twice.rows(tier)] {
        let problem = problem(rows, &y, kind, Penalty::none(), (rank, true));
        let (at, layout) = (params(&problem), problem.layout());
        let (table, bias) = layout.unpack(&at);
        let scores =
            predict((rows, Offsets::none()), problem.model(), &at, Link::Identity, tier, 1, &|| false)
                .unwrap();
        for (row, x) in x.chunks(d).enumerate() {
            for c in 0..k {
                let w = |j: usize| table[(j * k + c) * (1 + rank)];
                let v = |j: usize| &table[(j * k + c) * (1 + rank) + 1..][..rank];
                let mut z = bias[c];
                for i in 0..d {
                    z += w(i) * x[i];
                    for j in 0..i {
                        z += v(i).iter().zip(v(j)).map(|(a, b)| a * b).sum::<f64>() * x[i] * x[j];
                    }
                }
                assert!((z - scores[row * k + c]).abs() < 1e-13, "{row} {c}: {z} {}", scores[row * k + c]);
            }
        }
    }
}

#[test]
fn gradients_are_derivatives() {
    let (d, tier) = (5, Tier::best());
    let x = half_empty::<f64>(d);
    let (sparse, twice) = (
        Sparse::of_dense(&x, d),
        Sparse::of(x.chunks(d).map(|row| (0..2 * d).map(|i| (i % d, row[i % d] / 2.0)).collect()), d),
    );
    for (kind, rank) in kinds().into_iter().flat_map(|kind| [1, 8, 17].map(|rank| (kind, rank))) {
        let y = targets(kind.0, kind.1);
        for (rows, fit_intercept) in
            [(dense(tier, &x, d), true), (sparse.rows(tier), true), (twice.rows(tier), false)]
        {
            let problem =
                problem(rows, &y, kind, Penalty::elastic_net(0.1, 0.3).unwrap(), (rank, fit_intercept));
            let value =
                |params: Vec<f64>| value_and_gradient(&problem, params, None, tier, 1, &|| false).unwrap();
            let at = params(&problem);
            let (_, gradient) = value(at.clone());
            let (step, n_coef) = (1e-6, problem.layout().n_coef());
            for (i, &g) in gradient.iter().enumerate() {
                if at[i] == 0.0 || (i >= n_coef && !fit_intercept) {
                    assert_eq!(g, 0.0, "padding, and intercepts that stay");
                    continue;
                }
                let moved = |by: f64| {
                    let mut moved = at.clone();
                    moved[i] += by;
                    value(moved).0
                };
                let difference = (moved(step) - moved(-step)) / (2.0 * step);
                assert!((difference - g).abs() < 1e-6, "{kind:?} {rank} {i}: {difference} {g}");
            }
        }
    }
}

fn bits_are_equal<T: Scalar>() {
    let d = 37;
    let x = half_empty::<T>(d);
    // Few columns: steps are on all of them, but for Adam; and so many that no rule moves all.
    let (sparse, wide) = (Sparse::of_dense(&x, d), Sparse::<T>::of_fields(9000));
    let rules =
        [at_rate(Rule::Sgd(Sgd::new(0.9, true).unwrap()), 0.01), at_rate(Rule::Adam(Adam::default()), 0.01)];
    for (kind, rank) in kinds().into_iter().flat_map(|kind| [3, 8, 20].map(|rank| (kind, rank))) {
        let y = targets(kind.0, kind.1);
        for (optimizer, of) in rules.iter().flat_map(|rule| (0..3).map(move |of| (rule, of))) {
            let run = |tier: Tier, n_threads: usize, batch_size: usize| {
                let rows = match of {
                    0 => dense(tier, &x, d),
                    1 => sparse.rows(tier),
                    _ => wide.rows(tier),
                };
                let penalty = Penalty::elastic_net(1e-3, 0.0).unwrap();
                let problem = problem(rows, &y, kind, penalty, (rank, true));
                let fit = trained(&problem, &config(tier, n_threads, optimizer.clone(), batch_size));
                (fit.state.params, fit.history.epoch_loss)
            };
            let expected = run(Tier::SCALAR, 1, 140);
            for tier in Tier::available() {
                for n_threads in [1, 2, 3, 7] {
                    assert!(
                        run(tier, n_threads, 140) == expected,
                        "{kind:?} {rank} {of} {tier:?} {n_threads}"
                    );
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

proptest! {
    #[test]
    fn sparse_rows_are_as_dense_ones(
        d in 1..12_usize,
        rank in 1..20_usize,
        filled in 0.0..1.0_f64,
        of_kind in 0..5_usize,
        fit_intercept in any::<bool>(),
    ) {
        let (kind, tier) = (kinds()[of_kind], Tier::best());
        let (there, values) = (random::<f64>(9, N * d), random::<f32>(10, N * d));
        let entry = |i: usize| if there[i] < 2.0 * filled - 1.0 { values[i] } else { 0.0 };
        let x: Vec<f32> = (0..N * d).map(entry).collect();
        let (sparse, y) = (Sparse::of_dense(&x, d), targets(kind.0, kind.1));
        let gradient = |rows| {
            let problem = problem(rows, &y, kind, Penalty::none(), (rank, fit_intercept));
            value_and_gradient(&problem, params(&problem), None, tier, 1, &|| false).unwrap()
        };
        let ((value, g), (dense_value, dense_g)) = (gradient(sparse.rows(tier)), gradient(dense(tier, &x, d)));
        prop_assert!((value - dense_value).abs() < 1e-5 * (1.0 + value.abs()));
        for (g, dense_g) in g.iter().zip(&dense_g) {
            prop_assert!((g - dense_g).abs() < 1e-4, "{g} {dense_g}");
        }
    }
}

/// Hyperparameters of a rule.
struct Given(&'static str, &'static [(&'static str, f64)]);

impl Options for Given {
    fn name(&self) -> String {
        self.0.into()
    }
    fn written(&self) -> String {
        self.0.into()
    }
    fn as_number(&self) -> Option<f64> {
        self.1.first().map(|(_, number)| *number)
    }
    fn number(&self, name: &'static str) -> Result<f64> {
        Ok(self.1.iter().find(|(key, _)| *key == name).map_or(0.0, |(_, number)| *number))
    }
    fn integer(&self, name: &'static str) -> Result<i64> {
        self.number(name).map(|number| number as i64)
    }
    fn flag(&self, _: &'static str) -> Result<bool> {
        Ok(false)
    }
    fn pair(&self, _: &'static str) -> Result<(f64, f64)> {
        Ok((0.0, 0.0))
    }
    fn numbers(&self, _: &'static str) -> Result<Vec<f64>> {
        Ok(Vec::new())
    }
    fn text(&self, _: &'static str) -> Result<String> {
        Ok(String::new())
    }
    fn is_text(&self, _: &'static str) -> Result<bool> {
        Ok(false)
    }
    fn is_none(&self, name: &'static str) -> Result<bool> {
        Ok(name == "preconditioner")
    }
    fn child(&self, _: &'static str) -> Result<Box<dyn Options + '_>> {
        Ok(Box::new(Given("rate", &[("rate", 0.1)])))
    }
}

/// Rules whose steps on the columns of a batch are those on all columns, with the penalties for which they are.
fn exact_rules() -> Vec<(Optimizer, Penalty)> {
    let penalties = || [(0.0, 0.0), (0.01, 0.0), (0.01, 1.0), (0.02, 0.4)];
    let net = |(alpha, l1_ratio)| Penalty::elastic_net(alpha, l1_ratio).unwrap();
    let adagrad = Given("Adagrad", &[("eps", 1e-10), ("initial_accumulator_value", 0.1)]);
    let ftrl = Given("FTRL", &[("beta", 1.0)]);
    let mut all = Vec::new();
    for momentum in [0.0, 0.9] {
        let optimizer = at_rate(Rule::Sgd(Sgd::new(momentum, false).unwrap()), 0.05);
        all.extend(penalties().map(|penalty| (optimizer.clone(), net(penalty))));
    }
    for given in [adagrad, ftrl] {
        let optimizer = Optimizer::from_options(&given).unwrap().unwrap();
        all.extend([(0.0, 0.0), (0.01, 1.0)].map(|penalty| (optimizer.clone(), net(penalty))));
    }
    all
}

#[test]
fn steps_on_the_columns_of_a_batch_are_those_on_all() {
    let (d, tier) = (1500, Tier::best());
    let sparse = Sparse::<f64>::of_fields(d);
    let x = sparse.dense();
    let (y, kind) = (targets(TargetKind::Binary, 1), kinds()[2]);
    for (optimizer, penalty) in exact_rules() {
        let run = |rows| {
            // Of all columns there are so many parameters that they are moved in blocks.
            let problem = problem(rows, &y, kind, penalty.clone(), (20, true));
            let mut config = config(tier, 2, optimizer.clone(), 70);
            config.record.noise = true;
            config.n_epochs = 10;
            let fit = trained(&problem, &config);
            let (table, bias) = problem.layout().unpack(&fit.state.params);
            ([table, bias].concat(), fit.history)
        };
        let ((lazy, history), (all, dense_history)) = (run(sparse.rows(tier)), run(dense(tier, &x, d)));
        let off = lazy.iter().zip(&all).fold(0.0, |off: f64, (a, b)| off.max((a - b).abs()));
        assert!(off < 1e-12, "{optimizer:?} {penalty:?}: {off}");
        assert!(all.iter().any(|w| w.abs() > 0.1));
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-10 * b.abs());
        assert!(close(&history.epoch_loss, &dense_history.epoch_loss), "{optimizer:?} {penalty:?}");
        assert!(!history.noise.trace.is_empty());
        if penalty == Penalty::none() {
            assert!(close(&history.noise.trace, &dense_history.noise.trace), "{optimizer:?}");
            assert!(close(&history.noise.squared_norm, &dense_history.noise.squared_norm), "{optimizer:?}");
        }
    }
}

/// Entries of a column are one, their sum, in whatever order they come, and whoever computes.
#[test]
fn entries_of_the_same_column_are_one() {
    let tier = Tier::best();
    let (y, kind) = (targets(TargetKind::Binary, 1), kinds()[2]);
    for d in [60, 3000] {
        let once = Sparse::<f32>::of_fields(d);
        // Sums of quarters are exact.
        let parts = |row: usize| {
            let of_row = once.indptr[row] as usize..once.indptr[row + 1] as usize;
            let entries = of_row.map(|p| (once.indices[p] as usize, once.values[p]));
            let (first, last): (Vec<_>, Vec<_>) =
                entries.map(|(j, x)| ((j, 0.75 * x), (j, x - 0.75 * x))).unzip();
            [first, last.into_iter().rev().collect()].concat()
        };
        let twice = Sparse::of((0..N).map(parts), d);
        for (optimizer, penalty) in exact_rules() {
            let run = |sparse: &Sparse<f32>| {
                let problem = problem(sparse.rows(tier), &y, kind, penalty.clone(), (8, true));
                trained(&problem, &config(tier, 1, optimizer.clone(), 70))
            };
            let (twice, once) = (run(&twice), run(&once));
            assert_eq!(twice.state.params, once.state.params, "{d} {optimizer:?}");
            assert_eq!(twice.history.epoch_loss, once.history.epoch_loss);
        }
    }
}

#[test]
fn a_run_goes_on_where_it_ended_within_an_epoch() {
    let (d, tier) = (1500, Tier::best());
    let sparse = Sparse::<f32>::of_fields(d);
    let (y, kind) = (targets(TargetKind::Binary, 1), kinds()[2]);
    let adam = (at_rate(Rule::Adam(Adam::default()), 0.01), Penalty::elastic_net(0.01, 0.5).unwrap());
    for (optimizer, penalty) in exact_rules().into_iter().chain([adam]) {
        let problem = problem(sparse.rows(tier), &y, kind, penalty, (8, true));
        let config = config(tier, 1, optimizer, 20);
        let whole = trained(&problem, &config);
        for n_steps in [1, 3, 7, 11] {
            let rules = vec![StopRule::MaxSteps(MaxSteps::new(n_steps).unwrap())];
            let validation = Validation::new(ValidationRows::None, rules, Vec::new()).unwrap();
            let state = State::new(params(&problem), config.optimizer.init(problem.layout().len()).unwrap());
            let mut go_on = |_: mbgd_rs::train::Progress<'_, f32>| ControlFlow::Continue(());
            let begun = fit_with(&validation, &problem, &config, state, &|| false, &mut go_on).unwrap();
            let rest = Config { n_epochs: 2 - begun.state.epoch, ..config.clone() };
            let ended = fit(&problem, &rest, begun.state, &|| false, &mut go_on).unwrap();
            assert_eq!(ended.state.params, whole.state.params, "{:?} {n_steps}", config.optimizer);
            assert_eq!(ended.history.epoch_loss.last(), whole.history.epoch_loss.last());
        }
    }
}

#[test]
fn gradients_of_rows_have_these_norms_and_products() {
    let (d, tier) = (5, Tier::best());
    let x = half_empty::<f64>(d);
    let sparse = Sparse::of_dense(&x, d);
    for (kind, fit_intercept) in kinds().into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let y = targets(kind.0, kind.1);
        for rows in [dense(tier, &x, d), sparse.rows(tier)] {
            let problem = problem(rows, &y, kind, Penalty::none(), (9, fit_intercept));
            let (at, layout) = (params(&problem), problem.layout());
            let intercept = vec![if fit_intercept { 0.7 } else { 0.0 }; layout.n_intercepts()];
            let direction = layout.pack("v", &random(5, layout.n_weights()), &intercept).unwrap();
            let all = RowGradients::of(&problem, &at, &[&direction], tier, &|| false).unwrap();
            for i in 0..N {
                let (_, gradient) =
                    value_and_gradient(&problem, at.clone(), Some(vec![i]), tier, 1, &|| false).unwrap();
                let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
                let along: f64 = gradient.iter().zip(&direction).map(|(g, v)| g * v).sum();
                assert!((norm - all.norms[i]).abs() < 1e-12 * (1.0 + norm), "{kind:?} {i}");
                assert!((along - all.along[0][i]).abs() < 1e-12 * (1.0 + norm), "{kind:?} {i}");
            }
        }
    }
}

#[test]
fn what_linear_models_have_is_refused_by_name() {
    let (d, tier) = (5, Tier::best());
    let (x, kind) = (half_empty::<f64>(d), kinds()[2]);
    let y = targets(kind.0, kind.1);
    let machine = |penalty: Penalty| {
        let targets = Targets::new(&y, N, 1, kind.0).unwrap();
        let architecture = (&Architecture::FactorizationMachine { rank: 2 }, true);
        Problem::of(dense(tier, &x, d), targets, Weights::equal(), kind.2, penalty, architecture)
    };
    let groups = Penalty::Group(Group::new(vec![0.1], 1.0).unwrap());
    let message = machine(groups).unwrap_err().to_string();
    assert_eq!(message, "model must be 'linear' for penalty 'group_l1', got 'factorization_machine'");
    let problem = machine(Penalty::none()).unwrap();
    let refused = |optimizer: Optimizer| {
        let config = config(tier, 1, optimizer, 10);
        let state = State::new(params(&problem), config.optimizer.init(problem.layout().len()).unwrap());
        let error = fit(&problem, &config, state, &|| false, &mut |_| ControlFlow::Continue(())).unwrap_err();
        error.to_string()
    };
    let auto = Optimizer { rule: Rule::Sgd(Sgd::default()), learning_rate: Schedule::Auto(Auto) };
    assert!(refused(auto).starts_with("model must be 'linear' for learning_rate \"auto\""));
    let saga = Optimizer::from_options(&Given("SAGA", &[])).unwrap().unwrap();
    assert!(refused(saga).starts_with("model must be 'linear' for SAGA"));
    let bound = Smoothness::of(&problem, None, tier, 1, &|| false).unwrap_err().to_string();
    assert!(bound.starts_with("model must be 'linear'"), "{bound}");
}

#[test]
fn a_rank_is_at_least_one_and_fits_the_address_space() {
    let rank = |rank: f64| {
        Architecture::from_options(&Given(
            "FactorizationMachine",
            match rank {
                0.0 => &[("rank", 0.0)],
                _ => &[("rank", 3.0)],
            },
        ))
    };
    assert_eq!(rank(3.0).unwrap(), Some(Architecture::FactorizationMachine { rank: 3 }));
    assert_eq!(rank(0.0).unwrap_err().to_string(), "rank must be >= 1, got 0");
    for (rank, n_columns) in [(usize::MAX, 3), (usize::MAX / 2, 3), (1 << 40, 1 << 30)] {
        let machine = Architecture::FactorizationMachine { rank };
        let error = machine.model::<f32>(n_columns, 4, true).unwrap_err().to_string();
        assert!(error.contains("too large"), "{error}");
    }
}
