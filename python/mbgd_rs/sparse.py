"""Sparse matrices as the core takes them: the arrays of compressed sparse rows. Nothing is computed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SparseRows", "as_sparse_rows", "is_sparse"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SparseRows:
    """The arrays of a CSR matrix, those of the user where they can be used in place."""

    data: Array
    indices: Array
    indptr: Array
    shape: tuple[int, int]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.data.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Array) -> SparseRows:
        """Copies of some rows, by their numbers."""
        n_entries = np.diff(self.indptr)[rows]
        indptr = np.append(0, np.cumsum(n_entries))
        # The entries of a row lie where they did, further on or back by as much as the row has moved.
        entries = np.arange(indptr[-1]) + np.repeat(self.indptr[:-1][rows] - indptr[:-1], n_entries)
        shape = len(n_entries), self.shape[1]
        return SparseRows(self.data[entries], self.indices[entries], indptr, shape)

    def astype(self, dtype: np.dtype[Any]) -> SparseRows:
        """With values of another type, if they are not of it."""
        with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
            return SparseRows(self.data.astype(dtype, copy=False), self.indices, self.indptr, self.shape)


def is_sparse(values: Any) -> bool:
    """Whether this is a matrix or an array of scipy.sparse, or behaves like one."""
    return hasattr(values, "tocsr") and hasattr(values, "toarray")


def as_sparse_rows(values: Any) -> SparseRows:
    """X as compressed sparse rows of float32, if it is float32 or float16, else float64.

    Another format is converted once. Nothing is called that might sort or sum up the arrays of the caller.
    """
    if len(values.shape) != 2:
        raise ValueError(f"X must have 2 dimensions, got shape {tuple(values.shape)}")
    if 0 in values.shape:
        raise ValueError(f"X must have at least one row and one column, got shape {tuple(values.shape)}")
    csr = values if getattr(values, "format", None) == "csr" else values.tocsr()
    data = np.asarray(csr.data)
    if data.dtype == object:
        try:
            data = data.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise type(error)(f"X must be a matrix of numbers: {error}") from None
    if data.dtype.kind not in "biuf":
        raise TypeError(f"X must be a matrix of real numbers, got dtype {data.dtype}")
    is_single = data.dtype.kind == "f" and data.dtype.itemsize <= 4
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
        data = np.require(data, np.float32 if is_single else np.float64, ["C", "A"])
    n_rows, n_columns = values.shape
    return SparseRows(
        one_dimensional("X.data", data),
        as_indices("X.indices", csr.indices),
        as_indices("X.indptr", csr.indptr),
        (int(n_rows), int(n_columns)),
    )


def as_indices(name: str, values: Any) -> Array:
    """Integers of 32 or 64 bits: the array itself if it is of one of these types, else a copy."""
    array = one_dimensional(name, np.asarray(values))
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be an array of integers, got dtype {array.dtype}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must be < 2**63, got {array.max()}")
    is_narrow = array.dtype.kind == "i" and array.dtype.itemsize == 4
    return np.require(array, np.int32 if is_narrow else np.int64, ["C", "A"])


def one_dimensional(name: str, array: Array) -> Array:
    """The array, if it has one dimension."""
    if array.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension, got shape {array.shape}")
    return array
