//! `AtStep`: what a step moves, and by what.

use super::pass::Pass;
use super::{Evaluator, Model, Penalty};
use crate::scalar::Scalar;

/// What a step moves, and by what: of the problem, or of the columns of a batch.
#[derive(Debug)]
pub struct AtStep<'e, T> {
    /// The model.
    pub model: &'e Model,
    /// The penalty of its parameters.
    pub penalty: &'e Penalty,
    /// The columns of the data that the parameters are of, if not of all.
    pub columns: Option<&'e [usize]>,
    /// Its parameters.
    pub params: &'e mut Vec<T>,
    /// The gradient computed last.
    pub gradient: &'e mut Vec<T>,
}

impl<T: Scalar> Evaluator<'_, '_, T> {
    /// What a step moves, and by what.
    #[inline]
    pub fn at_step(&mut self) -> AtStep<'_, T> {
        let Pass { problem, model, params, active, active_penalty, .. } = &mut self.team.job().pass;
        let (penalty, columns) = match active {
            None => (&problem.objective.penalty, None),
            Some(active) => (&*active_penalty, Some(active.columns())),
        };
        AtStep { model, penalty, columns, params, gradient: &mut self.total.finish().gradient }
    }
}
