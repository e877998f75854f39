//! `Objective`: a model, its loss, and what its parameters cost.

use super::{Loss, Model, Penalty};

/// What is minimised: `mean_i s_i loss(z_i, y_i) + penalty(W)` over the rows of a dataset, with z the scores of the
/// model. Blocks of parameters that the model does not name as penalised are free, unless the loss has an
/// [intercept slope](Loss::intercept_slope).
#[derive(Debug, Clone)]
pub struct Objective {
    /// Makes the scores.
    pub model: Model,
    /// What a score costs.
    pub loss: Loss,
    /// What the parameters cost.
    pub penalty: Penalty,
}
