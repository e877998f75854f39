"""The learning rate as a function of the step."""

import bisect
import math
from typing import Any

from .naming import name_of


def learning_rate_at(schedule: Any, t: int) -> float:
    """The learning rate of step t, counted from 0 over the whole run.

    A number is constant, a function is called; a plateau is left out.
    """
    match name_of(schedule):
        case "constant":
            return float(schedule.learning_rate)
        case "optimal":
            first = math.sqrt(1 / math.sqrt(schedule.alpha))
            t0 = 1 / (first * schedule.alpha)
            return float(1 / (schedule.alpha * (t0 + t)))
        case "inversescaling":
            return float(schedule.learning_rate / (t + 1) ** schedule.power_t)
        case "step":
            return float(schedule.learning_rate * schedule.gamma ** (t // schedule.step_size))
        case "multistep":
            n_passed = bisect.bisect_right(schedule.milestones, t)
            return float(schedule.learning_rate * schedule.gamma**n_passed)
        case "exponential":
            return float(schedule.learning_rate * schedule.gamma**t)
        case "polynomial":
            left = (1 - min(t / schedule.n_steps, 1.0)) ** schedule.power
            return between(schedule.final_learning_rate, schedule.learning_rate, left)
        case "linear":
            done = min(t / schedule.n_steps, 1.0)
            return between(schedule.learning_rate, schedule.final_learning_rate, done)
        case "cosine":
            done = min(t / schedule.n_steps, 1.0)
            return half_cosine(schedule.learning_rate, schedule.final_learning_rate, done)
        case "cosinerestarts":
            length = schedule.n_steps
            while t >= length:
                t, length = t - length, length * schedule.multiplier
            return half_cosine(schedule.learning_rate, schedule.final_learning_rate, t / length)
        case "onecycle":
            return one_cycle(schedule, t)
        case "piecewise" if schedule.boundaries is None:
            return float(schedule.values[min(t, len(schedule.values) - 1)])
        case "piecewise":
            return float(schedule.values[bisect.bisect_right(schedule.boundaries, t)])
        case "plateau":
            return learning_rate_at(schedule.learning_rate, t)
        case "warmup" if t < schedule.n_steps:
            return learning_rate_at(schedule.schedule, 0) * ((t + 1) / float(schedule.n_steps + 1))
        case "warmup":
            return learning_rate_at(schedule.schedule, t - schedule.n_steps)
    return float(schedule(t) if callable(schedule) else schedule)


def between(first: float, last: float, done: float) -> float:
    """On the line from first to last, of which the share `done` lies behind."""
    return first + (last - first) * done


def half_cosine(first: float, last: float, done: float) -> float:
    return between(last, first, (1 + math.cos(math.pi * done)) / 2)


def one_cycle(schedule: Any, t: int) -> float:
    """Phases that end at a step, and move from one rate to another."""
    n, turn = schedule.n_steps, schedule.pct_start * schedule.n_steps
    top = float(schedule.learning_rate)
    first = float(top / schedule.div_factor)
    last = float(first / schedule.final_div_factor)
    phases = [(turn - 1, first, top), (n - 1, top, last)]
    if schedule.three_phase:
        phases = [(turn - 1, first, top), (2 * turn - 2, top, first), (n - 1, first, last)]
    start = 0.0
    for end, one, other in phases:
        if t <= end:
            done = (t - start) / (end - start) if end > start else 1.0
            return (half_cosine if schedule.anneal_strategy == "cos" else between)(one, other, done)
        start = end
    return last


class Falls:
    """How far the rate has fallen, on the plateaus of the loss that a schedule watches, if it does."""

    def __init__(self, schedule: Any) -> None:
        while name_of(schedule) == "warmup":
            schedule = schedule.schedule
        self.rule = schedule if name_of(schedule) == "plateau" else None
        self.factor, self.best, self.n_bad, self.n_cooling = 1.0, math.inf, 0, 0

    def lowered(self, rate: float) -> float:
        if self.rule is None:
            return rate
        return max(rate * self.factor, min(rate, float(self.rule.min_learning_rate)))

    def end_epoch(self, loss: float) -> None:
        if self.rule is None:
            return
        if self.rule.tol_mode == "absolute":
            is_better = loss <= self.best - self.rule.tol
            self.best = min(self.best, loss)
        else:
            is_better = self.best == math.inf or loss < self.best - self.rule.tol * abs(self.best)
            self.best = loss if is_better else self.best
        self.n_bad = 0 if is_better or self.n_cooling else self.n_bad + 1
        self.n_cooling = max(self.n_cooling - 1, 0)
        if self.n_bad >= self.rule.n_iter_no_change:
            self.factor, self.n_bad, self.n_cooling = self.factor * self.rule.factor, 0, self.rule.cooldown
