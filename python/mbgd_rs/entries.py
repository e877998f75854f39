"""Entries that are Python objects: as numbers, and which of them are missing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Names, located, written

__all__ = ["ENCODE", "is_missing", "numbers_of", "refuse_text"]

Array = NDArray[Any]
ENCODE = {
    "X": ": encode text as numbers first, as sklearn.preprocessing.OneHotEncoder does, or leave it out",
    "y": ": labels are for a loss of classes, as 'log_loss'",
}


def is_missing(label: Any) -> bool:
    """None, NaN, and pandas' NA and NaT: what is not equal to itself, or will not say."""
    try:
        return label is None or not bool(label == label)
    except (TypeError, ValueError):
        return True


def numbers_of(name: str, array: Array, names: Names | None = None, column: int | None = None) -> Array:
    """Python objects as floats, missing ones as NaN.

    Entries are located by the names of the columns; those of a vector that is a `column` of a frame, as such.
    """
    if not any(isinstance(value, str | bytes) for value in array.flat):  # which float() would parse
        with suppress(TypeError, ValueError, OverflowError):
            return array.astype(np.float64)
    floats = np.full(array.shape, np.nan)
    for place, value in np.ndenumerate(array):
        if is_missing(value):
            continue
        at = place if column is None else (*place, column)
        if isinstance(value, str | bytes):
            refuse_text(name, value, at, names)
        try:
            floats[place] = value
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(
                f"{name} must be an array of numbers, got {value!r} at {located(at, names)}: {error}"
            ) from None
    return floats


def refuse_text(
    name: str, value: Any, place: tuple[int, ...], names: Names | None, others: tuple[Any, ...] = ()
) -> None:
    """Says where the first text is, in which other columns there is some, and what to do."""
    also = f", and text in {written(list(others))} too" if others else ""
    raise TypeError(
        f"{name} must be an array of numbers, got {value!r} at {located(place, names)}{also}"
        f"{ENCODE.get(name, '')}"
    )
