"""Names of columns, where rows are those of a data frame."""

from __future__ import annotations

from typing import Any

__all__ = ["Names", "check_names", "names_of", "written"]

Names = tuple[Any, ...]


def names_of(values: Any) -> Names | None:
    """The names of the columns of a data frame; None without, and for the 0, 1, ... that stand for none."""
    columns, shape = getattr(values, "columns", None), getattr(values, "shape", ())
    if columns is None or len(shape) != 2:
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
        hint = "select them by X[list(result.feature_names)]"
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
