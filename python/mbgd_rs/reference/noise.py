"""How noisy the gradient of a batch is, from the gradients of its rows, one by one."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .objective import Objective, Parameters, taken
from .shuffle import Rows

Array = NDArray[Any]

STEPS_BETWEEN_LOOKS, WHERE_BATCHES_GROW = 8, 4
STEPS_BETWEEN_SECOND_LOOKS = 64


@dataclass(frozen=True)
class Noise:
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


def row_gradients(objective: Objective, w: Parameters, rows: Rows) -> Array:
    """The gradient of the loss of each row, weight and all, without the penalty: shape (b, n_params)."""
    x, y = taken(objective.X, rows), taken(objective.y, rows)
    r = objective.loss.slope(x @ w.coef.T + w.intercept, y)
    if objective.s is not None:
        r = r * taken(objective.s, rows)
    if objective.row_factors is not None:
        r = r * taken(objective.row_factors, rows).reshape(-1, *(1 for _ in objective.outputs))
    r, x = np.asarray(r, np.float64).reshape(len(x), -1), np.asarray(x, np.float64)
    coef = (r[:, :, None] * x[:, None, :]).reshape(len(x), -1)
    return np.concatenate([coef, r * objective.fit_intercept], axis=1)


def noise_of(objective: Objective, w: Parameters, rows: Rows, g: Array, draws: bool) -> Noise:
    """The noise of the gradient g on the rows of a batch; `draws` if they are drawn with replacement."""
    of_rows = row_gradients(objective, w, rows)
    b, n = len(of_rows), len(objective.X)
    trace = float(((of_rows - of_rows.mean(axis=0)) ** 2).sum() / (b - 1)) if b > 1 else math.nan
    variance = trace / b * (1 if draws else 1 - b / n) if draws or b < n else 0.0
    squared_norm = float((np.asarray(g, np.float64) ** 2).sum())
    along = float((of_rows @ g).var(ddof=1)) if b > 1 else math.nan
    return Noise(b, trace, variance, squared_norm - variance, squared_norm, along)


class Growth:
    """The size of batches that are to pass the norm test, `batch_sizes.NormTest`."""

    def __init__(self, test: Any, draws: bool, accumulate: int) -> None:
        self.test, self.draws, self.accumulate = test, draws, accumulate
        self.most = test.max_batch_size or math.inf
        self.batch_size = min(test.batch_size, self.most)
        self.seen: list[Noise] = []

    def end_epoch(self, n_positions: int) -> None:
        """Lets the batches of the next epoch be so large that a step would pass."""
        if self.seen:
            trace = sum(noise.trace for noise in self.seen)
            of_noise = self.test.theta**2 * sum(noise.batch_squared_norm for noise in self.seen)
            rows_inverse = np.float64(of_noise) / trace + (0 if self.draws else 1 / n_positions)
            wanted = np.ceil(1 / rows_inverse / self.accumulate)
            if not np.isnan(wanted):
                self.batch_size = max(self.batch_size, int(min(wanted, self.most, n_positions)))
        self.seen = []
