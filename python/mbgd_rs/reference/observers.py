"""Observers: they look at a run and may end it, but change nothing in it."""

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .data import Data
from .model import Parameters
from .noise import STEPS_BETWEEN_PROBES_ALONG, BatchNoise
from .objective import Objective

Array = NDArray[Any]


class Step(NamedTuple):
    """What a step was like."""

    t: int
    n_rows: int
    loss: float
    """The objective on its batch, before the parameters moved."""
    gradient_norm: float
    learning_rate: float
    noise: BatchNoise | None


class Observed(Protocol):
    """What an observer may look at."""

    def model(self) -> Parameters: ...

    def is_model_elsewhere(self) -> bool: ...

    def model_as_of_now(self) -> Array: ...

    def is_trying_a_rate(self) -> bool: ...


class Observer:
    """Looks at every step and epoch of a run."""

    wants_loss = False
    """Whether it needs the losses of steps, which are not computed otherwise."""

    def __init__(self) -> None:
        self.history: dict[str, list[Any]] = defaultdict(list)
        self.reason: str | None = None
        """Why the run is to end, if it is."""

    def end_step(self, run: Observed, step: Step) -> None:
        """Looks at a step."""

    def end_epoch(self, run: Observed, values: dict[str, float]) -> None:
        """Looks at an epoch: at its values by the names of monitors, to which it may add some."""


class Observers:
    """Several, one after the other."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers
        self.wants_loss = any(observer.wants_loss for observer in observers)
        self.reason: str | None = None

    def end_step(self, run: Observed, step: Step) -> None:
        for observer in self.observers:
            observer.end_step(run, step)
            self.reason = observer.reason or self.reason

    def end_epoch(self, run: Observed, values: dict[str, float]) -> None:
        for observer in self.observers:
            observer.end_epoch(run, values)
            self.reason = observer.reason or self.reason

    def history(self) -> dict[str, Array]:
        """What they recorded, by name."""
        recorded = (item for observer in self.observers for item in observer.history.items())
        return {name: np.array(values) for name, values in recorded}


class Losses(Observer):
    """Records the loss of every epoch."""

    wants_loss = True

    def __init__(self) -> None:
        super().__init__()
        self.start = time.perf_counter()

    def elapsed(self) -> float:
        return time.perf_counter() - self.start

    def end_epoch(self, run: Observed, values: dict[str, float]) -> None:
        self.history["epoch_loss"].append(values["loss"])
        self.history["epoch_elapsed"].append(self.elapsed())


class Steps(Losses):
    """Records what every step was like."""

    def end_step(self, run: Observed, step: Step) -> None:
        self.history["step_loss"].append(step.loss)
        self.history["batch_size"].append(step.n_rows)
        self.history["learning_rate"].append(step.learning_rate)
        self.history["gradient_norm"].append(step.gradient_norm)
        self.history["elapsed"].append(self.elapsed())


class FullLoss(Observer):
    """Records the objective over all rows, after every epoch or step."""

    def __init__(self, objective: Objective, data: Data, each_step: bool) -> None:
        super().__init__()
        self.objective, self.data, self.each_step = objective, data, each_step

    def record(self, run: Observed) -> None:
        self.history["full_loss"].append(self.objective.value(run.model(), self.data))

    def end_step(self, run: Observed, step: Step) -> None:
        if self.each_step:
            self.record(run)

    def end_epoch(self, run: Observed, values: dict[str, float]) -> None:
        if not self.each_step:
            self.record(run)


class Path(Observer):
    """Records the model after every step."""

    def end_step(self, run: Observed, step: Step) -> None:
        self.history["path"].append(run.model().flat.copy())


class Noise(Observer):
    """Records what noise probes found."""

    def end_step(self, run: Observed, step: Step) -> None:
        if step.noise is not None:
            is_along = step.t % STEPS_BETWEEN_PROBES_ALONG == 0
            along = step.noise.variance_along if is_along else math.nan
            found = {"step": step.t, "learning_rate": step.learning_rate, **vars(step.noise)}
            for name, value in (found | {"variance_along": along}).items():
                self.history[f"noise_{name}"].append(value)


def recorders(record: tuple[str, ...], objective: Objective, data: Data) -> list[Observer]:
    """The observers that write down what `record` names."""
    kept: list[Observer] = []
    if record:
        kept.append(Steps() if "step" in record else Losses())
    if "full_loss" in record:
        kept.append(FullLoss(objective, data, "step" in record))
    if "path" in record:
        kept.append(Path())
    if "noise" in record:
        kept.append(Noise())
    return kept
