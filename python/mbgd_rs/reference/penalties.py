"""What large coefficients cost."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .naming import name_of

Array = NDArray[Any]


def penalty_strengths(penalty: Any) -> tuple[float, float]:
    """l1 and l2 in l1 |w|_1 + l2/2 |w|^2."""
    alpha, l1_ratio = getattr(penalty, "alpha", 1e-4), getattr(penalty, "l1_ratio", 0.15)
    match name_of(penalty):
        case "nonetype":
            return 0.0, 0.0
        case "l2":
            return 0.0, alpha
        case "l1":
            return alpha, 0.0
        case "elasticnet":
            return alpha * l1_ratio, alpha * (1 - l1_ratio)
    raise ValueError(f'penalty must be one of "l2", "l1", "elasticnet", None, got {penalty!r}')


def shrink(w: Array, by: Any) -> None:
    """The proximal map of the l1 norm, in place: sign(w) max(|w| - by, 0)."""
    w[...] = np.sign(w) * np.maximum(np.abs(w) - by, 0)
