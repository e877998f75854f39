//! `CatchUp`: what parameters make up for with the steps they have missed.

use crate::gradient::{Layout, Penalty};
use crate::scalar::Scalar;
use crate::update::lazy::{MissedSteps, Slots};

/// What catching up with missed steps has found.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(super) struct CatchUp {
    /// Sum over the missed steps of the rows times the penalty.
    pub(super) penalty: f64,
    /// Whether all parameters are finite; one that is not is left as it was.
    pub(super) is_finite: bool,
}

impl CatchUp {
    /// There was nothing to catch up with.
    pub(super) fn nothing() -> Self {
        Self { penalty: 0.0, is_finite: true }
    }

    /// This and that.
    pub(super) fn and(mut self, other: CatchUp) -> Self {
        self.add(other);
        self
    }

    /// What is not finite, if anything.
    pub(super) fn non_finite(&self) -> Option<&'static str> {
        (!self.is_finite).then_some("a parameter")
    }

    pub(super) fn add(&mut self, other: CatchUp) {
        self.penalty += other.penalty;
        self.is_finite &= other.is_finite;
    }
}

/// Makes up for the steps from `n_seen` on, for a parameter and the optimizer's slots of it at `at`, or what is in their
/// place.
#[inline(always)]
pub(super) fn catch_up<T: Scalar>(
    missed: &MissedSteps,
    n_seen: usize,
    param: &mut T,
    (slots, at): (&mut [Vec<T>], usize),
    in_their_place: impl FnOnce() -> Option<Slots>,
) -> CatchUp {
    if n_seen >= missed.n_steps() {
        return CatchUp::nothing();
    }
    let values = in_their_place().unwrap_or_else(|| slots_at(slots, at));
    let caught_up = missed.catch_up(param.to_f64(), values, n_seen);
    let (w, in_slots) = (T::from_f64(caught_up.w), caught_up.slots.map(T::from_f64));
    let is_finite = w.is_finite() && in_slots.iter().all(|v| v.is_finite());
    if is_finite {
        *param = w;
        slots.iter_mut().zip(in_slots).for_each(|(vector, v)| vector[at] = v);
    }
    CatchUp { penalty: if is_finite { caught_up.penalty } else { 0.0 }, is_finite }
}

/// What a column has cost in steps over so many rows that have left it alone.
pub(super) fn cost<T: Scalar>(
    n_rows: f64,
    penalty: &Penalty,
    layout: Layout,
    params: &[T],
    column: usize,
) -> f64 {
    if n_rows == 0.0 { 0.0 } else { n_rows * penalty.value_of_column(layout, params, column) }
}

/// What the optimizer's slots have for the parameter at `at`.
#[inline(always)]
pub(super) fn slots_at<T: Scalar>(slots: &[Vec<T>], at: usize) -> Slots {
    let mut values = Slots::default();
    values.iter_mut().zip(slots).for_each(|(v, vector)| *v = vector[at].to_f64());
    values
}
