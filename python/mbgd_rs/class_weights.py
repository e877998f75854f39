"""Weights of classes as weights of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .inputs import as_float, in_place, scaled_down
from .labels import places

__all__ = [
    "ClassWeight",
    "balanced",
    "by_label",
    "check_class_weight",
    "class_of",
    "weights_of_classes",
    "weights_of_rows",
]

Array = NDArray[Any]
ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


def weights_of_classes(
    class_weight: ClassWeight, classes: Array | None, targets: Array, sample_weight: Array | None
) -> Array:
    """How much each class counts.

    Targets are those of :func:`mbgd_rs.labels.as_classes`. "balanced" gives every class the same weight in
    all, ``sum(s) / (n_classes * sum of s over the class)``, as scikit-learn does; a label that a dict does
    not name has weight 1.
    """
    check_class_weight(class_weight)
    if classes is None:
        raise ValueError("class_weight needs a loss of classes, and y one label a row; give sample_weight")
    if targets.shape[1] > 1:
        raise ValueError("class_weight must be None where y has several labels a row; give sample_weight")
    if isinstance(class_weight, Mapping):
        return by_label(class_weight, classes)
    s = np.ones(len(targets)) if sample_weight is None else sample_weight.astype(np.float64)
    return balanced(np.bincount(class_of(targets, classes), s, len(classes)))


def check_class_weight(class_weight: Any) -> None:
    """Refuses what is no way to weight classes; that there are classes is checked elsewhere."""
    if isinstance(class_weight, Mapping) or (isinstance(class_weight, str) and class_weight == "balanced"):
        return
    kind = ValueError if isinstance(class_weight, str) else TypeError
    raise kind(f"class_weight must be a dict, 'balanced' or None, got {class_weight!r}")


def balanced(totals: Array) -> Array:
    """How much each class counts if all are to have the same weight, where these are the sums of weights.

    The sum of all is that of these sums, which rows that come in chunks have to the bit.
    """
    weights: Array = totals.sum() / len(totals) / np.where(totals > 0, totals, 1)
    return weights


def weights_of_rows(weights: Array, classes: Array, targets: Array, sample_weight: Array | None) -> Array:
    """The weights of the rows, multiplied by those of their classes."""
    s = np.ones(len(targets)) if sample_weight is None else sample_weight.astype(np.float64)
    return in_place(scaled_down(s * scaled_down(weights)[class_of(targets, classes)]), targets.dtype)


def class_of(targets: Array, classes: Array) -> Array:
    """The number of the class of each row."""
    y = targets[:, 0]
    return (y > 0).astype(np.intp) if len(classes) == 2 else y.astype(np.intp)


def by_label(class_weight: Mapping[Any, float], classes: Array) -> Array:
    """The weight of each class.

    A dict may name labels that these rows do not have, if it names all that they have: then none is misspelt.
    """
    weights, is_named, unknown = np.ones(len(classes)), np.zeros(len(classes), bool), []
    for label, value in class_weight.items():
        weight = as_float(f"class_weight of {label!r}", value)
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"class_weight of {label!r} must be finite and >= 0, got {weight}")
        try:
            place = places(np.array([label], classes.dtype if classes.dtype == object else None), classes)[0]
        except (TypeError, ValueError):
            unknown.append(label)
            continue
        weights[place], is_named[place] = weight, True
    if unknown and not is_named.all():
        names = ", ".join(map(repr, classes.tolist()))
        raise ValueError(f"class_weight must have labels among {names}, got {unknown[0]!r}")
    return weights
