"""Averages of the parameters to predict with; training goes on from the parameters."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .registry import name_of

Array = NDArray[Any]


class Average:
    """The mean of the parameters after every step from `start` on: of equal weight, or falling by `decay`."""

    def __init__(self, average: Any) -> None:
        self.name = name_of(average)
        if self.name not in ("polyak", "ema"):
            raise ValueError(f'average must be one of "polyak", "ema", None, got {average!r}')
        self.start, self.decay = getattr(average, "start", 0), getattr(average, "decay", 0.999)
        self.weight = 0.0
        self.sum: Any = 0.0

    def step(self, w: Array, t: int) -> None:
        if t >= self.start:
            decay = self.decay if self.name == "ema" else 1.0
            self.sum = decay * self.sum + w.astype(np.float64)
            self.weight = decay * self.weight + 1

    def model(self, w: Array) -> Array:
        """The mean, or the parameters as long as there is none."""
        return np.asarray(self.sum / self.weight, w.dtype) if self.weight else w
