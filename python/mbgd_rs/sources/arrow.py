"""Columns of Arrow as arrays, and as the rows of a matrix. pyarrow is imported by whoever has columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoding import Encoding

__all__ = [
    "Where",
    "codes_of",
    "fill",
    "is_encodable",
    "is_number",
    "is_text",
    "label_values",
    "numbers_of_column",
    "values_of",
]

Array = NDArray[Any]
Where = Callable[[int], str]
"""Where a row of the chunk is, in words."""
TILE_LINES, TILE_COLUMNS = 127, 64
"""A tile: so many lines of the cache of each of so many columns. An odd number, or lines that are read one
after another would compete for the same places in the cache."""
LINE_BYTES = 64
FEW_COLUMNS = 16
"""Less than these are not worth a tile."""


def is_text(kind: Any) -> bool:
    """Whether a type of Arrow is one of text, or of categories."""
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind))


def is_number(kind: Any) -> bool:
    """Whether a type of Arrow is one of numbers, booleans among them."""
    from pyarrow import types

    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)
    )


def is_encodable(kind: Any) -> bool:
    """Whether a column of this type may become one column for each value, or be hashed."""
    from pyarrow import types

    return is_text(kind) or bool(types.is_integer(kind) or types.is_boolean(kind))


def values_of(kind: Any) -> Any:
    """The type of the values of a column: dictionaries, short and long texts are ways of storing the same."""
    from pyarrow import string, types

    if types.is_dictionary(kind):
        kind = kind.value_type
    return string() if types.is_large_string(kind) else kind


def in_one_piece(column: Any) -> Any:
    """A chunked column as an array, without a copy if it has one chunk."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def check_no_nulls(argument: str, name: str, column: Any, where: Where) -> None:
    """Refuses a column with nulls, by the first row that has one."""
    if column.null_count:
        row = int(column.is_null().to_numpy(zero_copy_only=False).argmax())
        refuse_missing(argument, "null", name, row, where)


def refuse_missing(argument: str, value: str, name: str, row: int, where: Where) -> None:
    """Says where something is missing."""
    hint = "impute what is missing, or leave these rows out" if argument == "X" else "leave these rows out"
    raise ValueError(
        f"{argument} must be without missing values, got {value} at {where(row)}, column {name!r}: {hint}"
    )


def numbers_of_column(argument: str, name: str, column: Any, where: Where) -> Array:
    """A column of numbers as an array, in place where it can be; nulls and NaN are refused."""
    from pyarrow import types

    array = in_one_piece(column)
    check_no_nulls(argument, name, array, where)
    if types.is_decimal(array.type):
        return decimals(array)
    numbers: Array = array.to_numpy(zero_copy_only=not types.is_boolean(array.type))
    if numbers.dtype.kind == "f":
        # A sum is much faster than a look at each number. It is NaN of infinities of both signs, too.
        with np.errstate(invalid="ignore", over="ignore"):
            may_have_nan = np.isnan(np.add.reduce(numbers))
        if may_have_nan and (is_nan := np.isnan(numbers)).any():
            refuse_missing(argument, "NaN", name, int(is_nan.argmax()), where)
    return numbers


def decimals(array: Any) -> Array:
    """Decimals as floats, those of up to 15 digits rounded correctly: Arrow multiplies by a power of 0.1."""
    from pyarrow import float64, types

    kind = array.type
    if not (types.is_decimal128(kind) and kind.precision <= 15 and 0 <= kind.scale <= 15):
        as_floats: Array = array.cast(float64()).to_numpy(zero_copy_only=False)
        return as_floats
    halves = np.frombuffer(array.buffers()[1], "<i8")  # of 16 bytes the lower 8, which have all of it
    whole: Array = halves[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    quotients: Array = whole / 10.0**kind.scale
    return quotients


def label_values(argument: str, name: str, column: Any, where: Where) -> tuple[list[Any], Array]:
    """The distinct values of a column, and which of them each row has."""
    from pyarrow import types

    array = in_one_piece(column)
    check_no_nulls(argument, name, array, where)
    if not types.is_dictionary(array.type):
        array = array.dictionary_encode()
    return array.dictionary.to_pylist(), array.indices.to_numpy(zero_copy_only=False)


def codes_of(name: str, column: Any, encoding: Any, where: Where) -> Array:
    """The column that each row has of those that a column of text becomes."""
    values, index = label_values("X", name, column, where)
    codes: Array = encoding.places(values)[index]
    if len(codes) and codes.min() < 0:
        row = int(codes.argmin())
        value = values[index[row]]
        raise ValueError(
            f"X must have values {encoding.wanted()} in column {name!r}, got {value!r} at {where(row)}"
        )
    return codes


def fill(out: Array, columns: Sequence[Array]) -> None:
    """Write columns into the columns of a matrix in C order, tile by tile.

    A tile of columns is copied to where it is in one piece, and from there row by row. A whole column at a
    time would bring every line of the matrix into the cache once for each of its entries.
    """
    n_rows = TILE_LINES * LINE_BYTES // out.itemsize
    tile = np.empty((min(len(columns), TILE_COLUMNS), n_rows), out.dtype)
    for start in range(0, len(out), n_rows):
        stop = min(start + n_rows, len(out))
        for first in range(0, len(columns), TILE_COLUMNS):
            some = columns[first : first + TILE_COLUMNS]
            rows = out[start:stop, first : first + len(some)]
            into = rows.T if len(some) < FEW_COLUMNS else tile[: len(some), : stop - start]
            for j, column in enumerate(some):
                into[j] = column[start:stop]
            if len(some) >= FEW_COLUMNS:
                rows[...] = into.T


def width_of(encoding: Encoding) -> int:
    """How many columns of X a column becomes."""
    return 1 if encoding is None else encoding.width
