"""Arguments as the core wants them: arrays in C order, plain numbers. Nothing is computed here."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sparse import SparseRows, as_sparse_rows, is_sparse

__all__ = [
    "as_classes",
    "as_flag",
    "as_float",
    "as_integer",
    "as_labels",
    "as_matrix",
    "as_params",
    "as_real_targets",
    "as_row_numbers",
    "as_rows",
    "as_weights",
]

Array = NDArray[Any]
LARGEST_TABLE = 1 << 16
"""Integer labels from a range up to this are counted instead of sorted."""


def as_integer(name: str, value: Any, low: int, high: int = 2**63 - 1) -> int:
    """A Python or NumPy integer in [low, high]; a bool or a float, even a whole one, is not meant as such."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if not low <= number <= high:
        condition = f">= {low}" if number < low else f"<= {high}"
        raise ValueError(f"{name} must be {condition}, got {number}")
    return number


def as_flag(name: str, value: Any) -> bool:
    """A bool, and nothing that merely has a truth value."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a bool, got {value!r}")
    return bool(value)


def as_float(name: str, value: Any) -> float:
    """A number; a bool is not meant as such."""
    if isinstance(value, bool | np.bool_ | str):
        raise TypeError(f"{name} must be a number, got {value!r}")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None


def as_array(name: str, values: Any) -> Array:
    """Whatever NumPy understands, of real numbers."""
    if is_sparse(values):
        raise TypeError(f"{name} must be an array, got a sparse matrix; pass {name}.toarray()")
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: choose values for what is masked with filled()")
    try:
        array = np.asarray(values)
        if array.dtype == object:
            if any(isinstance(value, str | bytes) for value in array.flat):
                raise TypeError("got strings")  # which float() would parse
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of real numbers, got dtype {array.dtype}")
    return array


def in_place(array: Array, dtype: type | np.dtype[Any]) -> Array:
    """The array itself if it is of native `dtype`, aligned and in C order, else a copy that is."""
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
        return np.require(array, dtype, ["C", "A"])


def as_matrix(values: Any) -> Array:
    """X as float32 if it is float32 or float16, else float64; shape (n, d). Used in place where possible."""
    X = as_array("X", values)
    if X.ndim != 2:
        hint = ", reshape it with X.reshape(-1, 1) or X.reshape(1, -1)" if X.ndim == 1 else ""
        raise ValueError(f"X must have 2 dimensions, got shape {X.shape}{hint}")
    if 0 in X.shape:
        raise ValueError(f"X must have at least one row and one column, got shape {X.shape}")
    return in_place(X, np.float32 if X.dtype.kind == "f" and X.dtype.itemsize <= 4 else np.float64)


def as_rows(values: Any) -> Array | SparseRows:
    """X, dense or sparse."""
    if isinstance(values, SparseRows):
        return values
    return as_sparse_rows(values) if is_sparse(values) else as_matrix(values)


def as_row_numbers(name: str, values: Any) -> NDArray[np.uintp]:
    """Row numbers, >= 0; that there are so many rows is the core's to check."""
    numbers = np.asarray(values)
    if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
        raise TypeError(
            f"{name} must be a list of row numbers, got dtype {numbers.dtype}, shape {numbers.shape}"
        )
    if numbers.size and numbers.min() < 0:
        raise ValueError(f"{name} must be >= 0, got {numbers.min()}")
    return np.ascontiguousarray(numbers, np.uintp)


def as_real_targets(values: Any, X: Array | SparseRows) -> tuple[Array, bool]:
    """Regression targets of shape (n, k), and whether they were given as (n,)."""
    y = as_array("y", values)
    if y.ndim not in (1, 2) or len(y) != len(X) or not y.size:
        raise ValueError(f"y must have shape ({len(X)},) or ({len(X)}, k), got {y.shape}")
    return in_place(y if y.ndim == 2 else y[:, None], X.dtype), y.ndim == 1


def as_classes(values: Any, X: Array | SparseRows, known: Array | None = None) -> tuple[Array, Array]:
    """Labels of any kind as the classes, sorted, and targets (n, 1): -1 and 1 for two, else indices.

    The classes are the distinct labels, or `known` ones.
    """
    y = np.asarray(values)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(y) != len(X):
        raise ValueError(f"y must have shape ({len(X)},) or ({len(X)}, k), got {y.shape}")
    if y.dtype == object:
        missing = np.flatnonzero([is_missing(label) for label in y])
        if missing.size:
            raise ValueError(f"y must be without missing labels, got {y[missing[0]]!r} at row {missing[0]}")
    elif y.dtype.kind in "mM" and np.isnat(y).any():
        row = int(np.flatnonzero(np.isnat(y))[0])
        raise ValueError(f"y must be without missing labels, got {y[row]!r} at row {row}")
    elif y.dtype.kind in "fc" and not np.isfinite(y).all():
        row = int(np.flatnonzero(~np.isfinite(y))[0])
        raise ValueError(f"y must be finite, got {y[row]} at row {row}")
    try:
        classes, index = distinct(y) if known is None else (known, places(y, known))
    except TypeError:
        raise TypeError("y must have labels that can be sorted, got a mixture of types") from None
    if len(classes) < 2:
        raise ValueError(f"y must have at least 2 classes, got only {classes.tolist()}")
    one = X.dtype.type(1)
    targets = np.where(index, one, -one) if len(classes) == 2 else index.astype(X.dtype)
    return classes, targets[:, None]


def as_labels(values: Any, X: Array | SparseRows) -> Array | None:
    """0 and 1, or bools, for each of several labels as -1 and 1, shape (n, k); None if it is of another."""
    if hasattr(values, "toarray"):
        raise TypeError("sparse y is not supported yet, pass y.toarray()")
    y = np.asarray(values)
    if y.ndim != 2 or y.shape[1] < 2 or len(y) != len(X):
        return None
    is_there = np.asarray(y == 1)
    is_wrong = ~(is_there | np.asarray(y == 0))
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0].tolist()
        value = y[row : row + 1, column].tolist()[0]
        raise ValueError(
            f"y must be 0 or 1 where it has several labels a row, got {value!r} at row {row}, column {column}"
        )
    one = X.dtype.type(1)
    labels: Array = np.where(is_there, one, -one)
    return labels


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
        names = ", ".join(map(repr, classes.tolist()))
        raise ValueError(
            f"y must have labels among {names}, got {y[row : row + 1].tolist()[0]!r} at row {row}"
        )
    return index


def is_missing(label: Any) -> bool:
    """None, NaN, and pandas' NA and NaT: what is not equal to itself, or will not say."""
    try:
        return label is None or not bool(label == label)
    except (TypeError, ValueError):
        return True


def as_weights(values: Any, X: Array | SparseRows) -> Array | None:
    """Sample weights of shape (n,)."""
    if values is None:
        return None
    weights = as_array("sample_weight", values)
    if weights.shape != (len(X),):
        raise ValueError(f"sample_weight must have shape ({len(X)},), got {weights.shape}")
    return in_place(weights, X.dtype)


def as_params(name: str, params: Any, n_outputs: int, X: Array | SparseRows) -> Array:
    """A pair (coef, intercept), or something with these attributes, as one flat array."""
    if hasattr(params, "coef") and hasattr(params, "intercept"):
        params = params.coef, params.intercept
    try:
        coef, intercept = params
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a pair (coef, intercept) or a FitResult, got {params!r}") from None
    coef, intercept = as_array(name, coef), as_array(name, intercept)
    shapes = [(X.shape[1],), (1, X.shape[1])] if n_outputs == 1 else [(n_outputs, X.shape[1])]
    if coef.shape not in shapes or intercept.size != n_outputs:
        raise ValueError(
            f"{name} must have coef of shape {' or '.join(map(str, shapes))} and {n_outputs} intercept(s), "
            f"got shapes {coef.shape} and {intercept.shape}"
        )
    return in_place(np.concatenate([coef.ravel(), intercept.ravel()]), X.dtype)
