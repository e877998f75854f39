"""Rows by which a model is judged, and from which it does not learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .class_weights import ClassWeight, weights_of_classes
from .columns import check_names
from .inputs import as_array, as_float, as_offset, as_rows, as_type
from .objective import Problem, make_problem
from .sources import Source

__all__ = ["Validation", "make_validation", "said_of_validation", "with_class_weight"]

Array = NDArray[Any]
KINDS = "a fraction between 0 and 1, (X, y), (X, y, sample_weight) or (X, y, sample_weight, offset), or None"


@dataclass(frozen=True, kw_only=True, eq=False)
class Validation:
    """Rows to judge a model by, as the core reads them."""

    problem: Problem | None = None
    """Data of their own."""
    split: tuple[Array, Array] | None = None
    """Rows of X to learn from and to judge by, instead."""
    fraction: float | None = None
    X: Any = None
    y: Any = None
    """The rows and what is true of them, if metrics want to know."""
    offset: Array | None = None
    """Of these rows."""


def make_validation(validation: Any, problem: Problem, y: Any, *, seed: int, needs_data: bool) -> Validation:
    """What the argument `validation` of a fit on `problem` means; `needs_data` if metrics will look at it."""
    if validation is None:
        return Validation(X=problem.X, y=truth(problem, y) if needs_data else None, offset=problem.offset)
    if isinstance(validation, Source):
        raise TypeError(
            f"validation may be a source only where X is one, got {type(validation).__name__}: give {KINDS}"
        )
    if isinstance(validation, tuple | list):
        return of_data(validation, problem, needs_data)
    try:
        fraction = as_float("validation", validation)
    except TypeError:
        raise TypeError(f"validation must be {KINDS}, got {type(validation).__name__}") from None
    n_rows = problem.X.shape[0]
    training, rows = _core.split(n_rows, fraction, strata_of(problem), seed)
    if not needs_data:
        return Validation(split=(training, rows), fraction=fraction)
    return Validation(
        split=(training, rows),
        fraction=fraction,
        X=problem.X[rows],
        y=truth(problem, y)[rows],
        offset=None if problem.offset is None else problem.offset[rows],
    )


def with_class_weight(
    class_weight: ClassWeight, problem: Problem, judged: Validation
) -> tuple[Problem, Validation]:
    """Both with rows weighted by their classes; how much each counts follows from the rows learned from."""
    if class_weight is None:
        return problem, judged
    rows: Any = slice(None) if judged.split is None else judged.split[0]
    s = None if problem.sample_weight is None else problem.sample_weight[rows]
    by_class = weights_of_classes(class_weight, problem.classes, problem.y[rows], s)
    if judged.problem is not None:
        judged = replace(judged, problem=judged.problem.weighted(by_class))
    return problem.weighted(by_class), judged


def of_data(data: Any, problem: Problem, needs_data: bool) -> Validation:
    """Validation on data of its own."""
    if len(data) not in (2, 3, 4):
        raise ValueError(f"validation must be {KINDS}, got {len(data)} items")
    X, y, weight, offset = (*data, None, None)[:4]
    with said_of_validation():
        check_names(X, problem.names)
        matrix = as_rows(X)
        if matrix.shape[1] != problem.X.shape[1]:
            raise ValueError(f"X must have {problem.X.shape[1]} columns, as in fit, got shape {matrix.shape}")
        if matrix.dtype != problem.X.dtype:
            matrix = as_type("X", matrix, problem.X.dtype, of="X of fit")
        judged = make_problem(
            matrix,
            y,
            loss=problem.loss,
            penalty=None,
            sample_weight=weight,
            fit_intercept=problem.fit_intercept,
            known=problem,
        )
        if judged.n_outputs != problem.n_outputs:
            raise ValueError(f"y must have {problem.n_outputs} column(s), as in fit, got {judged.n_outputs}")
        judged = replace(judged, offset=as_offset(offset, judged.X, judged.n_outputs))
        return Validation(
            problem=judged,
            X=judged.X,
            y=truth(replace(judged, is_vector=problem.is_vector), y) if needs_data else None,
            offset=judged.offset,
        )


def truth(problem: Problem, y: Any) -> Array:
    """The targets, of the shape, and if they are labels of the type, of what `predict` says."""
    if y is None:  # of a loss without targets
        return problem.y[:, 0]
    if problem.classes is None:
        values = as_array("y", y)
        return values.reshape(len(values)) if problem.is_vector else values.reshape(len(values), -1)
    y = problem.y if problem.has_several_labels else problem.y[:, 0]
    index = (y > 0 if len(problem.classes) == 2 else y).astype(np.intp)
    labels: Array = problem.classes[index]
    return labels


def strata_of(problem: Problem) -> Array | None:
    """The class of each row, if the targets are classes."""
    if problem.classes is None or problem.y.shape[1] != 1:
        return None
    y = problem.y[:, 0]
    return (y > 0 if problem.n_classes == 2 else y).astype(np.uintp)


@contextmanager
def said_of_validation() -> Iterator[None]:
    """Errors say that they are about the validation data; those of other libraries are left as they are."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if type(error) not in (TypeError, ValueError):
            raise
        raise type(error)(f"validation: {error}") from None
