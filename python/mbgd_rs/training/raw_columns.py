"""A warning of columns and targets that the rates of "auto" are not made for, where X is a source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..callers import warn
from ..inputs import as_array
from ..objective import Problem
from ..sparse import SparseRows

__all__ = ["warn_of_raw_columns"]

Array = NDArray[Any]
MOST_ROWS = 1000
"""Rows that are looked at, evenly spread over the first chunk."""
FEWEST_ROWS = 10
"""Fewer say nothing of a spread."""
COLUMNS = 1024
"""Columns that are looked at together."""
LARGEST_RATIO = 100.0
"""Of the spreads of two columns."""
FARTHEST = 10.0
"""Spreads from zero to the mean of a column."""
WIDEST_TARGETS = 10.0
"""Spread of the targets."""
FARTHEST_TARGETS = 100.0
"""From zero to the mean of the targets. Of sorted rows the first chunk tells it badly."""
PART_OF_RANGE = 8.0
"""A spread is no less than the range over this: of a column that has nearly always the same value, the
standard deviation tells nothing of the others."""


def warn_of_raw_columns(head: Problem, y: Any) -> None:
    """Say what is out of proportion in the first chunk, of dense rows, and that `standardize` is for that."""
    if isinstance(head.X, SparseRows) or len(head.X) < FEWEST_ROWS:
        return
    reasons = []
    spread, mean = spreads_of(head.X)
    names = list(range(len(spread))) if head.names is None else list(head.names)
    varies = spread > 0
    if varies.any():
        least, most = np.where(varies, spread, np.inf).argmin(), spread.argmax()
        if spread[most] > LARGEST_RATIO * spread[least]:
            reasons.append(
                f"columns whose spreads differ by more than a factor of {LARGEST_RATIO:g}, "
                f"{spread[most]:.2g} in {names[most]!r} and {spread[least]:.2g} in {names[least]!r}"
            )
        distance = np.abs(mean) / np.where(varies, spread, np.inf)
        if head.fit_intercept and distance.max() > FARTHEST:
            far = distance.argmax()
            reasons.append(
                f"columns centred further than {FARTHEST:g} spreads from zero, at {mean[far]:.2g} with a "
                f"spread of {spread[far]:.2g} in {names[far]!r}"
            )
    if head.classes is None and head.loss.is_shift_invariant:
        width, centre = spreads_of(as_array("y", y).reshape(len(head.X), -1))
        if width.max() > WIDEST_TARGETS:
            reasons.append(f"targets with a spread of {width.max():.2g}, more than {WIDEST_TARGETS:g}")
        elif head.fit_intercept and np.abs(centre).max() > FARTHEST_TARGETS:
            far = centre[np.abs(centre).argmax()]
            reasons.append(f"targets centred at {far:.2g}, further than {FARTHEST_TARGETS:g} from zero")
    if reasons:
        warn(
            f"the first chunk of the source has {'; and '.join(reasons)}: the learning rate of "
            "optimizer='auto' is not made for that where X is a source. Give standardize=True, which reads "
            "the source three times more, or an optimizer"
        )


def spreads_of(X: Array) -> tuple[Array, Array]:
    """Spread and mean of each column."""
    n_rows, n_columns = X.shape
    rows = np.linspace(0, n_rows - 1, min(n_rows, MOST_ROWS)).astype(np.intp)
    spread, mean = np.empty(n_columns), np.empty(n_columns)
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, n_columns, COLUMNS):
            some = slice(begin, begin + COLUMNS)
            columns = X[rows, some].astype(np.float64)
            mean[some] = columns.mean(axis=0)
            deviation = columns.std(axis=0)
            spread[some] = np.maximum(deviation, np.ptp(columns, axis=0) / PART_OF_RANGE)
            spread[some][columns.min(axis=0) == columns.max(axis=0)] = 0
    return spread, mean
