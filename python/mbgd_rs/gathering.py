"""What users call arrays, as the bytes that the core gathers rows of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import columns_of, frame_array
from .tensors import unwrapped

__all__ = ["Builder", "as_sources", "built", "labels_of"]

Array = NDArray[Any]
Builder = Callable[[Array, Array, Array], Any]


@dataclass(frozen=True, eq=False)
class DenseSource:
    """An array as the core reads it: its bytes, those of a row, and how to read them."""

    values: Array
    width: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class SparseSource:
    """The three arrays of a CSR matrix as the core reads them."""

    indptr: Array
    indices: Array
    index_width: int
    index_dtype: np.dtype[Any]
    data: Array
    data_width: int
    data_dtype: np.dtype[Any]


def as_sources(given: list[Any]) -> tuple[list[Any], list[Builder | None], int]:
    """Sources, what makes a matrix of the three arrays of each that is sparse, and the number of rows."""
    if not given:
        raise TypeError("minibatches must have at least one array, got none")
    sources: list[Any] = []
    builders: list[Builder | None] = []
    n = 0
    for i, values in enumerate(given):
        name = ("X", "y")[i] if i < 2 else f"arrays[{i}]"
        if hasattr(values, "tocsr") and hasattr(values, "nnz"):
            matrix = as_compressed(name, values)
            n_rows = matrix.shape[0]
            sources.append(sparse_source(matrix))
            builders.append(matrix_builder(matrix))
        else:
            array = as_gatherable(name, values)
            n_rows = len(array)
            width = array.itemsize * int(np.prod(array.shape[1:], dtype=np.intp))
            sources.append(DenseSource(as_bytes(array), width, array.dtype, array.shape[1:]))
            builders.append(None)
        if i == 0:
            n = n_rows
        elif n_rows != n:
            raise ValueError(f"{name} must have {n} rows, as X, got {n_rows}")
    return sources, builders, n


def as_gatherable(name: str, values: Any) -> Array:
    """In C order: of a data frame its numbers, of Python objects these, if all are numbers or text."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: choose values for what is masked with filled()")
    values = unwrapped(name, values)
    if len(columns_of(values) or ()) > 1:  # a single one may have labels
        values = frame_array(name, values)
    elif not hasattr(values, "__array__") and hasattr(values, "to_numpy"):
        values = values.to_numpy()
    if np.ndim(values) == 0:
        raise ValueError(f"{name} must have at least 1 dimension, got a scalar")
    array = np.ascontiguousarray(values)
    return without_objects(name, array) if array.dtype.hasobject else array


def without_objects(name: str, array: Array) -> Array:
    """Numbers of a nullable column, say, as such, and text of as many characters as the longest has."""
    for kinds in ((str,), (bytes,), (Real, np.bool_)):
        if all(isinstance(value, kinds) for value in array.flat):
            return np.array(array.tolist())
    raise TypeError(
        f"{name} must be of a dtype without Python objects, got {array.dtype}: give numbers or text only"
    )


def as_bytes(array: Array) -> Array:
    """The bytes of an array in C order, in place."""
    return array.reshape(-1).view(np.uint8) if array.size else np.empty(0, np.uint8)


def as_compressed(name: str, values: Any) -> Any:
    """A matrix of compressed sparse rows, the one given if it is one."""
    if values.ndim != 2:
        raise ValueError(f"{name} must have 2 dimensions if it is sparse, got shape {values.shape}")
    if values.dtype.hasobject:
        raise TypeError(f"{name} must be of a dtype without Python objects, got {values.dtype}")
    return values.tocsr()


def sparse_source(matrix: Any) -> SparseSource:
    """The arrays of a CSR matrix, in place if their indices are of one native type."""
    wide = max(matrix.indptr.itemsize, matrix.indices.itemsize)
    index = np.dtype(np.int32 if wide <= 4 else np.int64)
    indptr, indices = (np.ascontiguousarray(a, index) for a in (matrix.indptr, matrix.indices))
    data = np.ascontiguousarray(matrix.data)
    return SparseSource(
        as_bytes(indptr), as_bytes(indices), index.itemsize, index, as_bytes(data), data.itemsize, data.dtype
    )


def matrix_builder(matrix: Any) -> Builder:
    """What makes matrices of the class and the columns of this one."""
    kind, n_columns, dtype = type(matrix), matrix.shape[1], matrix.dtype

    def build(indptr: Array, indices: Array, data: Array) -> Any:
        rows = kind((len(indptr) - 1, n_columns), dtype=dtype)
        # Given to the constructor, indices of 64 bits would become such of 32 where those suffice.
        rows.indptr, rows.indices, rows.data = indptr, indices, data
        return rows

    return build


def built(builders: list[Builder | None], found: tuple[Any, ...]) -> list[Any]:
    """The arrays of a batch, sparse ones made of three, and whatever comes after them."""
    rest = iter(found)
    arrays = [
        next(rest) if build is None else build(next(rest), next(rest), next(rest)) for build in builders
    ]
    return [*arrays, *rest]


def labels_of(given: list[Any]) -> Array | None:
    """Labels in the first of these arrays, if it has such: one a row, and no fractions."""
    if not given or hasattr(given[0], "tocsr"):
        return None
    labels = as_gatherable("y", given[0])
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind == "c":
        return None
    return None if labels.dtype.kind == "f" and (labels != np.floor(labels)).any() else labels
