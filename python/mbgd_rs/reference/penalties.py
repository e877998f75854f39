"""What large coefficients cost."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .naming import name_of

Array = NDArray[Any]


class Penalty:
    """l1 |W| + l2/2 |W|^2: strengths for all coefficients, for each column, or for each coefficient.

    |W| is the sum of absolute values or, for groups, of the 2-norms of columns. For a vector both are the
    same.
    """

    def __init__(self, penalty: Any) -> None:
        alpha = np.asarray(getattr(penalty, "alpha", 1e-4))
        l1_ratio = getattr(penalty, "l1_ratio", 0.15)
        name = name_of(penalty)
        if name not in ("nonetype", "l2", "l1", "elasticnet", "groupl1", "groupelasticnet"):
            raise ValueError(
                f'penalty must be one of "l2", "l1", "elasticnet", "group_l1", "group_elasticnet", None, '
                f"got {penalty!r}"
            )
        ratios = {"l2": 0.0, "l1": 1.0, "groupl1": 1.0}
        self.l1 = np.zeros(()) if name == "nonetype" else alpha * ratios.get(name, l1_ratio)
        self.l2 = np.zeros(()) if name == "nonetype" else alpha * (1 - ratios.get(name, l1_ratio))
        self.has_l1, self.has_l2 = bool(self.l1.any()), bool(self.l2.any())
        self.is_group = name.startswith("group")

    def sizes(self, w: Array) -> Array:
        """|w_j| or |W_j|, in the shape of w or of one row of it."""
        return np.linalg.norm(w, axis=0) if self.is_group and w.ndim == 2 else np.abs(w)

    def value(self, w: Array) -> float:
        return float((self.l1 * self.sizes(w)).sum() + (self.l2 / 2 * w * w).sum())

    def add_gradient(self, w: Array, g: Array) -> None:
        """Of the smooth part."""
        if self.has_l2:
            g += self.l2 * w

    def add_subgradient(self, w: Array, g: Array) -> None:
        """Of the other part, zero where it may be."""
        sizes = self.sizes(w)
        g += self.l1 * w / np.where(sizes == 0, 1, sizes)

    def shrink(self, w: Array, rate: Array) -> None:
        """The proximal map of the other part, in place; rate is of the shape of w, and one for groups."""
        by = self.l1 * rate
        if self.is_group and w.ndim == 2:
            by, sizes = by[0], self.sizes(w)
            w *= np.maximum(1 - by / np.where(sizes == 0, 1, sizes), 0)
        else:
            w[...] = np.sign(w) * np.maximum(np.abs(w) - by, 0)
