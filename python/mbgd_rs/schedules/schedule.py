"""What all schedules have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from .. import _core
from ..choices import Choice, without_arrays
from ..inputs import as_integer

__all__ = ["LearningRate", "Schedule"]


@dataclass(frozen=True)
class Schedule(Choice):
    """What all schedules have in common."""

    def __post_init__(self) -> None:
        without_arrays(self)
        for of in fields(self):
            value = getattr(self, of.name)
            # A number of steps is often computed: 20 * n / b.
            if of.type == "int" and isinstance(value, float | np.floating) and value.is_integer():
                object.__setattr__(self, of.name, int(value))
        _core.check(self)

    def __call__(self, t: int) -> float:
        """Learning rate of step `t`, counted from 0."""
        return _core.learning_rate_at(self, as_integer("t", t, 0))


LearningRate = float | Schedule | Callable[[int], float]
"""What a learning rate may be given as."""
