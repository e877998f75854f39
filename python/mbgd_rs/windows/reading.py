"""Reading ahead: the rows of the next window are read by a thread while those of this one are trained on."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sparse import SparseRows
from .loading import Loader, joined
from .plan import Part, Plan

__all__ = ["Window", "read_windows"]

Array = NDArray[Any]


@dataclass(eq=False)
class Window:
    """The rows of some chunks, and before them those left over of the window before."""

    part: Part
    chunks: tuple[int, ...]
    """In the order in which their rows lie here."""
    X: Array | SparseRows
    y: Array
    sample_weight: Array | None
    n_left_over: int = 0
    """Rows left over of the window before; those of the chunks come after them."""

    def rows_of(self, rows: Array, plan: Plan) -> Array:
        """Where this window has rows of its chunks, by their numbers in the source."""
        chunks = np.array(self.chunks)
        places = np.empty(len(plan.starts) - 1, np.int64)
        sizes = (plan.starts[1:] - plan.starts[:-1])[chunks]
        places[chunks] = np.cumsum(sizes) - sizes + self.n_left_over
        of_chunk = plan.chunks_of(rows)
        found: Array = (places - plan.starts[:-1])[of_chunk] + rows.astype(np.int64)
        return found.astype(np.uint32)

    def copies(self, rows: Array) -> tuple[Any, Array, Array | None] | None:
        """Some of the rows, by their places here; None for none."""
        if not len(rows):
            return None
        s = self.sample_weight
        return self.X[rows], self.y[rows], None if s is None else s[rows]


def read_windows(loader: Loader, parts: Iterator[Part]) -> Generator[Window, Array, None]:
    """The windows of some parts, each as it is wanted, while the next one is read.

    For a window the caller sends back which of its rows are left over, to come before those of the next one.
    """
    if loader.plan.n_windows == 1:
        yield from again(loader, parts)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="mbgd-window") as thread:
        n_read = 0
        kept = None
        part = next(parts, None)
        loaded = None if part is None else thread.submit(loader.load, part.chunks, 0)
        while part is not None and loaded is not None:
            window = Window(part, part.chunks, *joined(kept, loaded.result(), loader.plan.room))
            window.n_left_over = 0 if kept is None else len(kept[1])
            part = next(parts, None)
            n_read += 1
            # Into the room of the window before, of which nothing is wanted any more.
            loaded = None if part is None else thread.submit(loader.load, part.chunks, n_read % 2)
            kept = window.copies((yield window))


def again(loader: Loader, parts: Iterator[Part]) -> Generator[Window, Array, None]:
    """The one window that has all rows, read once."""
    window = None
    for part in parts:
        if window is None:
            window = Window(part, part.chunks, *joined(None, loader.load(part.chunks, 0), loader.plan.room))
        window = replace(window, part=part)
        yield window
