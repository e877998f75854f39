"""Rules of stopping in a loop of Python's, as `minimize` is one; the core judges the runs of `fit`."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field
from typing import Any

from .stop_reason import StopReason
from .stopping import MaxSeconds, MaxSteps, NoImprovement, StopRule, TargetLoss

__all__ = ["Judge"]


@dataclass(eq=False)
class Judge:
    """Rules, and what those that wait for an improvement have seen."""

    rules: tuple[StopRule, ...]
    known: tuple[str, ...]
    """Names of what is to be looked at."""
    seen: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for rule in self.rules:
            monitor = getattr(rule, "monitor", "loss")
            if monitor not in self.known:
                names = ", ".join(map(repr, self.known))
                raise ValueError(f"monitor must be one of {names}, got {monitor!r}")
        waiting = [rule for rule in self.rules if isinstance(rule, NoImprovement)]
        if sum(rule.restore_best for rule in waiting) > 1:
            raise ValueError("restore_best must be True for at most one rule")
        before, self.seen = list(self.seen), []
        for rule in waiting:
            fits = (seen for seen in before if is_of(seen, rule))
            found = next(fits, None)
            self.seen.append(begun(rule) if found is None else copy.copy(found))
            before = [seen for seen in before if seen is not found]

    def end_epoch(self, epoch: int, values: dict[str, float], model: Any) -> StopReason | None:
        """Tells every rule of an epoch; the reason of the first that wants to end the run."""
        reason, seen = None, iter(self.seen)
        for rule in self.rules:
            if isinstance(rule, NoImprovement):
                over = observe(rule, next(seen), epoch, values[rule.monitor], model)
                reason = reason or (StopReason.NO_IMPROVEMENT if over else None)
            elif isinstance(rule, TargetLoss) and reaches(rule, values[rule.monitor]):
                reason = reason or StopReason.TARGET
        return reason

    def limit(self, n_steps: int, seconds: float) -> StopReason | None:
        """Whether so many steps, or so much time, are enough."""
        for rule in self.rules:
            if isinstance(rule, MaxSteps) and n_steps >= rule.n:
                return StopReason.MAX_STEPS
            if isinstance(rule, MaxSeconds) and seconds >= rule.seconds:
                return StopReason.MAX_SECONDS
        return None

    @property
    def best(self) -> tuple[int, Any] | None:
        """The epochs and the model that a rule has chosen."""
        return next((seen["kept"] for seen in self.seen if seen["kept"] is not None), None)


def begun(rule: NoImprovement) -> dict[str, Any]:
    """What a rule has seen before the first epoch."""
    return {"monitor": rule.monitor, "mode": rule.mode, "best": None, "n_waited": 0, "kept": None}


def is_of(seen: dict[str, Any], rule: NoImprovement) -> bool:
    """Whether a rule can go on with what another has seen."""
    is_same = (seen["monitor"], seen["mode"]) == (rule.monitor, rule.mode)
    return is_same and (not rule.restore_best or seen["kept"] is not None or seen["best"] is None)


def observe(rule: NoImprovement, seen: dict[str, Any], epoch: int, value: float, model: Any) -> bool:
    """Looks at the value of an epoch. Whether the rule has waited for long enough."""
    sign = -1 if rule.mode == "max" else 1
    best = math.inf if seen["best"] is None else sign * seen["best"]
    is_best = math.isfinite(value) and sign * value < best
    margin = rule.tol * abs(best) if rule.relative and best < math.inf else rule.tol
    is_improvement = is_best and sign * value <= best - margin
    if is_best:
        seen["best"] = value
        if rule.restore_best:
            seen["kept"] = epoch, copy.deepcopy(model)
    seen["n_waited"] = 0 if is_improvement else seen["n_waited"] + 1
    is_over = bool(seen["n_waited"] >= rule.patience)
    if is_over:
        seen["n_waited"] = 0
    return is_over


def reaches(rule: TargetLoss, value: float) -> bool:
    """Whether a value is as good as the target."""
    return value >= rule.value if rule.mode == "max" else value <= rule.value
