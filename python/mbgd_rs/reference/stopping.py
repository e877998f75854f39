"""Rows to judge a model by, when to end, and which model to keep."""

import copy
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .losses import class_weights
from .naming import name_of
from .objective import Objective, Parameters
from .penalties import Penalty
from .random import HALF, random_blocks

Array = NDArray[Any]

SPLIT = 7
"""The stream of random words by which rows are set aside."""


def split(n: int, fraction: float, classes: Array | None, seed: int) -> tuple[Array, Array]:
    """Rows to learn from and to judge by: the rows of each class with the lowest keys are set aside.

    >>> split(8, 0.25, None, seed=0)
    (array([0, 1, 3, 4, 5, 7]), array([2, 6]))
    """
    n_wanted = min(max(math.floor(fraction * n + 0.5), 1), n - 1)
    words = random_blocks(seed, 0, SPLIT, np.arange(n))
    keys = words[0] << HALF | words[1]
    strata = np.zeros(n, int) if classes is None else np.unique(classes, return_inverse=True)[1]
    sizes = np.bincount(strata)
    shares = np.minimum(n_wanted * sizes // n, sizes - 1)
    by_remainder = np.argsort(-(n_wanted * sizes % n), kind="stable")
    while shares.sum() < min(n_wanted, (sizes - 1).sum()):
        for c in by_remainder:
            if shares.sum() < n_wanted and shares[c] + 1 < sizes[c]:
                shares[c] += 1
    is_set_aside = np.zeros(n, bool)
    for c, share in enumerate(shares):
        rows = np.flatnonzero(strata == c)
        is_set_aside[rows[np.argsort(keys[rows], kind="stable")[:share]]] = True
    return np.flatnonzero(~is_set_aside), np.flatnonzero(is_set_aside)


def part(whole: Objective, rows: Array, sample_weight: Any) -> Objective:
    """The objective over some rows, their weights scaled to mean 1."""
    some = copy.copy(whole)
    some.X, some.y = whole.X[rows], whole.y[rows]
    if sample_weight is not None:
        s = np.asarray(sample_weight, np.float64)
        some.s = (s / s.mean()).astype(whole.X.dtype).reshape(-1, *(1 for _ in whole.outputs))
    return some


def with_validation(
    validation: Any,
    seed: int,
    X: Any,
    y: Any,
    sample_weight: Any,
    loss: Any,
    penalty: Any,
    fit_intercept: bool,
    class_weight: Any,
) -> tuple[Objective, Objective | None]:
    """The objective to be minimised, and that without penalty on the rows to judge by, if there are any."""
    if validation is None:
        return Objective(X, y, sample_weight, loss, penalty, fit_intercept, class_weight), None
    X, y, options = np.asarray(X), np.asarray(y), (loss, penalty, fit_intercept)
    if class_weight is not None:
        s = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        sample_weight = s * class_weights(class_weight, np.unique(y), y, s)
    weights = [None if sample_weight is None else np.asarray(sample_weight)] * 2
    if isinstance(validation, tuple | list):
        training, rows = np.arange(len(X)), np.arange(len(validation[0])) + len(X)
        X = np.concatenate([X, np.asarray(validation[0], X.dtype)])
        y = np.concatenate([y, validation[1]])
        weights[1] = validation[2] if len(validation) == 3 else None
        whole = Objective(X, y, None, *options)
    else:
        whole = Objective(X, y, None, *options)
        training, rows = split(len(X), validation, None if whole.classes is None else y, seed)
        weights = [
            None if s is None else s[chosen] for s, chosen in zip(weights, (training, rows), strict=True)
        ]
    judged = part(whole, rows, weights[1])
    judged.penalty = Penalty(None)
    return part(whole, training, weights[0]), judged


class Rules:
    """Rules of stopping; `reason` is None as long as the run is to go on, `best` the model to give back."""

    def __init__(self, stop: Any) -> None:
        self.rules = list(stop) if isinstance(stop, tuple | list) else [] if stop is None else [stop]
        self.best_value = [math.inf] * len(self.rules)
        self.n_waited = [0] * len(self.rules)
        self.best: Array | None = None
        self.reason: str | None = None

    def end_epoch(self, values: dict[str, float], w: Parameters) -> None:
        """Looks at the values of an epoch, by the names of monitors."""
        reason = None
        for i, rule in enumerate(self.rules):
            sign = -1 if getattr(rule, "mode", "min") == "max" else 1
            match name_of(rule):
                case "noimprovement":
                    value, best = sign * values[rule.monitor], self.best_value[i]
                    margin = rule.tol * abs(best) if rule.relative and best < math.inf else rule.tol
                    is_improvement = math.isfinite(value) and value <= best - margin
                    self.n_waited[i] = 0 if is_improvement else self.n_waited[i] + 1
                    if math.isfinite(value) and value < best:
                        self.best_value[i] = value
                        if rule.restore_best:
                            self.best = w.flat.copy()
                    if self.n_waited[i] >= rule.patience:
                        reason = reason or "no_improvement"
                case "targetloss":
                    if sign * values[rule.monitor] <= sign * rule.value:
                        reason = reason or "target"

        self.reason = reason or self.reason

    def end_step(self, t: int) -> None:
        """Counts the steps."""
        for rule in self.rules:
            if name_of(rule) == "maxsteps" and t >= rule.n:
                self.reason = self.reason or "max_steps"
