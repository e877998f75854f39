"""What is called after every epoch: the callback of the user, the metrics, and the progress bar."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import AfterEpoch
from .inputs import as_flag
from .metrics import Metrics
from .objective import Problem
from .outcome import model_of

__all__ = ["Progress", "after_epoch", "check_callback", "ends", "progress_bar"]

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


def check_callback(callback: Any) -> None:
    """That there is none, or one to be called."""
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")


def ends(answer: Any) -> bool:
    """Whether the answer of a callback ends the run: only True does, nothing that merely is truthy."""
    return isinstance(answer, bool | np.bool_) and bool(answer)


def after_epoch(
    problem: Problem,
    callback: Callable[[Progress], Any] | None,
    show: Callable[[float], None] | None,
    metrics: Metrics,
) -> AfterEpoch | None:
    """What the core is to call after every epoch, if anything."""
    check_callback(callback)
    if callback is None and show is None and not metrics.named:
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
        if callback is None:
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
            return ends(callback(progress)), values, None
        except BaseException as error:  # the core raises it, but the rules must not miss the values
            return True, values, error

    return call


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
