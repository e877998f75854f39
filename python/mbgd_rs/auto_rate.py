"""The learning rate that ``learning_rate="auto"`` has chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["AutoRate", "auto_rate_of"]


@dataclass(frozen=True)
class AutoRate:
    """What ``learning_rate="auto"`` has found out and chosen.

    Attributes
    ----------
    smoothness : float
        L, the Lipschitz constant of the gradient of the objective over all rows; from at most 2048 of them.
    row_smoothness : float
        L_max, that of the row where it is largest.
    batch_smoothness : float
        L(b), the expected smoothness of the batches; the run has begun with the rate 1 / L(b).
    learning_rate : float
        Where the rate is now. With momentum m, that of a step along gradients that stay the same: each step
        has (1 - m) of it.
    method : {"spectral", "trials"}
        How the rate follows the data: see :class:`mbgd_rs.optimizers.SGD`.
    """

    smoothness: float
    row_smoothness: float
    batch_smoothness: float
    learning_rate: float
    method: str


def auto_rate_of(state: dict[str, Any]) -> AutoRate | None:
    """What the state of a run says of its automatic rate; None with a rate that was given."""
    saved = state.get("auto_rate")
    if saved is None:
        return None
    method, numbers, _ = saved
    smoothness, row_smoothness, batch_smoothness, learning_rate = map(float, numbers[:4])
    return AutoRate(smoothness, row_smoothness, batch_smoothness, learning_rate, method)
