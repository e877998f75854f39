"""What tests of several sources share: all rows of a source, as it reads them."""

import tracemalloc

import numpy as np
from mbgd_rs.sources import check_source, checked_chunk


def dense(X):
    """Rows as an array."""
    if isinstance(X, np.ndarray):
        return X
    rows = np.zeros(X.shape, X.dtype)
    row = np.repeat(np.arange(len(X)), np.diff(X.indptr))
    rows[row, X.indices] = X.data
    return rows


def everything(source):
    """X, y and weights of all chunks, one after another, checked against what the source has announced."""
    check_source(source)
    read = [checked_chunk(source, chunk, source.read(chunk)) for chunk in range(source.n_chunks)]
    for chunk, (_, y, weights) in enumerate(read):
        for given, again in zip((y, weights), source.targets(chunk), strict=True):
            np.testing.assert_array_equal(given, again)
    X, y, weights = zip(*read, strict=True)
    if source.n_entries is not None:
        assert sum(len(rows.data) for rows in X) == source.n_entries
    together = np.concatenate([dense(rows) for rows in X])
    assert together.shape == (source.n_rows, source.n_columns)
    assert together.dtype == source.dtype
    return (
        together,
        None if y[0] is None else np.concatenate(y),
        None if weights[0] is None else np.concatenate(weights),
    )


def read_into(source, chunk):
    """The rows of a chunk, read into the middle of a larger array; and the bytes needed beside it."""
    n = source.chunk_rows[chunk]
    around = np.full((n + 2, source.n_columns), 7.0, source.dtype)
    source.read(chunk, around[1:-1])  # what is imported late, is imported
    around[1:-1] = 0
    tracemalloc.start()
    try:
        read = source.read(chunk, around[1:-1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.shares_memory(read.X, around)
    assert (around[0] == 7).all()
    assert (around[-1] == 7).all()
    return np.array(read.X), peak
