//! Lazy updates: the steps that a parameter without a gradient has missed, applied at once.
//!
//! In a step on sparse rows only the columns of the batch have a gradient. What a step on dense rows would do to the
//! other columns depends on the step alone, not on the data. It is deferred until the column is needed, and all missed
//! steps are then applied at once, at a cost that grows with the logarithm of their number. Everything here is computed
//! in double and rounded once, when it is used.

mod affine;
mod diagonal;
mod drift;
mod dyadic;
mod soft_threshold;

pub use affine::AffineMap;
use diagonal::DiagonalSteps;
pub use diagonal::{DiagonalStep, Divisor};
pub use drift::DriftStep;
use drift::DriftSteps;
pub use dyadic::{Compose, Dyadic};
pub use soft_threshold::SoftThreshold;

/// What one step does to a parameter w whose only gradient is `l2 w`, and to its first slot v: a linear map, then for w
/// the proximal map of the l1 part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AffineStep {
    /// `w <- ww w + wv v`.
    pub ww: f64,
    /// See `ww`.
    pub wv: f64,
    /// `v <- vw w + vv v`, with the w before the step.
    pub vw: f64,
    /// See `vw`; between 0 and 1.
    pub vv: f64,
    /// The effective step size of the proximal map.
    pub rate: f64,
}

/// What a step does to a parameter without a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LazyUpdate {
    /// An affine map, the same for all parameters: sparse rows give the results of dense ones.
    Affine(AffineStep),
    /// A proximal map with a step size of each parameter's own: sparse rows give the results of dense ones.
    Diagonal(DiagonalStep),
    /// A step along a gradient that stays, with a step size of each parameter's own: sparse rows give the results of dense
    /// ones.
    Drift(DriftStep),
    /// Something without a closed form, which is left out: the parameters of columns that a batch does not have keep
    /// their values, and so do their slots.
    Frozen,
    /// Something without a closed form: every step has to be on all parameters.
    Dense,
}

/// The steps of a flush interval, recorded as they are made, for parameters to catch up with.
#[derive(Debug)]
pub struct MissedSteps {
    l1: f64,
    l2: f64,
    is_nothing: bool,
    n_steps: usize,
    kind: Kind,
}

/// The recorded steps.
#[derive(Debug)]
enum Kind {
    /// Parameters keep their values, and cost their penalty. The rows before each step, and of all steps.
    Frozen { n_rows: Vec<f64> },
    /// Without slots: `|w| -> max(a |w| - c, 0)`.
    SoftThresholds(Dyadic<SoftThreshold>),
    /// With a velocity v, but no l1: linear maps of (w, v).
    AffineMaps(Dyadic<AffineMap>),
    /// With a velocity v and l1: no closed form until w is zero or v negligible.
    Simulated(Simulated),
    /// With a step size that depends on the slots, and no l2.
    Diagonal(DiagonalSteps),
    /// Along a gradient that stays, and no l1.
    Drifts(DriftSteps),
}

/// The first two slots of a parameter, zeros where the optimizer has fewer; or what is in their place, with a
/// [`DriftStep`] its step size and mean gradient.
pub type Slots = [f64; 2];

impl MissedSteps {
    /// For a rule whose lazy updates are like `first`, with slots or without. `decays` says whether it has a weight
    /// decay of its own.
    pub fn new(first: LazyUpdate, has_slots: bool, decays: bool, l1: f64, l2: f64) -> Self {
        let kind = match first {
            LazyUpdate::Frozen | LazyUpdate::Dense => Kind::Frozen { n_rows: vec![0.0] },
            LazyUpdate::Affine(_) if !has_slots => Kind::SoftThresholds(Dyadic::default()),
            LazyUpdate::Affine(_) if l1 == 0.0 => Kind::AffineMaps(Dyadic::default()),
            LazyUpdate::Affine(_) => Kind::Simulated(Simulated::default()),
            LazyUpdate::Diagonal(_) => Kind::Diagonal(DiagonalSteps::default()),
            LazyUpdate::Drift(_) => Kind::Drifts(DriftSteps::default()),
        };
        let is_nothing = l1 == 0.0
            && l2 == 0.0
            && match kind {
                Kind::Frozen { .. } => true,
                Kind::SoftThresholds(_) => !decays,
                Kind::AffineMaps(_) | Kind::Simulated(_) | Kind::Drifts(_) => false,
                Kind::Diagonal(_) => {
                    matches!(first, LazyUpdate::Diagonal(DiagonalStep { by: Divisor::Root { .. }, .. }))
                }
            };
        Self { l1, l2, is_nothing, n_steps: 0, kind }
    }

    /// For a rule that leaves other columns alone, where each column has a penalty of its own: only rows are counted.
    pub fn frozen() -> Self {
        let kind = Kind::Frozen { n_rows: vec![0.0] };
        Self { l1: 0.0, l2: 0.0, is_nothing: false, n_steps: 0, kind }
    }

    /// Rows of the steps from `from` on, where they leave parameters alone.
    pub fn n_rows_since(&self, from: usize) -> f64 {
        match &self.kind {
            Kind::Frozen { n_rows } if from < n_rows.len() => n_rows[n_rows.len() - 1] - n_rows[from],
            _ => 0.0,
        }
    }

    /// Whether the steps change nothing and cost nothing, so that there is nothing to catch up with.
    pub fn is_nothing(&self) -> bool {
        self.is_nothing
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.n_steps = 0;
        match &mut self.kind {
            Kind::Frozen { n_rows } => n_rows.truncate(1),
            Kind::SoftThresholds(steps) => steps.clear(),
            Kind::AffineMaps(steps) => steps.clear(),
            Kind::Simulated(steps) => steps.clear(),
            Kind::Diagonal(steps) => steps.clear(),
            Kind::Drifts(steps) => steps.clear(),
        }
    }

    /// Records a step over `n_rows` rows.
    pub fn push(&mut self, step: LazyUpdate, n_rows: usize) {
        self.n_steps += 1;
        if self.is_nothing {
            return;
        }
        let n_rows = n_rows as f64;
        match (&mut self.kind, step) {
            (Kind::Frozen { n_rows: sums }, _) => sums.push(sums.last().unwrap_or(&0.0) + n_rows),
            (Kind::SoftThresholds(steps), LazyUpdate::Affine(step)) => {
                steps.push(SoftThreshold::step(step.ww, self.l1 * step.rate, n_rows));
            }
            (Kind::AffineMaps(steps), LazyUpdate::Affine(step)) => steps.push(AffineMap::step(step, n_rows)),
            (Kind::Simulated(steps), LazyUpdate::Affine(step)) => {
                steps.push(step, self.l1 * step.rate, n_rows)
            }
            (Kind::Diagonal(steps), LazyUpdate::Diagonal(step)) => steps.push(step, self.l1, n_rows),
            (Kind::Drifts(steps), LazyUpdate::Drift(step)) => steps.push(step, n_rows),
            // The lazy updates of a rule are all of one variant.
            (
                _,
                LazyUpdate::Affine(_)
                | LazyUpdate::Diagonal(_)
                | LazyUpdate::Drift(_)
                | LazyUpdate::Frozen
                | LazyUpdate::Dense,
            ) => {}
        }
    }

    /// Prepares for all parameters to catch up.
    pub fn prepare_flush(&mut self) {
        match &mut self.kind {
            Kind::Frozen { .. } | Kind::Drifts(_) => {}
            Kind::SoftThresholds(steps) => steps.make_tails(),
            Kind::AffineMaps(steps) => steps.make_tails(),
            Kind::Simulated(steps) => {
                steps.shrinks.make_tails();
                steps.decays.make_tails();
            }
            Kind::Diagonal(steps) => steps.prepare_flush(),
        }
    }

    /// Whether steps are [`LazyUpdate::Drift`].
    pub fn are_drifts(&self) -> bool {
        matches!(self.kind, Kind::Drifts(_))
    }

    /// Number of recorded steps.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// A parameter w and its slots after the recorded steps from `from` on, and the sum over these steps of the rows
    /// times the penalty of w before the step. Steps are counted from the last clearing.
    pub fn catch_up(&self, w: f64, slots: Slots, from: usize) -> CaughtUp {
        let to = self.n_steps;
        let start = CaughtUp { w, slots, penalty: 0.0 };
        if from >= to {
            return start;
        }
        let [v, second] = slots;
        match &self.kind {
            Kind::Frozen { n_rows } => {
                let penalty = (n_rows[to] - n_rows[from]) * self.penalty(w.abs());
                CaughtUp { penalty, ..start }
            }
            Kind::SoftThresholds(steps) => {
                let shrunk = soft_threshold::catch_up(steps, w, from, to, self.l1, self.l2);
                CaughtUp { w: shrunk.w, penalty: shrunk.penalty, ..start }
            }
            Kind::AffineMaps(steps) => {
                let (w, v, squares) = affine::catch_up(steps, w, v, from, to);
                CaughtUp { w, slots: [v, second], penalty: 0.5 * self.l2 * squares }
            }
            Kind::Simulated(steps) => {
                let (w, v, penalty) = steps.catch_up(w, v, from, self);
                CaughtUp { w, slots: [v, second], penalty }
            }
            Kind::Diagonal(steps) => steps.catch_up(w, slots, from, self.l1),
            Kind::Drifts(steps) => steps.catch_up(w, slots, from, self.l2),
        }
    }

    /// The penalty of a coefficient of this absolute value.
    fn penalty(&self, w: f64) -> f64 {
        w * (self.l1 + 0.5 * self.l2 * w)
    }
}

/// A parameter after its missed steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CaughtUp {
    /// The parameter.
    pub w: f64,
    /// Its slots.
    pub slots: Slots,
    /// Sum over the steps of the rows times the penalty before the step.
    pub penalty: f64,
}

/// A velocity that will move a parameter by less than this share of it in all is negligible.
const NEGLIGIBLE: f64 = 1.0 / (1_u64 << 60) as f64;

/// Steps made one by one until the rest has a closed form.
///
/// It has one once w is zero and the velocity too small for w to leave zero again: the threshold of the proximal map
/// does not fall, and the velocity decays. It also has one once the velocity is negligible, if l2 is zero: after some
/// 40 / (1 - momentum) steps. With both l1 and l2 a parameter that is not zero costs as many steps as it has missed.
#[derive(Debug, Default)]
struct Simulated {
    steps: Vec<(AffineStep, f64, f64)>,
    /// The l1 part alone.
    shrinks: Dyadic<SoftThreshold>,
    /// The decay of a velocity alone.
    decays: Dyadic<SoftThreshold>,
    largest_wv: f64,
}

impl Simulated {
    fn clear(&mut self) {
        self.steps.clear();
        self.shrinks.clear();
        self.decays.clear();
        self.largest_wv = 0.0;
    }

    fn push(&mut self, step: AffineStep, by: f64, n_rows: f64) {
        self.steps.push((step, by, n_rows));
        self.shrinks.push(SoftThreshold::step(step.ww, by, n_rows));
        self.decays.push(SoftThreshold::step(step.vv, 0.0, 0.0));
        self.largest_wv = self.largest_wv.max(step.wv.abs());
    }

    /// (w, v) after the steps, and the penalty of w over them.
    fn catch_up(&self, mut w: f64, mut v: f64, from: usize, of: &MissedSteps) -> (f64, f64, f64) {
        let mut penalty = 0.0;
        for (s, &(step, by, n_rows)) in self.steps.iter().enumerate().skip(from) {
            let decayed = |v| soft_threshold::catch_up(&self.decays, v, s, self.steps.len(), 0.0, 0.0).w;
            if w == 0.0 && (v == 0.0 || (by > 0.0 && (step.wv * v).abs() <= by)) {
                return (w, decayed(v), penalty);
            }
            let reach = self.largest_wv * v.abs() / (1.0 - step.vv);
            if step.vw == 0.0 && reach <= NEGLIGIBLE * w.abs() {
                let rest = soft_threshold::catch_up(&self.shrinks, w, s, self.steps.len(), of.l1, of.l2);
                return (rest.w, decayed(v), penalty + rest.penalty);
            }
            penalty += n_rows * of.penalty(w.abs());
            let moved = step.ww * w + step.wv * v;
            v = step.vw * w + step.vv * v;
            w = if moved.abs() <= by { 0.0 } else { moved - by.copysign(moved) };
        }
        (w, v, penalty)
    }
}
