//! Diagnostics: gradients of rows against the gradient itself, and equal bits on every tier and number of
//! threads.

use mbgd_rs::data::{Csr, Dense, Indices, Rows, TargetKind, Targets, Weights};
use mbgd_rs::diagnose::{Effort, Point, Sampling, angles, bias, bias_of_rows, noise};
use mbgd_rs::error::Result;
use mbgd_rs::gradient::loss::{LogLoss, SquaredError};
use mbgd_rs::gradient::{Layout, Loss, Penalty, Problem, RowGradients, value_and_gradient};
use mbgd_rs::kernel::Tier;
use mbgd_rs::rng::Stream;
use mbgd_rs::scalar::Scalar;
use mbgd_rs::shuffle::Shuffle;

const N: usize = 300;
const D: usize = 21;

fn tier() -> Tier {
    *Tier::available().last().unwrap()
}

/// Numbers in [-1, 1).
fn random<T: Scalar>(stream: u32, n: usize) -> Vec<T> {
    let stream = Stream::new(7, 0, stream);
    (0..n as u64).map(|i| T::from_f64(f64::from(stream.word(i)) / 2.0_f64.powi(31) - 1.0)).collect()
}

/// Targets of k outputs: one of three classes, or real numbers.
fn targets<T: Scalar>(k: usize) -> (Vec<T>, TargetKind, Loss) {
    match k {
        3 => {
            let classes = (0..N).map(|i| T::from_f64((i * i % 3) as f64)).collect();
            (classes, TargetKind::Class { n_classes: 3 }, Loss::LogLoss(LogLoss::default()))
        }
        k => (random(90, N * k), TargetKind::Real, Loss::SquaredError(SquaredError)),
    }
}

fn problem<'a, T: Scalar>(
    rows: Rows<'a, T>,
    y: &'a [T],
    kind: TargetKind,
    loss: Loss,
    penalty: Penalty,
) -> Problem<'a, T> {
    let weights = random::<T>(91, N).iter().map(|s| *s + T::ONE).collect::<Vec<_>>();
    let targets = Targets::new(y, N, y.len() / N, kind).unwrap();
    Problem::new(rows, targets, Weights::new(&weights, N).unwrap(), loss, penalty, true).unwrap()
}

fn params<T: Scalar>(layout: Layout) -> Vec<T> {
    let (k, d) = (layout.n_outputs(), layout.n_columns());
    layout.pack("params", &random::<T>(92, k * d), &random::<T>(93, k)).unwrap()
}

fn norm<T: Scalar>(v: &[T]) -> f64 {
    v.iter().fold(0.0, |norm: f64, v| norm.hypot(v.to_f64()))
}

fn dot<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

#[test]
fn norms_and_projections_are_those_of_the_gradients_of_rows() {
    for (k, scale) in [(1, 1.0), (2, 1.0), (3, 1.0), (1, 1e-170), (1, 1e170)] {
        let x: Vec<f64> = random(94, N * D).into_iter().map(|x: f64| x * scale).collect();
        // Every entry is stored as two halves.
        let halves: Vec<f64> = x.iter().flat_map(|x| [x / 2.0; 2]).collect();
        let indices: Vec<i32> = (0..N * D).flat_map(|i| [(i % D) as i32; 2]).collect();
        let indptr: Vec<i64> = (0..=N).map(|i| (2 * i * D) as i64).collect();
        let (indices, indptr) = (Indices::Narrow(&indices), Indices::Wide(&indptr));
        let (y, kind, loss) = targets(k);
        for rows in [
            Rows::Dense(Dense::new(tier(), &x, N, D).unwrap()),
            Rows::Csr(Csr::new(tier(), &halves, indices, indptr, N, D).unwrap()),
        ] {
            let problem = problem(rows, &y, kind, loss, Penalty::none());
            let layout = problem.layout();
            let params: Vec<f64> = params(layout).into_iter().map(|w: f64| w / scale).collect();
            let direction: Vec<f64> = self::params(layout).into_iter().map(|v: f64| v / 10.0).collect();
            let found = RowGradients::of(&problem, &params, &[&direction], tier(), &|| false).unwrap();
            for row in [0, 1, 63, 64, N - 1] {
                let (_, g) =
                    value_and_gradient(&problem, params.clone(), Some(vec![row]), tier(), 1, &|| false)
                        .unwrap();
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-10 * norm(&g);
                assert!(
                    near(found.norms[row], norm(&g)),
                    "{k} {scale} {row}: {} {}",
                    found.norms[row],
                    norm(&g)
                );
                assert!(near(found.along[0][row], dot(&g, &direction)), "{k} {scale} {row}");
            }
        }
    }
}

/// The results of all diagnostics as text, which is equal if the bits are.
fn said<T: Scalar>(tier: Tier, n_threads: usize) -> Result<String> {
    let x: Vec<T> = random(95, N * D);
    let (y, kind, loss) = targets(3);
    let problem = problem(
        Rows::Dense(Dense::new(tier, &x, N, D)?),
        &y,
        kind,
        loss,
        Penalty::elastic_net(0.01, 0.5).unwrap(),
    );
    let params = params(problem.layout());
    let point = Point { problem: &problem, params, tier, n_threads, interrupted: &|| false };
    let sampling = Sampling { shuffle: Shuffle::Full, replacement: false, seed: 3 };
    let sizes = [1, 40, 150, 300];
    let effort = Effort { n_draws: 12, n_resamples: 20 };
    Ok(format!(
        "{:?} {:?} {:?} {:?}",
        noise(&point, &sizes, 12, 3)?,
        bias(&point, &sampling, &sizes, effort)?,
        angles(&point, &sampling, &sizes, 12)?,
        bias_of_rows(&point, vec![vec![1, 2], (0..200).collect()], 20, 3)?,
    ))
}

#[test]
fn bits_are_equal_on_every_tier_and_number_of_threads() {
    let (single, double) = (said::<f32>(Tier::SCALAR, 1).unwrap(), said::<f64>(Tier::SCALAR, 1).unwrap());
    for tier in Tier::available() {
        for n_threads in [1, 2, 3] {
            assert_eq!(said::<f32>(tier, n_threads).unwrap(), single, "{tier:?} {n_threads}");
            assert_eq!(said::<f64>(tier, n_threads).unwrap(), double, "{tier:?} {n_threads}");
        }
    }
}

#[test]
fn a_row_subset_is_measured_like_a_copy() {
    let chosen: Vec<usize> = (0..N).filter(|i| i % 3 == 0).rev().collect();
    let x: Vec<f64> = random(96, N * D);
    let copied: Vec<f64> = chosen.iter().flat_map(|&i| x[i * D..(i + 1) * D].to_vec()).collect();
    let (y, kind, loss) = targets(1);
    let y_copied: Vec<f64> = chosen.iter().map(|&i| y[i]).collect();
    let of = |x: &[f64], y: &[f64], chosen: Option<Vec<usize>>| {
        let n = y.len();
        let rows = Rows::Dense(Dense::new(tier(), x, n, D).unwrap());
        let targets = Targets::new(y, n, 1, kind).unwrap();
        let problem = Problem::new(rows, targets, Weights::equal(), loss, Penalty::none(), true).unwrap();
        let problem = match chosen {
            Some(chosen) => problem.subset(chosen, Weights::equal()).unwrap(),
            None => problem,
        };
        let params = params(problem.layout());
        let point = Point { problem: &problem, params, tier: tier(), n_threads: 1, interrupted: &|| false };
        noise(&point, &[1, 10], 20, 0).unwrap()
    };
    assert_eq!(of(&x, &y, Some(chosen)), of(&copied, &y_copied, None));
}

#[test]
fn the_work_can_be_interrupted() {
    let x: Vec<f32> = random(97, N * D);
    let (y, kind, loss) = targets(1);
    let problem = problem(
        Rows::Dense(Dense::new(tier(), &x, N, D).unwrap()),
        &y,
        kind,
        loss,
        Penalty::elastic_net(0.01, 0.5).unwrap(),
    );
    let params = params(problem.layout());
    let point = Point { problem: &problem, params, tier: tier(), n_threads: 1, interrupted: &|| true };
    assert_eq!(noise(&point, &[1], 2, 0).unwrap_err().to_string(), "interrupted");
    let sampling = Sampling { shuffle: Shuffle::Full, replacement: false, seed: 0 };
    assert_eq!(angles(&point, &sampling, &[1], 2).unwrap_err().to_string(), "interrupted");
}
