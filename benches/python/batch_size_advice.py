"""The recommended batch size beside the best of an exhaustive sweep: a table in Markdown.

`python benches/python/batch_size_advice.py [folder]`; the folder may have a9a.svm.gz,
california-housing.csv.gz, mnist10k-images.idx3.gz and mnist10k-labels.idx1.gz. What is not there is left
out.

The sweep counts the steps that gradient descent takes to the target with every power of two as its batch
size, each with the best constant rate of the powers of two, in the mean of 9 runs. Those are facts: they
follow from the seeds. They are multiplied by the least seconds per step of 27 timed runs. A batch size is
given up when it takes 4 times as long as the best so far. The adviser has other seeds, and sees fewer rows
when it looks at the loss.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mbgd_rs as mb
import numpy as np
from auto_rate import bundled, external, standardised
from mbgd_rs import _core
from mbgd_rs.diagnostics.pilot import Course
from mbgd_rs.diagnostics.point import params_at
from mbgd_rs.diagnostics.timing import LARGEST, time_steps
from mbgd_rs.objective import Problem, make_problem

SEEDS = list(range(1000, 1009))
ADVISER_SEED = 0
N_TIMED = 9
GIVEN_UP = 4.0
MOST_JUDGED = 1 << 24
"""Products of a look at the loss in the sweep: all rows, but of mnist10k."""

Set = tuple[str, np.ndarray, np.ndarray, str]


def generated() -> Iterator[Set]:
    """Much noise around a round valley, and little in a long one."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50_000, 20)).astype(np.float32)
    noise = 5 * rng.standard_normal(len(X))
    yield "generated, noisy", X, X @ rng.standard_normal(20) + noise, "squared_error"
    X = (rng.standard_normal((20_000, 50)) * np.geomspace(1, 0.1, 50)).astype(np.float32)
    probability = 1 / (1 + np.exp(-3 * X @ rng.standard_normal(50)))
    yield "generated, curved", X, rng.random(len(X)) < probability, "log_loss"


def sets(folders: list[str]) -> Iterator[Set]:
    """What is there of the seven."""
    own = {name: (X, y) for name, X, y in bundled()}
    for name in ("digits", "breast_cancer"):
        X, y = own[name]
        yield name, standardised(X), y, "log_loss"
    found = {name: (X, y) for folder in folders for name, X, y in external(Path(folder))}
    if "a9a" in found:
        yield "a9a", *found["a9a"], "log_loss"
    if "mnist10k / 255" in found:
        yield "mnist10k", *found["mnist10k / 255"], "log_loss"
    if "california" in found:
        X, y = found["california"]
        yield "housing", standardised(X), (y - y.mean()) / y.std(), "squared_error"
    yield from generated()


def others() -> Iterator[Set]:
    """Sets that the adviser was not made by."""
    own = {name: (X, y) for name, X, y in bundled()}
    yield "diabetes", standardised(own["diabetes"][0]), own["diabetes"][1], "squared_error"
    yield "wine", standardised(own["wine"][0]), own["wine"][1], "log_loss"
    yield "digits / 16", own["digits"][0] / 16, own["digits"][1], "log_loss"


class Sweep:
    """Steps to a target by batch size, all counted."""

    def __init__(self, problem: Problem, target: float, seconds: dict[int, float]) -> None:
        self.problem, self.target, self.seconds = problem, target, seconds
        self.start = params_at(problem, None)
        self.n_judged = max(2048, MOST_JUDGED // (problem.X.shape[1] * problem.n_outputs))
        self.rates: dict[int, float] = {}
        self.times: dict[int, float] = {}
        middle = min(32, max(seconds))
        for b in sorted(seconds, key=lambda b: abs(math.log2(b / middle))):
            self.times[b] = self.time(b)

    def time(self, b: int) -> float:
        """Seconds to the target; infinite if it is out of the race."""
        best = min(self.times.values(), default=math.inf)
        max_steps = int(min(1.0, GIVEN_UP * best) / self.seconds[b]) + 2
        if self.rates:
            nearest = min(self.rates, key=lambda a: abs(math.log2(a / b)))
            rate = self.rates[nearest] * min(b / nearest, 1.0)
        else:
            rate = 2.0 ** round(math.log2(_core.safe_rate(self.problem, b, 1)))
            rate, _ = self.tuned(b, rate, SEEDS[:1], max_steps)
        self.rates[b], steps = self.tuned(b, rate, SEEDS, max_steps)
        return float(np.mean(steps)) * self.seconds[b]

    def tuned(self, b: int, rate: float, seeds: list[int], max_steps: int) -> tuple[float, list[float]]:
        course = Course(self.start, self.target, self.n_judged, b, rate, seeds, max_steps, 1)
        return _core.tuned_steps(self.problem, course)


def row(name: str, X: np.ndarray, y: np.ndarray, loss: str) -> tuple[str, float]:
    """A line of the table, and how much longer than the best the recommended batch size takes."""
    n = len(X)
    sizes = [1 << j for j in range(n.bit_length()) if 1 << j <= LARGEST]
    options = {"loss": loss, "seed": ADVISER_SEED, "n_threads": 1, "batch_sizes": sizes}
    advice = mb.diagnostics.recommend_batch_size(X, y, **options)
    problem = make_problem(X, y, loss=loss, penalty=None)
    start = params_at(problem, None)
    timed, _ = time_steps(problem, start, sizes, n_draws=N_TIMED, seed=0, n_threads=1)
    seconds = {b: min(times) for b, times in zip(sizes, timed, strict=True)}
    sweep = Sweep(problem, advice.target, seconds).times
    best = min(sweep, key=lambda b: sweep[b])
    ratio = sweep[advice.batch_size] / sweep[best]
    around = " ".join(f"{b}:{t / sweep[best]:.2f}" for b, t in sorted(sweep.items()) if t < math.inf)
    low, high = advice.interval
    shown = f"{ratio:.2f}" if ratio <= 1.25 else f"**{ratio:.2f}**"
    regime = advice.regime.split(":")[0]
    return (
        f"| {name} | {n:,} x {X.shape[1]} | {advice.batch_size} | {low} to {high} | {best} | {shown} | "
        f"{advice.noise_scale:.0f} | {advice.tau_f / advice.tau_d:.0f} | {regime} | "
        f"{1e3 * sweep[best]:.3g} ms | {advice.pilot_seconds:.1f} s | {around} |"
    ), ratio


def table(found: Iterator[Set]) -> None:
    """Print the table of some sets, and how many are well advised."""
    print(
        "| set | n x d | recommended | within 10 % | best of sweep | time / best | noise scale | "
        "tau_f / tau_d | regime | best time | pilot | sweep: time / best by batch size |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    ratios = []
    for one in found:
        line, ratio = row(*one)
        print(line, flush=True)
        ratios.append(ratio)
    n_good = sum(ratio <= 1.25 for ratio in ratios)
    print(f"\nWithin 25 % of the best: {n_good} of {len(ratios)}.")


def main(folders: list[str]) -> None:
    """Print both tables."""
    begin = time.perf_counter()
    table(sets(folders))
    print("\nThe adviser was made while looking at these; at the following it was not.\n")
    table(others())
    print(f"This took {time.perf_counter() - begin:.0f} s.")


if __name__ == "__main__":
    main(sys.argv[1:])
