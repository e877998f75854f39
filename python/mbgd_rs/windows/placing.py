"""Errors about rows: of which file, and which row of that, not of the array in which they are at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..objective import Problem
from ..sources import Source, refuse_entry
from ..sparse import SparseRows

__all__ = ["check_chunk", "check_finite", "placed", "with_place"]

Array = NDArray[Any]
ROW = re.compile(r"\bat row ([0-9]+)\b")
"""What errors say of the rows of an array."""


def check_chunk(source: Source, chunk: int, problem: Problem) -> None:
    """That the rows of a problem, which are those of a chunk, can be trained on."""
    check_finite(source, chunk, problem.X)
    with placed(source, chunk):
        _core.gradient(problem, np.zeros(problem.n_params, problem.X.dtype), np.empty(0, np.uintp), 1)


def check_finite(source: Source, chunk: int, X: Array | SparseRows) -> None:
    """That all entries of a chunk are finite."""
    found = _core.find_not_finite(X)
    if found is not None:
        refuse_entry(source, chunk, *found)


@contextmanager
def placed(source: Source, chunk: int) -> Iterator[None]:
    """Errors about targets of a chunk say in which row of which file."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = with_place(str(error), lambda row: source.where(chunk, row))
        if text is None and chunk == 0:  # which is read with arguments of the call that may be what is wrong
            raise
        text = text or f"{error}; in the chunk that begins with {source.where(chunk, 0)}"
        raise type(error)(text) from None


def with_place(text: str, where: Callable[[int], str]) -> str | None:
    """What an error says, with the place of the row that it is about; None if it says of none."""
    found = ROW.search(text)
    return found and f"{text[: found.start()]}at {where(int(found[1]))}{text[found.end() :]}"
