"""What a peer says of itself, how its epochs are timed, and how it solves."""

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .case import Case
from .dataset import Dataset
from .models.task import Task
from .solvers.problem import Problem

Epochs = Callable[[Dataset, Case], Iterator[float]]
"""Trains epoch after epoch, as long as asked, and yields the seconds of each. The first is a warm-up."""

Solve = Callable[[Any, Any, Problem, float], tuple[Any, Any]]
"""Solves a problem, given X, y and a setting; returns coefficients and intercept. All of it is timed."""

FINE = (
    *range(1, 15), 16, 18, 20, 22, 25, 28, 32, 36, 40, 45, 50, 56, 64, 72, 80, 90, 100, 112, 125, 140, 160,
    180, 200, 225, 250, 280, 320, 360, 400, 450, 500, 560, 640, 720, 800, 900, 1000,
)  # fmt: skip
"""Numbers of iterations. From 8 on each is an eighth more than the one before, so no peer is late by more."""
COARSE = (1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 32, 40, 50, 64, 80, 100, 125, 160, 200, 250, 320, 400, 500)
"""Numbers of passes, each about a quarter more than the one before: for solvers with slow ones."""


def log_loss(problem: Problem) -> bool:
    return problem.loss == "log_loss"


@dataclass(frozen=True)
class Solver:
    """How a peer runs in the race in time to a loss."""

    solve: Solve
    takes: Callable[[Problem], bool] = log_loss
    knob: str = "max_iter"
    """What the settings are of."""
    settings: tuple[float, ...] = FINE
    """Each makes the peer work longer than the one before. One is enough for what solves at once."""
    penalises_intercept: bool = False
    """Whether it adds l2 / 2 b^2 to the objective: it is measured by that, and by the optimum of that."""


class Trained(NamedTuple):
    """What a fresh run has given."""

    seconds: list[float]
    """Of each epoch but the first, which is a warm-up; or of one of them, on the average."""
    scores: Callable[[Any], Any] | None
    """Of rows, by the parameters after all epochs: of two classes one a row. None if only times count."""


@dataclass(frozen=True)
class Trainer:
    """How a peer runs in the race of models."""

    models: dict[str, Callable[[Dataset, Task], Trained]]
    """By the models that it has: a run of `task.n_epochs` epochs after the first."""
    takes: Callable[[Task], bool] = lambda task: True
    """Which of the tasks of these models it runs."""

    def runs(self, task: Task) -> bool:
        return task.model in self.models and self.takes(task)


N_EXTRAPOLATED = 20_000
"""Loops that spend microseconds in the interpreter for each row at b = 1 are run on so many rows."""


@dataclass(frozen=True)
class Peer:
    """A peer, without its library having been imported. `races` is empty if it is not asked for epochs."""

    name: str
    packages: tuple[str, ...]
    """What is installed from PyPI."""
    modules: tuple[str, ...]
    """What is imported, before anything is timed."""
    races: dict[str, Epochs] = field(default_factory=dict)
    takes: Callable[[Case], bool] = lambda case: case.shuffle
    """Which cases of its races it runs."""
    extrapolates: Callable[[Case], bool] = lambda case: False
    """Whether it runs a case on the first `N_EXTRAPOLATED` rows only; its times are scaled up."""
    solver: Solver | None = None
    trainer: Trainer | None = None
    note: str = ""
    built_with: tuple[str, ...] = ()
    """Packages that are installed before, if it has to be built from source."""
    on_request: bool = False
    """Whether it is run only if the environment variable PEERS has its first package."""


def every_peer() -> list[Peer]:
    """All peers of `benches/peers`; every file there has a list `PEERS`."""
    import peers

    files = sorted(module.name for module in pkgutil.iter_modules(peers.__path__))
    files.sort(key=lambda name: name != "numpy")  # what users have now comes first
    return [peer for name in files for peer in importlib.import_module(f"peers.{name}").PEERS]


def timed(epoch: Callable[[], object]) -> Iterator[float]:
    """The seconds of one call after another."""
    while True:
        start = time.perf_counter()
        epoch()
        yield time.perf_counter() - start


def difference(epochs: Callable[[int], object], few: int = 1, more: int = 4) -> Iterator[float]:
    """Seconds of an epoch as a difference: what is done once for a call cancels."""

    def seconds(n_epochs: int) -> float:
        start = time.perf_counter()
        epochs(n_epochs)
        return time.perf_counter() - start

    while True:
        yield (seconds(more) - seconds(few)) / (more - few)
