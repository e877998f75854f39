"""When a run ends, and which model it gives back."""

import math
from typing import Any

from numpy.typing import NDArray

from .observers import Observed, Observer, Step
from .registry import name_of

Array = NDArray[Any]


class StopRules(Observer):
    """Ends the run by rules, of which several may be given; `best` is the model to restore."""

    def __init__(self, stop: Any) -> None:
        super().__init__()
        self.rules = list(stop) if isinstance(stop, tuple | list) else [] if stop is None else [stop]
        self.best_value = [math.inf] * len(self.rules)
        self.n_waited = [0] * len(self.rules)
        self.best: Array | None = None
        self.wants_loss = any(getattr(rule, "monitor", None) == "loss" for rule in self.rules)

    def end_epoch(self, run: Observed, values: dict[str, float]) -> None:
        reason = None
        for i, rule in enumerate(self.rules):
            sign = -1 if getattr(rule, "mode", "min") == "max" else 1
            match name_of(rule):
                case "noimprovement":
                    value, best = sign * values[rule.monitor], self.best_value[i]
                    margin = rule.tol * abs(best) if rule.relative and best < math.inf else rule.tol
                    is_improvement = math.isfinite(value) and value <= best - margin
                    self.n_waited[i] = 0 if is_improvement else self.n_waited[i] + 1
                    if math.isfinite(value) and value < best:
                        self.best_value[i] = value
                        if rule.restore_best:
                            self.best = run.model().flat.copy()
                    if self.n_waited[i] >= rule.patience:
                        reason = reason or "no_improvement"
                case "targetloss":
                    if sign * values[rule.monitor] <= sign * rule.value:
                        reason = reason or "target"
        self.reason = reason or self.reason

    def end_step(self, run: Observed, step: Step) -> None:
        for rule in self.rules:
            if name_of(rule) == "maxsteps" and step.t + 1 >= rule.n:
                self.reason = self.reason or "max_steps"
