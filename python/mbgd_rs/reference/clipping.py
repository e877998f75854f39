"""Limits to the gradient of a step."""

import math
from typing import Any

import numpy as np

from .model import Parameters


class Clip:
    """A limit to the norm of the gradient, one to the size of its entries, or neither."""

    def __init__(self, norm: float | None, value: float | None, wants_norm: bool) -> None:
        self.norm, self.value, self.wants_norm = norm, value, wants_norm or bool(norm)

    def __bool__(self) -> bool:
        return bool(self.norm or self.value)

    def apply(self, gradient: Parameters, active: Any) -> float:
        """Limits the active entries of the gradient. Returns their norm before, or NaN if unwanted."""
        g, norm = gradient.flat, math.nan
        if self.wants_norm:
            norm = float(np.linalg.norm(g[active]))
        if self.norm and norm > self.norm:
            g[active] *= self.norm / norm
        if self.value:
            g[active] = np.clip(g[active], -self.value, self.value)
        return norm
