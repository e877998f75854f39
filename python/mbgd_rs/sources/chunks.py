"""`Chunks`: whatever a function gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ..inputs import as_array, as_integer
from ..sparse import SparseRows, as_sparse_rows
from .source import Chunk, Source, as_dtype, as_feature_names, checked_number, digest, is_rows, refuse_out

__all__ = ["Chunks"]

Array = NDArray[Any]


class Chunks(Source):
    """Chunks that a function gives: from a database, from files of another format, computed, augmented.

    The function is called with the number of a chunk, again in every epoch, in any order and from another
    thread, one call at a time. It must be pure: the same chunk has the same rows every time. What is random
    in it is to be seeded by the number of the chunk, as by ``numpy.random.default_rng([seed, chunk])``.

    Parameters
    ----------
    function : callable
        Gives ``(X, y)`` or ``(X, y, sample_weight)`` of a chunk: X an array, a data frame or a CSR matrix,
        y numbers or labels, or None. All chunks have weights or none, and are sparse or none.
    n_chunks : int, optional
        How many chunks there are. Their rows are found by calling the function for each of them once,
        unless they are given.
    chunk_rows : sequence of int, optional
        The rows of each chunk. Then the function is called for the first chunk only.
    dtype : {"float32", "float64"}, optional
        Of X, to which chunks are converted; by default float32 if the first chunk is of float32 or float16,
        else float64.
    feature_names : sequence of str, optional
        The names of the columns.
    fingerprint : str, optional
        What tells whether it is the same data, a version or a date say. By default that of the shapes and
        of the first chunk.

    Raises
    ------
    TypeError, ValueError
        If a chunk is not as the first one or as announced, by its number.

    Examples
    --------
    >>> import numpy as np
    >>> def digits(chunk):
    ...     rng = np.random.default_rng([0, chunk])
    ...     X = rng.standard_normal((100 + chunk, 3))
    ...     return X, X[:, 0] > 0
    >>> source = Chunks(digits, 4)
    >>> source.chunk_rows
    (100, 101, 102, 103)
    >>> bool((source.read(2).X == digits(2)[0]).all())
    True
    """

    def __init__(
        self,
        function: Callable[[int], Any],
        n_chunks: int | None = None,
        *,
        chunk_rows: Sequence[int] | None = None,
        dtype: Any = None,
        feature_names: Sequence[str] | None = None,
        fingerprint: str | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(f"function must be callable with the number of a chunk, got {function!r}")
        self._function = function
        self._identity = fingerprint
        if chunk_rows is None:
            if n_chunks is None:
                raise TypeError("n_chunks or chunk_rows must be given, got neither")
            n_chunks = as_integer("n_chunks", n_chunks, 1)
        else:
            rows = tuple(as_integer(f"chunk_rows[{chunk}]", n, 1) for chunk, n in enumerate(chunk_rows))
            if not rows or (n_chunks is not None and n_chunks != len(rows)):
                wanted = "at least one" if n_chunks is None else n_chunks
                raise ValueError(f"chunk_rows must be {wanted} numbers, got {len(rows)}")
            self.chunk_rows = rows
        X, _, sample_weight = self._call(0)
        self.is_sparse = isinstance(X, SparseRows)
        self.n_columns = X.shape[1]
        is_single = X.dtype.kind == "f" and X.dtype.itemsize <= 4
        self.dtype = np.dtype(np.float32 if is_single else np.float64) if dtype is None else as_dtype(dtype)
        self.has_weights = sample_weight is not None
        if chunk_rows is None:
            self.chunk_rows = (len(X),)  # while they are counted
            later = [self._rows_of(chunk) for chunk in range(1, n_chunks or 1)]
            self.chunk_rows = (len(X), *later)
        elif len(X) != self.chunk_rows[0]:
            raise ValueError(f"chunk 0 must have {self.chunk_rows[0]} rows as announced, got {len(X)}")
        self.feature_names = as_feature_names(feature_names, self.n_columns)
        if fingerprint is None:
            content = X.data if isinstance(X, SparseRows) else X
            self._identity = str(crc32(np.ascontiguousarray(content).tobytes()))

    def _call(self, chunk: int) -> tuple[Any, Any, Any]:
        """What the function gives, as arrays of one length."""
        given = self._function(chunk)
        if not isinstance(given, tuple | list) or not 2 <= len(given) <= 3:
            raise TypeError(
                f"function must give (X, y) or (X, y, sample_weight), got {type(given).__name__} "
                f"for chunk {chunk}"
            )
        X, y, sample_weight = (*given, None)[:3]
        of = f"of chunk {chunk}"
        if is_rows(X):
            X = X if isinstance(X, SparseRows) else as_sparse_rows(X)
        else:
            X = as_array(f"X {of}", X)
            if X.ndim != 2 or 0 in X.shape:
                raise ValueError(f"X {of} must have rows and columns, got shape {X.shape}")
        if y is not None:
            y = np.asarray(y)
            if y.ndim not in (1, 2) or len(y) != len(X):
                raise ValueError(f"y {of} must have shape ({len(X)},) or ({len(X)}, k), got {y.shape}")
        if sample_weight is not None:
            sample_weight = as_array(f"sample_weight {of}", sample_weight)
            if sample_weight.shape != (len(X),):
                raise ValueError(f"sample_weight {of} must have shape ({len(X)},), got {sample_weight.shape}")
        return X, y, sample_weight

    def _checked(self, chunk: int) -> tuple[Any, Any, Any]:
        """The same, once it is found to be as the first chunk."""
        X, y, sample_weight = self._call(chunk)
        if isinstance(X, SparseRows) != self.is_sparse:
            kinds = ("sparse rows", "an array") if self.is_sparse else ("an array", "sparse rows")
            raise TypeError(f"X of chunk {chunk} must be {kinds[0]} as that of chunk 0, got {kinds[1]}")
        if X.shape[1] != self.n_columns:
            raise ValueError(f"X of chunk {chunk} must have {self.n_columns} columns, got shape {X.shape}")
        if (sample_weight is not None) != self.has_weights:
            kinds = ("given", "none") if self.has_weights else ("none", "some")
            raise TypeError(
                f"sample_weight of chunk {chunk} must be {kinds[0]} as that of chunk 0, got {kinds[1]}"
            )
        return X, y, sample_weight

    def _rows_of(self, chunk: int) -> int:
        return len(self._checked(chunk)[0])

    def read(self, chunk: int, out: Array | None = None) -> Chunk:
        n_rows = self.chunk_rows[checked_number(self, chunk)]
        X, y, sample_weight = self._checked(chunk)
        if len(X) != n_rows:
            raise ValueError(f"chunk {chunk} must have {n_rows} rows as announced, got {len(X)}")
        if isinstance(X, SparseRows):
            refuse_out(out)
            return Chunk(X.astype(self.dtype), y, sample_weight)
        if out is None and X.dtype == self.dtype and X.flags.c_contiguous and X.flags.aligned:
            return Chunk(X, y, sample_weight)
        out = self.room(chunk, out)
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
            np.copyto(out, X, casting="unsafe")
        return Chunk(out, y, sample_weight)

    def fingerprint(self) -> str:
        """As given, or of the shapes and the first chunk; what the other chunks have it does not know."""
        return digest("Chunks", self.chunk_rows, self.n_columns, str(self.dtype), self._identity)
