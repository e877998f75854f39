"""Whether steps that are bounded by the learning rate can come to the targets at all."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _core
from .arguments import SampledRows
from .callers import warn
from .models import Linear
from .objective import Problem
from .optimizers import (
    FTRL,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    ScheduleFreeAdamW,
)
from .schedules.course import rates_at
from .sparse import SparseRows
from .stopping import MaxSteps, StopRule

__all__ = ["FEWEST_ROWS", "warn_of_reach"]

Array = NDArray[Any]
N_ROWS = 1000
"""Rows that are looked at, evenly spread."""
FEWEST_ROWS = 65_536
"""Rows from which on a batch size chooses itself."""
MOST_MORE = 8
"""Times as many steps as the default that a batch size which chooses itself may make."""
GOOD = 0.6
"""An R2, the mean of all outputs, above which nobody is warned that there will be no better."""
FAR = 10.0
"""How many times farther than on standardised data the targets must be for their size to be the reason: their
spread beside that of the columns, their mean beside the 1 of the intercept."""
NOTHING = 1e-12
"""Columns whose spread is so small beside that of the targets are taken for constant."""
BY_RATE = (Adam, AdamW, Adamax, Lion, NAdam, RAdam, ScheduleFreeAdamW)
"""Whose steps are at most about the rate."""
BOUNDED = (*BY_RATE, Adadelta, Adagrad, FTRL, RMSprop)
MOST_OF_NADAM = 1.1
"""By what the first steps of NAdam, which look ahead, are longer than its rate."""
N_UNRECTIFIED = 5
"""Steps of RAdam before it scales its gradients."""


def warn_of_reach(
    problem: Problem,
    optimizer: Optimizer,
    sampling: SampledRows,
    *,
    rows: Array | None,
    n_epochs: int,
    accumulate: int,
    stop: tuple[StopRule, ...],
    start: Array | None,
    chooses_batch_size: bool,
    standardized: bool,
) -> None:
    """Warn of targets that a linear model cannot come to in the steps it has, whatever the data say.

    `rows` are those learned from, if not all; `start` is where the run begins. A coefficient moves no farther
    than the sum of the largest steps, D: so the mean of the scores moves by at most
    ``D (1 + sum_j |mean x_j|)``, their spread by ``D sum_j spread x_j``. What is left of the mean and the
    spread of the targets bounds R2.
    """
    if not problem.loss.is_shift_invariant or not isinstance(optimizer, BOUNDED):
        return
    if not isinstance(problem.model, Linear):
        return  # whose scores may move by more than any one of its parameters
    n_steps = sampling.most_steps(0, n_epochs, accumulate) * (MOST_MORE if chooses_batch_size else 1)
    n_steps = min([n_steps, *(rule.n for rule in stop if isinstance(rule, MaxSteps))])
    every = np.arange(len(problem.X)) if rows is None else rows
    if problem.sample_weight is not None:
        every = every[problem.sample_weight[every] > 0]
    if n_steps == 0 or not len(every):
        return
    some = every[np.linspace(0, len(every) - 1, min(N_ROWS, len(every))).astype(np.intp)]
    try:
        if start is None:
            start = np.zeros(problem.n_outputs * (problem.X.shape[1] + 1), problem.X.dtype)
        seen = seen_from(problem, some, start)
    except (ValueError, IndexError, MemoryError):
        return  # data that cannot be trained on: the core will say why
    distance = farthest(optimizer, n_steps, seen.slope)
    if distance is None:
        return
    to_mean = distance * (problem.fit_intercept + seen.means.sum())
    to_spread = distance * seen.spreads.sum()
    is_off = (seen.mean > seen.spread) & (seen.mean > FAR)
    sizes = seen.spreads[seen.spreads > NOTHING * seen.spread.max()]
    is_wide = seen.spread * len(sizes) > FAR * sizes.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.where(is_off, np.maximum(seen.mean - to_mean, 0), 0)
        narrow = np.where(is_wide, np.maximum(seen.spread - to_spread, 0), 0)
        best = 1 - (off**2 + narrow**2) / seen.spread_of_targets**2
    best = np.where(np.isnan(best), 1, best)
    if best.mean() >= GOOD:
        return
    k = int(np.argmin(best))
    what, size, reached = (
        ("mean", seen.mean[k], to_mean)
        if off[k] >= narrow[k]
        else ("standard deviation", seen.spread[k], to_spread)
    )
    remedies = f"{'' if standardized else 'standardize=True, '}a larger learning rate or more epochs"
    warn(
        f"{type(optimizer).__name__} cannot reach the targets: less the scores at the beginning they have a "
        f"{what} of {size:.3g}, and {n_steps} steps bounded by the learning rate move each coefficient by at "
        f"most {distance:.3g} and the {what} of the scores by {reached:.3g}: R2 is at most {best[k]:.2g}. "
        f"Give {remedies}",
    )


class Seen(NamedTuple):
    """What is seen of data from where a run begins."""

    slope: float
    """The largest entry of the gradient."""
    means: Array
    spreads: Array
    """Of the columns."""
    mean: Array
    spread: Array
    """Of what the targets have more than the scores, by output."""
    spread_of_targets: Array


def seen_from(problem: Problem, rows: Array, start: Array) -> Seen:
    """What some rows show."""
    some = problem.on_rows(rows)
    _, slopes = _core.gradient(some, start, None, 1)
    scores = _core.predict(
        some.X, some.offset, start, (some.model, some.n_outputs), ("scores", some.loss, 0), 1
    )
    left = some.y.astype(np.float64) - scores
    with np.errstate(over="ignore", invalid="ignore"):
        return Seen(
            float(np.abs(slopes).max()),
            *of_columns(some.X),
            np.abs(left.mean(axis=0)),
            left.std(axis=0),
            some.y.astype(np.float64).std(axis=0),
        )


def farthest(optimizer: Optimizer, n_steps: int, slope: float) -> float | None:
    """How far a parameter can come along gradients of one sign, or None if that has no bound.

    `slope` is the largest entry of the gradient at the start: the first steps of RAdam are those of momentum.
    """
    rates = rates_at(getattr(optimizer, "learning_rate", None), 0, n_steps)
    if rates is None:
        return None
    mean, largest = float(rates.mean()), float(rates.max())
    if isinstance(optimizer, RAdam):
        return mean * n_steps + largest * N_UNRECTIFIED * slope
    if isinstance(optimizer, ScheduleFreeAdamW) and rates.min() == largest:
        return mean * (n_steps + 1) / 2  # the mean of the points on the way
    if isinstance(optimizer, BY_RATE):
        return mean * n_steps * (MOST_OF_NADAM if isinstance(optimizer, NAdam) else 1)
    if isinstance(optimizer, Adagrad | FTRL):
        return float(2 * largest * (np.sqrt(n_steps + 0.5) - np.sqrt(0.5)))
    if isinstance(optimizer, Adadelta):
        size = np.sqrt(optimizer.eps * (1 + (1 - optimizer.rho) * n_steps))
        first = np.sqrt(optimizer.eps / (1 - optimizer.rho))
        return float(largest * (first + 2.5 * n_steps * size))
    if isinstance(optimizer, RMSprop) and not optimizer.centered:
        memory = 1 / (1 - optimizer.alpha)  # its second moment begins at 0, and first steps are longer
        of_start = largest * min(2 * np.sqrt(n_steps * memory), 1.4 * memory)
        return float((mean * n_steps + of_start) / (1 - optimizer.momentum))
    return None


def of_columns(X: Array | SparseRows) -> tuple[Array, Array]:
    """The absolute mean and the spread of each column that has entries."""
    if not isinstance(X, SparseRows):
        X = X.astype(np.float64)
        return np.abs(X.mean(axis=0)), X.std(axis=0)
    _, columns = np.unique(X.indices, return_inverse=True)
    values = X.data.astype(np.float64)
    mean = np.bincount(columns, values) / len(X)
    return np.abs(mean), np.sqrt(np.maximum(np.bincount(columns, values**2) / len(X) - mean**2, 0))
