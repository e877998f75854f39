//! Sparse rows: malformed structures are refused before anything reads them, and catching up with missed
//! steps agrees with making the steps one by one.

use mbgd_rs::data::{Csr, Indices, LinearParams, LinearParamsMut, Rows, Tile};
use mbgd_rs::kernel::{Prefetch, Tier};
use mbgd_rs::rng;
use mbgd_rs::update::lazy::{
    AffineStep, Compose, DiagonalStep, Divisor, DriftStep, Dyadic, LazyUpdate, MissedSteps,
};
use proptest::prelude::*;

fn tier() -> Tier {
    *Tier::available().last().unwrap()
}

fn refused(values: &[f64], indices: &[i32], indptr: &[i64], shape: (usize, usize)) -> String {
    let (indices, indptr) = (Indices::Narrow(indices), Indices::Wide(indptr));
    Csr::new(tier(), values, indices, indptr, shape.0, shape.1).unwrap_err().to_string()
}

#[test]
fn malformed_structures_are_refused() {
    let values = [1.0, 2.0, 3.0];
    type Case<'a> = (&'a [i32], &'a [i64], (usize, usize), &'a str);
    let cases: [Case<'_>; 10] = [
        (&[0, 1, 2], &[0, 1, 3], (0, 3), "at least one row"),
        (&[0, 1, 2], &[], (2, 3), "X.indptr must have 3 entries"),
        (&[0, 1, 2], &[0, 3], (2, 3), "X.indptr must have 3 entries"),
        (&[0, 1, 2], &[0, 3], (usize::MAX, 3), "X.indptr must have"),
        (&[0, 1], &[0, 1, 2], (2, 3), "X.indices must have 3 entries"),
        (&[0, 1, 2], &[1, 2, 3], (2, 3), "X.indptr must be 0, got 1 at row 0"),
        (&[0, 1, 2], &[0, 4, 3], (2, 3), "X.indptr must be at most the length of X.data, got 4 at row 1"),
        (&[0, 1, 2], &[0, 3, 2], (2, 3), "X.indptr must be at least the entry before, got 2 at row 2"),
        (&[0, 1, 3], &[0, 1, 3], (2, 3), "got 3 at row 1"),
        (&[0, -1, 2], &[0, 1, 3], (2, 3), "got -1 at row 1"),
    ];
    for (indices, indptr, shape, message) in cases {
        let error = refused(&values, indices, indptr, shape);
        assert!(error.contains(message), "{error} for {indices:?} {indptr:?} {shape:?}");
    }
    let error = refused(&[1.0, f64::NAN, 3.0], &[0, 1, 2], &[0, 1, 3], (2, 3));
    assert_eq!(error, "X must be finite, got NaN at row 1, column 1");
}

#[test]
fn entries_past_the_last_row_are_not_checked() {
    let (values, indices, indptr) = ([1.0, f64::NAN], [0, 99], [0_i64, 1]);
    let csr = Csr::new(tier(), &values, Indices::Narrow(&indices), Indices::Wide(&indptr), 1, 2).unwrap();
    assert_eq!(csr.n_entries(), 1);
}

#[test]
fn scores_and_gradients_are_those_of_the_dense_matrix_on_every_tier() {
    let (n, d, k) = (19, 37, 2);
    let stream = rng::Stream::new(3, 0, 99);
    let words: Vec<u32> = (0..(n * d) as u64).map(|i| stream.word(i)).collect();
    let (mut values, mut indices, mut indptr) = (Vec::new(), Vec::new(), vec![0]);
    for row in words.chunks(d) {
        for (j, &word) in row.iter().enumerate().filter(|(_, word)| *word % 3 == 0) {
            values.push(f64::from(word) / 2.0_f64.powi(31) - 1.0);
            indices.push(j as i64);
        }
        indptr.push(values.len() as i32);
    }
    let stride = d.next_multiple_of(8);
    let coef: Vec<f64> =
        (0..k * stride).map(|i| if i % stride < d { (i as f64).sin() } else { 0.0 }).collect();
    let rows: Vec<usize> = (0..n).rev().collect();
    let mut first: Option<(Vec<f64>, Vec<f64>)> = None;
    for tier in Tier::available() {
        let (indices, indptr) = (Indices::Wide(&indices), Indices::Narrow(&indptr));
        let csr = Rows::Csr(Csr::new(tier, &values, indices, indptr, n, d).unwrap());
        let mut scores = vec![0.0; k * n.next_multiple_of(8)];
        let w = LinearParams { coef: &coef, intercept: &[0.5, -0.5] };
        csr.scores(tier, Tile { rows: &rows, ahead: &rows, prefetch: Prefetch::NONE }, w, &mut scores);
        let (mut gradient, mut intercept) = (vec![0.0; k * stride], vec![0.0; k]);
        let g = LinearParamsMut { coef: &mut gradient, intercept: &mut intercept };
        csr.accumulate(tier, &rows, &scores, g);
        let expected = first.get_or_insert_with(|| (scores.clone(), gradient.clone()));
        assert_eq!((&scores, &gradient), (&expected.0, &expected.1), "{tier:?}");
    }
    let (scores, _) = first.unwrap();
    for (i, &row) in rows.iter().enumerate() {
        let entry = |j: usize| match words[row * d + j] {
            word if word % 3 == 0 => f64::from(word) / 2.0_f64.powi(31) - 1.0,
            _ => 0.0,
        };
        let z: f64 = (0..d).map(|j| entry(j) * coef[j]).sum();
        assert!((scores[i] - z - 0.5).abs() < 1e-14);
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Word(u64, u64);

impl Compose for Word {
    /// The numbers from the first to the last; panics unless the two words are consecutive.
    fn then(self, later: Self) -> Self {
        assert_eq!(self.1, later.0);
        Word(self.0, later.1)
    }
}

#[test]
fn any_run_is_composed_of_few_stored_runs() {
    let mut dyadic = Dyadic::default();
    for n in 0..300_u64 {
        dyadic.push(Word(n, n + 1));
        for from in 0..=n {
            let runs: Vec<Word> =
                dyadic.runs(from as usize, n as usize + 1).map(|run| dyadic.get(run)).collect();
            let whole = runs.iter().copied().reduce(Word::then).unwrap();
            assert_eq!(whole, Word(from, n + 1));
            assert!(runs.len() <= 2 * 9);
        }
    }
}

/// One step after the other, as a dense run makes them.
fn simulated(steps: &[(AffineStep, usize)], (w, v): (f64, f64), l1: f64, l2: f64) -> (f64, f64, f64) {
    let (mut w, mut v, mut penalty) = (w, v, 0.0);
    for &(step, n_rows) in steps {
        penalty += n_rows as f64 * (l1 * w.abs() + 0.5 * l2 * w * w);
        let moved = step.ww * w + step.wv * v;
        v = step.vw * w + step.vv * v;
        w = moved.signum() * (moved.abs() - l1 * step.rate).max(0.0);
    }
    (w, v, penalty)
}

proptest! {
    #[test]
    fn missed_affine_steps_are_caught_up(
        n in 1_usize..400,
        from in 0_usize..400,
        w in prop_oneof![Just(0.0), -2.0..2.0_f64],
        v in prop_oneof![Just(0.0), -2.0..2.0_f64],
        momentum in prop_oneof![Just(0.0_f64), Just(0.5), Just(0.9)],
        nesterov in any::<bool>(),
        l1 in prop_oneof![Just(0.0), 1e-4..0.1_f64],
        l2 in prop_oneof![Just(0.0), 1e-4..0.5_f64, Just(30.0)],
        scheduled in any::<bool>(),
    ) {
        let from = from % n;
        let steps: Vec<(AffineStep, usize)> = (0..n).map(|t| {
            let rate = if scheduled { 0.1 / (1.0 + t as f64) + 0.01 * (t % 3) as f64 } else { 0.05 };
            let step = if momentum == 0.0 {
                AffineStep { ww: 1.0 - rate * l2, wv: 0.0, vw: 0.0, vv: 0.0, rate }
            } else {
                let (g, m) = if nesterov { (1.0, momentum) } else { (0.0, 1.0) };
                let gain = (1.0 - momentum.powi(t as i32 + 1)) / (1.0 - momentum);
                let ww = 1.0 - rate * l2 * (g + m);
                AffineStep { ww, wv: -rate * m * momentum, vw: l2, vv: momentum, rate: rate * gain }
            };
            (step, 1 + t % 2)
        }).collect();
        let v = if momentum == 0.0 { 0.0 } else { v };
        let first = LazyUpdate::Affine(steps[0].0);
        let mut missed = MissedSteps::new(first, momentum > 0.0, false, l1, l2);
        for &(step, n_rows) in &steps {
            missed.push(LazyUpdate::Affine(step), n_rows);
        }
        if missed.is_nothing() {
            return Ok(());
        }
        let (expected_w, expected_v, penalty) = simulated(&steps[from..], (w, v), l1, l2);
        prop_assume!(expected_w.is_finite() && expected_w.abs() < 1e100);
        let caught_up = missed.catch_up(w, [v, 0.0], from);
        let scale = 1.0 + w.abs() + v.abs() + expected_w.abs() + expected_v.abs();
        prop_assert!((caught_up.w - expected_w).abs() <= 1e-12 * scale, "{caught_up:?}, w = {expected_w}");
        prop_assert!((caught_up.slots[0] - expected_v).abs() <= 1e-12 * scale, "{caught_up:?}, v = {expected_v}");
        prop_assert!((caught_up.penalty - penalty).abs() <= 1e-10 * (1.0 + penalty), "{caught_up:?}, {penalty}");
    }
}

proptest! {
    #[test]
    fn missed_steps_along_a_gradient_that_stays_are_caught_up(
        n in 1_usize..3000,
        from in 0_usize..3000,
        w in prop_oneof![Just(0.0), -2.0..2.0_f64],
        mean in prop_oneof![Just(0.0), -1.0..1.0_f64],
        size in prop_oneof![Just(0.0), 1e-3..1.0_f64],
        l2 in prop_oneof![Just(0.0), Just(1e-300), Just(1e-12), 1e-6..1.0_f64, Just(15.0)],
    ) {
        let from = from.min(n - 1);
        // The last step of an epoch may be a short one.
        let step_at = |t: usize| (if t == n - 1 { 0.05 } else { 0.1 }, if t == n - 1 { 3 } else { 64 });
        let mut missed = MissedSteps::new(LazyUpdate::Drift(DriftStep { rate: 0.1 }), false, false, 0.0, l2);
        for (rate, n_rows) in (0..n).map(step_at) {
            missed.push(LazyUpdate::Drift(DriftStep { rate }), n_rows);
        }
        let (mut expected, mut penalty) = (w, 0.0);
        for (rate, n_rows) in (from..n).map(step_at) {
            penalty += n_rows as f64 * 0.5 * l2 * expected * expected;
            expected -= rate * size * (l2 * expected + mean);
        }
        let caught_up = missed.catch_up(w, [size, mean], from);
        let scale = w.abs() + expected.abs();
        prop_assert!((caught_up.w - expected).abs() <= 1e-11 * scale, "{caught_up:?}, w = {expected}");
        prop_assert!((caught_up.penalty - penalty).abs() <= 1e-10 * penalty, "{caught_up:?}, {penalty}");
    }
}

proptest! {
    #[test]
    fn missed_diagonal_steps_are_caught_up(
        n in 1_usize..400,
        from in 0_usize..400,
        w in prop_oneof![Just(0.0), -2.0..2.0_f64],
        squares in prop_oneof![Just(0.0), 1e-3..10.0_f64],
        l1 in prop_oneof![Just(0.0), 1e-5..0.1_f64],
        own in prop_oneof![Just((0.0, 0.0)), Just((0.3, 0.0)), (0.0..0.5_f64, 0.0..0.5_f64)],
        is_closed_form in any::<bool>(),
        scheduled in prop_oneof![Just(1_usize), Just(50), Just(400)],
    ) {
        let from = from.min(n - 1);
        let (own_l1, own_l2) = own;
        let rate_at = |t: usize| 0.3 / (1.0 + (t / scheduled) as f64).sqrt();
        let by = if is_closed_form {
            Divisor::ClosedForm { beta: 1.0, l1: own_l1, l2: own_l2 }
        } else {
            Divisor::Root { eps: 1e-10 }
        };
        let step_at = |t: usize| LazyUpdate::Diagonal(DiagonalStep { t: t as u64, rate: rate_at(t), by });
        let mut missed = MissedSteps::new(step_at(0), true, false, l1, 0.0);
        (0..n).for_each(|t| missed.push(step_at(t), 1 + t % 2));
        prop_assume!(!missed.is_nothing());
        // The z that corresponds to w after the earlier steps.
        let before = rate_at(from.saturating_sub(1));
        let strength_at = |t: usize| own_l1 + l1 * t as f64;
        let divisor_at = |rate: f64| (1.0 + squares.sqrt()) / rate + own_l2;
        let mut z = -(w * divisor_at(before) + if w == 0.0 { 0.0 } else { w.signum() * strength_at(from) });
        let start = if is_closed_form { [z, squares] } else { [squares, 0.0] };
        let (mut expected, mut penalty, mut rate_before) = (w, 0.0, before);
        for t in from..n {
            penalty += (1 + t % 2) as f64 * l1 * expected.abs();
            let rate = rate_at(t);
            if is_closed_form {
                z -= (divisor_at(rate) - divisor_at(rate_before)) * expected;
                expected = -z.signum() * (z.abs() - strength_at(t + 1)).max(0.0) / divisor_at(rate);
            } else {
                let size = expected.abs() - l1 * rate / (squares.sqrt() + 1e-10);
                expected = expected.signum() * size.max(0.0);
            }
            rate_before = rate;
        }
        let caught_up = missed.catch_up(w, start, from);
        let remembered = if is_closed_form { [z, squares] } else { start };
        prop_assert!((caught_up.w - expected).abs() <= 1e-11, "{caught_up:?}, w = {expected}");
        prop_assert!((caught_up.penalty - penalty).abs() <= 1e-10 * (1.0 + penalty), "{caught_up:?}, {penalty}");
        for (got, expected) in caught_up.slots.iter().zip(remembered) {
            prop_assert!((got - expected).abs() <= 1e-10 * (1.0 + expected.abs()), "{caught_up:?}, {expected}");
        }
    }
}
