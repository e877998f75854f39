"""`LogDict`: what was measured, as a dict of lists."""

from __future__ import annotations

from ..progress import Progress
from .callback import Callback

__all__ = ["LogDict"]


class LogDict(Callback):
    """Writes what was measured into a dict, which can be looked at while training goes on.

    Parameters
    ----------
    log : dict, optional
        Where to; a new one by default. Runs one after another append to it.

    Attributes
    ----------
    log : dict of str to list
        "epoch", "n_steps", "elapsed", and what :attr:`Progress.values <mbgd_rs.Progress>` has: "loss",
        "validation_loss" if there is one, and the metrics by their names.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> log = {}
    >>> run = mb.fit([[1.0], [2.0]], [1.0, 2.0], epochs=3, callback=LogDict(log))
    >>> log["epoch"], len(log["loss"])
    ([1, 2, 3], 3)
    """

    def __init__(self, log: dict[str, list[float]] | None = None) -> None:
        if log is not None and not isinstance(log, dict):
            raise TypeError(f"log must be a dict or None, got {log!r}")
        self.log: dict[str, list[float]] = {} if log is None else log

    def __call__(self, progress: Progress) -> None:
        """Appends what was measured in the epoch."""
        counted = {"epoch": progress.epoch, "n_steps": progress.n_steps, "elapsed": progress.elapsed}
        for name, value in (counted | progress.values).items():
            self.log.setdefault(name, []).append(value)
