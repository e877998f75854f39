"""What all results of instruments have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from html import escape
from typing import Any

import numpy as np

__all__ = ["Diagnosis", "described", "table"]


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis:
    """A frozen result: numbers, strings and arrays, with a row for each batch size where there are many."""

    def __repr__(self) -> str:
        values = (f"{field.name}={_short(getattr(self, field.name))}" for field in fields(self))
        return f"{type(self).__name__}({', '.join(values)})"

    def _repr_html_(self) -> str:
        """A table for notebooks: a row for each field."""
        return table(type(self).__name__, {field.name: getattr(self, field.name) for field in fields(self)})


def table(caption: str, values: Mapping[str, Any]) -> str:
    """Names and values in HTML, a row for each."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(_short(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table><caption>{escape(caption)}</caption>{rows}</table>"


def _short(value: Any) -> str:
    """A value as one reads it: four digits, and of long arrays the ends."""
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray) and value.dtype == object:  # reasons: each once
        return "; ".join(dict.fromkeys(reason for reason in value.flat if reason))
    if isinstance(value, np.ndarray):
        with np.printoptions(precision=4, threshold=12, edgeitems=3):
            return " ".join(str(value).split())
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))})"
    return repr(value)


def described(block: Any) -> str:
    """The type and the shape of a block of parameters, or those of its arrays."""
    if not isinstance(block, list):
        return f"{np.asarray(block).dtype} of shape {np.shape(block)}"
    return f"{block[0].dtype} of shapes {', '.join(str(array.shape) for array in block)}"
