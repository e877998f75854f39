"""Estimators that are fitted on a source of rows, larger than memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sources import Source, check_source, targets_together
from ..windows.survey import labels_of

__all__ = ["as_source", "labels_of_source", "n_rows_of", "note_columns", "shape_of_targets", "truth_of"]

Array = NDArray[Any]


def as_source(estimator: Any, X: Any, **given: Any) -> Source | None:
    """X if it is a source, checked; what it has itself must not be given beside it."""
    if not isinstance(X, Source):
        return None
    check_source(X)
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"{name} must be None where X is a source, which has its own, got {type(value).__name__}"
            )
    if getattr(estimator, "early_stopping", False):
        raise ValueError("early_stopping must be False where X is a source, got True; give X_val")
    return X


def note_columns(estimator: Any, source: Source) -> None:
    """How many columns there are, and what they are called, as scikit-learn notes it."""
    estimator.n_features_in_ = source.n_columns
    if source.feature_names is None:
        estimator.__dict__.pop("feature_names_in_", None)
    else:
        estimator.feature_names_in_ = np.array(source.feature_names, object)


def labels_of_source(source: Source) -> Array:
    """The labels of all rows, sorted."""
    labels, _ = labels_of(source)
    if labels is None:
        raise ValueError("y must have one label a row where X is a source, got several")
    if len(labels) < 2:
        raise ValueError(f"The number of classes has to be greater than one; got {len(labels)} class")
    return labels


def shape_of_targets(source: Source) -> tuple[int, ...]:
    """The shape of the targets of the first chunk."""
    y, _ = source.targets(0)
    if y is None:
        raise ValueError(f"y must be given by the source, got None at {source.where(0, 0)}")
    return np.shape(y)


def truth_of(X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Targets and weights to score predictions for X by: those of a source, if X is one."""
    if not isinstance(X, Source):
        if y is None:
            raise ValueError("y must be given where X is not a source, got None")
        return y, sample_weight
    as_source(None, X, y=y, sample_weight=sample_weight)
    return targets_together(X)


def n_rows_of(X: Any) -> int:
    """Rows of a matrix or of a source."""
    return X.n_rows if isinstance(X, Source) else int(X.shape[0])
