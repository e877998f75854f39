"""Targets of a classifier: labels, checked as scikit-learn checks them, in the form that the loss needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score
from sklearn.utils import column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target

__all__ = ["Labels", "as_labels", "first_classes", "is_multilabel", "refuse_balanced"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """Labels of rows, and what a model is to be told of them."""

    y: Array
    """One label a row, or 0 and 1 for each of several."""
    classes: Array
    """All labels, sorted; of several a row, the numbers of the columns."""
    has_several: bool
    is_of_numbers: bool
    """Whether the loss is one of numbers: then targets are -1 and 1, for each class if these are many."""

    @property
    def n_outputs(self) -> int:
        """Scores of a row."""
        return 1 if len(self.classes) == 2 and not self.has_several else len(self.classes)

    @property
    def classes_of_model(self) -> Array | None:
        """The classes that a model of this loss has itself."""
        if self.is_of_numbers:
            return None
        return np.array([0, 1]) if self.has_several else self.classes

    def targets(self, y: Array) -> Array:
        """Labels `y`, of these rows or of others, as `fit` takes them."""
        if not self.is_of_numbers:
            return y
        if self.has_several:
            return np.where(y, 1.0, -1.0)
        is_unseen = ~np.isin(y, self.classes)
        if is_unseen.any():
            row = int(is_unseen.argmax())
            raise ValueError(f"y must have labels among {self.classes}, got {y[row]!r} at row {row}")
        is_class = y[:, None] == (self.classes[1:] if self.n_outputs == 1 else self.classes)
        return np.where(is_class[:, 0] if self.n_outputs == 1 else is_class, 1.0, -1.0)

    def of_validation(self, judged: Any) -> Any:
        """What to validate with, with targets as `fit` takes them; a fraction and None are as they were."""
        if not isinstance(judged, tuple):
            return judged
        rows, y, *weights = judged
        known = as_labels(y, classes=self.classes, is_of_numbers=self.is_of_numbers)
        return (rows, self.targets(known.y), *weights)

    @property
    def score(self) -> Callable[[Array, Array], float]:
        """The accuracy of what `predict` of a model says, against its targets."""
        if not self.is_of_numbers:
            return accuracy_score  # type: ignore[no-any-return]
        if self.has_several or self.n_outputs == 1:
            return lambda y, scores: accuracy_score(y > 0, scores > 0)
        return lambda y, scores: accuracy_score(y.argmax(axis=1), scores.argmax(axis=1))

    def weighted(self, class_weight: Any, sample_weight: Any) -> Array | Any:
        """Weights of rows for a loss of numbers, which knows no classes."""
        if class_weight is None:
            return sample_weight
        if self.has_several:
            raise ValueError("class_weight must be None where y has several labels a row; give sample_weight")
        by_class = compute_class_weight(class_weight, classes=self.classes, y=self.y)
        of_rows = by_class[np.searchsorted(self.classes, self.y)]
        return of_rows if sample_weight is None else of_rows * np.asarray(sample_weight)


def is_multilabel(y: Any) -> bool:
    """Whether there are several labels a row."""
    return bool(type_of_target(y) == "multilabel-indicator")


def as_labels(y: Any, *, classes: Array | None, is_of_numbers: bool) -> Labels:
    """Labels of rows; `classes` are those that there are, if not all may be in `y`."""
    check_classification_targets(y)
    if is_multilabel(y):
        y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        numbers = np.arange(y.shape[1]) if classes is None else classes
        if len(numbers) != y.shape[1]:
            raise ValueError(f"y must have {len(numbers)} labels a row, as in fit, got shape {y.shape}")
        return Labels(y=y, classes=numbers, has_several=True, is_of_numbers=is_of_numbers)
    y = column_or_1d(y, warn=True)
    found = np.unique(y) if classes is None else classes
    if len(found) < 2:
        raise ValueError(f"The number of classes has to be greater than one; got {len(found)} class")
    return Labels(y=y, classes=found, has_several=False, is_of_numbers=is_of_numbers)


def first_classes(estimator: Any, classes: Any, y: Any) -> Array | None:
    """The classes of a call of `partial_fit`: those known, or those given in the first call."""
    known: Array | None = getattr(estimator, "classes_", None)
    if known is None:
        if classes is None and not is_multilabel(y):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return None if classes is None else np.unique(classes)
    if classes is not None and not np.array_equal(known, np.unique(classes)):
        raise ValueError(
            f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}"
        )
    return known


def refuse_balanced(class_weight: Any) -> None:
    """What `partial_fit` cannot know: how many rows each class will have."""
    if isinstance(class_weight, str):
        raise ValueError(
            f"class_weight {class_weight!r} is not supported for partial_fit. In order to use 'balanced' "
            "weights, use compute_class_weight('balanced', classes=classes, y=y). In place of y you can use "
            "a large enough sample of the full training set target to properly estimate the class frequency "
            "distributions. Pass the resulting weights as the class_weight parameter."
        )
