"""One call of the core, and the result of the run, whatever has ended it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .. import _core
from ..arguments import Training
from ..checkpointing import CheckpointWriter
from ..errors import DivergenceError, raise_with
from ..objective import Problem
from ..ranks import Ranks
from ..result import FitResult
from ..stop_reason import StopReason

__all__ = ["ended"]


def ended(
    problem: Problem,
    training: Training,
    made: Callable[[dict[str, Any]], FitResult],
    writer: CheckpointWriter,
    comm: Ranks | None,
) -> FitResult:
    """The result, which `made` makes of what the core says, and which the last checkpoint has.

    Raises
    ------
    DivergenceError
        If the run has left the finite numbers.
    BaseException
        What else has ended it: an exception of a callback, Ctrl-C, another rank, a file that cannot be
        written. Its `result` is the run so far.
    """
    run: dict[str, Any] = {}
    try:
        _core.fit(problem, training, run)
        result = made(run)
    except KeyboardInterrupt as signal:  # on the way back from the core
        if "stop_reason" not in run:
            raise
        run["raised"] = signal
        result = made(run)
    if comm is not None and run["ended_by"] is not None:
        run.setdefault("raised", comm.ended_by(run["ended_by"]))
    if "raised" in run:
        result = replace(result, stop_reason=StopReason.INTERRUPTED)
        writer.finish(result, run["raised"])
        raise_with(run["raised"], result)
    if result.stop_reason is StopReason.DIVERGED:
        epoch, step = run["diverged_at"]
        raise DivergenceError(run["stop_reason"][1], epoch, step, result)
    try:
        writer.finish(result)
    except BaseException as error:
        raise_with(error, result)
    return result
