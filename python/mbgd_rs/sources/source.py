"""The protocol of sources: rows in chunks, each of which can be read on its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import suppress
from hashlib import blake2b
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..sparse import SparseRows, is_sparse

__all__ = ["Chunk", "Source"]

Array = NDArray[Any]


class Chunk(NamedTuple):
    """The rows of a chunk."""

    X: Any
    """Array of shape (n, d), in C order and of the dtype of the source; or sparse rows, CSR."""
    y: Any
    """Targets: array of shape (n,) or (n, k), numbers or labels; None where there are none."""
    sample_weight: Any = None
    """Array of shape (n,), or None."""


class Source(ABC):
    """Rows that may be more than memory holds, in chunks that are read one by one.

    A subclass sets the attributes below before it is used, and has a method :meth:`read`. A chunk has the
    same rows whenever it is read: an epoch reads every chunk once, in an order of its own, and a run that
    is resumed reads them again.

    Chunks are read by a thread of their own while another trains. There is one call of :meth:`read` or
    :meth:`targets` at a time; :meth:`where` and :meth:`fingerprint` may be called meanwhile, so that they
    must not move the position of an open file, say.

    Attributes
    ----------
    chunk_rows : tuple of int
        The rows of each chunk, all >= 1.
    n_columns : int
        Columns of X, d.
    dtype : numpy.dtype
        Of X: float32 or float64.
    is_sparse : bool, default False
        Whether X comes as sparse rows.
    feature_names : tuple of str, optional
        The names of the columns.
    has_weights : bool, default False
        Whether rows have weights.
    n_entries : int, optional
        Stored entries of all chunks together, of sparse rows; None if that is not known without reading them.

    Examples
    --------
    A source that computes its rows:

    >>> import numpy as np
    >>> class Powers(Source):
    ...     chunk_rows = (3, 3)
    ...     n_columns = 2
    ...     dtype = np.dtype(np.float64)
    ...     def read(self, chunk, out=None):
    ...         X = self.room(chunk, out)
    ...         t = 3.0 * chunk + np.arange(3)
    ...         X[:, 0], X[:, 1] = t, t**2
    ...         return Chunk(X, t**3)
    >>> source = Powers()
    >>> source.n_rows, source.n_chunks
    (6, 2)
    >>> source.read(1).X
    array([[ 3.,  9.],
           [ 4., 16.],
           [ 5., 25.]])
    >>> source.targets(1)
    (array([ 27.,  64., 125.]), None)
    >>> source.where(1, 2)
    'row 2 of chunk 1'
    """

    chunk_rows: tuple[int, ...]
    n_columns: int
    dtype: np.dtype[Any]
    is_sparse: bool = False
    feature_names: tuple[str, ...] | None = None
    has_weights: bool = False
    n_entries: int | None = None

    @property
    def n_rows(self) -> int:
        """Rows of all chunks."""
        return sum(self.chunk_rows)

    @property
    def n_chunks(self) -> int:
        """How many chunks there are."""
        return len(self.chunk_rows)

    @abstractmethod
    def read(self, chunk: int, out: Array | None = None) -> Chunk:
        """The rows of a chunk.

        Parameters
        ----------
        chunk : int
            Its number, from 0.
        out : array of shape (chunk_rows[chunk], n_columns), optional
            Where X is to be written: of the dtype of the source, in C order, and then the X of the result.
            Only for sources that are dense. Without it X may be memory of the source, which must not be
            changed.

        Returns
        -------
        Chunk
            ``X, y, sample_weight``.
        """

    def targets(self, chunk: int) -> tuple[Any, Any]:
        """``y, sample_weight`` of a chunk, without X where that is cheaper."""
        read = self.read(chunk)
        return read.y, read.sample_weight

    def where(self, chunk: int, row: int) -> str:
        """Where a row of a chunk is, in words, for messages."""
        return f"row {row} of chunk {chunk}"

    def fingerprint(self) -> str:
        """What tells whether this is the same data as before: differs where files or shapes do.

        By default that of the shape alone.
        """
        return digest(type(self).__name__, self.chunk_rows, self.n_columns, str(self.dtype))

    def close(self) -> None:  # noqa: B027  # most hold nothing open
        """Give back what is held open; by default there is nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        rows = f"{self.n_rows} rows in {self.n_chunks} chunk{'s' * (self.n_chunks != 1)}"
        kind = "sparse " if self.is_sparse else ""
        return f"<{type(self).__name__}: {rows}, {self.n_columns} columns, {kind}{self.dtype}>"

    def room(self, chunk: int, out: Array | None) -> Array:
        """`out`, once it is checked, or a new array for the X of a chunk: of use to dense sources."""
        shape = (self.chunk_rows[checked_number(self, chunk)], self.n_columns)
        if out is None:
            return np.empty(shape, self.dtype)
        if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != self.dtype:
            got = f"{out.dtype} of shape {out.shape}" if isinstance(out, np.ndarray) else repr(type(out))
            raise ValueError(f"out must be an array of {self.dtype} of shape {shape}, got {got}")
        if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
            raise ValueError("out must be writable, aligned and in C order")
        return out


def checked_number(source: Source, chunk: int) -> int:
    """The number of a chunk, if there is such a chunk."""
    if not 0 <= chunk < len(source.chunk_rows):
        raise IndexError(f"chunk must be >= 0 and < {len(source.chunk_rows)}, got {chunk}")
    return chunk


def as_feature_names(names: Any, n_columns: int) -> tuple[str, ...] | None:
    """The names of columns as texts, if there are some."""
    if names is None:
        return None
    texts = tuple(map(str, names))
    if len(texts) != n_columns:
        raise ValueError(f"feature_names must be {n_columns} names, one for each column, got {len(texts)}")
    return texts


def refuse_out(out: Array | None) -> None:
    """Of sources that are sparse."""
    if out is not None:
        raise ValueError("out must be None where rows are sparse, got an array")


def as_dtype(given: Any) -> np.dtype[Any]:
    """float32 or float64."""
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        with suppress(TypeError):  # what is no dtype at all
            if dtype == given:
                return dtype
    raise ValueError(f"dtype must be float32 or float64, got {given!r}")


def digest(*parts: Any) -> str:
    """A text of 32 characters that differs where any of these parts does."""
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def is_rows(values: Any) -> bool:
    """Whether these are sparse rows, of scipy.sparse or of this package."""
    return isinstance(values, SparseRows) or is_sparse(values)
