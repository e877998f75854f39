"""`PrintEpochs`: a line of text for every epoch."""

from __future__ import annotations

from typing import TextIO

from ..progress import Progress
from .callback import Callback

__all__ = ["PrintEpochs"]


class PrintEpochs(Callback):
    """Prints a line for every epoch, as ``fit(verbose=1)`` does.

    Parameters
    ----------
    file : text file, optional
        Where to; by default what ``sys.stdout`` is then.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> run = mb.fit([[1.0], [2.0]], [1.0, 2.0], epochs=2, optimizer="sgd", callback=PrintEpochs())
    epoch 1: loss 1.25, ... s
    epoch 2: loss ..., ... s
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file

    def __call__(self, progress: Progress) -> None:
        """Prints what was measured in the epoch, and the seconds since the call of fit."""
        named = {name.replace("_", " "): value for name, value in progress.values.items()}
        measured = ", ".join(f"{name} {value:.6g}" for name, value in named.items())
        print(f"epoch {progress.epoch}: {measured}, {progress.elapsed:.2f} s", file=self.file, flush=True)
