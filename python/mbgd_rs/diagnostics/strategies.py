"""Three roads down the same valley (S1, S3, S6)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import _core, plotting
from ..arguments import Record
from ..diagnosis import Diagnosis
from ..inputs import as_float, as_integer
from ..losses import Loss, LossName
from ..models import Model, ModelName
from ..objective import Problem, make_problem
from ..penalties import Penalty, PenaltyName
from ..stopping import MaxSteps
from ..threads import resolve_n_threads
from .point import params_at
from .timing import first_rate, plain_training

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["StrategyComparison", "compare_strategies"]

Array = NDArray[Any]
EXPONENTS = range(-3, 9)
"""The rates tried are 2^j / L(b), or 2^j / 64: from far too short to far too long for most data."""
LOOKS_A_DECADE = 20
ROUNDING = 1e-6
"""A rise of the loss by less than this part of the loss at the start is taken for rounding."""


@dataclass(frozen=True, repr=False, eq=False)
class StrategyComparison(Diagnosis):
    """BGD, SGD and MBGD on the same data with the same budget, in this order.

    Attributes
    ----------
    names : tuple of str
        "BGD", "SGD" and "MBGD".
    batch_sizes : ndarray of int
        n, 1 and b.
    learning_rates : ndarray
        The best of the rates tried, a constant for each.
    n_steps : ndarray of int
        Updates that the budget allowed.
    passes : ndarray
        Rows seen, in units of n.
    train_seconds : ndarray
        Of the whole runs.
    start_loss : float
        The objective over all rows before the first step.
    final_loss : ndarray
        And after the last.
    steps, seconds, losses : tuple of ndarray
        Steps at which the loss over all rows was looked at, the seconds of training up to there, and that
        loss; looking is not counted.
    cosine : ndarray
        The mean cosine of the angle between a step and the next, of the first `n_looked` steps: 1 on a
        straight path.
    rise_fraction : ndarray
        The share of these steps after which the loss over all rows was higher than before.
    """

    names: tuple[str, ...]
    batch_sizes: Array
    learning_rates: Array
    n_steps: Array
    passes: Array
    train_seconds: Array
    start_loss: float
    final_loss: Array
    steps: tuple[Array, ...]
    seconds: tuple[Array, ...]
    losses: tuple[Array, ...]
    cosine: Array
    rise_fraction: Array

    def plot(self, ax: Axes | None = None, *, x: Literal["step", "seconds"] = "step") -> Axes:
        """Draw the losses, see :func:`mbgd_rs.plotting.strategies`."""
        return plotting.strategies(self, x=x, ax=ax)


@dataclass(frozen=True, eq=False)
class Road:
    """One of the three, and where it led."""

    batch_size: int
    rate: float
    n_steps: int
    steps: Array
    seconds: Array
    losses: Array
    cosine: float
    rise_fraction: float


def compare_strategies(
    X: Any,
    y: ArrayLike,
    at: Any = None,
    *,
    loss: LossName | Loss | None = None,
    model: ModelName | Model | None = None,
    penalty: PenaltyName | Penalty | None = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    fit_intercept: bool = True,
    batch_size: int = 32,
    passes: float | None = None,
    seconds: float | None = None,
    n_looked: int = 50,
    seed: int = 0,
    n_threads: int | None = None,
) -> StrategyComparison:
    """Compare gradient descent on all rows (BGD), on one row (SGD) and on batches (MBGD).

    All begin at the same place and have the same budget, of passes over the data or of seconds of training.
    Each has the best constant learning rate of the powers of two times 1 / L(b), of models beyond linear of
    the powers of two from 1/512 to 4: the one with the lowest loss
    over all rows when the budget is spent, among those with which that loss is never seen above its value at
    the start; for BGD, among those with which it is never seen to rise from one step to the next. The search
    is not counted. The times are those of the fastest of three runs.

    Parameters
    ----------
    X, y, penalty, sample_weight, offset, fit_intercept
        As in :func:`mbgd_rs.fit`.
    at : FitResult, dict or tuple, optional
        Where the runs begin: a result, or parameters as ``init`` of :func:`mbgd_rs.fit` has them. By default
        as training does, a linear model at zeros.
    loss, model : str or object, optional
        By default those of the result given as `at`, or "squared_error" and "linear".
    batch_size : int, default=32
        Of MBGD; more than n means n.
    passes : float, optional
        The budget in rows seen, in units of n, > 0; at least one step is made. By default 10.
    seconds : float, optional
        The budget in seconds instead, > 0. How many steps that is is measured, so the losses depend on the
        machine.
    n_looked : int, default=50
        Steps, from the first on, after each of which the path and the loss over all rows are looked at. Where
        the run has come to the bottom, only noise is left, and all paths are alike.
    seed : int, default=0
        Of the batches.
    n_threads : int, optional
        As in fit.

    Returns
    -------
    StrategyComparison

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 5))
    >>> roads = mb.diagnostics.compare_strategies(X, X @ rng.standard_normal(5) + rng.standard_normal(1000))
    >>> roads.n_steps
    array([   10, 10000,   320])
    >>> bgd, sgd, mbgd = roads.cosine  # smooth, erratic, between
    >>> bool(bgd > mbgd > sgd)
    True
    """
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
    threads, key = resolve_n_threads(n_threads), as_integer("seed", seed, 0, 2**64 - 1)
    n, start = len(problem.X), params_at(problem, at, key)
    n_seen, b = as_integer("n_looked", n_looked, 1), min(as_integer("batch_size", batch_size, 1), n)
    if passes is not None and seconds is not None:
        raise ValueError(f"passes and seconds exclude each other, got {passes} and {seconds}")
    budget = (
        as_float("passes", 10 if passes is None else passes)
        if seconds is None
        else as_float("seconds", seconds)
    )
    if not 0 < budget < math.inf:
        name = "passes" if seconds is None else "seconds"
        raise ValueError(f"{name} must be finite and > 0, got {budget}")
    by_time = seconds is not None
    start_loss = _core.sampled_loss(problem, start, n, threads)
    roads = []
    for size in (n, 1, b):
        per_pass = math.ceil(n / size)
        if by_time:
            rate = 1e-3 * first_rate(problem, size, 1)
            training = plain_training(n, size, rate, seed=key, n_threads=threads, epochs=3, init=start)
            run = _core.fit(problem, training)
            n_steps = int(budget / (run["history"]["epoch_elapsed"][-1] / run["state"]["n_steps"]))
        else:
            n_steps = round(budget * per_pass)
        roads.append(
            walk(
                problem,
                start,
                start_loss=start_loss,
                batch_size=size,
                n_steps=max(n_steps, 1),
                n_looked=n_seen,
                seed=key,
                n_threads=threads,
            )
        )
    return StrategyComparison(
        names=("BGD", "SGD", "MBGD"),
        batch_sizes=np.array([road.batch_size for road in roads]),
        learning_rates=np.array([road.rate for road in roads]),
        n_steps=np.array([road.n_steps for road in roads]),
        passes=np.array([road.n_steps * road.batch_size / n for road in roads]),
        train_seconds=np.array([road.seconds[-1] for road in roads]),
        start_loss=start_loss,
        final_loss=np.array([road.losses[-1] for road in roads]),
        steps=tuple(road.steps for road in roads),
        seconds=tuple(road.seconds for road in roads),
        losses=tuple(road.losses for road in roads),
        cosine=np.array([road.cosine for road in roads]),
        rise_fraction=np.array([road.rise_fraction for road in roads]),
    )


def walk(
    problem: Problem,
    start: Array,
    *,
    start_loss: float,
    batch_size: int,
    n_steps: int,
    n_looked: int,
    seed: int,
    n_threads: int,
) -> Road:
    """The best of the rates, and the run with it."""
    n = len(problem.X)
    epochs = n_steps // math.ceil(n / batch_size) + 1

    def run(rate: float, until: int, state: Any = None, **changes: Any) -> dict[str, Any]:
        training = plain_training(
            n, batch_size, rate, seed=seed, n_threads=n_threads, epochs=epochs, init=start
        )
        init = None if state is not None else start
        stop = (MaxSteps(until),)
        return _core.fit(problem, replace(training, init=init, state=state, stop=stop, **changes))

    def loss_at(params: Array) -> float:
        return _core.sampled_loss(problem, params, n, n_threads)

    wanted = {round(10 ** (i / LOOKS_A_DECADE)) for i in range(400)} | {n_steps}
    looks = sorted(t for t in wanted if t <= n_steps)

    def losses_with(rate: float) -> Array | None:
        losses, state, done = [], None, 0
        for t in looks:
            part = run(rate, t - done, state)
            if part["stop_reason"][0] == "diverged":
                return None
            state, done = part["state"], t
            losses.append(loss_at(part["params"]))
        return np.array(losses)

    tried = {
        rate: losses_with(rate) for rate in (first_rate(problem, batch_size, 1) * 2.0**j for j in EXPONENTS)
    }
    found = {
        rate: losses for rate, losses in tried.items() if losses is not None and np.isfinite(losses).all()
    }
    if not found:
        raise ValueError(f"X, y must be such that a rate of 2^j / L(b) does not diverge, b = {batch_size}")

    def is_calm(losses: Array) -> bool:
        if batch_size < n:
            return bool(losses.max() <= start_loss)
        # A batch of all rows has no noise: if its loss rises, the rate is too long.
        rises = np.diff(losses, prepend=start_loss)
        return bool(rises.max() <= ROUNDING * abs(start_loss))

    calm = {rate: losses for rate, losses in found.items() if is_calm(losses)}
    rate, losses = min((calm or found).items(), key=lambda item: item[1][-1])
    timed = min((run(rate, n_steps) for _ in range(3)), key=lambda one: one["seconds"])
    near = run(rate, min(n_steps, n_looked), record=Record(step=True, full_loss=True, path=True))["history"]
    path = np.concatenate([start[None], near["path"]]).astype(np.float64)
    cosine, rises = _core.path_measures(path, np.array([start_loss, *near["full_loss"]]))
    per_epoch = math.ceil(n / batch_size)
    elapsed = timed["history"]["epoch_elapsed"]
    ends = [0, *(per_epoch * np.arange(1, len(elapsed) + 1)), n_steps]
    at_ends = [0.0, *elapsed, timed["seconds"]]
    return Road(
        batch_size=batch_size,
        rate=rate,
        n_steps=n_steps,
        steps=np.array(looks),
        seconds=np.interp(looks, ends, at_ends),
        losses=losses,
        cosine=cosine,
        rise_fraction=rises,
    )
