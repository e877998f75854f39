"""What the core gives back, as a result for users."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .auto_batch_size import AutoBatchSize
from .auto_rate import auto_rate_of
from .history import History
from .objective import Problem
from .result import FitResult
from .solver import Solver
from .stop_reason import StopReason

__all__ = ["make_history", "make_result", "model_of"]

Array = NDArray[Any]


def make_history(problem: Problem, records: dict[str, Any], metrics: dict[str, Array]) -> History:
    """The records of the core, in the units of the data, and those of the metrics."""
    if problem.units is not None:
        records = problem.units.records(records, problem.model, problem.n_outputs)
    noise = records["noise_records"]
    recorded = {name: array for name, array in records.items() if name != "noise_records"}
    if noise is not None:
        recorded["noise_records"] = structured(noise)
    return History(**recorded, metrics=metrics)


def make_result(
    problem: Problem,
    run: dict[str, Any],
    history: History,
    *,
    before: FitResult | None = None,
    arguments: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    auto_batch_size: AutoBatchSize | None = None,
    solver: Solver | None = None,
) -> FitResult:
    """The result of a run, after what was `before` it; `arguments` and `data` are what resuming it needs."""
    return FitResult(
        params=problem.split(run["params"]),
        model=problem.model,
        is_vector=problem.is_vector,
        classes=problem.classes,
        feature_names=problem.names if before is None else before.feature_names or problem.names,
        history=after(before, history, run["state"]["n_steps"]),
        n_steps=run["state"]["n_steps"],
        n_epochs=run["state"]["epoch"],
        stop_reason=StopReason(run["stop_reason"][0]),
        state=run["state"],
        loss=problem.loss_name,
        batch_size=run["batch_size"],
        loss_object=problem.loss,
        best_epoch=run["best_epoch"],
        arguments=arguments or {},
        auto_batch_size=auto_batch_size,
        auto_rate=auto_rate_of(run["state"]),
        data=data,
        solver=solver,
        standardization=problem.units,
    )


def after(before: FitResult | None, history: History, n_steps: int) -> History:
    """A history with that of the run before, if there was one."""
    if before is None:
        return history
    assert before.state is not None
    steps = before.n_steps, n_steps - before.n_steps
    return before.history.followed_by(history, before.state["seconds"], steps)


def model_of(problem: Problem, params: Array) -> FitResult:
    """A model in the middle of its run, to predict with."""
    run = {
        "params": params,
        "state": {"n_steps": 0, "epoch": 0},
        "stop_reason": ("interrupted", ""),
        "best_epoch": None,
        "batch_size": 0,
    }
    return make_result(problem, run, History())


def structured(columns: dict[str, Array]) -> Array:
    """Columns of the same length as one array with fields."""
    records = np.empty(len(columns["step"]), [(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        records[name] = column
    return records
