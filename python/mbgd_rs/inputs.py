"""Arguments as the core wants them: arrays in C order, plain numbers. Nothing is computed here."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .columns import Names, located, names_of
from .entries import ENCODE, numbers_of
from .frames import frame_array
from .sparse import SparseRows, as_sparse_rows, is_sparse
from .tensors import unwrapped

__all__ = [
    "as_flag",
    "as_float",
    "as_integer",
    "as_matrix",
    "as_numbers",
    "as_offset",
    "as_real_targets",
    "as_row_numbers",
    "as_rows",
    "as_strength",
    "as_type",
    "as_weights",
    "in_place",
    "scaled_down",
]

Array = NDArray[Any]
MODERATE = 64
"""Weights whose largest is within 2**-64 and 2**64 are not scaled before they are cast."""


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


def as_strength(name: str, value: Any) -> float:
    """The strength of a penalty."""
    strength = as_float(name, value)
    if not 0 <= strength < np.inf:
        raise ValueError(f"{name} must be finite and >= 0, got {value!r}")
    return strength


def as_array(name: str, values: Any) -> Array:
    """Whatever NumPy understands, of real numbers."""
    if is_sparse(values):
        raise TypeError(f"{name} must be an array, got a sparse matrix; pass {name}.toarray()")
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: choose values for what is masked with filled()")
    values = unwrapped(name, values)
    array = frame_array(name, values)
    if array is None:
        try:
            array = np.asarray(values)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} must be an array of numbers: {error}") from None
    if array.dtype == object:
        array = numbers_of(name, array, names_of(values))
    if array.dtype.kind not in "biuf":
        hint = ENCODE.get(name, "") if array.dtype.kind in "UST" else ""
        raise TypeError(f"{name} must be an array of real numbers, got dtype {array.dtype}{hint}")
    return array


def in_place(array: Array, dtype: type | np.dtype[Any]) -> Array:
    """The array itself if it is of native `dtype`, aligned and in C order, else a copy that is."""
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused as such
        return np.require(array, dtype, ["C", "A"])


def as_numbers(array: Array) -> Array:
    """The entries as the core reads them, in one dimension; a bool as the byte it is."""
    flat = in_place(array, array.dtype.newbyteorder("=")).reshape(-1)
    return flat.view(np.uint8) if array.dtype == np.bool_ else flat


def fitted(name: str, array: Array, dtype: np.dtype[Any], of: str = "X") -> Array:
    """The array in the type of X: finite numbers stay finite, and not all of them become 0."""
    if array.dtype == dtype or (array.dtype.kind == "f" and array.dtype.itemsize <= dtype.itemsize):
        return in_place(array, dtype)
    cast = np.empty(array.shape, dtype)
    found = _core.cast_numbers(as_numbers(array), cast.reshape(-1))
    if found is None:  # of long doubles, which NumPy alone knows
        cast = in_place(array, dtype)
        is_lost = (~np.isfinite(cast) & np.isfinite(array)).reshape(-1)
        found = int(is_lost.argmax()) if is_lost.any() else None, float(np.abs(array).max(initial=0))
    lost, largest = found
    if lost is not None:
        place = tuple(map(int, np.unravel_index(lost, array.shape)))
        raise ValueError(
            f"{name} must be within the range of {dtype}, the type of {of}, got {array[place]} "
            f"at {located(place)}"
        )
    if name == "y" and 0 < largest < np.finfo(dtype).tiny:
        raise ValueError(
            f"y must be within the range of {dtype}, the type of {of}, got {largest} at most: "
            "scale y, or give X as float64"
        )
    return cast


def as_matrix(values: Any) -> Array:
    """X as float32 if it is float32 or float16, else float64; shape (n, d). Used in place where possible."""
    X = as_array("X", values)
    if X.ndim != 2:
        hint = ", reshape it with X.reshape(-1, 1) or X.reshape(1, -1)" if X.ndim == 1 else ""
        raise ValueError(f"X must have 2 dimensions, got shape {X.shape}{hint}")
    if 0 in X.shape:
        raise ValueError(f"X must have at least one row and one column, got shape {X.shape}")
    matrix = in_place(X, np.float32 if X.dtype.kind == "f" and X.dtype.itemsize <= 4 else np.float64)
    check_cells("X", matrix, names_of(values), ": impute what is missing, or leave these rows out")
    return matrix


def check_cells(name: str, matrix: Array, names: Names | None, hint: str) -> None:
    """That all entries are finite, where columns have names: elsewhere the core is asked, who knows none."""
    if names is None or np.isfinite(matrix).all():
        return
    place = tuple(np.argwhere(~np.isfinite(matrix))[0].tolist())
    got = "NaN" if np.isnan(matrix[place]) else matrix[place]
    raise ValueError(
        f"{name} must be finite, got {got} at {located(place, names)}{hint if got == 'NaN' else ''}"
    )


def as_rows(values: Any) -> Array | SparseRows:
    """X, dense or sparse."""
    if isinstance(values, SparseRows):
        return values
    return as_sparse_rows(values) if is_sparse(values) else as_matrix(values)


def as_type(name: str, rows: Array | SparseRows, dtype: np.dtype[Any], of: str) -> Array | SparseRows:
    """Rows in the type of others."""
    return rows.astype(dtype) if isinstance(rows, SparseRows) else fitted(name, rows, dtype, of)


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
    targets = fitted("y", y if y.ndim == 2 else y[:, None], X.dtype)
    check_cells("y", targets, names_of(values), ": leave these rows out")
    return targets, y.ndim == 1


def as_weights(values: Any, X: Array | SparseRows, exponent: int | None = None) -> Array | None:
    """Sample weights of shape (n,); `exponent` is that of the largest of all, where these are some."""
    if values is None:
        return None
    weights = as_array("sample_weight", values)
    if weights.shape != (len(X),):
        raise ValueError(f"sample_weight must have shape ({len(X)},), got {weights.shape}")
    return in_place(scaled_down(weights, exponent), X.dtype)


def as_offset(values: Any, X: Array | SparseRows, n_outputs: int) -> Array | None:
    """Offsets of the scores, shape (n, k)."""
    if values is None:
        return None
    offset = as_array("offset", values)
    if offset.ndim == 1 and n_outputs == 1:
        offset = offset[:, None]
    if offset.shape != (len(X), n_outputs):
        expected = f"({len(X)},) or ({len(X)}, 1)" if n_outputs == 1 else f"({len(X)}, {n_outputs})"
        raise ValueError(
            f"offset must have shape {expected}, a number for each score of a row, got {np.shape(values)}"
        )
    return fitted("offset", offset, X.dtype)


def exponent_of(weights: Array) -> int:
    """Of the power of two by which weights, which have no unit, are divided: 0 if the largest is moderate."""
    if weights.dtype.kind != "f":
        return 0
    exponent = int(np.frexp(weights[np.isfinite(weights)].max(initial=0))[1])  # 0 for 0
    return exponent if abs(exponent) > MODERATE else 0


def scaled_down(weights: Array, exponent: int | None = None) -> Array:
    """Weights over a power of two, that of the largest by default."""
    exponent = exponent_of(weights) if exponent is None else exponent
    if exponent == 0:
        return weights
    is_wrong = ~(np.isfinite(weights) & (weights >= 0))  # which the scaled ones might no longer be
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise ValueError(f"sample_weight must be finite and >= 0, got {weights[row]:g} at row {row}")
    scaled: Array = np.ldexp(weights, -exponent)
    return scaled
