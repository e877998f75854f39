"""`TensorBoard`: curves for TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from os import PathLike, fspath
from typing import Any

from ..progress import Progress, StepProgress
from .callback import Callback

__all__ = ["TensorBoard"]

WRITERS = ("tensorboardX", "torch.utils.tensorboard")
"""Modules with a SummaryWriter; the first one that there is writes."""


class TensorBoard(Callback):
    """Writes the losses and metrics of every epoch into a folder that TensorBoard reads.

    Needs the extra ``mbgd_rs[tensorboard]``, which is tensorboardX; or PyTorch and tensorboard.

    Parameters
    ----------
    folder : str or path
        Where to; made if it is not there. Curves are named "loss/training", "loss/validation" and
        "metrics/NAME", by epoch.
    every_steps : int, optional
        Also write "steps/loss", "steps/learning_rate" and "steps/gradient_norm", by step, after every so many
        steps of :func:`mbgd_rs.fit`.
    """

    def __init__(self, folder: str | PathLike[str], every_steps: int | None = None) -> None:
        self.folder = fspath(folder)
        self.every_steps = every_steps
        self.make = writer_class()
        self.writer: Any = None

    @contextmanager
    def running(self, n_epochs: int) -> Iterator[None]:
        """Opens a file of events, and closes it."""
        self.writer = self.make(self.folder)
        try:
            yield
        finally:
            self.writer.close()

    def __call__(self, progress: Progress) -> None:
        """Writes what was measured in the epoch."""
        values = {"loss/training": progress.loss}
        if progress.validation_loss is not None:
            values["loss/validation"] = progress.validation_loss
        values |= {f"metrics/{name}": value for name, value in progress.metrics.items()}
        for name, value in values.items():
            self.writer.add_scalar(name, value, progress.epoch)

    def on_step(self, progress: StepProgress) -> None:
        """Writes what is known of the step."""
        for name in ("loss", "learning_rate", "gradient_norm"):
            self.writer.add_scalar(f"steps/{name}", getattr(progress, name), progress.n_steps)


def writer_class() -> Any:
    """The class of a writer that is installed."""
    for module in WRITERS:
        with suppress(ImportError):
            return import_module(module).SummaryWriter
    raise ImportError("TensorBoard needs tensorboardX: pip install 'mbgd_rs[tensorboard]'")
