"""What callbacks with something to open and to close have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..progress import Progress

__all__ = ["Callback"]


class Callback(ABC):
    """A callback that is told when a run begins and ends, too. It may watch several runs, one after another.

    Examples
    --------
    >>> from contextlib import contextmanager
    >>> import mbgd_rs as mb
    >>> class Diary(mb.callbacks.Callback):
    ...     @contextmanager
    ...     def running(self, n_epochs):
    ...         print(f"at most {n_epochs} epochs")
    ...         yield
    ...         print("the end")
    ...
    ...     def __call__(self, progress):
    ...         print(f"epoch {progress.epoch}")
    >>> run = mb.fit([[1.0], [2.0]], [1.0, 2.0], epochs=2, callback=Diary())
    at most 2 epochs
    epoch 1
    epoch 2
    the end
    """

    def running(self, n_epochs: int) -> AbstractContextManager[Any]:
        """A context that is of the whole run; an exception that ends the run passes it.

        Parameters
        ----------
        n_epochs : int
            The most epochs that this call makes.
        """
        return nullcontext()

    @abstractmethod
    def __call__(self, progress: Progress) -> Any:
        """Called after every epoch; the answer True ends the run."""
