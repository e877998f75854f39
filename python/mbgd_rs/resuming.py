"""Resuming a run: what must stay the same, and how a run that was interrupted is handed over."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NoReturn

import numpy as np

from . import _core
from .batch_sizes import NormTest
from .objective import Problem
from .optimizers import Optimizer
from .result import FitResult
from .stop_reason import StopReason

__all__ = ["check_arguments", "check_resume", "raise_with"]


def check_resume(
    resume: Any, problem: Problem, optimizer: Optimizer, *, batches: _core.Batches, batch_size: Any
) -> None:
    """That a run can be resumed, on this data."""
    if not isinstance(resume, FitResult):
        raise TypeError(f"resume must be a FitResult, got {type(resume).__name__}")
    _core.check_state(resume.state)
    if resume.stop_reason is StopReason.DIVERGED:
        raise ValueError("resume must be a run that did not diverge; its parameters can be given as init")
    if resume.loss != problem.loss_name:
        raise ValueError(f"resume must be a run of loss {problem.loss_name!r}, got {resume.loss!r}")
    if resume.loss_object != problem.loss:
        raise ValueError(f"resume must be a run of loss {problem.loss}, got {resume.loss_object}")
    if resume.coef.dtype != problem.X.dtype:
        raise ValueError(f"resume must be a run on {problem.X.dtype}, got {resume.coef.dtype}")
    if resume.coef.shape[-1] != problem.X.shape[1] or np.size(resume.intercept) != problem.n_outputs:
        raise ValueError(
            f"resume must be a run with {problem.n_outputs} x {problem.X.shape[1]} coefficients, "
            f"got coef of shape {resume.coef.shape}"
        )
    memory = len(resume.state["memory"]), len(resume.state["scalars"])
    if memory != _core.init_optimizer(optimizer):
        raise ValueError(f"resume must be a run of {optimizer}, got one of an optimizer with another memory")
    keeps_growing = isinstance(batch_size, NormTest) and resume.state.get("growth") is not None
    size = resume.batch_size if keeps_growing else batches.batch_size(resume.state["epoch"])
    if resume.state["step"] > 0 and resume.batch_size != size:
        raise ValueError(
            f"resume must be a run with batch_size {size}, for it ended within an epoch, "
            f"got {resume.batch_size}"
        )


def check_arguments(resume: FitResult, arguments: dict[str, Any]) -> None:
    """That the arguments which decide what a step does next are those of the run to be resumed.

    The number of rows may change between epochs.
    """
    for name, value in arguments.items():
        before = resume.arguments.get(name, value)
        if before == value or (name == "n_rows" and resume.state["step"] == 0):
            continue
        reason = ", for it ended within an epoch" if name == "n_rows" else ""
        raise ValueError(f"resume must be a run with {name}={value!r}{reason}, got one with {before!r}")


def raise_with(error: BaseException, result: FitResult) -> NoReturn:
    """Raise what ended a run from outside, with the run so far."""
    with suppress(AttributeError, TypeError):
        error.result = result  # type: ignore[attr-defined]
    try:
        raise error
    finally:
        del error  # or it would keep this frame, and the frame it
