"""Labels as the core wants them: the classes, sorted, and for each row which of them it is of."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .callers import warn
from .columns import located, names_of
from .entries import is_missing
from .inputs import as_numbers, in_place
from .sparse import SparseRows
from .tensors import unwrapped

__all__ = [
    "as_classes",
    "as_labels",
    "as_sorted_classes",
    "distinct",
    "label_array",
    "looks_like_labels",
    "places",
]

Array = NDArray[Any]
LARGEST_TABLE = 1 << 16
"""Integer labels from a range up to this are counted instead of sorted."""
MANY_CLASSES = 20
FEW_ROWS = 10
"""Rows of a class, in the mean, below which many classes are taken for numbers."""
MOST_VALUES = 10
"""Values of a regression's targets up to which these are taken for labels."""


def label_array(name: str, values: Any) -> Array:
    """Labels as an array, without missing ones.

    Of a list that has strings among other things NumPy makes strings of everything, "nan" of NaN; here each
    label stays what it is.
    """
    if hasattr(values, "toarray"):
        raise TypeError(f"sparse {name} is not supported yet, pass {name}.toarray()")
    array = np.asarray(unwrapped(name, values))
    if array.dtype.kind in "US" and isinstance(values, list | tuple):
        given = np.array(values, dtype=object)
        if len({type(label) for label in given.flat} - {np.str_, np.bytes_}) > 1:
            array = given
    if array.dtype.kind in "OT" and array.ndim == 1:
        missing = next((row for row, label in enumerate(array) if is_missing(label)), None)
        if missing is not None:
            raise ValueError(
                f"{name} must be without missing labels, got {array[missing]!r} at row {missing}"
            )
        if all(isinstance(label, Real | np.bool_) for label in array):
            array = np.array(array.tolist())  # the numbers of a nullable column, say
    if array.dtype.kind in "mM" and np.isnat(array).any():
        row = int(np.flatnonzero(np.isnat(array))[0])
        raise ValueError(f"{name} must be without missing labels, got {array[row]!r} at row {row}")
    if array.dtype.kind in "fc" and array.ndim == 1 and not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{name} must be finite, got {array[row]} at row {row}")
    return array


def as_classes(values: Any, X: Array | SparseRows, known: Array | None = None) -> tuple[Array, Array]:
    """Labels of any kind as the classes, sorted, and targets (n, 1): -1 and 1 for two, else indices.

    The classes are the distinct labels, or `known` ones.
    """
    y = np.asarray(unwrapped("y", values))
    encoded = encode_numbers(y, X)
    if encoded is not None and (known is None or np.array_equal(encoded[0], known)):
        classes, targets = encoded
        if known is None:
            check_not_continuous(y.reshape(-1), len(classes))
        return (classes if known is None else known), targets
    y = label_array("y", values if isinstance(values, list | tuple) else y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = label_array("y", y[:, 0])
    if y.ndim != 1 or len(y) != len(X):
        raise ValueError(f"y must have shape ({len(X)},) or ({len(X)}, k), got {y.shape}")
    try:
        classes, index = distinct(y) if known is None else (known, places(y, known))
    except TypeError:
        raise TypeError("y must have labels that can be sorted, got a mixture of types") from None
    if len(classes) < 2:
        hint = "classes=... says which there are in other rows"
        raise ValueError(f"y must have at least 2 classes, got only {classes.tolist()}: {hint}")
    if known is None:
        check_not_continuous(y, len(classes))
    one = X.dtype.type(1)
    targets = np.where(index, one, -one) if len(classes) == 2 else index.astype(X.dtype)
    return classes, targets[:, None]


def encode_numbers(y: Array, X: Array | SparseRows) -> tuple[Array, Array] | None:
    """The same of labels that are numbers: two, or whole ones that are close together; None of others."""
    if y.shape not in ((len(X),), (len(X), 1)) or y.dtype.kind not in "biuf":
        return None
    labels, targets = as_numbers(y), np.empty(len(y), X.dtype)
    rows = _core.encode_labels(labels, targets)
    return None if rows is None else (labels[rows].astype(y.dtype.newbyteorder("=")), targets[:, None])


def check_not_continuous(y: Array, n_classes: int) -> None:
    """Refuses measured numbers, and warns of counted ones: of labels, each comes more than once."""
    if y.dtype.kind not in "iuf" or n_classes <= 2:
        return
    remedy = "for numbers choose a loss of numbers, as 'squared_error'"
    is_measured = y.dtype.kind == "f" and (n_classes > MANY_CLASSES or 2 * n_classes > len(y))
    if is_measured and (has_fraction := y != np.floor(y)).any():
        row = int(has_fraction.argmax())
        raise ValueError(
            f"y must have labels for a loss of classes, got {n_classes} different numbers in {len(y)} rows, "
            f"{y[row]} at row {row}: {remedy}; if they are labels give them as strings"
        )
    if n_classes > MANY_CLASSES and len(y) < FEW_ROWS * n_classes:
        warn(
            f"y has {n_classes} different numbers in {len(y)} rows, each of which is a class: {remedy}",
        )


def looks_like_labels(values: Any) -> str | None:
    """What makes targets of a regression look like labels, in words, or None."""
    y = np.asarray(unwrapped("y", values))
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or y.dtype.kind not in "biuf" or not y.size:
        return None
    if y.dtype.kind == "b":
        return "is of bools"
    first = y[:1000]
    if not np.array_equal(first, np.floor(first)) or len(np.unique(first)) > MOST_VALUES:
        return None
    found = np.unique(y)
    n = len(found)
    is_run = 2 <= n <= MOST_VALUES and np.array_equal(found, found[0] + np.arange(n)) and found[0] in (0, 1)
    if not (is_run or found.tolist() == [-1, 1]) or len(y) < 5 * n:
        return None
    return f"has the values {', '.join(f'{value:g}' for value in found)} only"


def as_sorted_classes(values: Any) -> Array:
    """The labels that there are, in all rows of all calls."""
    given = label_array("classes", values)
    if given.ndim != 1:
        raise ValueError(f"classes must have 1 dimension, got shape {given.shape}")
    try:
        classes = np.unique(given)
    except TypeError:
        raise TypeError("classes must be labels that can be sorted, got a mixture of types") from None
    if len(classes) < 2:
        raise ValueError(f"classes must be at least 2, got {classes.tolist()}")
    return classes


def as_labels(values: Any, X: Array | SparseRows) -> Array | None:
    """0 and 1, or bools, for each of several labels as -1 and 1, shape (n, k); None if it is of another."""
    if hasattr(values, "toarray"):
        raise TypeError("sparse y is not supported yet, pass y.toarray()")
    y = np.asarray(unwrapped("y", values))
    if y.ndim != 2 or y.shape[1] < 2 or len(y) != len(X):
        return None
    if y.dtype == object:  # of nullable columns, say
        y = np.array([[np.nan if is_missing(label) else label for label in row] for row in y], object)
    is_there = np.asarray(y == 1)
    is_wrong = ~(is_there | np.asarray(y == 0))
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0].tolist()
        value = y[row : row + 1, column].tolist()[0]
        raise ValueError(
            f"y must be 0 or 1 where it has several labels a row, got {value!r} at "
            f"{located((row, column), names_of(values))}"
        )
    one = X.dtype.type(1)
    return in_place(np.where(is_there, one, -one), X.dtype)


def distinct(y: Array) -> tuple[Array, Array]:
    """The distinct labels, sorted, and where each label is among them.

    As np.unique, which sorts all labels: for a million of them that takes longer than an epoch of training.
    """
    if y.dtype.kind in "biuf":
        low, high = y.min(), y.max()
        is_high = y == high
        if low != high and (is_high | (y == low)).all():
            return np.array([low, high]), is_high
        if y.dtype.kind in "iu" and int(high) - int(low) < LARGEST_TABLE:
            # Differences of small integers may wrap around; read as unsigned they are right.
            offset = (y - low).view(f"u{y.dtype.itemsize}").astype(np.intp)
            is_there = np.bincount(offset) > 0
            return np.flatnonzero(is_there).astype(y.dtype) + low, (np.cumsum(is_there) - 1)[offset]
    return np.unique(y, return_inverse=True)


def places(y: Array, classes: Array) -> Array:
    """Where each label is among the classes, which are sorted."""
    index = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    is_unseen = np.asarray(classes[index] != y)
    if is_unseen.any():
        row = int(is_unseen.argmax())
        raise ValueError(
            f"y must have labels among {listed(classes.tolist())}, got {y[row : row + 1].tolist()[0]!r} "
            f"at row {row}"
        )
    return index


def listed(labels: Iterable[Any], most: int = 10) -> str:
    """Labels for a message."""
    names = list(map(repr, labels))
    return (
        ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"
    )
