"""Data of the benchmarks: made once for each shape, from a fixed seed."""

import functools

import numpy as np


@functools.lru_cache(maxsize=1)
def classification(n_rows: int, n_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal float32 columns and labels of a noisy linear rule."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_columns), dtype=np.float32)
    score = X @ rng.standard_normal(n_columns, dtype=np.float32)
    y = (score + 3 * rng.standard_normal(n_rows, dtype=np.float32) > 0).astype(np.int64)
    return X, y
