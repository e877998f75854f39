"""Estimators in model files: the result in it, and what makes an estimator of that."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from ..model_file import write_model
from ..result import FitResult

__all__ = ["estimator_of", "save_estimator"]

FOLLOWING = ("result_", "history_")
"""Attributes that follow from the rest of the file."""
PRIVATE = ("_has_several_labels",)
"""Attributes without an underscore at their end that predicting needs."""


def save_estimator(estimator: Any, path: str | os.PathLike[str], *, state: bool) -> None:
    """Write a fitted estimator: its result, its parameters, and attributes that do not follow from these."""
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if type(estimator).__module__.split(".")[0] != __package__.split(".")[0]:
        raise TypeError(
            f"the estimator must be one of mbgd_rs to be saved, got {name}, which is derived from one"
        )
    shown = estimator._fitted(estimator.result_)
    attributes = {}
    for of, value in vars(estimator).items():
        if of in FOLLOWING or not is_attribute(of):
            continue
        dense = value.toarray() if sparse.issparse(value) else value
        if of not in shown or not is_same(dense, shown[of]):
            attributes[of] = dense
    section = {
        "class": name,
        "params": estimator.get_params(deep=False),
        "attributes": attributes,
        "is_sparse": sparse.issparse(getattr(estimator, "coef_", None)),
    }
    write_model(path, estimator.result_, state=state, estimator=section)


def estimator_of(section: dict[str, Any], result: FitResult, kinds: dict[str, type[Any]]) -> Any:
    """The estimator that was saved, one of `kinds`; ValueError, TypeError or KeyError if it is none."""
    if section.keys() != {"class", "params", "attributes", "is_sparse"}:
        raise ValueError(
            f"its estimator must have a class, parameters and attributes, got {list(section)!r:.100}"
        )
    estimator = kinds[section["class"]](**section["params"])
    vars(estimator).update(estimator._fitted(result), history_=result.history)
    for name, value in section["attributes"].items():
        if not is_attribute(name) or name in FOLLOWING:
            raise ValueError(f"its estimator has an attribute {name!r:.100}, which no estimator has")
        shown = getattr(estimator, name, None)
        if isinstance(shown, np.ndarray | list) and not is_like(value, shown):
            raise ValueError(f"{name} must have shape {shape_of(shown)} and be finite, got {value!r:.100}")
        setattr(estimator, name, value)
    check_consistent(estimator, result)
    return estimator.sparsify() if section["is_sparse"] else estimator


def check_consistent(estimator: Any, result: FitResult) -> None:
    """That what predicting needs is there, and is that of one model."""
    if estimator.n_features_in_ != result.n_columns:
        raise ValueError(f"n_features_in_ must be {result.n_columns}, got {estimator.n_features_in_!r:.100}")
    if not is_classifier(estimator):
        return
    classes, k = estimator.classes_, result.n_outputs
    n_classes = k if estimator._has_several_labels else max(k, 2)
    if not isinstance(classes, np.ndarray) or classes.shape != (n_classes,):
        raise ValueError(f"classes_ must be {n_classes} labels, got {classes!r:.100}")


def is_attribute(name: str) -> bool:
    """Whether a name is one of what `fit` sets."""
    return name in PRIVATE or (name.endswith("_") and not name.startswith("_"))


def is_same(value: Any, shown: Any) -> bool:
    """Whether an attribute is what the result shows, and was not changed since."""
    if isinstance(value, list) and isinstance(shown, list) and len(value) == len(shown):
        return all(map(is_same, value, shown))
    one, other = np.asarray(value), np.asarray(shown)
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def is_like(value: Any, shown: Any) -> bool:
    """Whether finite numbers may take the place of those that the result shows."""
    if isinstance(shown, list):
        return isinstance(value, list) and len(value) == len(shown) and all(map(is_like, value, shown))
    return isinstance(value, np.ndarray) and value.shape == shown.shape and bool(np.isfinite(value).all())


def shape_of(shown: Any) -> Any:
    """The shape of an array, or those of a list of them."""
    return [array.shape for array in shown] if isinstance(shown, list) else shown.shape
