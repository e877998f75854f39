"""The turns: solver after solver, in processes of their own, round after round.

The first round sweeps the settings. The others repeat those at which a gap was first reached, since only
these are in the tables.
"""

import json
import statistics
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .. import dataset, turns
from ..peer import Peer
from .optimum import optimum
from .problem import GAPS, L2, Problem


class Point(NamedTuple):
    """What the calls with one setting have given: medians over the rounds."""

    setting: float
    seconds: float
    gap: float


@dataclass
class Curve:
    """A peer on a problem."""

    samples: dict[float, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    """Seconds and gaps, by setting, in the order of the settings."""
    peaks: list[float] = field(default_factory=list)
    """Bytes by which a first call has raised the peak of memory."""

    is_cut: bool = False
    """Whether there were longer settings, for which there was no time."""

    def add(self, peer: Peer, problem: Problem, optimum: float, settings: list[float], plan: "Plan") -> str:
        """What a process measures with these settings, or with all of them; how it failed, or ''."""
        asked = {
            "peer": peer.name, "problem": problem.name, "is_quick": plan.is_quick, "folder": str(plan.folder),
            "optimum": optimum, "settings": settings, "seconds": plan.seconds,
        }  # fmt: skip
        lines, failure = turns.run("race.solvers.worker", json.dumps(asked))
        for line in lines:
            found = {name: float(number) for name, number in line.items()}  # type: ignore[arg-type]
            if "bytes" in found:
                self.peaks.append(found["bytes"])
            elif "is_cut" in found:
                self.is_cut = True
            else:
                self.samples[found["setting"]].append((found["seconds"], found["gap"]))
        self.is_cut = self.is_cut or "not done" in failure
        return failure

    def points(self) -> list[Point]:
        return [
            Point(setting, *(statistics.median(values) for values in zip(*found, strict=True)))
            for setting, found in self.samples.items()
        ]

    def reached(self, gap: float) -> Point | None:
        """Where the gap is reached first; None if it is not."""
        return next((point for point in self.points() if point.gap <= gap), None)

    def best(self) -> float | None:
        """The smallest gap."""
        return min((point.gap for point in self.points()), default=None)

    def bytes(self) -> float | None:
        return statistics.median(self.peaks) if self.peaks else None


@dataclass
class Solved:
    """All that was measured, in one run."""

    problems: list[Problem]
    optima: dict[str, float] = field(default_factory=dict)
    curves: dict[tuple[str, str], Curve] = field(default_factory=dict)
    """By the names of a peer and a problem."""
    failures: dict[str, str] = field(default_factory=dict)
    n_rounds: int = 0
    budget: float = 0.0
    """Seconds that a sweep may take."""
    seconds: float = 0.0

    def curve(self, peer: str, problem: Problem) -> Curve:
        return self.curves.get((peer, problem.name)) or Curve()


@dataclass(frozen=True)
class Plan:
    """How a race is run."""

    n_rounds: int
    seconds: float
    """A peer that has not come near enough by then is not given longer settings."""
    is_quick: bool
    folder: Path
    """Where the rows are."""
    cache: Path
    """The file of optima."""


def solve_in_turns(problems: list[Problem], peers: list[Peer], plan: Plan) -> Solved:
    """Every peer with a solver on every problem that it takes."""
    solved, start = Solved(problems, n_rounds=plan.n_rounds, budget=plan.seconds), time.monotonic()
    for problem in problems:
        dataset.make(problem.rows, plan.folder)
        X, y = problem.load(plan.folder)
        solved.optima[problem.name] = optimum(problem, X, y, plan.cache)
        racers = deque(
            (peer, optimum(problem, X, y, plan.cache, L2 if peer.solver.penalises_intercept else 0.0))
            for peer in peers
            if peer.solver and peer.solver.takes(problem)
        )
        del X, y
        for turn in range(plan.n_rounds):
            for peer, best in racers:
                curve = solved.curves.setdefault((peer.name, problem.name), Curve())
                settings = sorted({point.setting for gap in GAPS if (point := curve.reached(gap))})
                if not turn or settings:
                    failure = curve.add(peer, problem, best, settings, plan)
                    print(
                        f"{time.monotonic() - start:6.0f} s  {problem.name}, {turn}: {peer.name}", flush=True
                    )
                    if failure:
                        solved.failures[f"{peer.name}, {problem.name}"] = failure
            racers.rotate(-1)
        print(f"{time.monotonic() - start:6.0f} s  time to a loss, {problem.name}", flush=True)
    solved.seconds = time.monotonic() - start
    return solved
