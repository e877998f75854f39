"""The data: rows, their targets, weights and offsets."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .shuffle import Rows

Array = NDArray[Any]


class Data:
    """Rows X, targets y as the loss wants them, weights s of mean 1, or None, and offsets o, or None."""

    def __init__(
        self, X: Any, y: Array, s: Array | None, o: Array | None = None, stored: Array | None = None
    ) -> None:
        s = None if s is None else scaled_down(s)
        self.X, self.y, self.s = X, y, None if s is None else as_column(s / s.mean(), y, X.dtype)
        self.o, self.stored = o, stored
        """Where the sparse matrix has entries of which X is a dense copy; None if there was none."""
        self.importance_weights: Array | None = None
        """1 / (n p_i) of rows drawn with probabilities p_i, if the bias is to be corrected."""

    def __len__(self) -> int:
        return len(self.X)

    def batch(self, rows: Rows, drawn: bool) -> tuple[Array, Array, Array | None, Array | None]:
        """Some rows, their targets, weights and offsets; with importance weights if the rows were drawn."""
        s = None if self.s is None else taken(self.s, rows)
        if drawn and self.importance_weights is not None:
            importance = as_column(taken(self.importance_weights, rows), self.y, self.X.dtype)
            s = importance if s is None else s * importance
        o = None if self.o is None else taken(self.o, rows)
        return taken(self.X, rows), taken(self.y, rows), s, o

    def subset(self, rows: Array, s: Array | None) -> "Data":
        """Some of the rows, with weights of their own."""
        o, stored = (None if of is None else of[rows] for of in (self.o, self.stored))
        return Data(self.X[rows], self.y[rows], s, o, stored)


def scaled_down(weights: Any) -> Array:
    """Weights in double, times a power of two by which the largest is about 1: they have no unit."""
    s = np.asarray(weights, np.float64)
    largest = s.max(initial=0.0)
    return np.ldexp(s, -np.frexp(largest)[1]) if 0 < largest < np.inf else s


def as_column(weights: Array, y: Array, dtype: Any) -> Array:
    """Weights of rows in a shape that multiplies their slopes."""
    return weights.astype(dtype).reshape(-1, *(1 for _ in y.shape[1:]))


def taken(array: Array, rows: Rows) -> Array:
    """array[rows]; for row numbers `take` is the faster way."""
    return array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)


def n_rows_of(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def as_rows(X: Any) -> tuple[Array, Array | None]:
    """X as a dense array of float32 or float64, and where it has entries, zero or not, if it is sparse."""
    stored = None
    if hasattr(X, "tocoo"):
        coo = X.tocoo()
        stored = np.zeros(X.shape, bool)
        stored[coo.row, coo.col] = True
        X = X.toarray()
    X = np.asarray(X)
    return (X if X.dtype == np.float32 else X.astype(np.float64, copy=False)), stored
