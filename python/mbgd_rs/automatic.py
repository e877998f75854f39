"""``optimizer="auto"``: which optimizer a problem is for, how large its batches are, and when it is done."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .callers import warn
from .models import Linear
from .objective import Problem
from .optimizers import SAGA, SGD, SVRG, Adagrad, Adam, Optimizer
from .own_rows import is_sparse_rows
from .penalties import GroupElasticNet, GroupL1
from .sampling import Weighted
from .schedules import InverseScaling
from .stopping import Converged, NoImprovement, StopRule

__all__ = [
    "ROWS_OF_OTHERS",
    "batch_size_for",
    "converges",
    "epochs_for",
    "is_named_auto",
    "optimizer_for",
    "start_for",
    "stream_optimizer_for",
]

Array = NDArray[Any]
MANY_ROWS = 131_072
"""From so many rows on, batches are of 512 rows and not of 64: then two threads have something to share."""
LARGEST_TABLE = 1 << 31
"""Bytes of slopes from which on SVRG, which keeps none, is better."""
MOST_EPOCHS = 100
"""Epochs of a run that ends when it has converged; more where all of them see few entries."""
MOST_SMALL_EPOCHS = 1000
ENTRIES = 50_000_000
FAR = 100.0
"""From how many times its width the quadratic part of a robust loss is nowhere near the targets."""
FEW_EPOCHS = 10
"""Epochs of a run of any other optimizer, where none are given."""
MOST_EPOCHS_OF_OTHERS = 200
"""Epochs of a run of a model beyond linear, as of scikit-learn's networks."""
AT_REST = NoImprovement(tol=1e-4, patience=10)
"""When such a run has come to rest, as there."""
ROWS_OF_OTHERS = 200
"""Rows of its batches, as there."""
POWERS = {"poisson": 1.0, "gamma": 2.0}
"""Of the mean, to which the variance of targets is proportional."""


def is_named_auto(choice: Any) -> bool:
    """Whether something is to be chosen."""
    return isinstance(choice, str) and choice.lower() == "auto"


def optimizer_for(problem: Problem, *, shuffle: Any, replacement: bool) -> tuple[Optimizer, str]:
    """The optimizer for a problem, and why."""
    if not isinstance(problem.model, Linear):
        return Adam(), f"a model beyond linear, {problem.model.name}, whose objective has many valleys"
    if problem.loss.has_kink:
        reason = f"the slope of {problem.loss_name} jumps, so that gradients keep their noise"
        return SGD(preconditioner="diagonal"), reason
    if is_far_from_quadratic(problem):
        reason = f"targets so far apart that the slope of {problem.loss_name} is the same for most rows"
        if problem.loss_name == "log_cosh":
            warn(
                "y should be in units in which it is spread over less than 100 for loss='log_cosh', which "
                "has no curvature far away, so that no rate is right: give standardize=True, or huber"
            )
        return SGD(preconditioner="diagonal"), reason
    if replacement or isinstance(shuffle, Weighted):
        return SGD(preconditioner="diagonal"), "rows are drawn, and not each seen once in an epoch"
    n_bytes = problem.X.shape[0] * problem.n_outputs * problem.X.dtype.itemsize
    if n_bytes > LARGEST_TABLE:
        return SVRG(), f"a smooth loss, and a table of slopes would take {n_bytes / 2**30:.1f} GiB"
    if is_sparse_rows(problem.X):
        return SAGA(), "a smooth loss; the columns of sparse rows are scaled and not centred"
    return SAGA(), "a smooth loss on dense rows"


def stream_optimizer_for(model: Any, penalty: Any) -> Optimizer:
    """The optimizer for rows of which a batch is seen at a time, and which may never come again.

    Its steps have a length for each column, so that columns may be in different units; but a penalty of
    groups needs one rate for all.
    """
    if not isinstance(model, Linear):
        return Adam()
    return SGD(InverseScaling(0.1)) if isinstance(penalty, GroupL1 | GroupElasticNet) else Adagrad(0.1)


def is_far_from_quadratic(problem: Problem) -> bool:
    """Whether the loss is nearly the absolute error of these targets, which has no curvature to learn of."""
    width = {"huber": getattr(problem.loss, "epsilon", 1.0), "log_cosh": 1.0}.get(problem.loss_name)
    if width is None or not problem.fit_intercept:
        return False
    y = problem.y.astype(np.float64)
    spread = np.median(np.abs(y - np.median(y, axis=0)), axis=0)
    return bool(np.max(spread) > FAR * width)


def converges(optimizer: Optimizer) -> bool:
    """Whether a run of this optimizer comes to rest at the optimum by itself."""
    return isinstance(optimizer, SAGA | SVRG) and is_named_auto(optimizer.learning_rate)


def batch_size_for(optimizer: Optimizer, problem: Problem, n_rows: int) -> int | None:
    """The batch size for so many rows of a problem, if it follows from their number alone."""
    if not isinstance(problem.model, Linear):
        return min(n_rows, ROWS_OF_OTHERS)
    if not isinstance(optimizer, SAGA | SVRG):
        return None
    return min(n_rows, 64 if n_rows < MANY_ROWS else 512)


def epochs_for(
    optimizer: Optimizer, problem: Problem, stop: tuple[StopRule, ...]
) -> tuple[int, tuple[StopRule, ...]]:
    """How many epochs, where none are given, and the rules of stopping."""
    if not isinstance(problem.model, Linear):
        waits = any(isinstance(rule, NoImprovement) for rule in stop)
        return MOST_EPOCHS_OF_OTHERS, stop if waits else (*stop, AT_REST)
    if not converges(optimizer):
        return FEW_EPOCHS, stop
    has_rule = any(isinstance(rule, Converged) for rule in stop)
    n_entries = problem.X.shape[0] * problem.X.shape[1] * problem.n_outputs
    most = min(max(MOST_EPOCHS, ENTRIES // n_entries), MOST_SMALL_EPOCHS)
    return most, stop if has_rule else (*stop, Converged())


def start_for(problem: Problem) -> Any:
    """Where a linear model is to begin, if not at zero: at the intercept that is best alone.

    With a log link that is the logarithm of the mean of the targets; with "log_cosh", which has no curvature
    far from the targets, about their median.
    """
    power = POWERS.get(problem.loss_name, getattr(problem.loss, "power", None))
    needs_one = power is not None or problem.loss_name == "log_cosh"
    if not (needs_one and problem.fit_intercept and isinstance(problem.model, Linear)):
        return None
    y, s = problem.y.astype(np.float64), problem.sample_weight
    if s is not None and not s.any():
        return None  # which the core refuses
    if power is not None:
        intercept = log_of_mean(y, s, problem.offset, power)
    else:
        intercept = median(y if problem.offset is None else y - problem.offset, s)
    if not np.isfinite(intercept).all():
        return None
    coef = np.zeros(problem.n_outputs * problem.X.shape[1])
    return np.append(coef, intercept).astype(problem.X.dtype)


def log_of_mean(y: Array, s: Array | None, offset: Array | None, power: float) -> Array:
    """The best intercept of a log link, by output; not finite where no target is positive."""
    if offset is None:
        mean = np.average(y, axis=0, weights=s)
    else:
        mean = mean_beside(offset.astype(np.float64), y, s, power)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(mean))


def median(y: Array, s: Array | None) -> Array:
    """By output: the least target that has half of the weight below or at itself."""
    s = np.ones(len(y)) if s is None else s.astype(np.float64)
    order = np.argsort(y, axis=0)
    below = np.cumsum(s[order], axis=0)
    half = np.array([np.searchsorted(column, column[-1] / 2) for column in below.T])
    medians: Array = np.take_along_axis(np.take_along_axis(y, order, 0), half[None], 0)[0]
    return medians


def mean_beside(o: Array, y: Array, s: Array | None, p: float) -> Array:
    """exp(b) of the intercept b that is best beside offsets o, if the coefficients are zero.

    The slope of the loss of power p, ``exp((2-p)(b+o)) - y exp((1-p)(b+o))``, has a mean of 0 there.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # then the run begins at zero
        expected = np.average(np.exp((2 - p) * o), axis=0, weights=s)
        seen: Array = np.average(y * np.exp((1 - p) * o), axis=0, weights=s)
        return np.asarray(seen / expected)
