"""`Arrays`: what is in memory already, or mapped into it."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..columns import names_of
from ..inputs import as_array, as_integer, in_place
from ..labels import label_array
from ..sparse import SparseRows, as_sparse_rows
from .source import Chunk, Source, checked_number, digest, is_rows, refuse_out

__all__ = ["Arrays"]

Array = NDArray[Any]
SAMPLED = 64
"""Rows of a part that its fingerprint looks at."""


class Arrays(Source):
    """Arrays as a source: what :func:`mbgd_rs.fit` takes, in one part or in several.

    A part that is of another type or order than rows are trained on, integers or a transposed memory map say,
    is converted chunk by chunk, not as a whole. Pages of a memory map count as memory of the process while
    they are not needed elsewhere: :class:`Npy` reads files without.

    Parameters
    ----------
    X : array of shape (n, d), CSR matrix, data frame, or list of these
        Parts have the same columns, and all are sparse or none. The dtype is float32 if all parts are of
        float32 or float16, else float64.
    y : array of shape (n,) or (n, k), or list of these, or None
        Numbers or labels; a list, with an array for each part, if X is one.
    sample_weight : array of shape (n,), or list of these, optional
    rows : int, default=65536
        Rows of a chunk; the last one of a part may have fewer. A chunk has rows of one part only.

    Examples
    --------
    >>> import numpy as np
    >>> monday, tuesday = np.arange(10.0).reshape(5, 2), np.ones((2, 2))
    >>> source = Arrays([monday, tuesday], [np.arange(5), np.arange(2)], rows=3)
    >>> source.chunk_rows
    (3, 2, 2)
    >>> source.read(1).X
    array([[6., 7.],
           [8., 9.]])
    >>> source.where(2, 1)
    'row 1 of part 1'
    """

    def __init__(self, X: Any, y: Any, sample_weight: Any = None, rows: int = 65_536) -> None:
        rows = as_integer("rows", rows, 1)
        self._is_parts = is_parts(X)
        given = list(X) if self._is_parts else [X]
        if not given:
            raise ValueError("X must have at least one part, got an empty list")
        self._X = [as_part(f"X{self._of(part)}", values) for part, values in enumerate(given)]
        self._y = (
            None
            if y is None
            else [
                as_targets(f"y{self._of(part)}", values, len(self._X[part]))
                for part, values in enumerate(self._by_part("y", y))
            ]
        )
        self._weights = (
            None
            if sample_weight is None
            else [
                as_part_weights(f"sample_weight{self._of(part)}", values, len(self._X[part]))
                for part, values in enumerate(self._by_part("sample_weight", sample_weight))
            ]
        )
        self.is_sparse = isinstance(self._X[0], SparseRows)
        self.n_columns = self._X[0].shape[1]
        for part, values in enumerate(self._X):
            if isinstance(values, SparseRows) != self.is_sparse:
                raise TypeError(f"X must be sparse in all parts or in none, got X[0] and X[{part}]")
            if values.shape[1] != self.n_columns:
                raise ValueError(
                    f"X[{part}] must have {self.n_columns} columns as X[0], got shape {values.shape}"
                )
        for part, targets in enumerate(self._y or ()):
            if targets.shape[1:] != self._y[0].shape[1:]:  # type: ignore[index]
                raise ValueError(f"y[{part}] must have columns as y[0], got shape {targets.shape}")
        is_single = all(part.dtype.kind == "f" and part.dtype.itemsize <= 4 for part in self._X)
        self.dtype = np.dtype(np.float32 if is_single else np.float64)
        names = names_of(given[0])
        self.feature_names = None if names is None else tuple(map(str, names))
        self.has_weights = self._weights is not None
        self._places = [
            (part, start, min(start + rows, len(values)))
            for part, values in enumerate(self._X)
            for start in range(0, len(values), rows)
        ]
        if not self._places:
            raise ValueError("X must have at least one row, got none")
        self.chunk_rows = tuple(stop - start for _, start, stop in self._places)
        if self.is_sparse:
            sparse = [part for part in self._X if isinstance(part, SparseRows)]
            self.n_entries = sum(int(part.indptr[-1]) - int(part.indptr[0]) for part in sparse)

    def _of(self, part: int) -> str:
        return f"[{part}]" if self._is_parts else ""

    def _by_part(self, argument: str, values: Any) -> list[Any]:
        if not self._is_parts:
            return [values]
        if not isinstance(values, list | tuple) or len(values) != len(self._X):
            got = f"{len(values)}" if isinstance(values, list | tuple) else f"{type(values)}"
            raise ValueError(f"{argument} must be a list of {len(self._X)} arrays, as X is, got {got}")
        return list(values)

    def read(self, chunk: int, out: Array | None = None) -> Chunk:
        part, start, stop = self._places[checked_number(self, chunk)]
        X = self._X[part]
        if isinstance(X, SparseRows):
            refuse_out(out)
            return Chunk(cut(X, start, stop).astype(self.dtype), *self.targets(chunk))
        piece = X[start:stop]
        if out is None and in_place_already(piece, self.dtype):
            return Chunk(piece, *self.targets(chunk))
        out = self.room(chunk, out)
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
            np.copyto(out, piece, casting="unsafe")
        return Chunk(out, *self.targets(chunk))

    def targets(self, chunk: int) -> tuple[Any, Any]:
        part, start, stop = self._places[checked_number(self, chunk)]
        y = None if self._y is None else self._y[part][start:stop]
        weights = None if self._weights is None else self._weights[part][start:stop]
        return y, weights

    def where(self, chunk: int, row: int) -> str:
        part, start, _ = self._places[checked_number(self, chunk)]
        return f"row {start + row}" + (f" of part {part}" if self._is_parts else "")

    def fingerprint(self) -> str:
        """Of shapes and types, and of the content of some rows of each part."""
        arrays = [*self._X, *(self._y or ()), *(self._weights or ())]
        return digest("Arrays", self.chunk_rows, self.n_columns, *map(sampled, arrays))


def is_parts(X: Any) -> bool:
    """Whether this is a list of matrices, and not a matrix as a list of lists."""
    return isinstance(X, list | tuple) and all(len(getattr(part, "shape", ())) == 2 for part in X)


def as_part(name: str, values: Any) -> Array | SparseRows:
    """A matrix, as it is if it is an array of numbers."""
    if isinstance(values, SparseRows):
        return values
    if is_rows(values):
        return as_sparse_rows(values)
    X = as_array(name, values)
    if X.ndim != 2:
        raise ValueError(f"{name} must have 2 dimensions, got shape {X.shape}")
    if not X.shape[1]:
        raise ValueError(f"{name} must have at least one column, got shape {X.shape}")
    return X


def as_targets(name: str, values: Any, n_rows: int) -> Array:
    """Targets as an array, numbers or labels."""
    y = label_array(name, values)
    if y.ndim not in (1, 2) or len(y) != n_rows:
        raise ValueError(f"{name} must have shape ({n_rows},) or ({n_rows}, k), got {y.shape}")
    return y


def as_part_weights(name: str, values: Any, n_rows: int) -> Array:
    """Weights as an array."""
    weights = as_array(name, values)
    if weights.shape != (n_rows,):
        raise ValueError(f"{name} must have shape ({n_rows},), got {weights.shape}")
    return weights


def in_place_already(array: Array, dtype: np.dtype[Any]) -> bool:
    """Whether nothing has to be converted."""
    return array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned


def cut(rows: SparseRows, start: int, stop: int) -> SparseRows:
    """Consecutive rows: their entries in place, where they begin anew."""
    indptr = rows.indptr[start : stop + 1]
    first, last = int(indptr[0]), int(indptr[-1])
    shape = stop - start, rows.shape[1]
    return SparseRows(rows.data[first:last], rows.indices[first:last], indptr - indptr[0], shape)


def sampled(array: Array | SparseRows) -> tuple[Any, ...]:
    """The shape, the type, and a number of the content of some rows."""
    numbers = np.unique(np.linspace(0, max(len(array) - 1, 0), SAMPLED).astype(np.intp))[: len(array)]
    if isinstance(array, SparseRows):
        some = array[numbers]
        content = crc32(some.data.tobytes(), crc32(some.indices.astype(np.int64).tobytes()))
    else:
        rows = in_place(array[numbers], array.dtype)
        content = crc32(repr(rows.tolist()).encode() if rows.dtype.hasobject else rows.tobytes())
    return array.shape, str(array.dtype), content
