"""What a model is judged by besides its training loss: rows it does not learn from, and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .inputs import as_float, as_rows
from .objective import Problem, make_problem

__all__ = ["Metrics", "Validation", "make_validation", "resolve_metrics"]

Array = NDArray[Any]
Metric = Callable[[Array, Array], Any]
KINDS = "a fraction between 0 and 1, a pair (X, y), a triple (X, y, sample_weight) or None"
MONITORS = ("loss", "validation_loss")


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Rows to judge a model by, as the core reads them."""

    problem: Problem | None = None
    """Data of their own."""
    split: tuple[Array, Array] | None = None
    """Rows of X to learn from and to judge by, instead."""
    fraction: float | None = None
    X: Any = None
    y: Any = None
    """The rows and what the user says of them, for metrics."""


def make_validation(validation: Any, problem: Problem, y: Any, *, seed: int, needs_data: bool) -> Validation:
    """What the argument `validation` of a fit on `problem` means; `needs_data` if metrics will look at it."""
    if validation is None:
        return Validation(X=problem.X, y=y)
    if isinstance(validation, tuple | list):
        return of_data(validation, problem)
    try:
        fraction = as_float("validation", validation)
    except TypeError:
        raise TypeError(f"validation must be {KINDS}, got {type(validation).__name__}") from None
    n_rows = problem.X.shape[0]
    training, rows = _core.split(n_rows, fraction, strata_of(problem), seed)
    if not needs_data:
        return Validation(split=(training, rows), fraction=fraction)
    return Validation(split=(training, rows), fraction=fraction, X=problem.X[rows], y=np.asarray(y)[rows])


def of_data(data: Any, problem: Problem) -> Validation:
    """Validation on data of its own."""
    if len(data) not in (2, 3):
        raise ValueError(f"validation must be {KINDS}, got {len(data)} items")
    X, y, *rest = data
    with said_of_validation():
        matrix = as_rows(X)
        if matrix.shape[1] != problem.X.shape[1]:
            raise ValueError(f"X must have {problem.X.shape[1]} columns, as in fit, got shape {matrix.shape}")
        if matrix.dtype != problem.X.dtype:
            with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
                matrix = matrix.astype(problem.X.dtype)
        judged = make_problem(
            matrix,
            y,
            loss=problem.loss,
            penalty=None,
            sample_weight=rest[0] if rest else None,
            fit_intercept=problem.fit_intercept,
            model=problem,
        )
        if judged.n_outputs != problem.n_outputs:
            raise ValueError(f"y must have {problem.n_outputs} column(s), as in fit, got {judged.n_outputs}")
    return Validation(problem=judged, X=judged.X, y=y)


def strata_of(problem: Problem) -> Array | None:
    """The class of each row, if the targets are classes."""
    if problem.classes is None or problem.y.shape[1] != 1:
        return None
    y = problem.y[:, 0]
    return (y > 0 if problem.n_classes == 2 else y).astype(np.uintp)


@contextmanager
def said_of_validation() -> Iterator[None]:
    """Errors say that they are about the validation data."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"validation: {error}") from None


def resolve_metrics(metrics: Any) -> dict[str, Metric]:
    """Metrics by name."""
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        named = dict(metrics)
    else:
        several = list(metrics) if isinstance(metrics, tuple | list) else [metrics]
        named = {getattr(metric, "__name__", repr(metric)): metric for metric in several}
        if len(named) < len(several):
            names = ", ".join(getattr(metric, "__name__", repr(metric)) for metric in several)
            raise ValueError(f"metrics must have different names, got {names}: name them by a dict")
    for name, metric in named.items():
        if not isinstance(name, str):
            raise TypeError(f"metrics must have strings as names, got {name!r}")
        if name in MONITORS:
            raise ValueError(f"metrics must not be named 'loss' or 'validation_loss', got {name!r}")
        if not callable(metric):
            raise TypeError(f"metrics must be callables f(y_true, y_pred), got {metric!r} for {name!r}")
    return named


@dataclass(frozen=True)
class Metrics:
    """The metrics of a run, and what they were after every epoch."""

    named: dict[str, Metric]
    data: Validation
    values: dict[str, list[float]]

    @classmethod
    def of(cls, named: dict[str, Metric], data: Validation) -> Metrics:
        """Metrics on some data."""
        return cls(named, data, {name: [] for name in named})

    def measure(self, predict: Callable[[Any], Array]) -> dict[str, float]:
        """Looks at a model, and writes down what is seen."""
        y_pred = predict(self.data.X)
        y_true = np.asarray(self.data.y)
        measured = {
            name: as_float(f"the value of metric {name!r}", metric(y_true, y_pred))
            for name, metric in self.named.items()
        }
        for name, value in measured.items():
            self.values[name].append(value)
        return measured

    def history(self, n_epochs: int) -> dict[str, Array]:
        """The records of so many epochs; NaN where a metric has raised an exception."""
        return {
            name: np.array(values + [np.nan] * (n_epochs - len(values)), float)
            for name, values in self.values.items()
        }
