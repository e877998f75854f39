"""Pilot runs: which batch sizes are worth a trial, and what they need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from numpy.typing import NDArray

from .. import _core
from ..inputs import as_float
from ..objective import Problem
from ..sparse import SparseRows
from .timing import plain_training

__all__ = ["Pilot"]

Array = NDArray[Any]
FIRST = 32
"""The batch size to begin with: not far from the best on most data."""
STRIDE = 4
"""From one pilot batch size to the next."""
SECONDS = 0.3
"""That a first run may take, when there is no other to compare it with."""
HOPELESS = 3.0
"""A run that takes so many times as long as the best has is given up."""
WORSE = 2.0
"""How much more time than the best one the last batch size in a direction has taken."""
EPOCHS = 30
"""Of the run that the target is taken from."""
JUDGED = 1 << 18
"""Products that a look at the loss may take."""
FEWEST_JUDGED = 1024


@dataclass(frozen=True, eq=False)
class Course:
    """What pilot runs of one batch size are after, as the core reads it."""

    start: Array
    target: float
    n_judged: int
    batch_size: int
    first_rate: float
    seeds: list[int]
    max_steps: int
    n_threads: int


@dataclass(eq=False)
class Pilot:
    """Runs to a target, and what has been found out so far, by batch size."""

    problem: Problem
    start: Array
    target: float
    n_judged: int
    seeds: list[int]
    n_threads: int
    steps: dict[int, list[float]] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)

    @classmethod
    def to_target(
        cls,
        problem: Problem,
        start: Array,
        target: float | None,
        *,
        tolerance: float,
        n_runs: int,
        seed: int,
        n_threads: int,
    ) -> Pilot:
        """To the target given, or `tolerance` of the way above the best loss of a long run."""
        if not 0 < tolerance < 1:
            raise ValueError(f"tolerance must be in (0, 1), got {tolerance}")
        n_judged = n_worth_judging(problem)
        if target is None:
            n = len(problem.X)
            size = min(n, 2 * FIRST)
            long = plain_training(n, size, "auto", seed=seed, n_threads=n_threads, epochs=EPOCHS, init=start)
            best = _core.fit(problem, long)["params"]
            low, high = (_core.sampled_loss(problem, w, n_judged, n_threads) for w in (best, start))
            target = low + tolerance * (high - low)
        seeds = [(seed + i) % 2**64 for i in range(n_runs)]
        return cls(
            problem=problem,
            start=start,
            target=as_float("target", target),
            n_judged=n_judged,
            seeds=seeds,
            n_threads=n_threads,
        )

    @property
    def batch_sizes(self) -> list[int]:
        """Those tried, in order."""
        return sorted(self.steps)

    def advise(
        self, sizes: Sequence[int], timed: list[list[float]], seconds: dict[int, float]
    ) -> dict[str, Any]:
        """Tries batch sizes until the best is known to lie between others."""
        first = min(sizes, key=lambda b: abs(math.log(b / FIRST)))
        ordered = sorted(sizes)
        at = ordered.index(first)
        self.race(first, seconds)
        for direction in (ordered[at::-1], ordered[at:]):
            before = first
            for b in direction[1:]:
                is_last = b == direction[-1]
                if max(b / before, before / b) < STRIDE and not is_last:
                    continue
                self.race(b, seconds)
                before = b
                if len(self.reached()) > 1 and self.time(b, seconds) > WORSE * self.best_time(seconds):
                    break
        if len(self.reached()) < 2:
            raise ValueError(
                f"target must be a loss that gradient descent comes to in {SECONDS} seconds with two batch "
                f"sizes at least, got {self.target}: a higher target, or tolerance, is in reach"
            )
        advice: dict[str, Any] = {}
        for _ in range(3):
            pilot = self.batch_sizes, [self.steps[b] for b in self.batch_sizes]
            advice = _core.batch_size_advice(len(self.problem.X), pilot, (list(sizes), timed))
            low, high = map(ordered.index, advice["interval"])
            around = [b for b in ordered[low : high + 1] if b not in self.steps]
            if not around:
                break
            for b in around:
                self.race(b, seconds)
        return advice

    def race(self, batch_size: int, seconds: dict[int, float]) -> None:
        """Runs with one batch size, each with the rate tuned for it."""
        best = self.best_time(seconds)
        allowed = min(SECONDS, HOPELESS * best)
        max_steps = max(int(allowed / seconds[batch_size]), 16)
        if self.rates:
            nearest = min(self.rates, key=lambda b: abs(math.log(b / batch_size)))
            # Noise allows a rate in proportion to the batch, and curvature no more than some.
            factor = batch_size / nearest
            rate = self.rates[nearest] * 2.0 ** round(math.log2(factor if factor < 1 else math.sqrt(factor)))
        else:
            safe = _core.safe_rate(self.problem, batch_size, self.n_threads)
            # That is far away, where one run says as much as several.
            rate, _ = self.tuned(batch_size, safe, self.seeds[:1], max_steps)
        tuned = self.tuned(batch_size, rate, self.seeds, max_steps)
        self.rates[batch_size], self.steps[batch_size] = tuned

    def tuned(
        self, batch_size: int, rate: float, seeds: list[int], max_steps: int
    ) -> tuple[float, list[float]]:
        """The rate with the fewest steps, and the steps of each seed."""
        course = Course(
            start=self.start,
            target=self.target,
            n_judged=self.n_judged,
            batch_size=batch_size,
            first_rate=rate,
            seeds=seeds,
            max_steps=max_steps,
            n_threads=self.n_threads,
        )
        return _core.tuned_steps(self.problem, course)

    def reached(self) -> list[int]:
        """Batch sizes with which all runs came to the target."""
        return [b for b, steps in self.steps.items() if fmean(steps) < math.inf]

    def time(self, batch_size: int, seconds: dict[int, float]) -> float:
        """Mean seconds to the target."""
        return fmean(self.steps[batch_size]) * seconds[batch_size]

    def best_time(self, seconds: dict[int, float]) -> float:
        """The least of all tried."""
        return min((self.time(b, seconds) for b in self.steps), default=math.inf)

    def rate_near(self, batch_size: int) -> float:
        """The rate of the nearest batch size that came to the target."""
        return self.rates[min(self.reached(), key=lambda b: abs(math.log(b / batch_size)))]


def n_worth_judging(problem: Problem) -> int:
    """Rows to look at the loss on: all, if that is soon done."""
    X = problem.X
    per_row = len(X.data) / len(X) if isinstance(X, SparseRows) else X.shape[1]
    return max(int(JUDGED / max(per_row * problem.n_outputs, 1)), FEWEST_JUDGED)
