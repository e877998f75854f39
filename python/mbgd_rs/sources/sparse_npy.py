"""`SparseNpy`: the three arrays of sparse rows in files of NumPy, as `spool` writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..inputs import as_integer
from ..sparse import SparseRows
from .files import files_of
from .npy import CHUNK_BYTES, NpyFile
from .source import Chunk, Source, checked_number, digest, refuse_out

__all__ = ["SparseNpy"]

Array = NDArray[Any]


class SparseNpy(Source):
    """Compressed sparse rows in files: "data.npy", "indices.npy" and "indptr.npy" of one matrix."""

    is_sparse = True

    def __init__(
        self,
        data: str,
        indices: str,
        indptr: str,
        y: str | None = None,
        sample_weight: str | None = None,
        *,
        n_columns: int,
        rows: int | None = None,
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self._data, self._indices, self._indptr = (
            NpyFile.at(name, files_of(name, path, ())[0], (1,))
            for name, path in (("data", data), ("indices", indices), ("indptr", indptr))
        )
        self._y, self._weights = (
            None if path is None else NpyFile.at(name, files_of(name, path, ())[0], (1, 2))
            for name, path in (("y", y), ("sample_weight", sample_weight))
        )
        n_rows = self._indptr.shape[0] - 1
        self.n_entries = self._data.shape[0]
        self.n_columns, self.dtype = n_columns, self._data.dtype
        row_bytes = max(self.n_entries * (self.dtype.itemsize + self._indices.dtype.itemsize) // n_rows, 1)
        rows = as_integer("rows", max(CHUNK_BYTES // row_bytes, 1) if rows is None else rows, 1)
        self._places = [(start, min(start + rows, n_rows)) for start in range(0, n_rows, rows)]
        self.chunk_rows = tuple(stop - start for start, stop in self._places)
        self.has_weights = self._weights is not None
        self.feature_names = None if feature_names is None else tuple(feature_names)

    def read(self, chunk: int, out: Array | None = None) -> Chunk:
        refuse_out(out)
        start, stop = self._places[checked_number(self, chunk)]
        indptr = self._indptr.rows(start, stop + 1)
        first, last = int(indptr[0]), int(indptr[-1])
        data, indices = self._data.rows(first, last), self._indices.rows(first, last)
        X = SparseRows(data, indices, indptr - first, (stop - start, self.n_columns))
        return Chunk(X, *self.targets(chunk))

    def targets(self, chunk: int) -> tuple[Any, Any]:
        start, stop = self._places[checked_number(self, chunk)]
        y = None if self._y is None else self._y.rows(start, stop)
        return y, None if self._weights is None else self._weights.rows(start, stop)

    def where(self, chunk: int, row: int) -> str:
        return f"row {self._places[checked_number(self, chunk)][0] + row} of {self._indptr.name!r}"

    def fingerprint(self) -> str:
        """Of the names, sizes and times of change of the files, as they are now."""
        files = self._data, self._indices, self._indptr, self._y, self._weights
        identities = [None if file is None else file.file.identity_now() for file in files]
        return digest("SparseNpy", self.chunk_rows, self.n_columns, identities)
