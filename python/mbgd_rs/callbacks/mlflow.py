"""`MLflow`: curves for MLflow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..extras import imported
from ..progress import Progress
from .callback import Callback

__all__ = ["MLflow"]

NOT_ALLOWED = re.compile(r"[^\w\-. /]")
"""In the names of MLflow's metrics."""


class MLflow(Callback):
    """Logs the losses and metrics of every epoch to the active run of MLflow, or to a new one.

    Needs the extra ``mbgd_rs[mlflow]``. A run that this has begun it also ends; as failed, if training has
    raised.

    Parameters
    ----------
    **options
        Of ``mlflow.start_run``, as `run_name` or `tags`, for a run that this begins.
    """

    def __init__(self, **options: Any) -> None:
        self.mlflow = imported("mlflow", "MLflow", "mlflow")
        self.options = options

    @contextmanager
    def running(self, n_epochs: int) -> Iterator[None]:
        """Begins a run, if none is active."""
        if self.mlflow.active_run() is not None:
            yield
            return
        with self.mlflow.start_run(**self.options):
            yield

    def __call__(self, progress: Progress) -> None:
        """Logs what was measured in the epoch; what may not be in a name becomes an underscore."""
        measured = {NOT_ALLOWED.sub("_", name): value for name, value in progress.values.items()}
        self.mlflow.log_metrics(measured, step=progress.epoch)
