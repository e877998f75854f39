"""Validation rows, set aside or given."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Data, as_rows, scaled_down
from .objective import Objective, make_problem
from .observers import Observed, Observer
from .penalties import NoPenalty
from .random import HALF, random_blocks
from .targets import class_weights

Array = NDArray[Any]

SPLIT = 7
"""The stream of random words by which rows are set aside."""


def split(n: int, fraction: float, classes: Array | None, seed: int) -> tuple[Array, Array]:
    """Training and validation rows: of each class, the rows with the lowest keys are set aside.

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


def with_validation(
    validation: Any, seed: int, X: Any, y: Any, sample_weight: Any, loss: Any, penalty: Any,
    fit_intercept: bool, class_weight: Any, offset: Any, model: Any = "linear",
) -> tuple[Objective, Data, Array | None, Data | None, Array]:  # fmt: skip
    """The objective, the training rows, the classes, the validation rows, if there are any, and which rows
    of X the training rows are.
    """
    if validation is None:
        problem = make_problem(X, y, sample_weight, loss, penalty, fit_intercept, class_weight, offset, model)
        return *problem, None, np.arange(len(problem[1]))
    y = np.asarray(y)
    s = None if sample_weight is None else scaled_down(sample_weight)
    n, is_given = len(y), isinstance(validation, tuple | list)
    if is_given:
        X, stored = as_rows(X)
        X = np.concatenate([X, as_rows(validation[0])[0].astype(X.dtype)])
        y = np.concatenate([y, validation[1]])
        offset = joined_offsets(offset, n, validation[3] if len(validation) > 3 else None, len(y) - n)
    objective, everything, classes = make_problem(
        X, y, None, loss, penalty, fit_intercept, offset=offset, model=model
    )
    if is_given:
        if stored is not None:
            everything.stored = np.concatenate([stored, np.ones((len(y) - n, X.shape[1]), bool)])
        training, held_out = np.arange(n), np.arange(n, len(y))
        held_out_s = None if len(validation) == 2 or validation[2] is None else scaled_down(validation[2])
    else:
        training, held_out = split(n, validation, y if classes is not None and y.size == n else None, seed)
        held_out_s = None if s is None else s[held_out]
        s = None if s is None else s[training]
    if class_weight is not None:
        s, held_out_s = (
            np.ones(len(rows)) if of is None else of for of, rows in ((s, training), (held_out_s, held_out))
        )
        of_rows = [
            class_weights(class_weight, np.unique(y), y[training], s, y[rows])
            for rows in (training, held_out)
        ]
        s, held_out_s = s * of_rows[0], held_out_s * of_rows[1]
    data, judged = everything.subset(training, s), everything.subset(held_out, held_out_s)
    return objective, data, classes, judged, training


def joined_offsets(first: Any, n: int, second: Any, m: int) -> Array | None:
    """Offsets of n rows and of m others, zero where there are none."""
    if first is None and second is None:
        return None
    some = np.asarray(second if first is None else first)
    parts = (np.zeros((k, *some.shape[1:])) if o is None else o for o, k in ((first, n), (second, m)))
    return np.concatenate([*parts])


class Validation(Observer):
    """Evaluates the loss, without the penalty, on the validation rows after every epoch."""

    def __init__(self, objective: Objective, data: Data) -> None:
        super().__init__()
        self.objective, self.data = Objective(objective.model, objective.loss, NoPenalty()), data

    def end_epoch(self, run: Observed, values: dict[str, float]) -> None:
        values["validation_loss"] = self.objective.value(run.model(), self.data)
        self.history["validation_loss"].append(values["validation_loss"])


def validations(objective: Objective, data: Data | None) -> list[Observer]:
    """The observer of the validation rows, if there are any."""
    return [] if data is None else [Validation(objective, data)]
