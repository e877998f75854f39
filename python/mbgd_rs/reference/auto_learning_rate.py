"""The automatic learning rate: 1 / L(b) to begin with, then what the data say."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .learning_rate import LearningRate, Scheduled
from .model import Parameters
from .objective import Objective
from .shuffle import Batches, Rows
from .solver import Solver

Array = NDArray[Any]
ValueAt = Callable[[Array], float]
"""The objective over all rows at given parameters."""


def smoothness(objective: Objective, data: Data) -> tuple[float, float]:
    """L and L_max: Lipschitz constants of the gradient, of the mean over all rows and of the worst row.

    L is from power iterations on at most 2048 rows. A loss without a bound on its curvature counts as 1.

    >>> from mbgd_rs.reference.objective import make_problem
    >>> objective, data, _ = make_problem(np.eye(2), np.zeros(2), None, "squared_error", None, False)
    >>> smoothness(objective, data)
    (0.5, 1.0)
    """
    X, n, has_intercept = data.X, len(data), objective.model.fit_intercept
    s = np.ones(n, X.dtype) if data.s is None else data.s.reshape(n)
    curvature = objective.loss.curvature or 1.0
    norms = s * ((X.astype(np.float64) ** 2).sum(axis=1) + has_intercept)
    largest = float(norms.max())
    importance = 1.0 if data.importance_weights is None else data.importance_weights
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
    return curvature * eigenvalue + l2, curvature * float((importance * norms).max()) + l2


class Smoothness(NamedTuple):
    """Of steps along the gradient, as a metric knows it."""

    smoothness: float
    leverage: float


def expected_smoothness(full: float, row: float, n: int, b: int, replacement: bool) -> float:
    """L(b) of batches of b of n rows (Gower et al. 2019), between L_max for b = 1 and L for b = n.

    >>> expected_smoothness(1.0, 10.0, n=10, b=1, replacement=False)
    10.0
    """
    share_of_row = 1 / b if replacement else (n - b) / (b * max(n - 1, 1))
    return full + share_of_row * (row - full)


class Spectral(LearningRate):
    """For gradients over all rows: Barzilai and Borwein's rates; steps that lead too high are taken back."""

    wants_loss = True

    def __init__(self, rate: float, floor: float, value_at: ValueAt) -> None:
        self.rate, self.floor, self.value_at = rate, floor, value_at
        self.losses: list[float] = []  # the last three accepted
        self.best_loss = math.inf
        self.w = self.g = self.best_w = np.empty(0)

    def observe(self, loss: float, w: Parameters, g: Parameters) -> float:
        if self.losses and not loss <= max(self.losses):
            w.flat[...], g.flat[...] = self.w, self.g
            self.rate *= 0.25
            return self.losses[-1]
        if self.losses:
            moved, turned = w.flat.astype(np.float64) - self.w, g.flat.astype(np.float64) - self.g
            self.rate = max(self.rate_after(moved, turned), self.floor)
        self.w, self.g = w.flat.copy(), g.flat.copy()
        self.losses = [*self.losses[-2:], loss]
        if loss < self.best_loss:
            self.best_loss, self.best_w = loss, w.flat.copy()
        return loss

    def rate_after(self, s: Array, y: Array) -> float:
        """The rate after the parameters moved by s and the gradient changed by y."""
        if not s.any():
            return self.rate
        if s @ y <= 0:
            return 4 * self.rate
        long, short = float(s @ s / (s @ y)), float(s @ y / (y @ y))
        return long if short > 0.5 * long else short

    def at(self, t: int) -> float:
        return self.rate

    def best(self, model: Array) -> Array:
        return better(model, self.best_w, self.value_at) if self.losses else model


class Trials(LearningRate):
    """For gradients on batches: steps come in trials, after each of which the objective is evaluated."""

    def __init__(self, rate: float, value_at: ValueAt, w: Parameters, rule: Any) -> None:
        self.rate, self.value_at, self.velocity = rate, value_at, rule.v
        self.share = share_of_rate(rule)
        self.loss = value_at(w.flat)
        self.is_growing, self.n_backtracks = True, 0
        self.epoch = self.n_steps_of_epoch = self.t_of_epoch = 0
        self.t = self.n_averaged = 0  # steps made, and those in the average
        self.begun = self.n_steps = 0  # of the trial; without steps, it begins with the next one
        self.average, self.tail = w.flat.copy(), w.flat.copy()
        self.checkpoint = w.flat.copy()  # the objective there is self.loss

    def begin_epoch(self, epoch: int, steps: list[list[Rows]]) -> None:
        self.epoch, self.n_steps_of_epoch, self.t_of_epoch = epoch, len(steps), self.t

    def prepare(self, w: Parameters, batches: list[Rows]) -> None:
        if self.n_steps and self.t - self.begun >= self.n_steps:
            self.evaluate(self.value_at(self.tail), w)
        if self.n_steps:
            return
        self.begun, self.n_averaged_before = self.t, self.n_averaged
        self.average_before = self.average.copy()
        n_steps, step = self.n_steps_of_epoch, self.t - self.t_of_epoch
        if self.epoch < 2:
            self.n_steps = min(-(-n_steps // (3 - self.epoch)), n_steps - step)
        else:
            self.n_steps = n_steps * max(self.epoch // 3, 1) - step

    def at(self, t: int) -> float:
        return self.rate * self.share

    def accept(self, w: Parameters, loss: float) -> tuple[bool, float]:
        self.t += 1
        if not np.isfinite(w.flat).all():
            self.backtrack(w)
            self.rate *= 0.125
            self.n_steps = 0
            return False, self.loss
        self.n_averaged += 1
        self.average += w.flat.dtype.type(4 / (self.n_averaged + 3)) * (w.flat - self.average)
        position, half = self.t - self.begun, self.n_steps // 2
        if position > half:
            self.tail += w.flat.dtype.type(1 / (position - half)) * (w.flat - self.tail)
        return True, loss

    def end_epoch(self, loss: float, w: Parameters) -> None:
        is_lost = self.loss != 0 and not loss <= 10 * abs(self.loss)
        if is_lost and self.t - self.begun < self.n_steps:  # the trial leads away: it is over
            self.n_steps = self.t - self.begun
            self.tail = w.flat.copy()

    def is_trying(self) -> bool:
        return self.t - self.begun < self.n_steps or not self.n_steps

    def model(self, w: Array) -> Array:
        return self.average

    def evaluate(self, loss: float, w: Parameters) -> None:
        """Ends a trial that led to this objective."""
        size = abs(self.loss)
        if loss <= self.loss + 0.02 * size:
            if size > 0:  # an objective of 0 says nothing of the rate
                self.rate *= 2.0 if self.is_growing else 1.3
            self.keep(loss)
        elif self.is_growing or self.n_backtracks or not loss <= self.loss + 0.1 * size:
            self.backtrack(w)
            self.rate *= 0.125 if self.n_backtracks > 1 or not math.isfinite(loss) else 0.5
        else:
            self.rate *= 0.5
            self.is_growing = False
            self.keep(loss)
        self.n_steps = 0

    def keep(self, loss: float) -> None:
        self.n_backtracks = 0
        if loss < self.loss:
            self.loss = loss
            self.checkpoint[...] = self.tail

    def backtrack(self, w: Parameters) -> None:
        w.flat[...], self.average[...] = self.checkpoint, self.average_before
        self.n_averaged = self.n_averaged_before
        self.velocity.fill(0)
        self.is_growing, self.n_backtracks = False, self.n_backtracks + 1

    def best(self, model: Array) -> Array:
        return better(model, self.checkpoint, self.value_at) if self.t else model


def better(model: Array, other: Array, value_at: ValueAt) -> Array:
    return model if value_at(model) <= value_at(other) else other


def make_learning_rate(
    objective: Objective, data: Data, w: Parameters, rule: Any, batches: Batches, is_clipped: bool, seed: int
) -> LearningRate:
    """The control of the learning rate that an optimizer's choice stands for."""
    is_given, has_metric = rule.learning_rate != "auto", rule.preconditioner is not None
    if rule.variance_reduction is not None or (has_metric and is_given):
        return Solver(objective, data, w, rule, batches, seed)
    if is_given:
        return Scheduled(rule.learning_rate)
    (b, is_full_batch), replacement, decay = batches.first_step(), batches.replacement, rule.weight_decay
    if has_metric:  # the same in all steps, which trials compare
        Solver(objective, data, w, rule, batches, seed).build(w)
    found = rule.metric or Smoothness(*smoothness(objective, data))
    full, row = found.smoothness + decay, found.leverage + decay
    expected = expected_smoothness(full, row, len(data), b, replacement)
    rate, rate_of_all = (1 / L if L > 0 else 1.0 for L in (expected, full))
    is_smooth = objective.loss.curvature is not None
    is_plain = not (replacement or is_clipped or rule.momentum or decay or has_metric)
    if is_full_batch and is_smooth and is_plain:
        return Spectral(rate, rate_of_all / 2, lambda flat: objective.value_at(flat, data))

    def value_at(flat: Array) -> float:
        coef = flat[: w.flat_weights.size].astype(np.float64)
        return objective.value_at(flat, data) + float(decay / 2 * (coef @ coef))

    if not is_smooth:
        rate = search(objective, data, value_at, w, rule, rate_of_all) * min(rate / rate_of_all, 1.0)
    return Trials(rate, value_at, w, rule)


def share_of_rate(rule: Any) -> float:
    """The share of the rate that a step has, so that momentum makes no step along one gradient longer."""
    return float(min((1 - rule.momentum) / (1 - rule.dampening), 1)) if rule.dampening < 1 else 1.0


def search(
    objective: Objective, data: Data, value_at: ValueAt, w: Parameters, rule: Any, rate: float
) -> float:
    """The rate, times a power of 4, with which one step over all rows brings the objective down most."""
    g = objective.model.zeros()
    objective.gradient(w, data, [slice(0, len(data))], g, wants_loss=False)
    direction = g.flat if rule.metric is None else rule.metric.direction(g.flat, rule.n_coef)
    loss = value_at(w.flat)

    def after(rate: float) -> float:
        value = value_at((w.flat.astype(np.float64) - rate * direction).astype(w.flat.dtype))
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
