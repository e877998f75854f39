"""The turns: solver after solver, in processes of their own, round after round.

The first round sweeps the settings. The others repeat those at which a gap was first reached, since only
these are in the tables.
"""

import json
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .. import dataset, turns
from ..peer import Peer
from .optimum import optimum
from .problem import GAPS, Problem


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
    seconds: float = 0.0

    def curve(self, peer: str, problem: Problem) -> Curve:
        return self.curves.get((peer, problem.name)) or Curve()


def solve_in_turns(
    problems: list[Problem], peers: list[Peer], n_rounds: int, folder: Path, cache: Path, is_quick: bool
) -> Solved:
    """Every peer with a solver on every problem that it takes."""
    solved, start = Solved(problems, n_rounds=n_rounds), time.monotonic()
    for problem in problems:
        dataset.make(problem.rows, folder)
        best = solved.optima[problem.name] = optimum(problem, *problem.load(folder), cache)
        racers = [peer for peer in peers if peer.solver and peer.solver.takes(problem)]
        for turn in range(n_rounds):
            for peer in racers[turn % len(racers) :] + racers[: turn % len(racers)] if racers else []:
                curve = solved.curves.setdefault((peer.name, problem.name), Curve())
                first = {point.setting for gap in GAPS if (point := curve.reached(gap))}
                settings = [setting for setting in curve.samples if setting in first]
                if turn and not settings:
                    continue
                lines, failure = turns.run(
                    "race.solvers.worker", peer.name, problem.name, "quick" if is_quick else "", str(folder),
                    repr(best), json.dumps(settings),
                )  # fmt: skip
                if failure:
                    solved.failures[f"{peer.name}, {problem.name}"] = failure
                for line in lines:
                    if "bytes" in line:
                        curve.peaks.append(float(line["bytes"]))  # type: ignore[arg-type]
                    else:
                        setting, seconds, gap = (float(line[name]) for name in ("setting", "seconds", "gap"))  # type: ignore[arg-type]
                        curve.samples[setting].append((seconds, gap))
        print(f"{time.monotonic() - start:6.0f} s  time to a loss, {problem.name}", flush=True)
    solved.seconds = time.monotonic() - start
    return solved
