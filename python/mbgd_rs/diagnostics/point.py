"""Where gradients are looked at, and by which batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inputs import as_flag, as_integer
from ..losses import Loss, LossName
from ..models import Model, ModelName
from ..objective import Problem, make_problem
from ..penalties import Penalty, PenaltyName
from ..sampling import resolve_shuffle
from ..threads import resolve_n_threads

__all__ = ["Looked", "look", "params_at"]

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """A point and draws, as the core reads them."""

    problem: Problem
    params: Array
    batch_sizes: list[int]
    n_draws: int
    shuffle: Any
    replacement: bool
    seed: int
    n_threads: int


def look(
    X: Any,
    y: Any,
    at: Any,
    *,
    loss: LossName | Loss | None,
    model: ModelName | Model | None,
    sample_weight: Any,
    offset: Any,
    batch_sizes: int | Sequence[int] | None,
    n_draws: int,
    seed: int,
    penalty: PenaltyName | Penalty | None,
    fit_intercept: bool,
    n_threads: int | None,
    shuffle: Any = "full",
    replacement: bool = False,
) -> Looked:
    """Check and convert the arguments that all instruments have."""
    problem = make_problem(
        X,
        y,
        loss=loss,
        model=model,
        penalty=penalty,
        sample_weight=sample_weight,
        offset=offset,
        fit_intercept=fit_intercept,
        known=at,
    )
    key = as_integer("seed", seed, 0, 2**64 - 1)
    labels = problem.y[:, 0] if problem.classes is not None and problem.y.shape[1] == 1 else None
    return Looked(
        problem=problem,
        params=params_at(problem, at, key),
        batch_sizes=as_batch_sizes(batch_sizes, len(problem.X)),
        n_draws=as_integer("n_draws", n_draws, 1),
        shuffle=resolve_shuffle(shuffle, lambda: labels),
        replacement=as_flag("replacement", replacement),
        seed=key,
        n_threads=resolve_n_threads(n_threads),
    )


def params_at(problem: Problem, at: Any, seed: int) -> Array:
    """Flat parameters: those of `at`, or where training begins: of a linear model zeros."""
    return problem.start(seed) if at is None else problem.join("at", at)


def as_batch_sizes(batch_sizes: Any, n: int) -> list[int]:
    """Sizes of batches, each in [1, n]; none where the instrument is to choose."""
    if batch_sizes is None:
        return []
    sizes = [batch_sizes] if np.ndim(batch_sizes) == 0 else list(batch_sizes)
    if not sizes:
        raise ValueError("batch_sizes must have at least one size, got none")
    return [as_batch_size(size, n) for size in sizes]


def as_batch_size(size: Any, n: int) -> int:
    """One of them."""
    number = as_integer("batch_sizes", size, -(2**63))
    if not 1 <= number <= n:
        raise ValueError(f"batch_sizes must be in [1, n], got {number} for n = {n} rows")
    return number
