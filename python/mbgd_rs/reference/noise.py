"""How noisy the gradient of a batch is, from the gradients of its rows, one by one."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .model import Parameters
from .objective import Objective
from .shuffle import Batches, Rows, joined

Array = NDArray[Any]

STEPS_BETWEEN_PROBES = 8
STEPS_BETWEEN_PROBES_ALONG = 64


@dataclass(frozen=True)
class BatchNoise:
    """What a batch of b rows says about its gradient g, the mean of those of its rows and the penalty's."""

    batch_size: int
    trace: float
    """sum_i |g_i - mean|^2 / (b - 1), an unbiased estimate of tr(Sigma)."""
    variance: float
    """Of g around that of all rows: trace / b, times 1 - b/n where rows are drawn without replacement."""
    squared_norm: float
    """|g|^2 - variance, an unbiased estimate of |G|^2."""
    batch_squared_norm: float
    variance_along: float
    """var_i(g_i . g)."""


def row_gradients(
    objective: Objective, data: Data, w: Parameters, rows: Rows, masks: list[Array] | None = None
) -> Array:
    """The gradient of the loss of each row, weight and all, without the penalty: shape (b, n_params)."""
    x, y, s, o = data.batch(rows, drawn=True)
    z, trace = objective.model.forward(w, x, o, masks)
    r = objective.compared(objective.slopes(z, y, s), data, rows)
    return objective.model.row_gradients(w, trace, r)


def noise_of(
    objective: Objective, data: Data, w: Parameters, rows: Rows, g: Array, replacement: bool,
    masks: list[Array] | None = None,
) -> BatchNoise:  # fmt: skip
    """The noise of the gradient g on the rows of a batch."""
    of_rows = row_gradients(objective, data, w, rows, masks)
    b, n = len(of_rows), len(data)
    trace = float(((of_rows - of_rows.mean(axis=0)) ** 2).sum() / (b - 1)) if b > 1 else math.nan
    variance = trace / b * (1 if replacement else 1 - b / n) if replacement or b < n else 0.0
    squared_norm = float((np.asarray(g, np.float64) ** 2).sum())
    along = float((of_rows @ g).var(ddof=1)) if b > 1 else math.nan
    return BatchNoise(b, trace, variance, squared_norm - variance, squared_norm, along)


class NoiseProbe:
    """Measures the noise of the gradient of every so many-th step."""

    def __init__(self, objective: Objective, data: Data, replacement: bool, steps_between: int) -> None:
        self.objective, self.data = objective, data
        self.replacement, self.steps_between = replacement, steps_between

    def measure(
        self, t: int, w: Parameters, batches: list[Rows], g: Parameters, masks: list[Array] | None
    ) -> BatchNoise | None:
        """The noise of the gradient g of step t, if it is one of these."""
        if t % self.steps_between:
            return None
        return noise_of(self.objective, self.data, w, joined(batches), g.flat, self.replacement, masks)


def make_probe(objective: Objective, data: Data, batches: Batches, is_recorded: bool) -> NoiseProbe | None:
    """A probe, if the noise is recorded, or the batch size follows it."""
    steps_between = batches.size.steps_between_probes or (STEPS_BETWEEN_PROBES if is_recorded else 0)
    return NoiseProbe(objective, data, batches.replacement, steps_between) if steps_between else None
