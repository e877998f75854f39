"""How many chunks a window wants, for its batches to be nearly those of a full shuffle."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..objective import Problem

__all__ = ["FEWEST_SAMPLED", "MOST_SAMPLED", "ONE_OF", "chunks_to_mix"]

Array = NDArray[Any]
ONE_OF, FEWEST_SAMPLED, MOST_SAMPLED = 16, 8, 32
"""One of so many chunks is looked at, but some at least, and not too many."""
SAMPLED_ROWS = 4096
"""Rows of each, at most."""
SHARE = 0.1
"""What the choice of chunks may add to the variance of the gradient of a batch."""


def chunks_to_mix(problems: Iterable[Problem], params: Array, batch_size: int) -> int:
    """The least number w of chunks for which these add no more than a tenth to the variance of a batch.

    The mean gradient over a batch of b rows of w chunks has the variance ``within / b + between / w``, and
    one of rows drawn from all chunks ``(within + between) / b``. So ``w >= 10 b between / (within +
    between)``. Gradients of two halves of some rows of a chunk tell what it is that they have in common.

    Parameters
    ----------
    problems : iterable of Problem
        Of some chunks, each with its rows.
    params : array
        Where gradients are taken.
    batch_size : int
        Rows of a batch, b.
    """
    halves = []
    for problem in problems:
        n = min(len(problem.X), SAMPLED_ROWS) // 2
        if n == 0:
            continue
        rows = np.linspace(0, len(problem.X) - 1, 2 * n).astype(np.uintp)
        parts = (np.ascontiguousarray(rows[half::2]) for half in (0, 1))
        made = [_core.gradient(problem, params, part, 1)[1].astype(np.float64) for part in parts]
        halves.append((n, *made))
    if len(halves) < 2:
        return 1
    first, second = np.array([half[1] for half in halves]), np.array([half[2] for half in halves])
    n_rows = np.array([half[0] for half in halves])
    center = (first + second).mean(axis=0) / 2
    degrees = len(halves) / (len(halves) - 1)
    between = max(float(((first - center) * (second - center)).sum(axis=1).mean()) * degrees, 0.0)
    within = float((((first - second) ** 2).sum(axis=1) * n_rows / 2).mean())
    share = between / (between + within) if between > 0 else 0.0
    return max(math.ceil(batch_size * share / SHARE), 1)
