"""Data frames of pandas, polars and pyarrow as arrays, column by column.

None of these libraries is imported: a frame is told by its attributes. It is read column by column, since of
columns of several types these libraries make Python objects, or count a date as a number of days.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Names, located, names_of
from .entries import numbers_of, refuse_text

__all__ = ["columns_of", "frame_array"]

Array = NDArray[Any]
ROWS_AT_ONCE = 1024
"""Of all columns, when a matrix is filled: so many lines of it stay in the cache."""


def columns_of(values: Any) -> Sequence[Any] | None:
    """The columns of a data frame; None of anything else."""
    if isinstance(values, np.ndarray) or len(getattr(values, "shape", ())) != 2:
        return None
    if hasattr(values, "column_names"):  # pyarrow
        return list(values.columns)
    if hasattr(values, "get_columns"):  # polars
        return list(values.get_columns())
    if hasattr(values, "iloc") and hasattr(values, "columns"):  # pandas
        return [values.iloc[:, j] for j in range(values.shape[1])]
    return None


def frame_array(name: str, values: Any) -> Array | None:
    """The numbers of a data frame, of the least type that has all of them; None of what is no data frame.

    Missing entries of a column without NaN, as that of pandas' "Int64", become NaN of float64.
    """
    if has_one_type(values):
        return np.asarray(values)
    given = columns_of(values)
    if not given:
        return None
    columns = numeric(name, [np.asarray(column) for column in given], names_of(values))
    matrix = np.empty((len(columns[0]), len(columns)), np.result_type(*columns))
    for start in range(0, len(matrix), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        for j, column in enumerate(columns):
            matrix[rows, j] = column[rows]
    return matrix


def has_one_type(values: Any) -> bool:
    """Whether a pandas frame has one of NumPy's types of numbers in all columns, and may be an array."""
    is_frame = hasattr(values, "iloc") and hasattr(values, "columns")
    kinds = set(values.dtypes) if is_frame else set()
    return len(kinds) == 1 and all(isinstance(kind, np.dtype) and kind.kind in "biuf" for kind in kinds)


def numeric(name: str, columns: list[Array], names: Names | None) -> list[Array]:
    """The columns, if all are of numbers or of objects that are."""
    texts = {j: place for j, column in enumerate(columns) if (place := first_text(column)) is not None}
    if texts:
        (j, row), *others = texts.items()
        known = tuple(range(len(columns))) if names is None else names
        refuse_text(name, columns[j].item(row), (row, j), names, tuple(known[other] for other, _ in others))
    found = []
    for j, column in enumerate(columns):
        if column.dtype.kind in "mM":
            raise TypeError(
                f"{name} must be an array of numbers, got {column.dtype} at {located((0, j), names)}: "
                "turn dates and times into numbers first, as the days since the first of them"
            )
        found.append(numbers_of(name, column, names, j) if column.dtype.kind not in "biuf" else column)
    return found


def first_text(column: Array) -> int | None:
    """The row of the first text in a column."""
    if column.dtype.kind in "UST":
        return 0 if len(column) else None
    if column.dtype.kind != "O":
        return None
    return next((row for row, value in enumerate(column) if isinstance(value, str | bytes)), None)
