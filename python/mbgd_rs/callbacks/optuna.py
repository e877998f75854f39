"""`OptunaPruning`: ends the runs of a study that are not worth it."""

from __future__ import annotations

from typing import Any

from ..extras import imported
from ..progress import Progress
from .callback import Callback

__all__ = ["OptunaPruning"]


class OptunaPruning(Callback):
    """Reports every epoch to a trial of Optuna, and raises ``TrialPruned`` where its pruner says so.

    Needs the extra ``mbgd_rs[optuna]``. Call :func:`mbgd_rs.fit` in the objective of a study and let the
    exception pass.

    Parameters
    ----------
    trial : optuna.trial.Trial
    monitor : str, optional
        What to report: "loss", "validation_loss" or the name of a metric; by default the validation loss if
        there are validation rows, else the loss. The direction is that of the study.
    """

    def __init__(self, trial: Any, monitor: str | None = None) -> None:
        self.optuna = imported("optuna", "OptunaPruning", "optuna")
        if not (hasattr(trial, "report") and hasattr(trial, "should_prune")):
            raise TypeError(f"trial must be a trial of Optuna, got {trial!r}")
        self.trial = trial
        self.monitor = monitor

    def __call__(self, progress: Progress) -> None:
        """Reports the value of the epoch."""
        measured = progress.values
        monitor = self.monitor or ("validation_loss" if "validation_loss" in measured else "loss")
        if monitor not in measured:
            raise ValueError(f"monitor must be one of {', '.join(map(repr, measured))}, got {monitor!r}")
        self.trial.report(measured[monitor], progress.epoch)
        if self.trial.should_prune():
            raise self.optuna.TrialPruned(f"pruned at epoch {progress.epoch}")
