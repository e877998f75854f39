"""Names of columns, where rows are those of a data frame."""

from __future__ import annotations

from typing import Any

__all__ = ["Names", "check_names", "located", "names_of", "written"]

Names = tuple[Any, ...]


def names_of(values: Any) -> Names | None:
    """The names of the columns of a data frame; None without, and for the 0, 1, ... that stand for none."""
    if len(getattr(values, "shape", ())) != 2:
        return None
    columns = getattr(values, "column_names", None)  # pyarrow's, whose `columns` are the data
    if columns is None:
        columns = getattr(values, "columns", None)
    if columns is None:
        return None
    names = tuple(columns)
    return None if names == tuple(range(len(names))) else names


def check_names(values: Any, known: Names | None) -> None:
    """That the columns of X, if they have names, are those of fit, in its order."""
    names = names_of(values)
    if names is None or known is None or names == known:
        return
    missing = [name for name in known if name not in names]
    unknown = [name for name in names if name not in known]
    if not missing and len(names) == len(known):
        hint = f"select them by X{'.select(' if hasattr(values, 'select') else '['}list(result.feature_names)"
        hint += ")" if hasattr(values, "select") else "]"
        column = next(j for j, (name, other) in enumerate(zip(names, known, strict=True)) if name != other)
        got = f"{names[column]!r} in place of {known[column]!r} at column {column}: {hint}"
    else:
        parts = [f"no {written(missing)}"] if missing else []
        got = ", and ".join(parts + ([f"{written(unknown)} more"] if unknown else []))
    raise ValueError(f"X must have the columns of fit, in its order, got {got or f'{len(names)} columns'}")


def written(names: list[Any], most: int = 5) -> str:
    """Some names, for a message."""
    shown = ", ".join(map(repr, names[:most]))
    return f"{shown} and {len(names) - most} others" if len(names) > most else shown


def located(place: tuple[int, ...], names: Names | None = None) -> str:
    """Where an entry is, for a message, by the name of its column if there is one."""
    words = ("row", "column")
    if len(place) > len(words) or not place:
        return f"index {place}"
    numbered = [f"{word} {index}" for word, index in zip(words, place, strict=False)]
    if names is not None and len(place) == len(words):
        numbered[1] += f" ({names[place[1]]!r})"
    return ", ".join(numbered)
