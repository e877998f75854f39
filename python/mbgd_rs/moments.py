"""Weighted means and spreads of columns, without overflow and without cancellation.

Sums are made in a fixed order: the bits are the same on every machine, and for rows that come in parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .own_rows import is_sparse_rows
from .sparse import SparseRows

__all__ = ["N_PASSES", "Blocks", "DenseMoments", "SparseMoments", "blocks", "moments_like", "units_of"]

Array = NDArray[Any]
BLOCK = 1 << 16
"""Entries that are looked at together."""
EXTREME = 1022
"""Powers of two up to this, and their inverses, are normal numbers."""
N_PASSES = 3
"""Over the rows: for the sizes of the columns, for their means, and about these."""


def moments_like(X: Array | SparseRows) -> DenseMoments | SparseMoments:
    """The moments of the columns of such rows, of which none is seen."""
    return (SparseMoments if is_sparse_rows(X) else DenseMoments)(X.shape[1], X.dtype)


def units_of(size: Array) -> Array:
    """A power of two for each number, which brings it near 1."""
    exponent = np.frexp(size)[1]
    unit: Array = np.ldexp(1.0, -np.clip(exponent, -EXTREME, EXTREME))
    return unit


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Runs of rows with few entries."""
    n = rows_of_block(n_columns)
    return (slice(first, min(first + n, n_rows)) for first in range(0, n_rows, n))


def rows_of_block(n_columns: int) -> int:
    """Rows with few entries."""
    return max(1, BLOCK // max(n_columns, 1))


class Blocks:
    """The runs of rows of `blocks`, of rows that come in parts: the same ones, whatever the parts."""

    def __init__(self, n_columns: int) -> None:
        self.n_rows = rows_of_block(n_columns)
        self.rest: tuple[Array, Array] | None = None
        """Rows, and their weights, that are not a whole block."""

    def add(self, X: Array, s: Array) -> Iterator[tuple[Array, Array]]:
        """The blocks that end within these rows, with the weights of their rows."""
        first = 0
        if self.rest is not None:
            first = min(self.n_rows - len(self.rest[1]), len(s))
            self.rest = np.concatenate([self.rest[0], X[:first]]), np.concatenate([self.rest[1], s[:first]])
            if len(self.rest[1]) < self.n_rows:
                return
            yield from self.end()
        for begin in range(first, len(s), self.n_rows):
            rows = slice(begin, begin + self.n_rows)
            if rows.stop > len(s):
                self.rest = X[rows].copy(), s[rows].copy()
                return
            yield X[rows], s[rows]

    def end(self) -> Iterator[tuple[Array, Array]]:
        """The last block, when all rows were there."""
        rest, self.rest = self.rest, None
        if rest is not None:
            yield rest


class Moments:
    """What the passes over rows have found: columns in units of their own."""

    unit: Array
    center: Array
    """Means, in units."""
    deviation: Array
    """Standard deviations, in units."""
    least: float
    """The least deviation, in units, that is one."""

    @property
    def found(self) -> tuple[Array, Array]:
        """Means and standard deviations, in double, after the last pass.

        A deviation of 0, or of no more than the rounding of the column's type, is 1.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            scale = np.where(self.deviation <= self.least, 1.0, self.deviation / self.unit)
            return self.center / self.unit, scale


class DenseMoments(Moments):
    """The moments of columns by passes over rows, which come in parts, in the same order in every pass.

    Rows of weight 0 do not take part. Columns that are not finite have no finite moments.
    """

    SUMS: ClassVar = {
        "low": np.minimum, "high": np.maximum, "first": np.add, "second": np.add, "total": np.add,
    }  # fmt: skip
    """What a pass makes, and by what that of some rows is put together with that of others."""

    def __init__(self, n_columns: int, dtype: np.dtype[Any]) -> None:
        self.d = n_columns
        self.least = float(np.finfo(dtype).eps)
        self.blocks = Blocks(n_columns)
        self.low, self.high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
        self.n_passes = 0
        self.begin()

    def begin(self) -> None:
        self.first, self.second, self.total = np.zeros(self.d), np.zeros(self.d), 0.0

    def add(self, X: Any, s: Array) -> None:
        """Sees rows and their weights."""
        for block, weights in self.blocks.add(X, s):
            self.see(block, weights)

    def see(self, block: Array, s: Array) -> None:
        counts = s > 0
        rows = block[counts]
        if self.n_passes == 0:
            self.low = np.minimum(self.low, rows.min(axis=0, initial=np.inf))
            self.high = np.maximum(self.high, rows.max(axis=0, initial=-np.inf))
            return
        with np.errstate(invalid="ignore", over="ignore"):
            apart = rows * self.unit - self.center
            weighted = apart * s[counts][:, None]
            self.first += weighted.sum(axis=0)
            self.second += (weighted * apart).sum(axis=0)
        self.total += float(s.sum())

    def flush(self) -> None:
        """Sees what is left of the last block."""
        for block, weights in self.blocks.end():
            self.see(block, weights)

    def end_pass(self) -> None:
        """All rows were seen."""
        self.flush()
        with np.errstate(invalid="ignore", over="ignore"):
            if self.n_passes == 0:
                self.unit = units_of(np.maximum(np.abs(self.low), np.abs(self.high)))
                self.center = self.low * self.unit / 2 + self.high * self.unit / 2
            else:
                shift = self.first / self.total
                self.center = self.center + shift
                self.deviation = np.sqrt(np.maximum(self.second / self.total - shift**2, 0))
        self.n_passes += 1
        self.begin()


class SparseMoments(Moments):
    """As of dense rows, the entries that are not stored being 0."""

    SUMS: ClassVar = {
        "largest": np.maximum, "stored": np.add, "n_counted": np.add, "of_stored": np.add,
        "total": np.add, "first": np.add, "second": np.add,
    }  # fmt: skip

    def __init__(self, n_columns: int, dtype: np.dtype[Any]) -> None:
        self.d = n_columns
        self.least = float(np.finfo(dtype).eps)
        self.largest = np.zeros(n_columns)
        self.stored, self.n_counted = np.zeros(n_columns, np.int64), 0
        self.of_stored, self.total = np.zeros(n_columns), 0.0
        self.n_passes = 0
        self.begin()

    def begin(self) -> None:
        self.first, self.second = np.zeros(self.d), np.zeros(self.d)

    def add(self, X: Any, s: Array) -> None:
        """Sees rows and their weights; sums are over one entry after the other."""
        columns, values, weights = entries_of(X, s)
        with np.errstate(invalid="ignore", over="ignore"):
            if self.n_passes == 0:
                np.maximum.at(self.largest, columns, np.abs(values))
                np.add.at(self.of_stored, columns, weights)
                self.stored += np.bincount(columns, minlength=self.d)
                self.n_counted += int(np.count_nonzero(s))
                self.total = float(np.cumsum(np.append(self.total, s))[-1])
                return
            values = values * self.unit[columns]
            if self.n_passes == 1:
                np.add.at(self.first, columns, weights * values)
                return
            apart = values - self.center[columns]
            np.add.at(self.first, columns, weights * apart)
            np.add.at(self.second, columns, weights * apart**2)

    def flush(self) -> None:
        """There are no blocks."""

    def end_pass(self) -> None:
        """All rows were seen."""
        with np.errstate(invalid="ignore", over="ignore"):
            if self.n_passes == 0:
                self.unit = units_of(self.largest)
            elif self.n_passes == 1:
                self.center = self.first / self.total
            else:
                is_full = self.stored == self.n_counted
                absent = np.where(is_full, 0, np.maximum(self.total - self.of_stored, 0))
                shift = (self.first - absent * self.center) / self.total
                square = (self.second + absent * self.center**2) / self.total
                self.deviation = np.sqrt(np.maximum(square - shift**2, 0))
                self.center = self.center + shift
        self.n_passes += 1
        self.begin()


def entries_of(X: SparseRows, s: Array) -> tuple[Array, Array, Array]:
    """Column, value and weight of every entry of the rows that count; those of one place are added up."""
    first, last = int(X.indptr[0]), int(X.indptr[-1])
    columns, values = X.indices[first:last], X.data[first:last].astype(np.float64)
    rows = np.repeat(np.arange(len(X)), np.diff(X.indptr))
    if ((np.diff(columns) <= 0) & (np.diff(rows) == 0)).any():
        order = np.lexsort((columns, rows))
        columns, values, rows = columns[order], values[order], rows[order]
        begins = np.r_[True, (np.diff(columns) != 0) | (np.diff(rows) != 0)]
        values = np.add.reduceat(values, np.flatnonzero(begins))
        columns, rows = columns[begins], rows[begins]
    weights = s[rows]
    if not (s > 0).all():
        counts = weights > 0
        columns, values, weights = columns[counts], values[counts], weights[counts]
    return columns, values, weights
