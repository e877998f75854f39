"""The learning rate that ``learning_rate="auto"`` has chosen."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AutoRate"]


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
