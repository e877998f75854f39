"""What must fit together, where SAGA and SVRG begin, and how large batches are, if nothing else is said."""

from typing import Any

import numpy as np

from .losses import Gamma, LogCosh, Poisson
from .model import Linear, Model, Parameters
from .objective import Objective

MANY_ROWS = 131_072


def batch_size_for(rule: Any, n: int, is_linear: bool = True) -> int | str:
    """Rows of a batch, of n; "auto" for all other optimizers."""
    if not is_linear:
        return min(n, 200)
    if rule.variance_reduction is None:
        return "auto"
    return min(n, 64 if n < MANY_ROWS else 512)


def check_model(model: Model, rule: Any) -> None:
    """Refuses what needs to know of a model that it is linear."""
    if isinstance(model, Linear):
        return
    needs = {
        "variance_reduction": rule.variance_reduction is not None,
        "preconditioner": rule.preconditioner is not None,
        'learning_rate="auto"': isinstance(rule.learning_rate, str),
    }
    for need, is_there in needs.items():
        if is_there:
            kind = type(model).__name__
            raise ValueError(f"{need} needs the model 'linear', got {kind} with {type(rule).__name__}")


def begin_at_intercept(
    w: Parameters, objective: Objective, rule: Any, y: Any, sample_weight: Any, offset: Any
) -> None:
    """Moves the intercept to where it is best while the coefficients are zero, if the loss needs it.

    With a log link, and for "log_cosh", which is nearly the absolute error far from the targets.
    """
    is_solver = rule.variance_reduction is not None and rule.learning_rate == "auto"
    if not (is_solver and objective.model.fit_intercept):
        return
    if not isinstance(objective.loss, Poisson | LogCosh):
        return
    y = np.asarray(y, np.float64)
    o = np.zeros_like(y) if offset is None else np.asarray(offset, np.float64).reshape(y.shape)
    if isinstance(objective.loss, LogCosh):
        intercept = np.array([median(column, sample_weight) for column in (y - o).reshape(len(y), -1).T])
    else:
        p = 2 if isinstance(objective.loss, Gamma) else getattr(objective.loss, "power", 1)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            seen = np.average(y * np.exp((1 - p) * o), axis=0, weights=sample_weight)
            intercept = np.log(seen / np.average(np.exp((2 - p) * o), axis=0, weights=sample_weight))
    if np.isfinite(intercept).all():
        w.intercept[...] = intercept


def median(y: Any, weights: Any) -> float:
    """The least number that has half of the weight at or below it."""
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    total, order = 0.0, np.argsort(y)
    half = np.cumsum(weights[order])[-1] / 2
    for i in order:
        total += weights[i]
        if total >= half:
            break
    return float(y[i])
