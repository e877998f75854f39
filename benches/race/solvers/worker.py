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
from typing import Any

from ..peer import Solver, every_peer
from ..worker import peak, with_clean_output
from .objective import value
from .problem import GAPS, L2, Problem, every_problem

SECONDS_OF_A_SETTING = 0.15
MOST_CALLS = 5
N_EQUAL = 4


def has_stopped(points: list[tuple[float, float]]) -> bool:
    """Whether longer settings change nothing any more: neither the gap nor, much, the seconds."""
    if len(points) < N_EQUAL:
        return False
    (before, gap), (now, _) = points[-N_EQUAL], points[-1]
    return now < 1.3 * before and all(other == gap for _, other in points[-N_EQUAL:])


def run(solver: Solver, problem: Problem, asked: dict[str, Any]) -> None:
    """Prints the memory of a first call; then seconds and gap for one setting after another."""
    X, y = problem.load(Path(asked["folder"]))
    before, start = peak(is_new=True), time.perf_counter()
    solver.solve(X, y, problem, solver.settings[0])
    spent = time.perf_counter() - start
    report(bytes=peak() - before)
    points = [(spent, math.inf)]
    for setting in asked["settings"] or solver.settings:
        is_late = len(points) > 1 and spent + 1.2 * points[-1][0] > asked["seconds"]
        if is_late and not asked["settings"]:
            report(is_cut=True)
            break
        seconds: list[float] = []
        while not seconds or (sum(seconds) < SECONDS_OF_A_SETTING and len(seconds) < MOST_CALLS):
            start = time.perf_counter()
            coef, intercept = solver.solve(X, y, problem, setting)
            seconds.append(time.perf_counter() - start)
        spent += sum(seconds)
        penalty = L2 if solver.penalises_intercept else 0.0
        above = value(problem, X, y, coef, intercept, penalty) - asked["optimum"]
        points.append((statistics.median(seconds), above / abs(asked["optimum"])))
        report(setting=setting, seconds=points[-1][0], gap=points[-1][1])
        if not asked["settings"] and (points[-1][1] <= GAPS[-1] or has_stopped(points)):
            break


def report(**found: float) -> None:
    print(json.dumps(found), flush=True)


def main(asked: dict[str, Any]) -> None:
    peer = next(peer for peer in every_peer() if peer.name == asked["peer"])
    for module in peer.modules:
        importlib.import_module(module)
    problem = next(
        problem for problem in every_problem(asked["is_quick"]) if problem.name == asked["problem"]
    )
    warnings.simplefilter("ignore")  # it is not meant to converge in so few iterations
    assert peer.solver is not None
    run(peer.solver, problem, asked)


if __name__ == "__main__":
    with_clean_output()
    main(json.loads(sys.argv[1]))
