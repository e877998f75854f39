"""Weights of classes as weights of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .inputs import as_float, in_place, places

__all__ = ["ClassWeight", "with_class_weight"]

Array = NDArray[Any]
ClassWeight = Mapping[Any, float] | Literal["balanced"] | None


def with_class_weight(
    class_weight: ClassWeight, classes: Array | None, targets: Array, sample_weight: Array | None
) -> Array | None:
    """The weights of the rows, multiplied by those of their classes.

    Targets are those of :func:`mbgd_rs.inputs.as_classes`. "balanced" gives every class the same weight in
    all, ``sum(s) / (n_classes * sum of s over the class)``, as scikit-learn does; a label that a dict does
    not name has weight 1.
    """
    if class_weight is None:
        return sample_weight
    if not isinstance(class_weight, Mapping) and not (
        isinstance(class_weight, str) and class_weight == "balanced"
    ):
        kind = ValueError if isinstance(class_weight, str) else TypeError
        raise kind(f"class_weight must be a dict, 'balanced' or None, got {class_weight!r}")
    if classes is None:
        raise ValueError("class_weight needs a loss of classes, and y one label a row; give sample_weight")
    if targets.shape[1] > 1:
        raise ValueError("class_weight must be None where y has several labels a row; give sample_weight")
    if sample_weight is not None and not (np.isfinite(sample_weight) & (sample_weight >= 0)).all():
        return sample_weight  # which the core refuses, by its row
    y = targets[:, 0]
    index = (y > 0).astype(np.intp) if len(classes) == 2 else y.astype(np.intp)
    s = np.ones(len(y)) if sample_weight is None else sample_weight.astype(np.float64)
    if isinstance(class_weight, Mapping):
        weights = by_label(class_weight, classes)
    else:
        total = np.bincount(index, s, len(classes))
        weights = s.sum() / len(classes) / np.where(total > 0, total, 1)
    return in_place(s * weights[index], targets.dtype)


def by_label(class_weight: Mapping[Any, float], classes: Array) -> Array:
    """The weight of each class."""
    weights = np.ones(len(classes))
    for label, value in class_weight.items():
        try:
            place = places(np.array([label], classes.dtype if classes.dtype == object else None), classes)[0]
        except (TypeError, ValueError):
            names = ", ".join(map(repr, classes.tolist()))
            raise ValueError(f"class_weight must have labels among {names}, got {label!r}") from None
        weight = as_float(f"class_weight of {label!r}", value)
        if not (np.isfinite(weight) and weight >= 0):
            raise ValueError(f"class_weight of {label!r} must be finite and >= 0, got {weight}")
        weights[place] = weight
    return weights
