"""Resuming a run: what must stay the same."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from . import _core
from .arguments import SampledRows
from .batch_sizes import NormTest
from .objective import Problem
from .optimizers import Optimizer
from .result import FitResult
from .schedules import Cosine, Linear, Polynomial
from .stop_reason import StopReason

__all__ = ["check_arguments", "check_resume", "data_of", "warn_of_the_end"]


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


def check_arguments(resume: FitResult, arguments: dict[str, Any], data: dict[str, Any]) -> None:
    """That the arguments which decide what a step does next are those of the run to be resumed.

    The number of rows may change between epochs, hyperparameters of the optimizer at any time.
    """
    before = {**kinds_of(resume.arguments), **(resume.data or {})}
    now = {**kinds_of(arguments), **data}
    for name in (*arguments, "n_rows"):
        was, value = before.get(name, now[name]), now[name]
        if was == value or (name == "n_rows" and resume.state["step"] == 0):
            continue
        reason = ", for it ended within an epoch" if name == "n_rows" else ""
        raise ValueError(f"resume must be a run with {name}={value!r}{reason}, got one with {was!r}")


def warn_of_the_end(optimizer: Optimizer, first_step: int) -> None:
    """A schedule that has come to a rate of 0 leaves nothing to learn."""
    rate = getattr(optimizer, "learning_rate", None)
    if not isinstance(rate, Cosine | Linear | Polynomial):
        return
    if first_step >= rate.n_steps and rate.final_learning_rate == 0:
        warnings.warn(
            f"the learning rate is 0 from step {rate.n_steps} on, and the run begins at step {first_step}: "
            "nothing will be learned; n_steps of the schedule counts the steps of the runs before, too",
            stacklevel=4,
        )


def kinds_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments that must stay, of the optimizer the kind alone."""
    kind = {"optimizer": type(arguments["optimizer"]).__name__} if "optimizer" in arguments else {}
    return {**arguments, **kind}


def data_of(sampling: SampledRows) -> dict[str, Any]:
    """What a resumed run must have in common besides arguments, to be kept with the result."""
    return {"n_rows": sampling.n_rows, "shuffle": sampling.shuffle}
