//! The algorithm.

use super::observers::Observers;
use super::run::Run;
use super::stop::Stop;
use crate::scalar::Scalar;

/// Mini-batch gradient descent: for every batch of every epoch, the gradient, and a step against it.
pub(super) fn descend<'a, T: Scalar>(
    run: &mut Run<'_, 'a, T>,
    observers: &mut Observers<'_, 'a, T>,
) -> Result<(), Stop> {
    while run.has_epochs_left() {
        run.shuffle()?;
        observers.begin_epoch(run.view())?;
        run.rounds(observers)?; // the steps below, by processes that meet now and then
        if !observers.watch_steps() {
            run.streak(observers)?; // the steps below, many in one call
        }
        while let Some(batch) = run.next_batch() {
            let gradient = run.gradient(&batch)?; // how wrong the model is on these rows
            let step = run.update(&batch, gradient)?; // how the parameters move
            observers.step(&step, run.view())?;
        }
        run.check_rows()?; // of a window of the rows, larger than memory, the next one goes on
        let epoch = observers.end_epoch(run.view())?;
        run.end_epoch(&epoch);
        epoch.verdict()?;
    }
    Ok(())
}
