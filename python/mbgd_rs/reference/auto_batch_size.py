"""How large batches are to be if nobody says so."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .shuffle import draws

ROWS_OF_PILOT, BATCH_OF_PILOT, EPOCH_OF_PILOT = 2**14, 64, 2**32 - 1
FEWEST_ROWS = 4 * ROWS_OF_PILOT


def auto_batch_size(
    fit: Callable[..., Any], X: Any, y: Any, sample_weight: Any, accumulate: int, seed: int, **arguments: Any
) -> int | str:
    """The batch size for many rows; "auto" for few, or where a pilot run has nothing to say.

    The pilot goes once over some rows. The noise scale of its second half and what steps cost, by a fixed
    table, predict the time that each size takes; of those within 10 % of the least it is the largest.
    """
    n = len(y)
    if n < FEWEST_ROWS:
        return "auto"
    rows = draws(seed, EPOCH_OF_PILOT, n)[:ROWS_OF_PILOT]
    s = None if sample_weight is None else np.asarray(sample_weight)[rows]
    drawn = np.asarray(X)[rows]
    try:
        pilot = fit(drawn, np.asarray(y)[rows], sample_weight=s, seed=seed, batch_size=BATCH_OF_PILOT,
                    epochs=1, record=("noise",), **arguments)  # fmt: skip
    except FloatingPointError:
        return "auto"
    trace, squared_norm = (pilot.history[f"noise_{name}"] for name in ("trace", "squared_norm"))
    trace, squared_norm = trace[len(trace) // 2 :], squared_norm[len(trace) // 2 :]
    error = squared_norm.std(ddof=1) / np.sqrt(len(squared_norm))
    noise_scale = trace.mean() / max(squared_norm.mean(), error)
    if not (np.isfinite(noise_scale) and noise_scale > 0):
        return "auto"
    item = drawn.dtype.itemsize if drawn.dtype == np.float32 else 8
    k, lanes = max(np.size(pilot.intercept), 1), 64 // item
    padded = k * -(-drawn.shape[1] // lanes) * lanes + -(-k // lanes) * lanes
    row = drawn.shape[1] * item
    ratio = (150 + padded * item / 32) / (20 + 0.14 * row + row * (k - 1) / 64)
    sizes = 2.0 ** np.arange(4, 14)
    times = (1 + noise_scale / sizes) * (ratio + sizes)
    return int(-(-sizes[times <= 1.1 * times.min()][-1] // accumulate))
