"""What a model says about the rows of a source, a chunk at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..columns import written
from .checking import check_source, checked_chunk
from .source import Source

__all__ = ["by_chunk", "check_columns", "refuse_entry", "targets_together"]

Array = NDArray[Any]


def by_chunk(source: Source, say: Callable[[Any], Array]) -> Array:
    """What is said about the rows of each chunk, one after the other; no two chunks are in memory at a time.

    An entry that is not finite is refused with its place.
    """

    def said(chunk: int) -> Array:
        X = checked_chunk(source, chunk, source.read(chunk)).X
        try:
            return say(X)
        except ValueError:
            found = _core.find_not_finite(X)
            if found is None:
                raise
        refuse_entry(source, chunk, *found)

    first = said(0)
    together = np.empty((source.n_rows, *first.shape[1:]), first.dtype)
    together[: len(first)] = first
    begin = len(first)
    for chunk in range(1, source.n_chunks):
        end = begin + source.chunk_rows[chunk]
        together[begin:end] = said(chunk)
        begin = end
    return together


def check_columns(source: Source, n_columns: int, names: tuple[Any, ...] | None) -> None:
    """That a source has the columns that a model was trained on."""
    check_source(source)
    own = source.feature_names
    if own is not None and names is not None and tuple(own) != tuple(names):
        missing = [name for name in names if name not in own]
        unknown = [name for name in own if name not in names]
        parts = [f"no {written(missing)}"] if missing else []
        parts += [f"{written(unknown)} more"] if unknown else []
        got = ", and ".join(parts) or "them in another order"
        raise ValueError(f"X must be a source with the columns of fit, in its order, got {got}")
    if source.n_columns != n_columns:
        raise ValueError(f"X must be a source of {n_columns} columns, as in fit, got {source.n_columns}")


def refuse_entry(source: Source, chunk: int, row: int, column: int, value: float) -> NoReturn:
    """Say where an entry of a row of a chunk is that is not finite."""
    names = source.feature_names
    name = column if names is None else repr(names[column])
    raise ValueError(f"X must be finite, got {value} in column {name} at {source.where(chunk, row)}")


def targets_together(source: Source) -> tuple[Array, Array | None]:
    """The targets of all rows, and their weights, if they have some."""
    read = [source.targets(chunk) for chunk in range(source.n_chunks)]
    for chunk, (y, _) in enumerate(read):
        if y is None:
            raise ValueError(f"y must be given by the source, got None at {source.where(chunk, 0)}")
    weights = np.concatenate([s for _, s in read]) if source.has_weights else None
    return np.concatenate([y for y, _ in read]), weights
