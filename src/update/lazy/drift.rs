//! Missed steps along a gradient that stays, in a metric of columns that are apart: those of SAGA.

use super::{CaughtUp, Slots};

/// What one step does to a parameter w that it has no rows for, with the step size h of its column and its part m of the
/// mean gradient, neither of which changes meanwhile: `w <- w - rate h (l2 w + m)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftStep {
    /// The learning rate.
    pub rate: f64,
}

/// The steps of a flush interval, as runs of equal ones: there are few, since rates stay but for the last step of an epoch.
#[derive(Debug, Default)]
pub(super) struct DriftSteps {
    runs: Vec<EqualSteps>,
}

#[derive(Debug, Clone, Copy)]
struct EqualSteps {
    n_steps: usize,
    rate: f64,
    n_rows: f64,
}

impl DriftSteps {
    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }

    pub(super) fn push(&mut self, DriftStep { rate }: DriftStep, n_rows: f64) {
        match self.runs.last_mut() {
            Some(run) if run.rate == rate && run.n_rows == n_rows => run.n_steps += 1,
            _ => self.runs.push(EqualSteps { n_steps: 1, rate, n_rows }),
        }
    }

    /// A parameter after the steps from `from` on. The numbers h and m are in the place of slots, and nobody's to change.
    pub(super) fn catch_up(&self, w: f64, [size, mean]: Slots, from: usize, l2: f64) -> CaughtUp {
        let mut caught_up = CaughtUp { w, slots: Slots::default(), penalty: 0.0 };
        if w == 0.0 && mean == 0.0 {
            return caught_up;
        }
        let mut seen = from;
        for &EqualSteps { n_steps, rate, n_rows } in &self.runs {
            if seen >= n_steps {
                seen -= n_steps;
                continue;
            }
            let (n, h, w) = (n_steps - seen, rate * size, caught_up.w);
            let push = h * mean;
            if l2 == 0.0 {
                caught_up.w = w - n as f64 * push;
            } else {
                let drift = DriftMap::of(1.0 - h * l2, n);
                caught_up.w = drift.power * w - drift.sum * push;
                caught_up.penalty += 0.5 * l2 * n_rows * drift.squares(w, push);
            }
            seen = 0;
        }
        caught_up
    }
}

/// n steps `w <- a w - g`: w is `a^i w - s_i g` after i of them, where s_i is the sum of the first i powers of a.
///
/// By doubling, for `(1 - a^n) / (1 - a)` would lose digits where a is near 1; where it is not negative all terms are
/// positive. No functions of a library, whose bits depend on the machine.
#[derive(Debug, Clone, Copy)]
struct DriftMap {
    /// `a^n`.
    power: f64,
    /// `s_n`.
    sum: f64,
    /// Sums over the steps i, before each: of `a^2i`, of `a^i s_i` and of `s_i^2`.
    of_squares: [f64; 3],
}

impl DriftMap {
    #[inline]
    fn of(a: f64, n: usize) -> Self {
        let mut drift = Self { power: a, sum: 1.0, of_squares: [1.0, 0.0, 0.0] };
        for bit in (0..n.max(1).ilog2()).rev() {
            drift = drift.twice();
            if n >> bit & 1 == 1 {
                drift = drift.and_one_more(a);
            }
        }
        drift
    }

    #[inline]
    fn twice(self) -> Self {
        let Self { power, sum, of_squares: [p, q, r] } = self;
        Self {
            power: power * power,
            sum: sum + power * sum,
            of_squares: [
                p + power * power * p,
                q + power * (sum * p + q),
                2.0 * r + sum * (sum * p + 2.0 * q),
            ],
        }
    }

    #[inline]
    fn and_one_more(self, a: f64) -> Self {
        let Self { power, sum, of_squares: [p, q, r] } = self;
        Self {
            power: a * power,
            sum: 1.0 + a * sum,
            of_squares: [p + power * power, q + power * sum, r + sum * sum],
        }
    }

    /// The sum of `w^2` before each of the steps.
    #[inline]
    fn squares(&self, w: f64, g: f64) -> f64 {
        let [p, q, r] = self.of_squares;
        p * w * w - 2.0 * q * w * g + r * g * g
    }
}
