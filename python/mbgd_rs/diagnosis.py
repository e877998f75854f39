"""What all results of instruments have in common."""

from __future__ import annotations

from dataclasses import dataclass, fields
from html import escape
from typing import Any

import numpy as np

__all__ = ["Diagnosis"]


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """A frozen result: numbers, strings and arrays, with a row for each batch size where there are many."""

    def __repr__(self) -> str:
        values = (f"{field.name}={_short(getattr(self, field.name))}" for field in fields(self))
        return f"{type(self).__name__}({', '.join(values)})"

    def _repr_html_(self) -> str:
        """A table for notebooks: a row for each field."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(field.name)}</th>"
            f"<td style='text-align:left'>{escape(_short(getattr(self, field.name)))}</td></tr>"
            for field in fields(self)
        )
        return f"<table><caption>{escape(type(self).__name__)}</caption>{rows}</table>"


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
