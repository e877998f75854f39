"""Resuming a run: what must stay the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from .arguments import SampledRows
from .batch_sizes import NormTest
from .callers import warn
from .objective import Problem
from .optimizers import Optimizer
from .result import FitResult
from .schedules import Schedule
from .schedules.course import rates_at
from .stop_reason import StopReason

__all__ = ["check_arguments", "check_resume", "data_of", "warn_of_the_end"]

SMALL, FEW = 1e-4, 1e-2
"""A schedule has ended if rates are so small a part of the largest before, and of their mean."""
MUCH = 0.5
"""A run that learns nothing in so much of it is not what its schedule was meant for."""


def check_resume(
    resume: FitResult, problem: Problem, optimizer: Optimizer, *, batches: _core.Batches, batch_size: Any
) -> None:
    """That a run can be resumed, on this data."""
    if resume.state is None:
        raise ValueError(
            "resume must be a run with its state, got one from a file without: save it by "
            "save(path, state=True), or begin from its parameters by init"
        )
    _core.check_state(resume.state)
    if resume.stop_reason is StopReason.DIVERGED:
        raise ValueError("resume must be a run that did not diverge; its parameters can be given as init")
    if resume.loss != problem.loss_name:
        raise ValueError(f"resume must be a run of loss {problem.loss_name!r}, got {resume.loss!r}")
    if resume.loss_object != problem.loss:
        raise ValueError(f"resume must be a run of loss {problem.loss}, got {resume.loss_object}")
    if resume.model != problem.model:
        raise ValueError(f"resume must be a run of model {problem.model}, got {resume.model}")
    if resume.dtype != problem.X.dtype:
        raise ValueError(f"resume must be a run on {problem.X.dtype}, got {resume.dtype}")
    expected, got = (problem.X.shape[1], problem.n_outputs), (resume.n_columns, resume.n_outputs)
    if got != expected:
        raise ValueError(
            f"resume must be a run with {expected[0]} columns and {expected[1]} outputs, got {got[0]} and "
            f"{got[1]}"
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
    assert resume.state is not None
    before = {**kinds_of(resume.arguments), **(resume.data or {})}
    now = {**kinds_of(arguments), **data}
    for name in (*arguments, "n_rows"):
        was, value = before.get(name, now[name]), now[name]
        if was == value or (name == "n_rows" and resume.state["step"] == 0):
            continue
        reason = ", for it ended within an epoch" if name == "n_rows" else ""
        raise ValueError(f"resume must be a run with {name}={value!r}{reason}, got one with {was!r}")


def warn_of_the_end(optimizer: Optimizer, first_step: int, n_steps: int) -> None:
    """A schedule that has come to its end leaves nothing, or next to nothing, to learn."""
    rate = getattr(optimizer, "learning_rate", None)
    if not isinstance(rate, Schedule):
        return
    coming, past = rates_at(rate, first_step, n_steps), rates_at(rate, 0, first_step)
    if coming is None:
        return
    if not coming.any():
        warn_of_little(
            f"the learning rate is 0 from step {ended_at(rate, first_step)} on", first_step, "nothing"
        )
    elif (idle := idle_share(coming)) >= MUCH:
        warn(
            f"the learning rate is 0 in the last {idle:.0%} of the {n_steps} steps of the run, in which "
            "nothing will be learned; a schedule counts steps, not epochs"
        )
    elif past is not None and coming.max() < SMALL * past.max() and coming.mean() < FEW * past.mean():
        warn_of_little(
            f"the learning rate has fallen from {past.max():.3g} to {coming.max():.3g}",
            first_step,
            "hardly anything",
        )


def idle_share(rates: NDArray[np.float64]) -> float:
    """The share of these rates that comes after the last one above 0."""
    return 1 - (int(np.flatnonzero(rates)[-1]) + 1) / len(rates)


def ended_at(rate: Schedule, step: int) -> int:
    """The first of the steps up to `step` from which on all these have a rate of 0, by bisection."""
    low, high = -1, step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if rate(middle) == 0 else (middle, high)
    return high


def warn_of_little(cause: str, first_step: int, learned: str) -> None:
    """What is left to learn, why, and that steps are counted on."""
    warn(
        f"{cause}, and the run begins at step {first_step}: {learned} will be learned; a schedule counts the "
        "steps of the runs before, too"
    )


def kinds_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments that must stay, of the optimizer the kind alone."""
    kind = {"optimizer": type(arguments["optimizer"]).__name__} if "optimizer" in arguments else {}
    return {**arguments, **kind}


def data_of(sampling: SampledRows) -> dict[str, Any]:
    """What a resumed run must have in common besides arguments, to be kept with the result."""
    return {"n_rows": sampling.n_rows, "shuffle": sampling.shuffle}
