//! What steps do to a parameter that has no gradient in them but that of the penalty: many at once.
//!
//! In a step on sparse rows only the columns of the batch have a gradient. What a run on dense rows would have
//! done to the others depends on the step alone, not on the data, and need not be done before somebody looks at
//! them: then in one go, at a cost that grows like the logarithm of the number of steps missed. Everything here
//! is computed in double and rounded once, where it is used.

mod coast;
mod dyadic;
mod scaled;
mod shrink;

pub use coast::Coast;
pub use dyadic::{Compose, Dyadic};
use scaled::Scaled;
pub use scaled::{Divisor, ScaledStep};
pub use shrink::Shrink;

/// What one step does to a parameter w without a gradient but `l2 w`, and to the first vector v that the
/// optimizer remembers: a linear map, then for w the proximal map of the l1 part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdleStep {
    /// `w <- ww w + wv v`.
    pub ww: f64,
    /// See `ww`.
    pub wv: f64,
    /// `v <- vw w + vv v`, with the w before the step.
    pub vw: f64,
    /// See `vw`; between 0 and 1.
    pub vv: f64,
    /// The rate of the proximal map.
    pub rate: f64,
}

/// What is known of steps on a parameter without a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WhenIdle {
    /// They are such maps, the same for all parameters: sparse rows give what dense ones would.
    Moves(IdleStep),
    /// They are the proximal map by a rate of the parameter's own: sparse rows give what dense ones would.
    Scales(ScaledStep),
    /// Nothing, but the rule makes sense without them: the parameters of columns that a batch does not have rest
    /// meanwhile, with all that is remembered of them.
    Rests,
    /// Nothing, and a step has to be on all parameters.
    Unknown,
}

/// The steps of a stretch, as they pass, ready to be caught up with.
#[derive(Debug)]
pub struct Idle {
    l1: f64,
    l2: f64,
    is_nothing: bool,
    n_steps: usize,
    kind: Kind,
}

/// What is known of the steps.
#[derive(Debug)]
enum Kind {
    /// Nothing: parameters rest, and cost their penalty. Rows seen before each step and in all.
    Rests { n_rows: Vec<f64> },
    /// Without a memory: `|w| -> max(a |w| - c, 0)`.
    Shrinks(Dyadic<Shrink>),
    /// With a memory, but no l1: linear maps of (w, v).
    Coasts(Dyadic<Coast>),
    /// With a memory and l1: no closed form, until w is zero or v is done.
    Simulated(Simulated),
    /// With a rate that depends on the memory, and no l2.
    Scales(Scaled),
}

/// What is remembered of a parameter by the first vectors of the optimizer's memory; zeros where it has fewer.
pub type Remembered = [f64; 2];

impl Idle {
    /// For a rule whose idle steps are like `first`, and that remembers something or not. `decays` says whether it
    /// has a weight decay of its own.
    pub fn new(first: WhenIdle, has_memory: bool, decays: bool, l1: f64, l2: f64) -> Self {
        let kind = match first {
            WhenIdle::Rests | WhenIdle::Unknown => Kind::Rests { n_rows: vec![0.0] },
            WhenIdle::Moves(_) if !has_memory => Kind::Shrinks(Dyadic::default()),
            WhenIdle::Moves(_) if l1 == 0.0 => Kind::Coasts(Dyadic::default()),
            WhenIdle::Moves(_) => Kind::Simulated(Simulated::default()),
            WhenIdle::Scales(_) => Kind::Scales(Scaled::default()),
        };
        let is_nothing = l1 == 0.0
            && l2 == 0.0
            && match kind {
                Kind::Rests { .. } => true,
                Kind::Shrinks(_) => !decays,
                Kind::Coasts(_) | Kind::Simulated(_) => false,
                Kind::Scales(_) => {
                    matches!(first, WhenIdle::Scales(ScaledStep { by: Divisor::Root { .. }, .. }))
                }
            };
        Self { l1, l2, is_nothing, n_steps: 0, kind }
    }

    /// Whether steps change nothing and cost nothing, so that nobody need catch up.
    pub fn is_nothing(&self) -> bool {
        self.is_nothing
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.n_steps = 0;
        match &mut self.kind {
            Kind::Rests { n_rows } => n_rows.truncate(1),
            Kind::Shrinks(steps) => steps.clear(),
            Kind::Coasts(steps) => steps.clear(),
            Kind::Simulated(steps) => steps.clear(),
            Kind::Scales(steps) => steps.clear(),
        }
    }

    /// Takes note of a step over `n_rows` rows.
    pub fn push(&mut self, step: WhenIdle, n_rows: usize) {
        self.n_steps += 1;
        if self.is_nothing {
            return;
        }
        let n_rows = n_rows as f64;
        match (&mut self.kind, step) {
            (Kind::Rests { n_rows: sums }, _) => sums.push(sums.last().unwrap_or(&0.0) + n_rows),
            (Kind::Shrinks(steps), WhenIdle::Moves(step)) => {
                steps.push(Shrink::step(step.ww, self.l1 * step.rate, n_rows));
            }
            (Kind::Coasts(steps), WhenIdle::Moves(step)) => steps.push(Coast::step(step, n_rows)),
            (Kind::Simulated(steps), WhenIdle::Moves(step)) => steps.push(step, self.l1 * step.rate, n_rows),
            (Kind::Scales(steps), WhenIdle::Scales(step)) => steps.push(step, self.l1, n_rows),
            // A rule is always of the same variant.
            (_, WhenIdle::Moves(_) | WhenIdle::Scales(_) | WhenIdle::Rests | WhenIdle::Unknown) => {}
        }
    }

    /// Makes ready for all parameters to catch up.
    pub fn prepare_for_all(&mut self) {
        match &mut self.kind {
            Kind::Rests { .. } => {}
            Kind::Shrinks(steps) => steps.make_tails(),
            Kind::Coasts(steps) => steps.make_tails(),
            Kind::Simulated(steps) => {
                steps.shrinks.make_tails();
                steps.decays.make_tails();
            }
            Kind::Scales(steps) => steps.prepare_for_all(),
        }
    }

    /// Steps taken note of.
    pub fn n_steps(&self) -> usize {
        self.n_steps
    }

    /// What becomes of w and its memory in the steps from `from` up to all that have passed, and the sum over
    /// these steps of the rows times the penalty of w before the step. Steps are counted from the last clearing.
    pub fn passed(&self, w: f64, memory: Remembered, from: usize) -> Passed {
        let to = self.n_steps;
        let start = Passed { w, memory, penalty: 0.0 };
        if from >= to {
            return start;
        }
        let [v, second] = memory;
        match &self.kind {
            Kind::Rests { n_rows } => {
                let penalty = (n_rows[to] - n_rows[from]) * self.penalty(w.abs());
                Passed { penalty, ..start }
            }
            Kind::Shrinks(steps) => {
                let shrunk = shrink::passed(steps, w, from, to, self.l1, self.l2);
                Passed { w: shrunk.w, penalty: shrunk.penalty, ..start }
            }
            Kind::Coasts(steps) => {
                let (w, v, squares) = coast::passed(steps, w, v, from, to);
                Passed { w, memory: [v, second], penalty: 0.5 * self.l2 * squares }
            }
            Kind::Simulated(steps) => {
                let (w, v, penalty) = steps.passed(w, v, from, self);
                Passed { w, memory: [v, second], penalty }
            }
            Kind::Scales(steps) => steps.passed(w, memory, from, self.l1),
        }
    }

    /// The penalty of a coefficient of this absolute value.
    fn penalty(&self, w: f64) -> f64 {
        w * (self.l1 + 0.5 * self.l2 * w)
    }
}

/// A parameter after some idle steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passed {
    /// The parameter.
    pub w: f64,
    /// What the optimizer remembers of it.
    pub memory: Remembered,
    /// Sum over the steps of the rows times the penalty before the step.
    pub penalty: f64,
}

/// A velocity that moves a parameter by less than this part of it, now and for ever, is done.
const NEGLIGIBLE: f64 = 1.0 / (1_u64 << 60) as f64;

/// Steps made one by one, unless the rest has a closed form.
///
/// It has one where w is zero and the velocity too small to move it out of the reach of the l1 part: the rate
/// of the proximal map does not fall behind the velocity, which decays. And it has one where l2 is zero and the
/// velocity too small to change w, after some 40 / (1 - momentum) steps. With l2 beside l1 a parameter that is
/// not zero costs as many steps as it has missed.
#[derive(Debug, Default)]
struct Simulated {
    steps: Vec<(IdleStep, f64, f64)>,
    /// The l1 part alone.
    shrinks: Dyadic<Shrink>,
    /// The decay of a velocity alone.
    decays: Dyadic<Shrink>,
    largest_wv: f64,
}

impl Simulated {
    fn clear(&mut self) {
        self.steps.clear();
        self.shrinks.clear();
        self.decays.clear();
        self.largest_wv = 0.0;
    }

    fn push(&mut self, step: IdleStep, by: f64, n_rows: f64) {
        self.steps.push((step, by, n_rows));
        self.shrinks.push(Shrink::step(step.ww, by, n_rows));
        self.decays.push(Shrink::step(step.vv, 0.0, 0.0));
        self.largest_wv = self.largest_wv.max(step.wv.abs());
    }

    /// (w, v) after the steps, and what w has cost.
    fn passed(&self, mut w: f64, mut v: f64, from: usize, of: &Idle) -> (f64, f64, f64) {
        let mut penalty = 0.0;
        for (s, &(step, by, n_rows)) in self.steps.iter().enumerate().skip(from) {
            let decayed = |v| shrink::passed(&self.decays, v, s, self.steps.len(), 0.0, 0.0).w;
            if w == 0.0 && (v == 0.0 || (by > 0.0 && (step.wv * v).abs() <= by)) {
                return (w, decayed(v), penalty);
            }
            let reach = self.largest_wv * v.abs() / (1.0 - step.vv);
            if step.vw == 0.0 && reach <= NEGLIGIBLE * w.abs() {
                let rest = shrink::passed(&self.shrinks, w, s, self.steps.len(), of.l1, of.l2);
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
