"""A learning rate that nobody has to tune: 1 / L(b) to begin with, then what the data say."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .losses import (
    Focal,
    Huber,
    LogCosh,
    LogLoss,
    ModifiedHuber,
    SmoothHinge,
    Softmax,
    SquaredEpsilonInsensitive,
    SquaredError,
    SquaredHinge,
)
from .objective import Objective, Parameters

Array = NDArray[Any]
ALL = slice(None)
CURVATURE: dict[Any, float] = {
    SquaredError: 1.0, Huber: 1.0, LogCosh: 1.0, SquaredEpsilonInsensitive: 2.0, LogLoss: 0.25, Softmax: 0.5,
    SquaredHinge: 2.0, ModifiedHuber: 2.0,
}  # fmt: skip
"""Bounds on the second derivative of the losses that have one."""


def curvature_of(loss: Any) -> float | None:
    """A bound on the second derivative of a loss, if there is one."""
    if isinstance(loss, SmoothHinge):
        return float(1 / loss.smoothing)
    if isinstance(loss, Focal):
        margin, gamma = np.arange(-2000, 2001) / 100.0, loss.gamma
        q, minus_log = 1 / (1 + np.exp(margin)), np.log1p(np.exp(-margin))
        p = 1 - q
        second = q**gamma * p * (gamma * minus_log * (gamma * p - q) + (1 + 2 * gamma) * q)
        return float(second.max() * 1.001)
    return CURVATURE.get(type(loss))


def smoothness(objective: Objective) -> tuple[float, float]:
    """L and L_max: Lipschitz constants of the gradient, of the mean over all rows and of the worst row.

    L is from power iterations on at most 2048 rows. A loss without a bound on its curvature counts as 1.

    >>> objective = Objective(np.eye(2), np.zeros(2), None, "squared_error", None, fit_intercept=False)
    >>> smoothness(objective)
    (0.5, 1.0)
    """
    X, n, has_intercept = objective.X, len(objective.X), objective.fit_intercept
    s = np.ones(n, X.dtype) if objective.s is None else objective.s.reshape(n)
    curvature = curvature_of(objective.loss) or 1.0
    norms = s * ((X.astype(np.float64) ** 2).sum(axis=1) + has_intercept)
    largest = float(norms.max())
    factors = 1.0 if objective.row_factors is None else objective.row_factors
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
    l2 = float(objective.penalty.l2.max())
    return curvature * eigenvalue + l2, curvature * float((factors * norms).max()) + l2


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

    def begin_step(self, w: Parameters, epoch: int, step: int, n_steps: int) -> None:
        pass

    def after_step(self, w: Parameters) -> None:
        pass

    def model(self, w: Array) -> Array:
        return w

    def alternative(self) -> Array | None:
        return self.best if self.losses else None


class Trials:
    """For gradients on batches: the steps fall into trials, after which there is a look at the objective."""

    def __init__(self, rate: float, value_at: Callable[[Array], float], w: Parameters, rule: Any) -> None:
        self.rate, self.value_at, self.velocity = rate, value_at, rule.v
        self.loss = value_at(w.flat)
        self.is_growing, self.n_retreats = True, 0
        self.t = self.n_kept = 0  # steps made, and those in the model
        self.begun = self.n_steps = 0  # of the trial, which is to begin with the next step if it has no steps
        self.average, self.tail = w.flat.copy(), w.flat.copy()
        self.refuge = w.flat.copy()  # the objective there is self.loss

    def begin_step(self, w: Parameters, epoch: int, step: int, n_steps: int) -> None:
        if self.n_steps and self.t - self.begun >= self.n_steps:
            self.judge(self.value_at(self.tail), w)
        if self.n_steps:
            return
        self.begun, self.n_kept_before = self.t, self.n_kept
        self.average_before = self.average.copy()
        if epoch < 2:
            self.n_steps = min(-(-n_steps // (3 - epoch)), n_steps - step)
        else:
            self.n_steps = n_steps * max(epoch // 3, 1) - step

    def before_step(self, loss: float, w: Array, g: Array) -> float:
        return loss

    def after_step(self, w: Parameters) -> None:
        self.t += 1
        if not np.isfinite(w.flat).all():
            self.take_back(w)
            self.rate *= 0.125
            self.n_steps = 0
            return
        self.n_kept += 1
        self.average += w.flat.dtype.type(4 / (self.n_kept + 3)) * (w.flat - self.average)
        position, half = self.t - self.begun, self.n_steps // 2
        if position > half:
            self.tail += w.flat.dtype.type(1 / (position - half)) * (w.flat - self.tail)

    def model(self, w: Array) -> Array:
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
        self.n_steps = 0

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
    objective: Objective, w: Parameters, rule: Any, b: int, draws: bool, sees_all: bool
) -> Spectral | Trials:
    """The rate for steps on b rows, from w on. draws: whether an epoch may have a row more than once.
    sees_all: whether each step is on all rows, and nothing but the gradient decides how.
    """
    n, decay = len(objective.X), rule.weight_decay
    full, row = (constant + decay for constant in smoothness(objective))
    rate, rate_of_all = (1 / L if L > 0 else 1.0 for L in (expected_smoothness(full, row, n, b, draws), full))
    is_smooth = curvature_of(objective.loss) is not None
    if sees_all and is_smooth and not (draws or rule.momentum or decay):
        return Spectral(rate, rate_of_all / 2)

    def value_at(flat: Array) -> float:
        coef = flat[: w.flat_coef.size].astype(np.float64)
        return objective.value_at(flat) + float(decay / 2 * (coef @ coef))

    if not is_smooth:
        rate = search(objective, value_at, w, rate_of_all) * min(rate / rate_of_all, 1.0)
    return Trials(rate, value_at, w, rule)


def share_of_rate(rule: Any) -> float:
    """The share of a rate that a step has, so that steps along a gradient that stays are not longer."""
    return float(min((1 - rule.momentum) / (1 - rule.dampening), 1)) if rule.dampening < 1 else 1.0


def best_model(auto: Spectral | Trials, objective: Objective, model: Array) -> Array:
    """The model in the end, or other parameters that the rate has seen, if they are better."""
    before = auto.alternative()
    value_at = auto.value_at if isinstance(auto, Trials) else objective.value_at
    if before is None or value_at(model) <= value_at(before):
        return model
    return before


def search(objective: Objective, value_at: Callable[[Array], float], w: Parameters, rate: float) -> float:
    """The rate, times a power of 4, with which one step over all rows brings the objective down most."""
    g = objective.zeros()
    objective.gradient(w, ALL, g, wants_value=False)
    loss = value_at(w.flat)

    def after(rate: float) -> float:
        value = value_at((w.flat.astype(np.float64) - rate * g.flat).astype(w.flat.dtype))
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
