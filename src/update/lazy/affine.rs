//! Affine maps of a parameter and its velocity: missed steps with momentum and l2.

use super::AffineStep;
use super::dyadic::{Compose, Dyadic};

/// `(w, v) -> (ww w + wv v, vw w + vv v)`, the composition of some steps; and the quadratic form of (w, v) that is the
/// sum over these steps of the rows times w^2 before the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AffineMap {
    ww: f64,
    wv: f64,
    vw: f64,
    vv: f64,
    /// Factors of w^2, w v and v^2.
    squares: [f64; 3],
}

impl AffineMap {
    /// The map of one step over `n_rows` rows; its proximal map is ignored.
    pub fn step(step: AffineStep, n_rows: f64) -> Self {
        let AffineStep { ww, wv, vw, vv, .. } = step;
        Self { ww, wv, vw, vv, squares: [n_rows, 0.0, 0.0] }
    }
}

impl Compose for AffineMap {
    fn then(self, later: Self) -> Self {
        let Self { ww, wv, vw, vv, squares: [p, q, r] } = self;
        let [later_p, later_q, later_r] = later.squares;
        Self {
            ww: later.ww * ww + later.wv * vw,
            wv: later.ww * wv + later.wv * vv,
            vw: later.vw * ww + later.vv * vw,
            vv: later.vw * wv + later.vv * vv,
            squares: [
                p + later_p * ww * ww + later_q * ww * vw + later_r * vw * vw,
                q + 2.0 * later_p * ww * wv + later_q * (ww * vv + wv * vw) + 2.0 * later_r * vw * vv,
                r + later_p * wv * wv + later_q * wv * vv + later_r * vv * vv,
            ],
        }
    }
}

/// (w, v) after the steps from `from` up to `to`, and the sum of the rows times w^2 before each step.
pub(super) fn catch_up(steps: &Dyadic<AffineMap>, w: f64, v: f64, from: usize, to: usize) -> (f64, f64, f64) {
    if w == 0.0 && v == 0.0 {
        return (w, v, 0.0);
    }
    let (mut w, mut v, mut sum) = (w, v, 0.0);
    let mut step = |map: AffineMap| {
        let AffineMap { ww, wv, vw, vv, squares: [p, q, r] } = map;
        sum += p * w * w + q * w * v + r * v * v;
        (w, v) = (ww * w + wv * v, vw * w + vv * v);
    };
    match steps.tail(from, to) {
        Some(map) => step(map),
        None => steps.runs(from, to).for_each(|run| step(steps.get(run))),
    }
    (w, v, sum)
}
