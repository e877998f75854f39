"""Whether a source is one, and whether what it has read is what it has announced."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..inputs import as_integer
from ..sparse import SparseRows, as_sparse_rows
from .source import Chunk, Source, is_rows

__all__ = ["check_source", "checked_chunk"]


def check_source(source: Source) -> None:
    """Refuse a source whose attributes are not those of the protocol, by their names."""
    name = type(source).__name__
    rows = getattr(source, "chunk_rows", None)
    if not isinstance(rows, tuple) or not rows:
        raise TypeError(f"chunk_rows of {name} must be a tuple of at least one number of rows, got {rows!r}")
    for chunk, n in enumerate(rows):
        as_integer(f"chunk_rows[{chunk}] of {name}", n, 1)
    as_integer(f"n_columns of {name}", getattr(source, "n_columns", None), 1)
    if getattr(source, "dtype", None) not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise TypeError(f"dtype of {name} must be float32 or float64, got {getattr(source, 'dtype', None)!r}")
    names = source.feature_names
    if names is not None and len(names) != source.n_columns:
        raise ValueError(
            f"feature_names of {name} must be {source.n_columns} names, one for each column, got {len(names)}"
        )


def checked_chunk(source: Source, chunk: int, read: Any) -> Chunk:
    """What a source has read, as the protocol has it: sparse rows as `SparseRows`, targets as arrays.

    Raises
    ------
    TypeError, ValueError
        With the name of the source and the number of the chunk.
    """
    of = f"of chunk {chunk} of {type(source).__name__}"
    if not isinstance(read, tuple) or not 2 <= len(read) <= 3:
        raise TypeError(
            f"what is read {of} must be a tuple (X, y) or (X, y, sample_weight), got {type(read)}"
        )
    X, y, sample_weight = (*read, None)[:3]
    n_rows = source.chunk_rows[chunk]
    if is_rows(X) != source.is_sparse:
        kind, got = ("sparse", "an array") if source.is_sparse else ("an array", "sparse rows")
        raise TypeError(f"X {of} must be {kind} as announced, got {got}")
    X = X if isinstance(X, SparseRows) else as_sparse_rows(X) if source.is_sparse else np.asarray(X)
    if X.shape != (n_rows, source.n_columns):
        raise ValueError(f"X {of} must have shape {(n_rows, source.n_columns)}, got {X.shape}")
    if X.dtype != source.dtype:
        raise TypeError(f"X {of} must have dtype {source.dtype}, got {X.dtype}")
    if not isinstance(X, SparseRows) and not X.flags.c_contiguous:
        raise ValueError(f"X {of} must be in C order")
    if y is not None:
        y = np.asarray(y)
        if y.ndim not in (1, 2) or len(y) != n_rows:
            raise ValueError(f"y {of} must have shape ({n_rows},) or ({n_rows}, k), got {y.shape}")
    if (sample_weight is not None) != source.has_weights:
        wanted, got = ("given", "None") if source.has_weights else ("None", "weights")
        raise TypeError(f"sample_weight {of} must be {wanted} as announced, got {got}")
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight)
        if sample_weight.shape != (n_rows,):
            raise ValueError(f"sample_weight {of} must have shape ({n_rows},), got {sample_weight.shape}")
    return Chunk(X, y, sample_weight)
