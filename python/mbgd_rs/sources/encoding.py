"""Columns of text as columns of numbers: one for each value, or by a hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..inputs import as_integer
from ..labels import listed

__all__ = ["Encoding", "Hashed", "OneHot", "hash_of"]

Array = NDArray[Any]
MOST_CATEGORIES = 10_000
"""Of a column whose values are looked for."""


def hash_of(column: str, value: Any, n_columns: int) -> int:
    """The number of the column that a value has: CRC-32 of "column=value" in UTF-8, modulo their number.

    It is the same in every process and version.

    >>> hash_of("city", "Paris", 1024)
    480
    """
    return crc32(f"{column}={value}".encode()) % n_columns


@dataclass(frozen=True)
class OneHot:
    """A column for each value, 1 where a row has it."""

    column: str
    values: tuple[Any, ...]
    index: dict[Any, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {value: place for place, value in enumerate(self.values)})
        if len(self.index) != len(self.values) or not self.values:
            raise ValueError(
                f"categories of {self.column!r} must be distinct, and at least one, got {list(self.values)!r}"
            )

    @property
    def width(self) -> int:
        """Its columns."""
        return len(self.values)

    @property
    def names(self) -> list[str]:
        """Of its columns."""
        return [f"{self.column}={value}" for value in self.values]

    def places(self, values: Iterable[Any]) -> Array:
        """Which column each of some distinct values has; -1 of one that there is none for."""
        return np.array([self.index.get(value, -1) for value in values], np.int64)

    def wanted(self) -> str:
        """What values must be, for a message."""
        return f"among the categories {listed(self.values)}"


@dataclass(frozen=True)
class Hashed:
    """A number of columns, of which a value has that of its hash; different values may share one."""

    column: str
    width: int

    @property
    def names(self) -> list[str]:
        """Of its columns."""
        return [f"{self.column}#{place}" for place in range(self.width)]

    def places(self, values: Iterable[Any]) -> Array:
        """Which column each of some distinct values has."""
        return np.array([hash_of(self.column, value, self.width) for value in values], np.int64)

    def wanted(self) -> str:
        """What values must be, for a message."""
        return "a text"


Encoding = OneHot | Hashed | None
"""Of a column; None of one of numbers."""


def choices_of(
    columns: Sequence[str], texts: Sequence[str], categories: Any, hashed: Any
) -> dict[str, list[Any] | int | None]:
    """What becomes of each column that is encoded: categories, None if these are to be found, or a number.

    `categories` is "auto" for all columns of text, or a dict of them by name; `hashed` is a number for all
    columns of text that have no categories, or a dict.
    """
    chosen: dict[str, list[Any] | int | None] = {}
    if isinstance(hashed, dict):
        for name, n in hashed.items():
            chosen[known("hashed", name, columns)] = as_integer(f"hashed[{name!r}]", n, 1, 2**31 - 1)
    if isinstance(categories, dict):
        for name, values in categories.items():
            if known("categories", name, columns) in chosen:
                raise ValueError(f"categories must be of columns that are not hashed, got {name!r} in both")
            if isinstance(values, str):
                if values != "auto":
                    raise ValueError(f'categories[{name!r}] must be "auto" or a list, got {values!r}')
                chosen[name] = None
            else:
                chosen[name] = list(values)
    elif categories not in (None, "auto"):
        raise TypeError(f'categories must be "auto", a dict of lists or None, got {categories!r}')
    others = [name for name in texts if name not in chosen]
    if hashed is not None and not isinstance(hashed, dict):
        if categories == "auto":
            raise ValueError('hashed must be a dict of columns where categories is "auto", got both for all')
        n = as_integer("hashed", hashed, 1, 2**31 - 1)
        chosen |= dict.fromkeys(others, n)
    elif categories == "auto":
        chosen |= dict.fromkeys(others, None)
    elif others:
        raise TypeError(
            f"X must be of numbers, got text in column {others[0]!r}: leave it out by columns=, give "
            f'categories={{{others[0]!r}: "auto"}} for a column for each value, or '
            f"hashed={{{others[0]!r}: 1024}}"
        )
    return chosen


def known(argument: str, name: Any, columns: Sequence[str]) -> Any:
    """The name of a column, if it is one of X."""
    if name not in columns:
        raise ValueError(f"{argument} must name columns of X, {listed(columns)}, got {name!r}")
    return name
