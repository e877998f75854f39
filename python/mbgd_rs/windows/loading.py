"""The rows of chunks, checked and converted as the core reads them, side by side in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inputs import as_array, as_real_targets
from ..labels import as_classes, as_labels
from ..models import Linear
from ..objective import Problem
from ..sources import Source, checked_chunk
from ..sparse import SparseRows
from ..standardization import Standardization
from .placing import check_finite, placed
from .plan import Plan
from .survey import RowWeights, rows_like

__all__ = ["ChunkReader", "Loader", "joined", "numbers_of"]

Array = NDArray[Any]


class ChunkReader:
    """Reads chunks as the core reads rows, and says where what cannot be trained on is.

    A linear model without weights notices an entry that is not finite when it comes to it. Then rows need not
    be looked at before, which takes as long as to read them from memory.
    """

    def __init__(
        self,
        source: Source,
        head: Problem,
        weights: RowWeights,
        *,
        sees_all: bool,
        units: Standardization | None = None,
    ) -> None:
        self.source = source
        self.head = head
        self.weights = weights
        self.units = units
        self.is_weighted = source.has_weights or weights.by_class is not None
        self.looks_before = self.is_weighted or not sees_all or not isinstance(head.model, Linear)

    def read(self, chunk: int, out: Array | None = None) -> tuple[Any, Array, Array | None]:
        """X, targets and weights of a chunk; dense X in `out`, if that is given."""
        read = checked_chunk(self.source, chunk, self.source.read(chunk, out))
        X = read.X
        if not isinstance(X, SparseRows):
            if out is not None and X.ctypes.data != out.ctypes.data:
                out[:] = X
                X = out
            if self.looks_before:
                check_finite(self.source, chunk, X)
        if self.units is not None:
            X = self.units.rows(X, out)
        targets, s = self.beside(chunk, read.y, read.sample_weight)
        if self.units is not None and (self.units.y_mean is not None or self.units.y_scale != 1):
            targets = self.units.targets(numbers_of(read.y, targets), self.source.dtype)
        return X, targets, s

    def beside(self, chunk: int, y: Any, sample_weight: Any) -> tuple[Array, Array | None]:
        """What a chunk has beside X, its targets in the units of the data."""
        targets = targets_like(self.source, chunk, y, self.head)
        return targets, self.weights(sample_weight, targets)


class Loader:
    """Loads windows of dense rows into two rooms of memory, in turn; sparse rows as they come.

    In front of the rows is room for those left over of the window before.
    """

    def __init__(self, reader: ChunkReader, plan: Plan) -> None:
        self.reader = reader
        self.plan = plan
        self.rooms: list[tuple[Any, Any, Any] | None] = [None, None]

    def load(self, chunks: tuple[int, ...], room: int) -> tuple[Any, Any, Any]:
        """The rooms of X, y and weights, with these chunks from `plan.room` on; sparse X as a list."""
        X, y, s = self.rooms[room] = self.rooms[room] or self.new_room()
        chunk_rows = self.reader.source.chunk_rows
        at = self.plan.room
        sparse: list[SparseRows] = []
        for chunk in chunks:
            place = slice(at, at := at + chunk_rows[chunk])
            rows, y[place], weights = self.reader.read(chunk, None if X is None else X[place])
            if X is None:
                sparse.append(rows)
            if s is not None:
                s[place] = weights
        return sparse if X is None else X[:at], y[:at], None if s is None else s[:at]

    def new_room(self) -> tuple[Any, Any, Any]:
        """Memory for the largest window."""
        reader, n_rows = self.reader, self.plan.room + self.plan.most_rows
        source = reader.source
        return (
            None if source.is_sparse else np.empty((n_rows, source.n_columns), source.dtype),
            np.empty((n_rows, reader.head.y.shape[1]), source.dtype),
            np.empty(n_rows, source.dtype) if reader.is_weighted else None,
        )


def numbers_of(y: Any, targets: Array) -> Array:
    """Targets that are numbers in double as they were given, not as they are rounded to the type of X."""
    return as_array("y", y).astype(np.float64).reshape(targets.shape)


def targets_like(source: Source, chunk: int, y: Any, head: Problem) -> Array:
    """The targets of a chunk as the core reads them, like those of other rows of the same source."""
    rows = rows_like(source, chunk)
    if not head.loss.has_targets:
        return np.ones((len(rows), 1), source.dtype)
    if y is None:
        raise ValueError(f"y must be given for loss {head.loss_name!r}, got None at {source.where(chunk, 0)}")
    with placed(source, chunk):
        if head.classes is None:
            targets, _ = as_real_targets(y, rows)
        elif head.has_several_labels:
            labels = as_labels(y, rows)
            if labels is None:
                raise ValueError(f"y must have several labels a row, got shape {np.shape(y)}")
            targets = labels
        else:
            _, targets = as_classes(y, rows, head.classes)
    if targets.shape[1] != head.y.shape[1]:
        raise ValueError(
            f"y must have {head.y.shape[1]} column(s), as in the first chunk, got {targets.shape[1]} in "
            f"{source.where(chunk, 0)}"
        )
    return targets


def joined(
    kept: tuple[Any, Any, Any] | None, loaded: tuple[Any, Any, Any], room: int
) -> tuple[Array | SparseRows, Array, Array | None]:
    """X, y and weights of rows left over, and after them those that were loaded behind so much room."""
    X, y, s = loaded
    n_kept = 0 if kept is None else len(kept[1])
    first = room - n_kept
    if kept is not None and n_kept > 0:
        y[first:room] = kept[1]
        if s is not None:
            s[first:room] = kept[2]
    if isinstance(X, list):
        parts = X if kept is None or n_kept == 0 else [kept[0], *X]
        return put_together(parts), y[first:], None if s is None else s[first:]
    if kept is not None and n_kept > 0:
        X[first:room] = kept[0]
    return X[first:], y[first:], None if s is None else s[first:]


def put_together(parts: list[SparseRows]) -> SparseRows:
    """Sparse rows of several parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    n_entries = [int(part.indptr[-1]) for part in parts]
    ends = np.cumsum(n_entries)
    index = np.result_type(*(part.indices.dtype for part in parts), np.min_scalar_type(int(ends[-1])))
    index = np.dtype(np.int32) if index.itemsize <= 4 and ends[-1] < 2**31 else np.dtype(np.int64)
    indptr = np.zeros(1 + sum(map(len, parts)), index)
    at = 1
    for part, end, n in zip(parts, ends, n_entries, strict=True):
        indptr[at : at + len(part)] = part.indptr[1:] + (end - n)
        at += len(part)
    data = np.concatenate([part.data[:n] for part, n in zip(parts, n_entries, strict=True)])
    indices = np.concatenate(
        [part.indices[:n].astype(index, copy=False) for part, n in zip(parts, n_entries, strict=True)]
    )
    return SparseRows(data, indices, indptr, (len(indptr) - 1, parts[0].shape[1]))
