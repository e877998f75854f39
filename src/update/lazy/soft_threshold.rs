//! Soft thresholds: missed steps with l1 and l2 but no momentum.

use super::dyadic::{Compose, Dyadic};

/// `w -> sign(a w) max(|a w| - c, 0)` with c >= 0, the composition of some steps; and the sums over these steps of the
/// rows n times |w| and w^2 before the step, for a w that is not zero after the last.
///
/// Closed under composition: `(a2, c2)` after `(a1, c1)` is `(a2 a1, |a2| c1 + c2)`, for a number that the first
/// map makes zero is zero after both.
///
/// Source of the idea: J. Duchi, Y. Singer, Efficient online and batch learning using forward backward
/// splitting, JMLR 10 (2009), section 6.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftThreshold {
    a: f64,
    c: f64,
    /// Before a step, |w| was `A |w| - C` for some A and C. Sums over the steps of n A, n C, n A^2, n A C, n C^2.
    sums: [f64; 5],
}

impl SoftThreshold {
    /// The map of one step over `n_rows` rows.
    pub fn step(a: f64, c: f64, n_rows: f64) -> Self {
        Self { a, c, sums: [n_rows, 0.0, n_rows, 0.0, 0.0] }
    }

    /// The map of a number >= 0 without the cut at zero: positive if the number stays above zero.
    fn of(&self, size: f64) -> f64 {
        self.a.abs() * size - self.c
    }

    fn penalty(&self, size: f64, l1: f64, l2: f64) -> f64 {
        let [a, c, aa, ac, cc] = self.sums;
        l1 * (a * size - c) + 0.5 * l2 * ((aa * size - 2.0 * ac) * size + cc)
    }
}

impl Compose for SoftThreshold {
    fn then(self, later: Self) -> Self {
        let (a1, c1, [a, c, aa, ac, cc]) = (self.a.abs(), self.c, self.sums);
        let [later_a, later_c, later_aa, later_ac, later_cc] = later.sums;
        Self {
            a: later.a * self.a,
            c: later.a.abs() * c1 + later.c,
            sums: [
                a + later_a * a1,
                c + later_a * c1 + later_c,
                aa + later_aa * a1 * a1,
                ac + (later_aa * c1 + later_ac) * a1,
                cc + (later_aa * c1 + 2.0 * later_ac) * c1 + later_cc,
            ],
        }
    }
}

/// A number after some steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shrunk {
    pub(super) w: f64,
    /// Sum over the steps of the rows times the penalty before the step.
    pub(super) penalty: f64,
    /// The step that made it zero, if one did, and how far below zero it would have been.
    pub(super) end: Option<(usize, f64)>,
}

/// w after the steps from `from` up to `to`.
pub(super) fn catch_up(
    steps: &Dyadic<SoftThreshold>,
    w: f64,
    from: usize,
    to: usize,
    l1: f64,
    l2: f64,
) -> Shrunk {
    if w == 0.0 {
        return Shrunk { w: 0.0, penalty: 0.0, end: None };
    }
    let (mut sign, mut size, mut penalty) = (w.signum(), w.abs(), 0.0);
    if let Some(map) = steps.tail(from, to)
        && map.of(size) > 0.0
    {
        let w = sign * map.a.signum() * map.of(size);
        return Shrunk { w, penalty: map.penalty(size, l1, l2), end: None };
    }
    for run in steps.runs(from, to) {
        let map = steps.get(run);
        let after = map.of(size);
        if after <= 0.0 {
            let (rest, end) = until_zero(steps, run, size, l1, l2);
            return Shrunk { w: 0.0, penalty: penalty + rest, end: Some(end) };
        }
        penalty += map.penalty(size, l1, l2);
        sign *= map.a.signum();
        size = after;
    }
    Shrunk { w: sign * size, penalty, end: None }
}

/// The penalty up to where the number becomes zero, which is within the run; and see [`Shrunk::end`].
fn until_zero(
    steps: &Dyadic<SoftThreshold>,
    run: (usize, usize),
    size: f64,
    l1: f64,
    l2: f64,
) -> (f64, (usize, f64)) {
    let ((mut level, mut place), mut size, mut penalty) = (run, size, 0.0);
    while level > 0 {
        (level, place) = (level - 1, 2 * place);
        let first = steps.get((level, place));
        let after = first.of(size);
        if after > 0.0 {
            penalty += first.penalty(size, l1, l2);
            (size, place) = (after, place + 1);
        }
    }
    let last = steps.get((level, place));
    (penalty + last.penalty(size, l1, l2), (place, (-last.of(size)).max(0.0)))
}
