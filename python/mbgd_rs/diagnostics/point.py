"""Where gradients are looked at, and by which batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inputs import as_flag, as_integer, as_params
from ..losses import Loss, LossName
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
    loss: LossName | Loss,
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
        penalty=penalty,
        sample_weight=sample_weight,
        offset=offset,
        fit_intercept=fit_intercept,
        model=at,
    )
    labels = problem.y[:, 0] if problem.classes is not None and problem.y.shape[1] == 1 else None
    return Looked(
        problem=problem,
        params=params_at(problem, at),
        batch_sizes=as_batch_sizes(batch_sizes, len(problem.X)),
        n_draws=as_integer("n_draws", n_draws, 1),
        shuffle=resolve_shuffle(shuffle, lambda: labels),
        replacement=as_flag("replacement", replacement),
        seed=as_integer("seed", seed, 0, 2**64 - 1),
        n_threads=resolve_n_threads(n_threads),
    )


def params_at(problem: Problem, at: Any) -> Array:
    """Flat parameters: those of `at`, or zeros."""
    if at is None:
        return np.zeros(problem.n_outputs * (problem.X.shape[1] + 1), problem.X.dtype)
    return as_params("at", at, problem.n_outputs, problem.X)


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
