"""The learning rate as a function of the step, and how a plateau of the loss lowers it."""

import bisect
import math
from collections.abc import Callable
from typing import Any

from .registry import Registry, name_of

SCHEDULES: Registry[Callable[[Any, int], Any]] = Registry("learning_rate")
"""The schedules, which enter themselves: functions of the options and of the step t, counted from 0."""


def learning_rate_at(schedule: Any, t: int) -> float:
    """The learning rate of step t, counted from 0 over the whole run.

    A number is constant, a function is called; a plateau is left out.
    """
    return rates_of(schedule)(t)


def rates_of(schedule: Any) -> Callable[[int], float]:
    """The learning rate as a function of the step."""
    rate_of = SCHEDULES.get(name_of(schedule))
    if rate_of is not None:
        return lambda t: float(rate_of(schedule, t))
    if callable(schedule):
        return lambda t: float(schedule(t))
    rate = float(schedule)
    return lambda t: rate


@SCHEDULES.add
def constant(schedule: Any, t: int) -> Any:
    return schedule.learning_rate


@SCHEDULES.add
def optimal(schedule: Any, t: int) -> Any:
    first = math.sqrt(1 / math.sqrt(schedule.alpha))
    t0 = 1 / (first * schedule.alpha)
    return 1 / (schedule.alpha * (t0 + t))


@SCHEDULES.add
def inverse_scaling(schedule: Any, t: int) -> Any:
    return schedule.learning_rate / (t + 1) ** schedule.power_t


@SCHEDULES.add
def step(schedule: Any, t: int) -> Any:
    return schedule.learning_rate * schedule.gamma ** (t // schedule.step_size)


@SCHEDULES.add
def multi_step(schedule: Any, t: int) -> Any:
    n_passed = bisect.bisect_right(schedule.milestones, t)
    return schedule.learning_rate * schedule.gamma**n_passed


@SCHEDULES.add
def exponential(schedule: Any, t: int) -> Any:
    return schedule.learning_rate * schedule.gamma**t


@SCHEDULES.add
def polynomial(schedule: Any, t: int) -> Any:
    left = (1 - share(t, schedule.n_steps)) ** schedule.power
    return between(schedule.final_learning_rate, schedule.learning_rate, left)


@SCHEDULES.add
def linear(schedule: Any, t: int) -> Any:
    done = share(t, schedule.n_steps)
    return between(schedule.learning_rate, schedule.final_learning_rate, done)


@SCHEDULES.add
def cosine(schedule: Any, t: int) -> Any:
    done = share(t, schedule.n_steps)
    return half_cosine(schedule.learning_rate, schedule.final_learning_rate, done)


@SCHEDULES.add
def cosine_restarts(schedule: Any, t: int) -> Any:
    length = schedule.n_steps
    while t >= length:
        t, length = t - length, length * schedule.multiplier
    return half_cosine(schedule.learning_rate, schedule.final_learning_rate, t / length)


@SCHEDULES.add
def one_cycle(schedule: Any, t: int) -> Any:
    """Phases that end at a step, and go from one rate to another."""
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


@SCHEDULES.add
def piecewise(schedule: Any, t: int) -> Any:
    values, boundaries = schedule.values, schedule.boundaries
    at = min(t, len(values) - 1) if boundaries is None else bisect.bisect_right(boundaries, t)
    return values[at]


@SCHEDULES.add
def plateau(schedule: Any, t: int) -> Any:
    return learning_rate_at(schedule.learning_rate, t)


@SCHEDULES.add
def warmup(schedule: Any, t: int) -> Any:
    if t < schedule.n_steps:
        return learning_rate_at(schedule.schedule, 0) * ((t + 1) / float(schedule.n_steps + 1))
    return learning_rate_at(schedule.schedule, t - schedule.n_steps)


def share(t: int, n_steps: int) -> float:
    """Of the steps of a fall, those that lie behind; all of none."""
    return min(t / n_steps, 1.0) if n_steps > 0 else 1.0


def between(first: float, last: float, done: float) -> float:
    """The point of the line from first to last after the share `done` of the way."""
    return first + (last - first) * done


def half_cosine(first: float, last: float, done: float) -> float:
    return between(last, first, (1 + math.cos(math.pi * done)) / 2)


class PlateauState:
    """How far a plateau schedule has lowered the learning rate."""

    def __init__(self, options: Any) -> None:
        self.options = options
        self.factor, self.best, self.n_bad, self.n_cooling = 1.0, math.inf, 0, 0

    def lowered(self, rate: float) -> float:
        return max(rate * self.factor, min(rate, float(self.options.min_learning_rate)))

    def end_epoch(self, loss: float) -> None:
        """Lowers the rate if the loss of the epoch is one too many that has not fallen."""
        options = self.options
        if options.tol_mode == "absolute":
            is_better = loss < self.best and loss <= self.best - options.tol
            self.best = min(self.best, loss)
        else:
            is_better = (
                loss < math.inf if self.best == math.inf else loss < self.best - options.tol * abs(self.best)
            )
            self.best = loss if is_better else self.best
        self.n_bad = 0 if is_better or self.n_cooling else self.n_bad + 1
        self.n_cooling = max(self.n_cooling - 1, 0)
        if self.n_bad >= options.n_iter_no_change:
            self.factor, self.n_bad, self.n_cooling = self.factor * options.factor, 0, options.cooldown


def plateau_of(schedule: Any) -> PlateauState | None:
    """The state of the plateau schedule in a schedule, if there is one: it may stand behind a warmup."""
    while name_of(schedule) == "warmup":
        schedule = schedule.schedule
    return PlateauState(schedule) if name_of(schedule) == "plateau" else None
