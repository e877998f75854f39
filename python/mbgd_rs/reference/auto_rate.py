"""A learning rate that nobody has to tune: 1 / L(b) to begin with, then what the data say."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .losses import LogLoss, Softmax, SquaredError
from .objective import Objective, Parameters

Array = NDArray[Any]
ALL = slice(None)
CURVATURE: dict[Any, float] = {SquaredError: 1.0, LogLoss: 0.25, Softmax: 0.5}
"""Bounds on the second derivative of the losses that have one."""


def smoothness(objective: Objective) -> tuple[float, float]:
    """L and L_max: Lipschitz constants of the gradient, of the mean over all rows and of the worst row.

    L is from power iterations on at most 2048 rows. A loss without a bound on its curvature counts as 1.

    >>> objective = Objective(np.eye(2), np.zeros(2), None, "squared_error", None, fit_intercept=False)
    >>> smoothness(objective)
    (0.5, 1.0)
    """
    X, n, has_intercept = objective.X, len(objective.X), objective.fit_intercept
    s = np.ones(n, X.dtype) if objective.s is None else objective.s.reshape(n)
    curvature = CURVATURE.get(objective.loss, 1.0)
    largest = float((s * ((X.astype(np.float64) ** 2).sum(axis=1) + has_intercept)).max())
    rows = np.arange(min(n, 2048)) * n // min(n, 2048)
    x = np.column_stack([X[rows], np.full(len(rows), has_intercept, X.dtype)])
    v = 1 + np.arange(x.shape[1]) * 0.6180339887498949 % 1
    v[-1] *= has_intercept
    eigenvalue = 0.0
    for _ in range(32):
        v = (v / np.linalg.norm(v) / math.sqrt(largest or 1.0)).astype(X.dtype)
        product = x.T @ (s[rows] * (x @ v)) / X.dtype.type(len(rows))
        last, eigenvalue = eigenvalue, float(np.linalg.norm(product) / np.linalg.norm(v))
        if eigenvalue == 0 or abs(eigenvalue - last) <= 1e-4 * eigenvalue:
            break
        v = product.astype(np.float64)
    eigenvalue = min(eigenvalue, largest)
    return curvature * eigenvalue + objective.l2, curvature * largest + objective.l2


def expected_smoothness(full: float, row: float, n: int, b: int, replacement: bool) -> float:
    """L(b) of batches of b of n rows (Gower et al. 2019), between L_max for b = 1 and L for b = n.

    >>> expected_smoothness(1.0, 10.0, n=10, b=1, replacement=False)
    10.0
    """
    share_of_row = 1 / b if replacement else (n - b) / (b * max(n - 1, 1))
    return full + share_of_row * (row - full)


class Spectral:
    """For gradients over all rows: Barzilai and Borwein's rates, steps that lead too high taken back."""

    def __init__(self, rate: float, floor: float) -> None:
        self.rate, self.floor = rate, floor
        self.losses: list[float] = []  # the last three accepted
        self.best_loss = math.inf
        self.w = self.g = self.best = np.empty(0)

    def before_step(self, loss: float, w: Array, g: Array) -> float:
        if self.losses and not loss <= max(self.losses):
            w[...], g[...] = self.w, self.g
            self.rate *= 0.25
            return self.losses[-1]
        if self.losses:
            self.rate = max(
                self.rate_after(w.astype(np.float64) - self.w, g.astype(np.float64) - self.g), self.floor
            )
        self.w, self.g = w.copy(), g.copy()
        self.losses = [*self.losses[-2:], loss]
        if loss < self.best_loss:
            self.best_loss, self.best = loss, w.copy()
        return loss

    def rate_after(self, s: Array, y: Array) -> float:
        if not s.any():
            return self.rate
        if s @ y <= 0:
            return 4 * self.rate
        long, short = float(s @ s / (s @ y)), float(s @ y / (y @ y))
        return long if short > 0.5 * long else short

    def after_step(self, w: Parameters) -> Array:
        return w.flat

    def alternative(self) -> Array | None:
        return self.best if self.losses else None


class Trials:
    """For gradients on batches: the steps fall into trials that end with a look at the objective."""

    def __init__(self, rate: float, objective: Objective, w: Parameters, n_steps: int, momentum: Any) -> None:
        self.rate, self.objective, self.n_steps, self.velocity = rate, objective, n_steps, momentum
        self.loss = objective.gradient(w, ALL, None)
        self.is_growing, self.n_retreats = True, 0
        self.t = self.n_kept = 0  # steps made, and those in the model
        self.average, self.tail = w.flat.copy(), w.flat.copy()
        self.refuge = w.flat.copy()  # the objective there is self.loss
        self.begin_trial()

    def begin_trial(self) -> None:
        self.begun, self.n_kept_before = self.t, self.n_kept
        self.average_before = self.average.copy()
        epoch, step = divmod(self.t, self.n_steps)
        if epoch < 2:
            self.n_steps_of_trial = min(-(-self.n_steps // (3 - epoch)), self.n_steps - step)
        else:
            self.n_steps_of_trial = self.n_steps * max(epoch // 3, 1) - step

    def before_step(self, loss: float, w: Array, g: Array) -> float:
        return loss

    def after_step(self, w: Parameters) -> Array:
        self.t += 1
        if not np.isfinite(w.flat).all():
            self.take_back(w)
            self.rate *= 0.125
            self.begin_trial()
            return self.average
        self.n_kept += 1
        self.average += w.flat.dtype.type(4 / (self.n_kept + 3)) * (w.flat - self.average)
        position = self.t - self.begun
        half = self.n_steps_of_trial // 2
        if position > half:
            self.tail += w.flat.dtype.type(1 / (position - half)) * (w.flat - self.tail)
        if position >= self.n_steps_of_trial:
            self.judge(self.objective.value_at(self.tail), w)
        return self.average

    def judge(self, loss: float, w: Parameters) -> None:
        size = abs(self.loss)
        if loss <= self.loss + 0.02 * size:
            self.rate *= 2.0 if self.is_growing else 1.3
            self.keep(loss)
        elif self.is_growing or self.n_retreats or not loss <= self.loss + 0.1 * size:
            self.take_back(w)
            self.rate *= 0.125 if self.n_retreats > 1 or not math.isfinite(loss) else 0.5
        else:
            self.rate *= 0.5
            self.is_growing = False
            self.keep(loss)
        self.begin_trial()

    def keep(self, loss: float) -> None:
        self.n_retreats = 0
        if loss < self.loss:
            self.loss = loss
            self.refuge[...] = self.tail

    def take_back(self, w: Parameters) -> None:
        w.flat[...], self.average[...], self.n_kept = self.refuge, self.average_before, self.n_kept_before
        self.velocity.fill(0)
        self.is_growing, self.n_retreats = False, self.n_retreats + 1

    def alternative(self) -> Array | None:
        return self.refuge if self.t else None


def make_auto_rate(
    objective: Objective, w: Parameters, rule: Any, n_steps: int, b: int, replacement: bool, is_clipped: bool
) -> Spectral | Trials:
    """The rate for batches of b rows, n_steps of them an epoch, from w on."""
    n = len(objective.X)
    full, row = smoothness(objective)
    rate, rate_of_all = (
        1 / L if L > 0 else 1.0 for L in (expected_smoothness(full, row, n, b, replacement), full)
    )
    is_smooth = objective.loss in CURVATURE
    if b == n and is_smooth and not (replacement or rule.momentum or is_clipped):
        return Spectral(rate, rate_of_all / 2)
    if not is_smooth:
        rate = search(objective, w, rate_of_all) * min(rate / rate_of_all, 1.0)
    return Trials(rate, objective, w, n_steps, rule.v)


def best_model(auto: Spectral | Trials, objective: Objective, model: Array) -> Array:
    """The model in the end, or other parameters that the rate has seen, if they are better."""
    before = auto.alternative()
    if before is None or objective.value_at(model) <= objective.value_at(before):
        return model
    return before


def search(objective: Objective, w: Parameters, rate: float) -> float:
    """The rate, times a power of 4, with which one step over all rows brings the objective down most."""
    g = objective.zeros()
    loss = objective.gradient(w, ALL, g)

    def after(rate: float) -> float:
        value = objective.value_at((w.flat.astype(np.float64) - rate * g.flat).astype(w.flat.dtype))
        return math.inf if math.isnan(value) else value

    best, found = after(rate), rate
    shrinks = not best < loss
    for _ in range(40):
        following = found / 4 if shrinks else found * 4
        value = after(following)
        if not shrinks and not value < best:
            break
        best, found = value, following
        if shrinks and best < loss:
            break
    return found
