"""Warn of a run whose loss has grown."""

from __future__ import annotations

import numpy as np

from . import _core
from .automatic import is_named_auto
from .callers import warn
from .errors import ConvergenceWarning
from .objective import Problem
from .optimizers import SGLD, Optimizer
from .result import FitResult

__all__ = ["warn_of_growth"]

N_ROWS = 256
"""Rows that are looked at, evenly spread."""
MUCH = 10.0
"""How many times the loss of no model is much."""
LITTLE = 1.0
"""A loss below is not looked at: that of no model is about 1, or has the units of the targets."""


def warn_of_growth(problem: Problem, optimizer: Optimizer, result: FitResult) -> None:
    """Warn where the loss at the end is far above that of a model whose parameters are all zero.

    Such a run has diverged, though no number of it has left its range. A rate that chooses itself sees that.
    """
    losses, rate = result.history.epoch_loss, getattr(optimizer, "learning_rate", None)
    if not len(losses) or not losses[-1] >= LITTLE or is_named_auto(rate) or isinstance(optimizer, SGLD):
        return
    if len(losses) > 1 and losses[-1] < losses[0]:
        return
    of_nothing = loss_of_zeros(problem)
    if losses[-1] > MUCH * of_nothing > 0:
        warn(
            f"the loss has grown to {losses[-1]:.3g}, where parameters of zero have {of_nothing:.3g}: the "
            "learning rate is too large for these columns; give a smaller one, or standardize=True",
            ConvergenceWarning,
        )


def loss_of_zeros(problem: Problem) -> float:
    """On some rows."""
    rows = np.linspace(0, len(problem.X) - 1, min(N_ROWS, len(problem.X))).astype(np.intp)
    some = problem.on_rows(rows)
    loss, _ = _core.gradient(some, np.zeros(some.n_params, some.X.dtype), None, 1)
    return float(loss)
