"""Values as JSON with arrays beside it, and back.

None, bools, integers, finite floats, text and lists look as JSON has them. All others are objects with a tag:

========================================  ==========================================================
``{"float": "inf"}``                      a float that is not finite: "inf", "-inf" or "nan"
``{"tuple": [...]}``                      a tuple
``{"dict": [[key, value], ...]}``         a dict
``{"array": name, "of": ...}``            an array: the name of its tensor; for "of" see `arrays.py`
``{"items": [...], "of": "object"}``      an array of Python objects, or of "StringDType"
``{"columns": [[name, value], ...]}``     an array with fields
``{"choice": [family, name], "with": .}``  a choice of a family, and its fields
========================================  ==========================================================
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..averages import Average
from ..batch_sizes import BatchSizes
from ..choices import Choice, members_of
from ..losses import Loss
from ..models import Model
from ..optimizers import Optimizer
from ..penalties import Penalty
from ..preconditioners import Preconditioner
from ..sampling import Sampling
from ..schedules import Schedule
from ..stopping import StopRule
from .arrays import as_tensor, from_tensor

__all__ = ["CannotBeSavedError", "Reading", "Writing"]

Array = NDArray[Any]
FAMILIES: dict[str, type[Any]] = {
    family.__name__: family
    for family in (
        Average,
        BatchSizes,
        Loss,
        Model,
        Optimizer,
        Penalty,
        Preconditioner,
        Sampling,
        Schedule,
        StopRule,
    )
}
NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


class CannotBeSavedError(TypeError):
    """A value that a file cannot have, as a function of the user's."""


class Writing:
    """Values as JSON; their arrays gather in `arrays`, by the places of the values."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}

    def value(self, place: str, given: Any) -> Any:
        """The value as JSON; `place` is what errors call it."""
        if given is None or isinstance(given, bool | np.bool_):
            return None if given is None else bool(given)
        if isinstance(given, str):
            return str(given)
        if isinstance(given, int | np.integer) and not isinstance(given, np.timedelta64):
            return int(given)
        if isinstance(given, float | np.float16 | np.float32):
            number = float(given)
            return number if math.isfinite(number) else {"float": str(number)}
        if isinstance(given, list):
            return self.items(place, given)
        if isinstance(given, tuple):
            return {"tuple": self.items(place, given)}
        if isinstance(given, dict):
            pairs = given.items()
            return {"dict": [[self.value(place, key), self.value(f"{place}.{key}", v)] for key, v in pairs]}
        if isinstance(given, np.ndarray):
            return self.array(place, given)
        if isinstance(given, Choice):
            return self.choice(place, given)
        raise CannotBeSavedError(
            f"{place} must be of numbers, text, lists, tuples, dicts, arrays or choices of this package to "
            f"be saved, got {given!r}"
        )

    def items(self, place: str, given: list[Any] | tuple[Any, ...]) -> list[Any]:
        """Each on its own."""
        return [self.value(f"{place}.{i}", value) for i, value in enumerate(given)]

    def array(self, place: str, array: Array) -> dict[str, Any]:
        """An array of any type that labels may have."""
        if array.dtype.names is not None:
            return {
                "columns": [[name, self.array(f"{place}.{name}", array[name])] for name in array.dtype.names]
            }
        if array.dtype.kind in "OT" and array.ndim == 1:
            of = "object" if array.dtype.kind == "O" else "StringDType"
            return {"items": self.items(place, array.tolist()), "of": of}
        try:
            tensor, of_type = as_tensor(array)
        except KeyError:
            raise CannotBeSavedError(
                f"{place} must be an array of numbers, bools, text or times to be saved, got {array.dtype} "
                f"of shape {array.shape}"
            ) from None
        while place in self.arrays:  # the names of a user's metrics, say, may have dots
            place += "'"
        self.arrays[place] = tensor
        return {"array": place} if of_type is None else {"array": place, "of": of_type}

    def choice(self, place: str, choice: Any) -> dict[str, Any]:
        """A choice by family and name, which is how it is found again."""
        for family_name, family in FAMILIES.items():
            for name, member in members_of(family).items():
                if type(choice) is member:
                    given = {of.name: getattr(choice, of.name) for of in fields(choice)}
                    made = {of: self.value(f"{place}.{of}", value) for of, value in given.items()}
                    return {"choice": [family_name, name], "with": made}
        raise CannotBeSavedError(
            f"{place} must be a choice of this package to be saved, got one of {type(choice).__name__}"
        )


class Reading:
    """Values of JSON; each array is there for one of them."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = dict(arrays)

    def value(self, saved: Any) -> Any:
        """The value that was saved; ValueError, TypeError or KeyError if it is none."""
        match saved:
            case None | bool() | int() | str():
                return saved
            case float() if math.isfinite(saved):
                return saved
            case list():
                return [self.value(item) for item in saved]
            case {"float": str(name), **rest} if not rest:
                return NOT_FINITE[name]
            case {"tuple": list(items), **rest} if not rest:
                return tuple(self.value(item) for item in items)
            case {"dict": list(pairs), **rest} if not rest:
                return {self.value(key): self.value(value) for key, value in pairs}
            case {"array": str(name), **rest} if not rest:
                return self.arrays.pop(name)
            case {"array": str(name), "of": str(of), **rest} if not rest:
                return from_tensor(self.arrays.pop(name), of)
            case {"items": list(items), "of": "object", **rest} if not rest:
                return self.objects(items)
            case {"items": list(items), "of": "StringDType", **rest} if not rest:
                return np.array(self.texts(items), dtype=np.dtypes.StringDType())
            case {"columns": list(columns), **rest} if not rest:
                return self.records(columns)
            case {"choice": [str(family), str(name)], "with": dict(given), **rest} if not rest:
                member = members_of(FAMILIES[family])[name]
                return member(**{str(of): self.value(value) for of, value in given.items()})
            case _:
                raise ValueError(f"a value must be one of the kinds of this format, got {saved!r:.100}")

    def objects(self, items: list[Any]) -> Array:
        """An array of Python objects, also where these are sequences."""
        made = np.empty(len(items), object)
        for i, item in enumerate(items):
            made[i] = self.value(item)
        return made

    def texts(self, items: list[Any]) -> list[str]:
        """Items that are text."""
        for item in items:
            if not isinstance(item, str):
                raise ValueError(f"StringDType must be of text, got {item!r:.100}")
        return items

    def records(self, columns: list[Any]) -> Array:
        """Columns of one length as an array with fields."""
        found = {str(name): self.value(value) for name, value in columns}
        if not found:
            raise ValueError("an array with fields must have some")
        n = len(next(iter(found.values())))
        made = np.empty(n, [(name, column.dtype) for name, column in found.items()])
        for name, column in found.items():
            if column.shape != (n,):
                raise ValueError(f"columns must have shape ({n},), got {column.shape} for {name}")
            made[name] = column
        return made
