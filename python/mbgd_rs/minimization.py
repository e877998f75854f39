"""Minimising an objective of the user's own, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from numpy.typing import ArrayLike

from . import _core
from .batch_sizes import BatchSizes
from .batches import gathered
from .choices import resolve
from .errors import DivergenceError, raise_with
from .gathering import as_gatherable
from .inputs import as_float, as_integer
from .judging import Judge
from .keywords import with_hints
from .minimize_result import MinimizeResult
from .minimize_run import Diverged, Run
from .optimizers import Optimizer, OptimizerName
from .progress import Progress
from .sampling import Shuffle, among
from .stop_reason import StopReason
from .stopping import StopRule, resolve_stop
from .watching import asked, running, watchers_of

__all__ = ["minimize"]


@with_hints
def minimize(
    fun: Callable[..., tuple[float, Any]],
    params: Any,
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    batch_size: int | Literal["full", "auto"] | BatchSizes = "auto",
    optimizer: OptimizerName | Optimizer = "adam",
    epochs: int = 10,
    shuffle: Shuffle = "full",
    replacement: bool = False,
    drop_last: bool = False,
    seed: int = 0,
    resume: MinimizeResult | None = None,
    validation: float | tuple[ArrayLike, ...] | None = None,
    stop: StopRule | Sequence[StopRule] | None = None,
    callback: Callable[[Progress], Any] | Sequence[Callable[[Progress], Any]] | None = None,
    progress: bool = False,
    verbose: int = 0,
) -> MinimizeResult:
    """Minimise the mean over rows of an objective of your own, by its gradient on batches.

    Parameters
    ----------
    fun : callable
        ``fun(params, X_b, y_b) -> (value, gradient)``, or ``fun(params, X_b)`` without `y`: the objective on
        a batch and its gradient, of the structure of `params`. It must not change what it is given.
    params : ndarray, or list, tuple or dict of them
        Where to begin; float32 or float64. Not changed. With `resume` only their structure counts.
    X, y, shuffle, replacement, drop_last, seed
        As in :func:`mbgd_rs.minibatches`.
    batch_size : int, "full", "auto" or object of mbgd_rs.batch_sizes, default="auto"
        Rows of a step; "auto" is min(256, n).
    optimizer : str or object of mbgd_rs.optimizers, default="adam"
        Names as in :func:`mbgd_rs.fit`. A learning rate that is a function is asked at each step; a plateau
        is told the loss of each epoch. :class:`mbgd_rs.optimizers.SGD` needs a learning rate here: "auto" is
        for fit, which knows the objective.
    epochs : int, default=10
        Passes over the data, in addition to those of `resume`.
    resume : MinimizeResult, optional
        A run to go on with, given the same data and arguments: k epochs and then m more are what k + m epochs
        would have been.
    validation : float, or tuple (X,) or (X, y), optional
        Rows to judge the parameters by after every epoch: the value of `fun` on all of them together is
        ``history.validation_loss``. A fraction in (0, 1) sets rows aside by `seed`.
    stop : rule of mbgd_rs.stopping or sequence of rules, optional
        When to end before all epochs are done. Monitors are "loss" and "validation_loss".
    callback : callable or list of callables, optional
        Called after every epoch with a :class:`mbgd_rs.Progress`, its `coef` being the parameters and its
        `intercept` None; the answer True of any ends the run. :mod:`mbgd_rs.callbacks` has some.
    progress, verbose
        As in :func:`mbgd_rs.fit`.

    Returns
    -------
    MinimizeResult

    Raises
    ------
    DivergenceError
        If the value, the gradient or a parameter is not finite; its `result` has the last finite parameters.

    Notes
    -----
    Any other exception on the way, that of Ctrl-C or one of `fun`, has the run so far as its attribute
    `result`.

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
    rule = resolve("optimizer", optimizer, Optimizer, may_be_found=False)
    watchers = watchers_of(callback, progress, verbose, has_steps=False)
    run = Run.begin(rule, params, resume)
    n_epochs = as_integer("epochs", epochs, 0)
    arrays = [X] if y is None else [X, y]
    rows, judged = judged_rows(validation, arrays, as_integer("seed", seed, 0, 2**64 - 1))
    if rows is not None:
        shuffle = among(shuffle, rows, len(as_gatherable("X", X)))
        arrays = [as_gatherable(name, array)[rows] for name, array in zip("Xy", arrays, strict=False)]
    known = ("loss",) if judged is None else ("loss", "validation_loss")
    judge = Judge(resolve_stop(stop), known, run.stopping)
    batches, iterator = gathered(
        arrays,
        batch_size=batch_size,
        shuffle=shuffle,
        replacement=replacement,
        drop_last=drop_last,
        seed=seed,
        epochs=run.epoch + n_epochs,
        first=run.n_steps,
    )
    reason = StopReason.EPOCHS
    try:
        with running(watchers, n_epochs):
            for batch in iterator:
                batch = batch if isinstance(batch, tuple) else (batch,)
                run.step(fun, batch)
                if run.n_steps == run.first_step_of_next_epoch(batches):
                    run.end_epoch(fun, judged, judge)
                    if watchers and asked(watchers, run.progress()):
                        reason = StopReason.CALLBACK
                        break
                reason_now = run.reason or judge.limit(len(run.records["step_loss"]), run.seconds())
                if reason_now is not None:
                    reason = reason_now
                    break
    except Diverged as diverged:
        epoch, step = run.epoch, run.n_steps
        message = f"minimize diverged in epoch {epoch} at step {step}: {diverged} is not finite"
        raise DivergenceError(message, epoch, step, run.result(StopReason.DIVERGED, judge)) from None
    except BaseException as error:
        raise_with(error, run.result(StopReason.INTERRUPTED, judge))
    return run.result(reason, judge)


def judged_rows(validation: Any, arrays: list[Any], seed: int) -> tuple[Any, tuple[Any, ...] | None]:
    """Rows to learn from, if not all, and the arrays to judge by."""
    if validation is None:
        return None, None
    if isinstance(validation, tuple | list):
        if len(validation) != len(arrays):
            raise ValueError(
                f"validation must have {len(arrays)} array(s), as fun is given, got {len(validation)}"
            )
        return None, tuple(as_gatherable(f"validation[{i}]", array) for i, array in enumerate(validation))
    given = [as_gatherable(name, array) for name, array in zip("Xy", arrays, strict=False)]
    training, rows = _core.split(len(given[0]), as_float("validation", validation), None, seed)
    return training, tuple(array[rows] for array in given)


__test__ = {"minimize": minimize}
"""The examples of what is behind a decorator are run, too."""
