"""`TensorBoard`: curves for TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from os import PathLike, fspath
from typing import Any

from ..progress import Progress
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
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = fspath(folder)
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


def writer_class() -> Any:
    """The class of a writer that is installed."""
    for module in WRITERS:
        with suppress(ImportError):
            return import_module(module).SummaryWriter
    raise ImportError("TensorBoard needs tensorboardX: pip install 'mbgd_rs[tensorboard]'")
