"""Who watches a run: callbacks, the metrics, the progress bar; what the core calls after every epoch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import AfterEpoch
from .callbacks import Callback, PrintEpochs, Tqdm
from .inputs import as_flag, as_integer
from .metrics import Metrics
from .objective import Problem
from .outcome import model_of
from .progress import Progress

__all__ = ["Watcher", "after_epoch", "asked", "running", "watchers_of"]

Array = NDArray[Any]
Watcher = Callable[[Progress], Any]


def watchers_of(callback: Any, progress: Any, verbose: Any) -> list[Watcher]:
    """What is to be called after every epoch: what shows the progress, and the callbacks in their order."""
    if callback is None:
        given = []
    elif callable(callback):
        given = [callback]
    elif isinstance(callback, list | tuple) and all(map(callable, callback)):
        given = list(callback)
    else:
        raise TypeError(f"callback must be callable, or a list of what is, got {callback!r}")
    shown: list[Watcher] = []
    if as_flag("progress", progress):
        try:
            shown.append(Tqdm())
        except ImportError:
            warnings.warn("progress=True needs tqdm: pip install 'mbgd_rs[progress]'", stacklevel=4)
    if verbose is True or (verbose is not False and as_integer("verbose", verbose, 0) > 0):
        shown.append(PrintEpochs())
    return shown + given


@contextmanager
def running(watchers: Sequence[Watcher], n_epochs: int) -> Iterator[None]:
    """The time of a run, for those that want to know when it begins and ends."""
    with ExitStack() as stack:
        for watcher in watchers:
            if isinstance(watcher, Callback):
                stack.enter_context(watcher.running(n_epochs))
        yield


def asked(watchers: Sequence[Watcher], progress: Progress) -> bool:
    """Whether one of them wants the run to end, when all have been told."""
    answers = [watcher(progress) for watcher in watchers]
    return any(map(ends, answers))


def ends(answer: Any) -> bool:
    """Whether the answer of a callback ends the run: only True does, nothing that merely is truthy."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def after_epoch(problem: Problem, watchers: Sequence[Watcher], metrics: Metrics) -> AfterEpoch | None:
    """What the core is to call after every epoch, if anything."""
    if not watchers and not metrics.named:
        return None

    def call(
        epoch: int, n_steps: int, loss: float, elapsed: float, params: Array, validation_loss: float | None
    ) -> tuple[bool, list[float], BaseException | None]:
        if problem.units is not None:
            loss, validation_loss = problem.units.losses(loss, validation_loss)
        measured = metrics.measure(model_of(problem, params)) if metrics.named else {}
        values = list(measured.values())
        if not watchers:
            return False, values, None
        coef, intercept = problem.split(params)
        progress = Progress(
            epoch=epoch,
            n_steps=n_steps,
            loss=loss,
            elapsed=elapsed,
            coef=coef,
            intercept=intercept,
            validation_loss=validation_loss,
            metrics=measured,
        )
        try:
            return asked(watchers, progress), values, None
        except BaseException as error:  # the core raises it, but the rules must not miss the values
            return True, values, error

    return call
