"""Timed training runs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..arguments import Training
from ..models import Linear
from ..objective import Problem
from ..optimizers import SGD
from ..sparse import SparseRows

__all__ = ["first_rate", "plain_training", "powers_of_two", "time_reference", "time_steps"]

Array = NDArray[Any]
LARGEST = 1 << 16
"""The largest batch size that is timed unasked."""
MOST_ROWS = 1 << 13
"""Rows of a timed run. More would only take longer, and long runs are the ones that are disturbed."""
RUNS_OF_A_DRAW = 3
"""Of which the fastest counts: what else a machine is busy with makes runs slower, never faster."""
ROWS_OF_A_RUN = 1 << 12
"""A run has this many rows at least, in as many epochs as that takes, so that the clock is fine enough."""
STEPS_OF_THE_REFERENCE = 32
USUAL_RATE = 2.0**-6
"""Of gradient descent on models beyond linear, whose curvature has no bound."""


def powers_of_two(n: int, largest: int) -> list[int]:
    """1, 2, 4, ... up to n, and n itself, but nothing beyond `largest`."""
    sizes = [1 << j for j in range(n.bit_length())]
    return [b for b in dict.fromkeys([*sizes, n]) if b <= largest]


def plain_training(
    n_rows: int, batch_size: int, rate: Any, *, seed: int, n_threads: int, epochs: int, init: Array
) -> Training:
    """Gradient descent on reshuffled batches, and nothing besides."""
    batches = _core.Batches(
        n=n_rows, batch_size=batch_size, shuffle="full", replacement=False, drop_last=False, seed=seed
    )
    return Training(optimizer=SGD(rate), batches=batches, epochs=epochs, n_threads=n_threads, init=init)


def time_steps(
    problem: Problem, start: Array, batch_sizes: Sequence[int], *, n_draws: int, seed: int, n_threads: int
) -> tuple[list[list[float]], float]:
    """Seconds of a step in `n_draws` runs for each batch size, in turn, so that a disturbance hits all; and
    the rate of these runs, which does not diverge."""
    part = first_rows(problem, max(MOST_ROWS, *batch_sizes))
    n = len(part.X)
    epochs = math.ceil(ROWS_OF_A_RUN / n)

    def train(b: int, rate: float, seed: int) -> dict[str, Any]:
        training = plain_training(n, b, rate, seed=seed, n_threads=n_threads, epochs=epochs, init=start)
        return _core.fit(part, training)

    rate = first_rate(part, 1, n_threads)
    seconds: list[list[float]] = [[] for _ in batch_sizes]
    for draw in range(n_draws):
        for b, of_size in zip(batch_sizes, seconds, strict=True):
            least = math.inf
            for _ in range(RUNS_OF_A_DRAW):
                while (run := train(b, rate, seed + draw))["stop_reason"][0] == "diverged":
                    rate /= 16
                least = min(least, run["history"]["epoch_elapsed"][-1] / run["state"]["n_steps"])
            of_size.append(least)
    return seconds, rate


def first_rate(problem: Problem, batch_size: int, n_threads: int) -> float:
    """1 / L(b), by the bound that linear models have on the curvature; of others a rate that is usual."""
    is_linear = isinstance(problem.model, Linear)
    return _core.safe_rate(problem, batch_size, n_threads) if is_linear else USUAL_RATE


def time_reference(
    X: Any, y: Any, batch_sizes: Sequence[int], *, n_draws: int, seed: int, **options: Any
) -> list[list[float]]:
    """The same of the NumPy reference, with NumPy's own permutations."""
    from .. import reference  # nothing else of the package needs its forty files

    n = X.shape[0]
    rng = np.random.default_rng(seed)
    seconds: list[list[float]] = [[] for _ in batch_sizes]
    for _ in range(n_draws):
        for b, of_size in zip(batch_sizes, seconds, strict=True):
            n_seen = min(n, STEPS_OF_THE_REFERENCE * b, max(ROWS_OF_A_RUN // 2, b))
            least = math.inf
            for _ in range(RUNS_OF_A_DRAW):
                orders = order_of(rng, n_seen)
                run = reference.fit(X, y, batch_size=b, epochs=1, orders=orders, **options)
                least = min(least, run.history["epoch_elapsed"][-1] / run.n_steps)
            of_size.append(least)
    return seconds


def order_of(rng: np.random.Generator, n: int) -> Callable[[int], Array]:
    """The first n rows in a random order, made when it is asked for, so that the clock sees it."""
    return lambda epoch: rng.permutation(n)


def first_rows(problem: Problem, n: int) -> Problem:
    """The same on the first n rows, in place."""
    if len(problem.X) <= n:
        return problem
    X, weights, offset = problem.X, problem.sample_weight, problem.offset
    if isinstance(X, SparseRows):
        X = SparseRows(X.data, X.indices, X.indptr[: n + 1], (n, X.shape[1]))
    else:
        X = X[:n]
    weights, offset = (None if given is None else given[:n] for given in (weights, offset))
    return dataclasses.replace(problem, X=X, y=problem.y[:n], sample_weight=weights, offset=offset)
