"""When a run ends, and which model it gives back."""

import math
from typing import Any

from numpy.typing import NDArray

from .data import Data
from .objective import Objective
from .observers import Observed, Observer, Step
from .registry import name_of

Array = NDArray[Any]


class StopRules(Observer):
    """Ends the run by rules, of which several may be given; `best` is the model to restore.

    A rule on the loss monitors that of the model that would be given back now. Where training stands at the
    model, the mean over the epoch is good enough. While an automatic rate tries a value nobody waits.
    """

    def __init__(self, stop: Any, objective: Objective, data: Data) -> None:
        super().__init__()
        self.objective, self.data = objective, data
        self.rules = list(stop) if isinstance(stop, tuple | list) else [] if stop is None else [stop]
        self.best_value = [math.inf] * len(self.rules)
        self.n_waited = [0] * len(self.rules)
        self.best: Array | None = None
        self.wants_loss = any(getattr(rule, "monitor", None) == "loss" for rule in self.rules)

    def end_epoch(self, run: Observed, values: dict[str, float]) -> None:
        reason, models = None, {"loss": run.model().flat}
        if self.wants_loss and run.is_model_elsewhere():
            models["loss"] = run.model_as_of_now()
            values = values | {"loss": self.objective.value_at(models["loss"], self.data)}
        for i, rule in enumerate(self.rules):
            sign = -1 if getattr(rule, "mode", "min") == "max" else 1
            match name_of(rule):
                case "noimprovement":
                    value, best = sign * values[rule.monitor], self.best_value[i]
                    margin = rule.tol * abs(best) if rule.relative and best < math.inf else rule.tol
                    is_improvement = math.isfinite(value) and value < best and value <= best - margin
                    waits = not (rule.monitor == "loss" and run.is_trying_a_rate())
                    self.n_waited[i] = 0 if is_improvement else self.n_waited[i] + waits
                    if math.isfinite(value) and value < best:
                        self.best_value[i] = value
                        if rule.restore_best:
                            self.best = models.get(rule.monitor, run.model().flat).copy()
                    if waits and self.n_waited[i] >= rule.patience:
                        reason = reason or "no_improvement"
                case "targetloss":
                    if sign * values[rule.monitor] <= sign * rule.value:
                        reason = reason or "target"
        self.reason = reason or self.reason

    def end_step(self, run: Observed, step: Step) -> None:
        for rule in self.rules:
            if name_of(rule) == "maxsteps" and step.t + 1 >= rule.n:
                self.reason = self.reason or "max_steps"
