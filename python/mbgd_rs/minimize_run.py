"""A run of `minimize`: where it is, its steps, and what it has recorded."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _core
from .history import History
from .inputs import as_float
from .judging import Judge
from .minimize_result import MinimizeResult
from .optimizers import Optimizer
from .optimizers.optimizer import pair_leaves
from .progress import Progress
from .stop_reason import StopReason

__all__ = ["Diverged", "Run"]

BY_STEP = ("step_loss", "elapsed")
BY_EPOCH = ("epoch_loss", "epoch_elapsed", "epoch_steps", "validation_loss")


class Diverged(ArithmeticError):
    """Something is not finite."""


@dataclass(eq=False)
class Run:
    """Where a run is."""

    rule: Optimizer
    params: Any
    state: Any
    last: Any
    """The model before the step at hand."""
    before: MinimizeResult | None = None
    n_steps: int = 0
    epoch: int = 0
    n_begun: int = 0
    """Steps of the epochs that are done."""
    loss_sum: float = 0.0
    n_seen: int = 0
    stopping: list[dict[str, Any]] = field(default_factory=list)
    is_stepping: bool = False
    reason: StopReason | None = None
    start: float = field(default_factory=time.perf_counter)
    records: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in (*BY_STEP, *BY_EPOCH)}
    )

    @classmethod
    def begin(cls, rule: Optimizer, params: Any, resume: MinimizeResult | None) -> Run:
        """At the given parameters, or where another run ended."""
        if resume is None:
            w = copy.deepcopy(params)
            state = rule.init(w)
            return cls(rule, w, state, rule.eval_params(state, w))
        if not isinstance(resume, MinimizeResult):
            raise TypeError(f"resume must be a MinimizeResult, got {type(resume).__name__}")
        if resume.state is None or resume.stop_reason is StopReason.DIVERGED:
            raise ValueError("resume must be a run that ended between two steps; begin anew from its params")
        try:
            list(pair_leaves(params, resume.params))
        except (TypeError, ValueError):
            raise ValueError(
                "params must have the structure and the shapes of the parameters of resume"
            ) from None
        saved = copy.deepcopy(resume.state)
        return cls(rule, **saved, last=resume.params, before=resume)

    def step(self, fun: Callable[..., Any], batch: tuple[Any, ...]) -> None:
        """Moves the parameters by the gradient on a batch."""
        value, grad = evaluate(fun, self.params, batch)
        self.last = copy.deepcopy(self.rule.eval_params(self.state, self.params))
        what = not_finite(value, "the gradient of fun", pair_leaves(self.params, grad))
        if what is None:
            self.is_stepping = True
            self.rule.step(self.state, self.params, grad)
            what = not_finite(value, "a parameter", pair_leaves(self.params, self.params))
        if what is not None:
            raise Diverged(what)
        self.records["step_loss"].append(value)
        self.records["elapsed"].append(self.seconds())
        size = batch[0].shape[0]
        self.loss_sum += value * size
        self.n_seen += size
        self.n_steps += 1
        self.is_stepping = False

    def first_step_of_next_epoch(self, batches: _core.Batches) -> int:
        """Steps in all when the epoch at hand is done."""
        return self.n_begun + batches.n_steps(self.epoch)

    def end_epoch(self, fun: Callable[..., Any], judged: tuple[Any, ...] | None, judge: Judge) -> None:
        """Writes down the epoch, and asks the rules."""
        loss = self.loss_sum / self.n_seen
        values = {"loss": loss}
        if judged is not None:
            values["validation_loss"] = evaluate(fun, self.model(), judged)[0]
            self.records["validation_loss"].append(values["validation_loss"])
        self.records["epoch_loss"].append(loss)
        self.records["epoch_elapsed"].append(self.records["elapsed"][-1])
        self.records["epoch_steps"].append(self.n_steps)
        self.rule.end_epoch(self.state, loss)
        self.epoch += 1
        self.n_begun, self.loss_sum, self.n_seen = self.n_steps, 0.0, 0
        self.reason = judge.end_epoch(self.epoch, values, self.model())
        self.stopping = judge.seen

    def seconds(self) -> float:
        """Since the call."""
        return time.perf_counter() - self.start

    def model(self) -> Any:
        """The parameters to report."""
        return self.rule.eval_params(self.state, self.params)

    def progress(self) -> Progress:
        """What a callback is told."""
        last = {name: values[-1] for name, values in self.records.items() if values}
        return Progress(
            self.epoch,
            self.n_steps,
            last["epoch_loss"],
            last["epoch_elapsed"],
            copy.deepcopy(self.model()),
            last.get("validation_loss"),
        )

    def result(self, reason: StopReason, judge: Judge) -> MinimizeResult:
        """The run so far."""
        is_whole = not self.is_stepping
        arrays: dict[str, Any] = {name: np.array(values) for name, values in self.records.items()}
        history = History(**arrays)
        n_before, seconds = 0, 0.0
        if self.before is not None:
            n_before, seconds = self.before.n_steps, self.before.history.elapsed.max(initial=0.0)
            steps = n_before, len(self.records["step_loss"])
            history = self.before.history.followed_by(history, seconds, steps)
        names = ("params", "state", "n_steps", "epoch", "n_begun", "loss_sum", "n_seen", "stopping")
        best = judge.best
        model = self.model() if is_whole and reason is not StopReason.DIVERGED else self.last
        return MinimizeResult(
            params=copy.deepcopy(model if best is None else best[1]),
            history=history,
            n_steps=self.n_steps,
            n_epochs=self.epoch,
            stop_reason=reason,
            best_epoch=None if best is None else best[0],
            state={name: copy.deepcopy(getattr(self, name)) for name in names} if is_whole else None,
        )


def evaluate(fun: Callable[..., Any], params: Any, batch: tuple[Any, ...]) -> tuple[float, Any]:
    """What `fun` returns, if it is a number and a gradient."""
    returned = fun(params, *batch)
    if not (isinstance(returned, tuple | list) and len(returned) == 2):
        raise TypeError(f"fun must return a pair (value, gradient), got {returned!r}")
    value, grad = returned
    return as_float("the value of fun", value), grad


def not_finite(value: float, name: str, arrays: Iterable[tuple[Any, Any]]) -> str | None:
    """What is not finite of a value and the second of each pair of arrays, if anything."""
    if not np.isfinite(value):
        return "the value of fun"
    return None if all(np.isfinite(array).all() for _, array in arrays) else name
