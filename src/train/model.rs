//! Which vector is the model, and which is where training is.

use super::apart::Apart;
use super::{AutoRate, Config, State};
use crate::error::Result;
use crate::gradient::Work;
use crate::parallel::Team;
use crate::scalar::Scalar;

/// The parameters to predict with, as they stand.
pub(super) fn model_of<'m, T: Scalar>(
    apart: &'m mut Apart<'_, T>,
    config: &Config,
    state: &'m mut State<T>,
    team: &'m mut Team<'_, Work<'_, T>>,
) -> Result<&'m mut Vec<T>> {
    if let Some(average) = average_of(config, state) {
        return Ok(average);
    }
    Ok(match apart.model()? {
        Some(model) => model,
        None => team.job().params(),
    })
}

/// Puts the model in the place of the parameters, or back.
pub(super) fn exchange_model<T: Scalar>(
    apart: &mut Apart<'_, T>,
    config: &Config,
    state: &mut State<T>,
    team: &mut Team<'_, Work<'_, T>>,
) -> Result<()> {
    if let Some(average) = average_of(config, state) {
        std::mem::swap(average, team.job().params());
        return Ok(());
    }
    apart.exchange_model(team.job().params())
}

/// What is averaged to predict with, if anything is: apart from the optimizer, by it, or by a automatic learning rate.
fn average_of<'m, T: Scalar>(config: &Config, state: &'m mut State<T>) -> Option<&'m mut Vec<T>> {
    match config.average {
        Some(_) if state.average.n > 0 => Some(&mut state.average.params),
        _ => {
            let State { optimizer, auto_rate, .. } = state;
            let own = config.optimizer.model(optimizer);
            own.or_else(|| auto_rate.as_mut().and_then(AutoRate::model))
        }
    }
}
