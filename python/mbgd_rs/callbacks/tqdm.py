"""`Tqdm`: a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..extras import imported
from ..progress import Progress
from .callback import Callback

__all__ = ["Tqdm"]


class Tqdm(Callback):
    """A progress bar of tqdm, as ``fit(progress=True)`` shows: a step for every epoch, and what was measured.

    Needs the extra ``mbgd_rs[progress]``.

    Parameters
    ----------
    **options
        Of ``tqdm.auto.tqdm``, as `desc`, `leave`, `position` or `file`.
    """

    def __init__(self, **options: Any) -> None:
        self.options = {"unit": "epoch", **options}
        self.make = imported("tqdm.auto", "Tqdm", "progress").tqdm
        self.bar: Any = None

    @contextmanager
    def running(self, n_epochs: int) -> Iterator[None]:
        """Shows the bar; it stays where it is when the run ends before."""
        with self.make(**{"total": n_epochs, **self.options}) as self.bar:
            yield

    def __call__(self, progress: Progress) -> None:
        """Moves the bar by an epoch."""
        measured = {name: f"{value:.4g}" for name, value in progress.values.items()}
        self.bar.set_postfix(measured, refresh=False)
        self.bar.update()
