"""What a process of its own does: it is given a peer, a problem and settings, and prints a line for each.

A call is repeated while it is short, and its median taken. Of the first call the memory is measured.
"""

import importlib
import json
import math
import statistics
import sys
import time
import warnings
from pathlib import Path

from ..peer import Solver, every_peer
from ..worker import peak, with_clean_output
from .objective import value
from .problem import GAPS, Problem, every_problem

SECONDS_OF_A_CURVE = 30.0
"""A peer that has not come near enough by then is not given longer settings."""
SECONDS_OF_A_SETTING = 0.15
MOST_CALLS = 5
N_EQUAL = 4


def has_stopped(points: list[tuple[float, float]]) -> bool:
    """Whether longer settings change nothing any more: neither the gap nor, much, the seconds."""
    if len(points) < N_EQUAL:
        return False
    (before, gap), (now, _) = points[-N_EQUAL], points[-1]
    return now < 1.3 * before and all(other == gap for _, other in points[-N_EQUAL:])


def run(solver: Solver, problem: Problem, folder: Path, optimum: float, settings: list[float]) -> None:
    """Prints the memory of a first call; then seconds and gap for one setting after another."""
    X, y = problem.load(folder)
    before = peak(is_new=True)
    solver.solve(X, y, problem, (settings or solver.settings)[0])
    report(bytes=peak() - before)
    spent, points = 0.0, [(0.0, math.inf)]
    for setting in settings or solver.settings:
        if spent + 1.2 * points[-1][0] > SECONDS_OF_A_CURVE:
            break
        seconds: list[float] = []
        while not seconds or (sum(seconds) < SECONDS_OF_A_SETTING and len(seconds) < MOST_CALLS):
            start = time.perf_counter()
            coef, intercept = solver.solve(X, y, problem, setting)
            seconds.append(time.perf_counter() - start)
        spent += sum(seconds)
        gap = (value(problem, X, y, coef, intercept) - optimum) / abs(optimum)
        points.append((statistics.median(seconds), gap))
        report(setting=setting, seconds=points[-1][0], gap=gap)
        if not settings and (gap <= GAPS[-1] or has_stopped(points)):
            break


def report(**found: float) -> None:
    print(json.dumps(found), flush=True)


def main(name: str, problem_name: str, quick: str, folder: str, optimum: str, settings: str) -> None:
    peer = next(peer for peer in every_peer() if peer.name == name)
    for module in peer.modules:
        importlib.import_module(module)
    problem = next(problem for problem in every_problem(bool(quick)) if problem.name == problem_name)
    warnings.simplefilter("ignore")  # it is not meant to converge in so few iterations
    assert peer.solver is not None
    run(peer.solver, problem, Path(folder), float(optimum), json.loads(settings))


if __name__ == "__main__":
    with_clean_output()
    main(*sys.argv[1:])
