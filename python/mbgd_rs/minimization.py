"""Minimising an objective of the user's own, batch by batch."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from .batch_sizes import BatchSizes
from .batches import minibatches
from .callbacks import Progress, check_callback
from .choices import resolve
from .errors import DivergenceError
from .history import History
from .inputs import as_float
from .keywords import with_hints
from .optimizers import Optimizer, OptimizerName
from .optimizers.optimizer import pair_leaves
from .sampling import Shuffle, n_positions
from .stop_reason import StopReason

__all__ = ["MinimizeResult", "minimize"]


@dataclass(frozen=True)
class MinimizeResult:
    """What :func:`minimize` found.

    Attributes
    ----------
    params : of the structure given
        New arrays.
    history : History
        With epoch_loss, epoch_elapsed, step_loss and elapsed.
    n_steps, n_epochs : int
    stop_reason : StopReason
    """

    params: Any
    history: History
    n_steps: int
    n_epochs: int
    stop_reason: StopReason


@with_hints
def minimize(
    fun: Callable[..., tuple[float, Any]],
    params: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    batch_size: int | Literal["full"] | BatchSizes,
    optimizer: OptimizerName | Optimizer = "adam",
    epochs: int = 10,
    shuffle: Shuffle = "full",
    replacement: bool = False,
    drop_last: bool = False,
    seed: int = 0,
    callback: Callable[[Progress], Any] | None = None,
) -> MinimizeResult:
    """Minimise the mean over rows of an objective of your own, by its gradient on batches.

    Parameters
    ----------
    fun : callable
        ``fun(params, X_b, y_b) -> (value, gradient)``, or ``fun(params, X_b)`` without `y`: the objective on
        a batch and its gradient, of the structure of `params`. It must not change what it is given.
    params : ndarray, or list, tuple or dict of them
        Where to begin; float32 or float64. Not changed.
    X, y, batch_size, shuffle, replacement, drop_last, seed, epochs
        As in :func:`mbgd_rs.minibatches`.
    optimizer : str or object of mbgd_rs.optimizers, default="adam"
        Names as in :func:`mbgd_rs.fit`. A learning rate that is a function is asked at each step; a plateau
        is told the loss of each epoch. :class:`mbgd_rs.optimizers.SGD` needs a learning rate here: "auto" is
        for fit, which knows the objective.
    callback : callable, optional
        Called after every epoch with a :class:`mbgd_rs.Progress`, its `coef` being the parameters and its
        `intercept` None; a true return value ends the run.

    Returns
    -------
    MinimizeResult

    Raises
    ------
    DivergenceError
        If the value, the gradient or a parameter is not finite; its `result` has the last finite parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> def fun(w, x):  # the mean minimises the squared distance
    ...     return float(((w - x) ** 2).mean() / 2), w - x.mean()
    >>> x = np.array([1.0, 2.0, 6.0])
    >>> sgd = mb.optimizers.SGD(learning_rate=0.5)
    >>> mb.minimize(fun, np.zeros(()), x, batch_size="full", optimizer=sgd, epochs=60).params
    array(3.)
    """
    if not callable(fun):
        raise TypeError(f"fun must be callable, got {fun!r}")
    rule = resolve("optimizer", optimizer, Optimizer)
    check_callback(callback)
    w = copy.deepcopy(params)
    state = rule.init(w)
    batches = {
        "batch_size": batch_size,
        "shuffle": shuffle,
        "replacement": replacement,
        "drop_last": drop_last,
    }
    losses: list[float] = []
    elapsed: list[float] = []
    epoch_loss: list[float] = []
    epoch_elapsed: list[float] = []
    loss_sum, n_seen, epoch, stop_reason = 0.0, 0, 0, StopReason.EPOCHS
    start = time.perf_counter()

    def result(model: Any) -> MinimizeResult:
        records = zip(("step_loss", "elapsed", "epoch_loss", "epoch_elapsed"),
                      (losses, elapsed, epoch_loss, epoch_elapsed), strict=True)  # fmt: skip
        arrays: dict[str, Any] = {name: np.array(values) for name, values in records}
        return MinimizeResult(model, History(**arrays), len(losses), epoch, stop_reason)

    n_rows = n_positions(shuffle, np.shape(X)[0])
    for batch in minibatches(X, y, **batches, seed=seed, epochs=epochs):  # type: ignore[arg-type]
        batch = batch if isinstance(batch, tuple) else (batch,)
        value, grad = evaluate(fun, w, batch)
        last = copy.deepcopy(rule.eval_params(state, w))
        what = not_finite(value, "the gradient of fun", pair_leaves(w, grad))
        if what is None:
            rule.step(state, w, grad)
            what = not_finite(value, "a parameter", pair_leaves(w, w))
        if what is not None:
            stop_reason = StopReason.DIVERGED
            message = f"minimize diverged in epoch {epoch} at step {len(losses)}: {what} is not finite"
            raise DivergenceError(message, epoch, len(losses), result(last))
        losses.append(value)
        elapsed.append(time.perf_counter() - start)
        size = batch[0].shape[0]
        loss_sum += value * size
        n_seen += size
        is_last = n_rows - n_seen < (size if drop_last else 1)
        if is_last:
            epoch += 1
            epoch_loss.append(loss_sum / n_seen)
            epoch_elapsed.append(elapsed[-1])
            rule.end_epoch(state, epoch_loss[-1])
            loss_sum, n_seen = 0.0, 0
            done = Progress(
                epoch,
                len(losses),
                epoch_loss[-1],
                elapsed[-1],
                copy.deepcopy(rule.eval_params(state, w)),
                None,
            )
            if callback is not None and callback(done):
                stop_reason = StopReason.CALLBACK
                break
    return result(rule.eval_params(state, w))


def evaluate(fun: Callable[..., Any], params: Any, batch: tuple[Any, ...]) -> tuple[float, Any]:
    """What `fun` returns, if it is a number and a gradient."""
    returned = fun(params, *batch)
    if not (isinstance(returned, tuple | list) and len(returned) == 2):
        raise TypeError(f"fun must return a pair (value, gradient), got {returned!r}")
    value, grad = returned
    return as_float("the value of fun", value), grad


def not_finite(value: float, name: str, arrays: Iterable[tuple[Any, Any]]) -> str | None:
    """What is not finite of a value and the second of each pair of arrays, if anything."""
    if not np.isfinite(value):
        return "the value of fun"
    return None if all(np.isfinite(array).all() for _, array in arrays) else name


__test__ = {"minimize": minimize}
"""The examples of what is behind a decorator are run, too."""
