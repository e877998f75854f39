"""`Checkpoint`: where, and how often, a run is saved while it goes on."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import Any

from .inputs import as_integer

__all__ = ["Checkpoint", "checkpoints_of"]

EVERY = re.compile(r"(?:([0-9]+(?:\.[0-9]+)?)\s+)?(epoch|step|second|minute|hour)s?")
SECONDS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
MOST = 2**52
"""Steps or epochs of an interval, which the core takes as a double."""


@dataclass(frozen=True)
class Checkpoint:
    """Save a run while it goes on, so that it can be resumed after whatever ends it.

    The argument `checkpoint` of :func:`mbgd_rs.fit`, by itself or with others in a list. A checkpoint is a
    file as ``FitResult.save(path, state=True)`` writes it: :func:`mbgd_rs.load` gives a result that predicts,
    with the history so far and the stop reason "interrupted", and ``fit(resume=...)`` takes it, its folder or
    "auto", and goes on to the bit. Its bits do not depend on whether, and how often, a run is saved.

    Each is written into a file beside, flushed to the disk, and renamed: whatever happens, a power cut or a
    ``kill -9``, all files in the folder with the name of a checkpoint are whole. When the run ends, by
    itself, by an exception or by Ctrl-C, it is saved once more, unless it has diverged: the last file is the
    result. An error while one is written, a full disk say, ends the run as an exception in a callback does:
    it is raised with the run so far as its attribute `result`.

    Parameters
    ----------
    path : str or path
        A folder, which is made if it is not there. Files are named after the steps of the whole run, as
        ``step-000000012800.safetensors``; others in it are left alone. A folder belongs to one run: one that
        has checkpoints of another is refused.
    every : str, default="epoch"
        How often: "epoch", "5 epochs", "1000 steps", "30 seconds", "10 minutes", "2 hours". Epochs and steps
        are counted over the whole run, so that a resumed run is saved where it would have been; seconds from
        one checkpoint to the next, looked at after each step. One that falls on the last step of an epoch is
        written when the epoch has been recorded.
    keep : int or None, default=3
        How many files to keep, the last ones; None keeps all. Older ones are removed when a new one is whole.

    See Also
    --------
    mbgd_rs.fit : Its `resume` says what is gone on with.

    Notes
    -----
    The run waits while a checkpoint is written, which takes as long as the disk takes to flush some copies of
    the parameters, of SAGA's table of slopes if there is one, and the whole history. ``history.elapsed`` does
    not count it; :class:`mbgd_rs.stopping.MaxSeconds` does.

    Examples
    --------
    >>> import tempfile, os
    >>> import numpy as np, mbgd_rs as mb
    >>> X = np.random.default_rng(0).normal(size=(320, 3))
    >>> folder = tempfile.mkdtemp()
    >>> how = dict(optimizer="adam", batch_size=32, checkpoint=mb.Checkpoint(folder, keep=2))
    >>> result = mb.fit(X, X @ [1.0, 2.0, 3.0], epochs=4, **how)
    >>> sorted(os.listdir(folder))
    ['step-000000000030.safetensors', 'step-000000000040.safetensors']

    The same call, with ``resume="auto"``, goes on where the last one has ended, whatever has ended it, until
    there are `epochs` in all:

    >>> mb.fit(X, X @ [1.0, 2.0, 3.0], epochs=6, resume="auto", **how).n_epochs
    6
    >>> mb.Checkpoint(folder, every=600)
    Traceback (most recent call last):
    TypeError: every must be text with a unit, as 'epoch', '600 steps' or '600 seconds', got 600
    """

    path: str | os.PathLike[str]
    every: str = "epoch"
    keep: int | None = 3

    def __post_init__(self) -> None:
        path = os.fspath(self.path) if isinstance(self.path, os.PathLike) else self.path
        if not isinstance(path, str):
            raise TypeError(f"path must be a str or a path, got {self.path!r}")
        if not path:
            raise ValueError("path must be the name of a folder, got ''")
        object.__setattr__(self, "path", path)
        interval_of(self.every)
        if self.keep is not None:
            object.__setattr__(self, "keep", as_integer("keep", self.keep, 1))

    @property
    def interval(self) -> tuple[float, str]:
        """How many of what: "epochs", "steps" or "seconds"."""
        return interval_of(self.every)


def interval_of(every: Any) -> tuple[float, str]:
    """The number and the unit of an interval."""
    if not isinstance(every, str):
        raise TypeError(
            f"every must be text with a unit, as 'epoch', '600 steps' or '600 seconds', got {every!r}"
        )
    found = EVERY.fullmatch(every.strip().lower())
    if found is None:
        raise ValueError(
            "every must be a number, if it is not 1, and a unit, epochs, steps, seconds, minutes or hours, "
            f"got {every!r}"
        )
    number, unit = float(found[1] or 1), found[2]
    if unit in SECONDS:
        if not 0 < number < math.inf:
            raise ValueError(f"every must be finite and > 0, got {every!r}")
        return number * SECONDS[unit], "seconds"
    if not (number.is_integer() and 1 <= number <= MOST):
        raise ValueError(f"every must be a whole number of {unit}s, >= 1, got {every!r}")
    return number, f"{unit}s"


def checkpoints_of(checkpoint: Any) -> tuple[Checkpoint, ...]:
    """One, several or none, as a tuple."""
    if checkpoint is None:
        return ()
    given = tuple(checkpoint) if isinstance(checkpoint, tuple | list) else (checkpoint,)
    for one in given:
        if not isinstance(one, Checkpoint):
            raise TypeError(f"checkpoint must be one or several of mbgd_rs.Checkpoint, or None, got {one!r}")
    folders = [os.path.realpath(one.path) for one in given]
    if len(set(folders)) < len(folders):
        raise ValueError(f"checkpoint must write into different folders, got {', '.join(folders)}")
    return given
