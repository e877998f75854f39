"""Which chunks an epoch reads together, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..sampling import Block
from ..sources import Source

__all__ = ["Part", "Plan", "bytes_of_row", "plan_of"]

Array = NDArray[Any]
FEWEST = 8
"""Chunks of a window, where that is enough to mix them, unless memory is for fewer."""


class Part(NamedTuple):
    """The chunks of a window, and the positions of the epoch that their rows have."""

    epoch: int
    chunks: tuple[int, ...]
    first: int
    end: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """How a source is read: which chunks make a window."""

    starts: Array
    """The first row of each chunk, and the number of all rows."""
    window: int
    """Chunks of a window."""
    most_rows: int
    """Rows of the largest window there may be."""
    room: int
    """Rows of a step that may be left over of a window, and come before those of the next."""

    @property
    def n_windows(self) -> int:
        """Of an epoch."""
        return -(-(len(self.starts) - 1) // self.window)

    def chunks_of(self, rows: Array) -> Array:
        """The chunk of each of these rows."""
        length = int(self.starts[1])
        if (np.diff(self.starts[:-1]) == length).all() and self.starts[-1] - self.starts[-2] <= length:
            return (rows // length).astype(np.intp)  # several times as fast
        return np.searchsorted(self.starts, rows, side="right") - 1

    def parts(self, batches: _core.Batches, epoch: int, position: int = 0) -> Iterator[Part]:
        """The windows of an epoch that have positions from `position` on; at the very end the last one.

        Windows that have only rows which are left out, with `drop_last`, are not read.
        """
        blocks = batches.blocks(epoch)
        order = np.arange(len(self.starts) - 1) if blocks is None else blocks.astype(np.intp)
        rows = np.diff(self.starts)[order]
        ends = np.cumsum(rows)
        n_used = min(batches.n_steps(epoch) * batches.batch_size(epoch), int(ends[-1]))
        for at in range(0, len(order), self.window):
            last = min(at + self.window, len(order)) - 1
            end, first = int(ends[last]), int(ends[at] - rows[at])
            if first < n_used and (end > position or end >= n_used):
                yield Part(epoch, tuple(order[at : last + 1].tolist()), first, end)


def plan_of(
    source: Source,
    shuffle: Any,
    *,
    n_targets: int,
    entries_of_row: int | None,
    rows_of_step: int,
    memory_limit: int,
    to_mix: int,
) -> tuple[Plan, Any]:
    """The plan, and the way of sampling by which a run on all rows would make the same steps.

    `to_mix` is how many chunks a window should have for batches to be like those of a full shuffle; memory
    may be for fewer, and a `Block` says how many there are to be.
    """
    rows = np.array(source.chunk_rows, np.int64)
    of_row = bytes_of_row(source, n_targets, entries_of_row)
    room = min(rows_of_step, source.n_rows) - 1
    largest = np.cumsum(np.sort(rows)[::-1])  # rows of windows of 1, 2, ... chunks, at most
    needs = of_row * (largest + room)
    fits = int(np.searchsorted(needs, memory_limit, side="right"))
    asked = shuffle.window if isinstance(shuffle, Block) else None
    # Chunks that differ lead a run astray for as long as a window lasts: then it has all there is room for.
    window = min(asked or (FEWEST if to_mix <= FEWEST else len(rows)), len(rows))
    fewest = window if asked else 1
    if fits < fewest:
        raise ValueError(
            f"memory_limit must be >= {int(needs[fewest - 1])} bytes, for two windows of {fewest} chunk(s) "
            f"of up to {int(rows.max())} rows and steps of {rows_of_step} rows, got {memory_limit}"
        )
    window = min(window, fits)
    if isinstance(shuffle, Block) and shuffle.rows not in (None, block_rows(source), source.chunk_rows):
        raise ValueError(
            "shuffle.rows must be None or those of the chunks of the source, "
            f"{shortened(block_rows(source))}, got {shortened(shuffle.rows)}"
        )
    plan = Plan(
        starts=np.append(0, np.cumsum(rows)),
        window=window,
        most_rows=int(largest[window - 1]),
        room=room,
    )
    return plan, False if shuffle is False else Block(rows=block_rows(source), window=window)


def shortened(rows: Any) -> str:
    """The rows of blocks, the first ones of many."""
    if isinstance(rows, tuple) and len(rows) > 4:
        return f"({', '.join(map(str, rows[:3]))}, ... {len(rows)} in all)"
    return str(rows)


def block_rows(source: Source) -> int | tuple[int, ...]:
    """The rows of the chunks: one number, if all but the last one, which may have fewer, have as many."""
    first, *others = source.chunk_rows
    is_even = all(n == first for n in others[:-1]) and (not others or others[-1] <= first)
    return first if is_even else source.chunk_rows


def bytes_of_row(source: Source, n_targets: int, entries_of_row: int | None) -> int:
    """What a row takes while it is trained on and another one of the next window is read."""
    size = source.dtype.itemsize
    beside = (n_targets + 1) * size + 2 * 8 + 4  # targets and weight; its number, and its place in the window
    if entries_of_row is None:
        return 2 * (source.n_columns * size + beside)
    return 3 * ((entries_of_row + 1) * (size + 8) + 8) + 2 * beside  # read, and put together with others
