"""What is called after every epoch, and after steps: the callback of the user, metrics, the progress bar."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .arguments import AfterEpoch, StepCallback
from .inputs import as_flag, as_integer
from .metrics import Metrics
from .objective import Problem
from .outcome import model_of

__all__ = [
    "Progress",
    "SeesSteps",
    "StepProgress",
    "after_epoch",
    "after_steps",
    "check_callback",
    "ends",
    "progress_bar",
    "sees_steps",
]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Progress:
    """What a callback is told after every epoch.

    Attributes
    ----------
    epoch : int
        Epochs completed, in the whole run.
    n_steps : int
        Updates made.
    loss : float
        Mean of the objective during the epoch, as ``history.epoch_loss`` has it.
    elapsed : float
        Seconds since the call of fit.
    coef, intercept : ndarray
        Copies of the parameters, shaped as in :class:`FitResult`.
    validation_loss : float or None
        Mean loss over the validation rows, if there are any.
    metrics : dict of str to float
        Metrics of the model as it is.
    """

    epoch: int
    n_steps: int
    loss: float
    elapsed: float
    coef: Array
    intercept: Any
    validation_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class StepProgress:
    """What a callback with a method `on_step` is told after a step.

    Attributes
    ----------
    epoch : int
        Epochs completed, in the whole run.
    n_steps : int
        Updates made, this one included.
    loss : float
        The objective on the rows of the step, before it.
    learning_rate : float
    gradient_norm : float
        2-norm of the gradient before clipping; with ``standardize=True`` of the scaled problem.
    batch_size : int
        Rows of the step.
    elapsed : float
        Seconds since the call of fit.
    coef, intercept : ndarray or None
        Copies of the parameters, shaped as in :class:`FitResult`, if the callback has an attribute
        ``wants_params = True``: to make them takes the longer, the more there are.
    """

    epoch: int
    n_steps: int
    loss: float
    learning_rate: float
    gradient_norm: float
    batch_size: int
    elapsed: float
    coef: Array | None = None
    intercept: Any = None


class SeesSteps(Protocol):
    """A callback that is told of steps."""

    def on_step(self, progress: StepProgress, /) -> Any:
        """Called after a step."""


def check_callback(callback: Any) -> None:
    """That there is none, or one to be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")


def ends(answer: Any) -> bool:
    """Whether the answer of a callback ends the run: only True does, nothing that merely is truthy."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def after_epoch(
    problem: Problem,
    callback: Callable[[Progress], Any] | SeesSteps | None,
    show: Callable[[float], None] | None,
    metrics: Metrics,
) -> AfterEpoch | None:
    """What the core is to call after every epoch, if anything."""
    if callback is not None and not callable(callback) and not sees_steps(callback):
        raise TypeError(f"callback must be callable or have a method on_step, got {callback!r}")
    called = callback if callable(callback) else None
    if called is None and show is None and not metrics.named:
        return None

    def call(
        epoch: int, n_steps: int, loss: float, elapsed: float, params: Array, validation_loss: float | None
    ) -> tuple[bool, list[float], BaseException | None]:
        if problem.units is not None:
            loss, validation_loss = problem.units.losses(loss, validation_loss)
        if show is not None:
            show(loss)
        measured = metrics.measure(model_of(problem, params)) if metrics.named else {}
        values = list(measured.values())
        if called is None:
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
            return ends(called(progress)), values, None
        except BaseException as error:  # the core raises it, but the rules must not miss the values
            return True, values, error

    return call


def sees_steps(callback: Any) -> bool:
    """Whether a callback is to be told of steps."""
    return callable(getattr(callback, "on_step", None))


def after_steps(problem: Problem, callback: Any) -> StepCallback | None:
    """What the core is to call after steps, if anything."""
    if not sees_steps(callback):
        return None

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
        coef, intercept = (None, None) if params is None else problem.split(params)
        progress = StepProgress(
            epoch, n_steps, loss, learning_rate, gradient_norm, batch_size, elapsed, coef, intercept
        )
        return ends(callback.on_step(progress))

    return StepCallback(
        call,
        as_integer("callback.every_steps", getattr(callback, "every_steps", 1), 1),
        as_flag("callback.wants_params", getattr(callback, "wants_params", False)),
    )


@contextmanager
def progress_bar(progress: bool, n_epochs: int) -> Any:
    """A function to be told the loss of every epoch, or None without tqdm or the wish for it."""
    if not as_flag("progress", progress):
        yield None
        return
    try:
        from tqdm.auto import tqdm
    except ImportError:
        warnings.warn("progress=True needs tqdm: pip install 'mbgd_rs[progress]'", stacklevel=5)
        yield None
        return
    with tqdm(total=n_epochs, unit="epoch") as bar:

        def show(loss: float) -> None:
            bar.set_postfix(loss=f"{loss:.4g}", refresh=False)
            bar.update()

        yield show
