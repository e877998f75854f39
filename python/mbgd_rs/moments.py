"""Weighted means and spreads of columns, without overflow and without cancellation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sparse import SparseRows

__all__ = ["blocks", "moments_of", "units_of"]

Array = NDArray[Any]
BLOCK = 1 << 16
"""Entries that are looked at together."""
EXTREME = 1022
"""Powers of two up to this, and their inverses, are normal numbers."""


def moments_of(X: Array | SparseRows, weights: Array | None) -> tuple[Array, Array]:
    """The mean and the standard deviation of each column, in double; rows of weight 0 do not take part.

    A deviation of 0, or of no more than the rounding of the column's type, is 1. Sums are made in a fixed
    order, so that the bits are the same on every machine. Columns that are not finite have no finite moments.
    """
    s = np.ones(len(X)) if weights is None else weights.astype(np.float64)
    if not s.any():
        s = np.ones(len(X))
    with np.errstate(invalid="ignore", over="ignore"):
        mean, deviation, unit, least = of_sparse(X, s) if isinstance(X, SparseRows) else of_dense(X, s)
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


def of_dense(X: Array, s: Array) -> tuple[Array, Array, Array, float]:
    """Means and deviations in a unit of each column, that unit, and the least deviation that is one."""
    n, d = X.shape
    counts = s > 0
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    for rows in blocks(n, d):
        block = X[rows][counts[rows]]
        low = np.minimum(low, block.min(axis=0, initial=np.inf))
        high = np.maximum(high, block.max(axis=0, initial=-np.inf))
    unit = units_of(np.maximum(np.abs(low), np.abs(high)))
    middle = low * unit / 2 + high * unit / 2
    total = s.sum()

    def sums(center: Array) -> tuple[Array, Array]:
        first, second = np.zeros(d), np.zeros(d)
        for rows in blocks(n, d):
            here = counts[rows]
            apart = X[rows][here] * unit - center
            weighted = apart * s[rows][here, None]
            first += weighted.sum(axis=0)
            second += (weighted * apart).sum(axis=0)
        return first / total, second / total

    mean = middle + sums(middle)[0]
    shift, square = sums(mean)
    deviation = np.sqrt(np.maximum(square - shift**2, 0))
    return mean + shift, deviation, unit, float(np.finfo(X.dtype).eps)


def of_sparse(X: SparseRows, s: Array) -> tuple[Array, Array, Array, float]:
    """As of dense rows, the entries that are not stored being 0."""
    d = X.shape[1]
    columns, values, weights = entries_of(X, s)
    largest = np.zeros(d)
    np.maximum.at(largest, columns, np.abs(values))
    unit = units_of(largest)
    values = values * unit[columns]
    total = s.sum()
    stored = np.bincount(columns, minlength=d)
    is_full = stored == np.count_nonzero(s)
    absent = np.where(is_full, 0, np.maximum(total - np.bincount(columns, weights, d), 0))
    mean = np.bincount(columns, weights * values, d) / total
    apart = values - mean[columns]
    shift = (np.bincount(columns, weights * apart, d) - absent * mean) / total
    square = (np.bincount(columns, weights * apart**2, d) + absent * mean**2) / total
    deviation = np.sqrt(np.maximum(square - shift**2, 0))
    return mean + shift, deviation, unit, float(np.finfo(X.dtype).eps)


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
