"""Who watches a run: callbacks, the metrics, the progress bar; what the core calls after epochs and steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .arguments import AfterEpoch, Answer, StepCallback
from .callbacks import Callback, PrintEpochs, Tqdm
from .callers import warn
from .inputs import as_flag, as_integer
from .metrics import Metrics
from .objective import Problem
from .outcome import model_of
from .progress import Progress, StepProgress

__all__ = ["SeesSteps", "Watcher", "after_epoch", "after_steps", "asked", "running", "watchers_of"]

Array = NDArray[Any]


class SeesSteps(Protocol):
    """A callback that is told of steps; it may be told of epochs, too, if it can be called."""

    def on_step(self, progress: StepProgress, /) -> Any:
        """Called after a step."""


Watcher = Callable[[Progress], Any] | SeesSteps


def watchers_of(callback: Any, progress: Any, verbose: Any, *, has_steps: bool = True) -> list[Watcher]:
    """All that watch: what shows the progress, and the callbacks in their order.

    A callback need not be callable if it is told of steps, where there are some to be told of.
    """
    given = list(callback) if isinstance(callback, list | tuple) else [] if callback is None else [callback]
    for one in given:
        if not callable(one) and not (has_steps and sees_steps(one)):
            expected = "callable or have a method on_step" if has_steps else "callable"
            raise TypeError(f"callback must be {expected}, got {one!r}")
    shown: list[Watcher] = []
    if as_flag("progress", progress):
        try:
            shown.append(Tqdm())
        except ImportError:
            warn("progress=True needs tqdm: pip install 'mbgd_rs[progress]'")
    if verbose is True or (verbose is not False and as_integer("verbose", verbose, 0) > 0):
        shown.append(PrintEpochs())
    return shown + given


def running(watchers: Sequence[Watcher], n_epochs: int) -> ExitStack:
    """The time of a run, for those that want to know when it begins and ends."""
    with ExitStack() as stack:  # if one of them fails to begin, those before it end
        for watcher in watchers:
            if isinstance(watcher, Callback):
                stack.enter_context(watcher.running(n_epochs))
        return stack.pop_all()


def asked(watchers: Sequence[Watcher], progress: Progress) -> bool:
    """Whether one of them wants the run to end, when all have been told of an epoch."""
    answers = [watcher(progress) for watcher in watchers if callable(watcher)]
    return any(map(ends, answers))


def ends(answer: Any) -> bool:
    """Whether the answer of a callback ends the run: only True does, nothing that merely is truthy."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def after_epoch(
    problem: Problem,
    watchers: Sequence[Watcher],
    metrics: Metrics,
    judge: Callable[[Array], float] | None = None,
) -> AfterEpoch | None:
    """What the core is to call after every epoch, if anything; `judge` knows the loss on validation rows."""
    is_watched = any(map(callable, watchers))
    if not is_watched and not metrics.named and judge is None:
        return None

    def call(
        epoch: int, n_steps: int, loss: float, elapsed: float, params: Array, validation_loss: float | None
    ) -> Answer:
        judged = None if judge is None else judge(params)
        validation_loss = validation_loss if judged is None else judged
        if problem.units is not None:
            loss, validation_loss = problem.units.losses(loss, validation_loss)
        measured = metrics.measure(model_of(problem, params)) if metrics.named else {}
        answer = Answer(metrics=list(measured.values()), validation_loss=judged)
        if not is_watched:
            return answer
        progress = Progress(
            epoch=epoch,
            n_steps=n_steps,
            loss=loss,
            elapsed=elapsed,
            params=problem.split(params),
            validation_loss=validation_loss,
            metrics=measured,
        )
        try:
            return answer._replace(is_over=asked(watchers, progress))
        except BaseException as error:  # the core raises it, but the rules must not miss the values
            return answer._replace(is_over=True, raised=error)

    return call


def sees_steps(watcher: Any) -> bool:
    """Whether a callback is to be told of steps: those that are ready are only if they are asked to."""
    return callable(getattr(watcher, "on_step", None)) and getattr(watcher, "every_steps", 1) is not None


def after_steps(problem: Problem, watchers: Sequence[Watcher], n_made: int) -> StepCallback | None:
    """What the core is to call after steps, if anything: so often that each is told when it wants to be.

    `n_made` steps were made before.
    """
    told: list[tuple[Any, int]] = [
        (watcher, as_integer("callback.every_steps", getattr(watcher, "every_steps", 1), 1))
        for watcher in watchers
        if sees_steps(watcher)
    ]
    if not told:
        return None
    wants_params = [
        as_flag("callback.wants_params", getattr(watcher, "wants_params", False)) for watcher, _ in told
    ]

    def call(
        epoch: int,
        n_steps: int,
        loss: float,
        learning_rate: float,
        gradient_norm: float,
        batch_size: int,
        elapsed: float,
        params: Array | None,
    ) -> bool:
        if problem.units is not None:
            (loss,) = problem.units.losses(loss)
        blocks = None if params is None else problem.split(params)
        progress = StepProgress(
            epoch, n_steps, loss, learning_rate, gradient_norm, batch_size, elapsed, blocks
        )
        nonlocal n_made
        n_before, n_made = n_made, n_steps
        is_due = [
            n_steps // every > n_before // every for _, every in told
        ]  # several steps may be told at once
        answers = [watcher.on_step(progress) for (watcher, _), due in zip(told, is_due, strict=True) if due]
        return any(map(ends, answers))

    return StepCallback(call, math.gcd(*(every for _, every in told)), any(wants_params))
