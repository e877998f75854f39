"""Weighted means and spreads of columns, without overflow and without cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .own_rows import RowsOfRanks, gathered
from .sampling import Sharded
from .sparse import SparseRows

__all__ = ["blocks", "moments_of", "units_of"]

Array = NDArray[Any]
BLOCK = 1 << 16
"""Entries that are looked at together."""
EXTREME = 1022
"""Powers of two up to this, and their inverses, are normal numbers."""


class Pieces(NamedTuple):
    """Rows in pieces, whose sums are added up in their order: shards, or all rows as one."""

    own: list[tuple[Any, Array]]
    """The rows and weights of those that this process has."""
    ranks: Any
    """The processes that have the others, if there are some."""
    n_columns: int
    dtype: np.dtype[Any]
    total: float
    """The sum of all weights."""
    n_counted: int
    """Rows of weights above 0."""

    def combined(
        self, of_piece: Callable[[Any, Array], Array], add: Callable[[Array, Array], Array]
    ) -> Array:
        """What all pieces come to together."""
        found = [of_piece(X, s) for X, s in self.own]
        if self.ranks is not None:
            found = [one for of_rank in gathered(self.ranks, found) for one in of_rank]
        return reduce(add, found)


def pieces_of(X: Any, s: Array, shuffle: Sharded | None) -> Pieces:
    """The shards of the rows, if they are in some, or all rows; of several processes those of this one."""
    ranks = X.ranks if isinstance(X, RowsOfRanks) else None
    rank, size = (0, 1) if ranks is None else (ranks.rank, ranks.size)
    own, offset = (X.own, X.own_rows.start) if isinstance(X, RowsOfRanks) else (X, 0)
    n = len(X)
    parts = [slice(0, n)]
    if shuffle is not None:
        each = shuffle.shards // size
        firsts = [shuffle.first_row(rank * each + shard, n) for shard in range(each + 1)]
        parts = [slice(*ends) for ends in pairwise(firsts)]
    here = [(rows_in(own, part.start - offset, part.stop - offset), s[part]) for part in parts]
    return Pieces(here, ranks, X.shape[1], X.dtype, s.sum(), int(np.count_nonzero(s)))


def rows_in(X: Array | SparseRows, first: int, end: int) -> Array | SparseRows:
    """A run of rows, which is not copied."""
    if not isinstance(X, SparseRows):
        return X[first:end]
    return SparseRows(X.data, X.indices, X.indptr[first : end + 1], (end - first, X.shape[1]))


def moments_of(
    X: Array | SparseRows, weights: Array | None, shuffle: Sharded | None = None
) -> tuple[Array, Array]:
    """The mean and the standard deviation of each column, in double; rows of weight 0 do not take part.

    A deviation of 0, or of no more than the rounding of the column's type, is 1. Sums are made in a fixed
    order, shard by shard where rows are in such, so that the bits are the same on every machine and any
    number of them. Columns that are not finite have no finite moments.
    """
    s = np.ones(len(X)) if weights is None else weights.astype(np.float64)
    if not s.any():
        s = np.ones(len(X))
    pieces = pieces_of(X, s, shuffle)
    is_sparse = isinstance(pieces.own[0][0], SparseRows)
    with np.errstate(invalid="ignore", over="ignore"):
        mean, deviation, unit, least = of_sparse(pieces) if is_sparse else of_dense(pieces)
        scale = np.where(deviation <= least, 1.0, deviation / unit)
        return mean / unit, scale


def units_of(size: Array) -> Array:
    """A power of two for each number, which brings it near 1."""
    exponent = np.frexp(size)[1]
    unit: Array = np.ldexp(1.0, -np.clip(exponent, -EXTREME, EXTREME))
    return unit


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Runs of rows with few entries."""
    n = max(1, BLOCK // max(n_columns, 1))
    return (slice(first, min(first + n, n_rows)) for first in range(0, n_rows, n))


def of_dense(pieces: Pieces) -> tuple[Array, Array, Array, float]:
    """Means and deviations in a unit of each column, that unit, and the least deviation that is one."""
    d, total = pieces.n_columns, pieces.total

    def extremes(X: Array, s: Array) -> Array:
        low, high = np.full(d, np.inf), np.full(d, -np.inf)
        for rows in blocks(*X.shape):
            block = X[rows][s[rows] > 0]
            low = np.minimum(low, block.min(axis=0, initial=np.inf))
            high = np.maximum(high, block.max(axis=0, initial=-np.inf))
        return np.stack([low, -high])

    low, high = pieces.combined(extremes, np.minimum) * [[1], [-1]]
    unit = units_of(np.maximum(np.abs(low), np.abs(high)))
    middle = low * unit / 2 + high * unit / 2

    def sums(center: Array) -> Array:
        def of_piece(X: Array, s: Array) -> Array:
            found = np.zeros((2, d))
            for rows in blocks(*X.shape):
                here = s[rows] > 0
                apart = X[rows][here] * unit - center
                weighted = apart * s[rows][here, None]
                found[0] += weighted.sum(axis=0)
                found[1] += (weighted * apart).sum(axis=0)
            return found

        return pieces.combined(of_piece, np.add) / total

    mean = middle + sums(middle)[0]
    shift, square = sums(mean)
    deviation = np.sqrt(np.maximum(square - shift**2, 0))
    return mean + shift, deviation, unit, float(np.finfo(pieces.dtype).eps)


def of_sparse(pieces: Pieces) -> tuple[Array, Array, Array, float]:
    """As of dense rows, the entries that are not stored being 0."""
    d, total = pieces.n_columns, pieces.total
    entries = [entries_of(X, s) for X, s in pieces.own]
    pieces = pieces._replace(own=[(entry, entry[0]) for entry in entries])

    def added(*of_entries: Callable[[Array, Array, Array], Array | None]) -> Array:
        def of_piece(entries: tuple[Array, Array, Array], columns: Array) -> Array:
            return np.stack([np.bincount(columns, weigh(*entries), d) for weigh in of_entries])

        return pieces.combined(of_piece, np.add)

    def largest_of(entries: tuple[Array, Array, Array], columns: Array) -> Array:
        found = np.zeros(d)
        np.maximum.at(found, columns, np.abs(entries[1]))
        return found

    unit = units_of(pieces.combined(largest_of, np.maximum))
    stored, weight, first = added(
        lambda columns, x, s: None, lambda columns, x, s: s, lambda columns, x, s: s * (x * unit[columns])
    )
    is_full = stored == pieces.n_counted
    absent = np.where(is_full, 0, np.maximum(total - weight, 0))
    mean = first / total

    def apart(columns: Array, x: Array) -> Array:
        return np.asarray(x * unit[columns] - mean[columns])

    first, second = added(
        lambda columns, x, s: s * apart(columns, x), lambda columns, x, s: s * apart(columns, x) ** 2
    )
    shift = (first - absent * mean) / total
    square = (second + absent * mean**2) / total
    deviation = np.sqrt(np.maximum(square - shift**2, 0))
    return mean + shift, deviation, unit, float(np.finfo(pieces.dtype).eps)


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
