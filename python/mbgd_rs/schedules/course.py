"""The course of a learning rate over many steps."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .schedule import Schedule

__all__ = ["rates_at"]

N_RATES = 200
"""Steps that a schedule is asked about."""


def rates_at(rate: Any, first: int, n_steps: int) -> NDArray[np.float64] | None:
    """Learning rates of evenly spread steps; None if a function of the caller's would have to be asked."""
    if isinstance(rate, str) or rate is None or n_steps <= 0 or has_function(rate):
        return None
    if not isinstance(rate, Schedule):
        return np.array([float(rate)])
    steps = first + np.linspace(0, n_steps - 1, min(N_RATES, n_steps)).astype(np.int64)
    return np.array([rate(int(t)) for t in steps])


def has_function(rate: Any) -> bool:
    """Whether a rate is a function of the caller's, or a schedule with one within."""
    if isinstance(rate, tuple | list):
        return any(map(has_function, rate))
    if isinstance(rate, Schedule):
        return any(has_function(getattr(rate, of.name)) for of in fields(rate))
    return callable(rate)
