"""Rules that end a run before all its epochs are done.

One or several of them are the argument `stop` of :func:`mbgd_rs.fit`. All are told of every epoch, in the
order given, and the first that is met is the reason of the end. What they look at, the *monitor*, is

- "loss": the objective with its penalty. Where the model is where training is, that of the epoch, the mean
  of the batches' before their steps, as ``history.epoch_loss`` has it. Where the model is an average, by
  `average`, by a schedule-free optimizer or by ``learning_rate="auto"`` on batches, the objective of the
  model over all rows, which costs a pass over them each epoch;
- "validation_loss": the mean loss over the validation rows, without the penalty;
- any other name: that metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from . import _core
from .choices import Choice, members_of, without_arrays

__all__ = ["Converged", "MaxSeconds", "MaxSteps", "NoImprovement", "TargetLoss"]

MonitorName = Literal["loss", "validation_loss"]
"""What can be monitored besides the metrics."""


@dataclass(frozen=True)
class StopRule(Choice):
    """What all rules have in common."""

    def __post_init__(self) -> None:
        without_arrays(self)
        _core.check(self)


@dataclass(frozen=True)
class NoImprovement(StopRule):
    """Stop when nothing has become better for a while.

    scikit-learn's rule: the run ends when ``value > best - tol`` in `patience` consecutive epochs, where best
    is the lowest value of all epochs before; with mode "max", when ``value < best + tol`` and best is the
    highest. The first epoch counts as an improvement, a value that is not finite or equals the best never
    does, and `best` follows every lower value, also one that is lower by less than `tol`. Unlike there,
    "loss" has the penalty in it, so that a model whose errors vanish while its coefficients still move is not
    taken to be at rest (scikit-learn#30027).

    What the rule has seen is part of ``result.state``. A rule of the same monitor and mode in the run that
    goes on from there remembers the best value and the epochs waited; if the rule had ended the run, it waits
    anew. If the run goes on with other rows or another penalty, a rule about the loss begins anew, and one
    about validation or metrics if the rows to judge by are others.

    Parameters
    ----------
    monitor : str, default="loss"
        "loss", "validation_loss" or the name of a metric.
    tol : float, default=1e-4
        By how much a value must be better to count, finite and >= 0.
    patience : int, default=5
        Epochs in a row without improvement, >= 1.
    mode : {"min", "max"}, default="min"
        Whether lower or higher is better.
    relative : bool, default=False
        Take ``tol * abs(best)`` in place of `tol`.
    restore_best : bool, default=False
        Give back the parameters after the best epoch, the first of equals, whatever has ended the run;
        ``result.best_epoch`` says which it was. ``result.state`` stays where training is, and `resume` goes
        on from there. At most one rule can have it.

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> rule = NoImprovement("validation_loss", tol=1e-6, patience=3, restore_best=True)
    >>> result = mb.fit(X, X @ [1.0, 2.0, 3.0], epochs=1000, batch_size=10, validation=0.25, stop=rule)
    >>> result.stop_reason.value, result.n_epochs - result.best_epoch < 4
    ('no_improvement', True)
    >>> NoImprovement(patience=0)
    Traceback (most recent call last):
    ValueError: patience must be >= 1, got 0
    """

    monitor: MonitorName | str = "loss"
    tol: float = 1e-4
    patience: int = 5
    mode: Literal["min", "max"] = "min"
    relative: bool = False
    restore_best: bool = False


@dataclass(frozen=True)
class TargetLoss(StopRule):
    """Stop after the first epoch with ``monitored <= value``, or ``>=`` with mode "max".

    Parameters
    ----------
    value : float
        Finite.
    monitor : str, default="loss"
        "loss", "validation_loss" or the name of a metric.
    mode : {"min", "max"}, default="min"
        Whether lower or higher is better.

    Examples
    --------
    >>> TargetLoss(0.95, monitor="accuracy", mode="max")
    TargetLoss(value=0.95, monitor='accuracy', mode='max')
    """

    value: float
    monitor: MonitorName | str = "loss"
    mode: Literal["min", "max"] = "min"


@dataclass(frozen=True)
class Converged(StopRule):
    """Stop after the first epoch at whose end the objective is within ``tol * objective`` of the optimum,
    about.

    Needs an optimizer that knows the curvature: SAGA, SVRG, or SGD with a preconditioner. With g the
    gradient of the objective over all rows and P the metric of the preconditioner, the gap is taken to be
    ``g . P^-1 g / 2``, which a quadratic objective of curvature P has (the Newton decrement); with an l1
    part in the penalty it is what that model comes down by along the proximal step. SAGA knows g nearly for
    free, and only when that promises the end it is computed, by one pass over all rows. Where the metric does
    not know directions of little curvature, that gap is too small. Then the epochs tell: if the objective
    went on coming down as in the last three, a geometric series says by how much in all, and the larger of
    both is taken. ``result.solver.gap`` is the last value, divided by the objective. It is an estimate and no
    bound.

    Relative to an objective whose least value is 0 no gap becomes small: targets without noise, or separable
    classes without a penalty, may take all epochs. Give ``epochs=``, or :class:`TargetLoss`.

    Parameters
    ----------
    tol : float, default=1e-4
        Relative to the objective; finite and > 0.

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> X = np.random.default_rng(0).normal(size=(200, 3)) * [1.0, 1e3, 1e-3]
    >>> y = X @ [1.0, 2.0, 3.0] + 4 * np.random.default_rng(1).normal(size=200)
    >>> result = mb.fit(X, y, optimizer="saga", epochs=100, stop=Converged(1e-6))
    >>> result.stop_reason.value, result.n_epochs < 50
    ('converged', True)
    """

    tol: float = 1e-4


@dataclass(frozen=True)
class MaxSteps(StopRule):
    """Stop after `n` steps of this call, also in the middle of an epoch.

    Parameters
    ----------
    n : int
        Updates, >= 1; as `epochs`, in addition to those of the run that is gone on with, unless that is by
        ``resume="auto"``.

    Examples
    --------
    >>> import numpy as np, mbgd_rs as mb
    >>> X = np.ones((10, 1))
    >>> begun = mb.fit(X, X[:, 0], batch_size=2, epochs=3, stop=MaxSteps(7))
    >>> begun.n_epochs, begun.n_steps
    (1, 7)
    >>> mb.fit(X, X[:, 0], batch_size=2, epochs=2, resume=begun).n_steps  # the begun epoch counts
    15
    """

    n: int


@dataclass(frozen=True)
class MaxSeconds(StopRule):
    """Stop after the first step that ends `seconds` after the call, also in the middle of an epoch.

    Counted is all the time of this call since training began, that of callbacks, metrics and validation too.
    Where the run ends depends on the machine; that it can be gone on with bit for bit does not.

    Parameters
    ----------
    seconds : float
        Finite and > 0.

    Examples
    --------
    >>> MaxSeconds(0)
    Traceback (most recent call last):
    ValueError: seconds must be finite and > 0, got 0
    """

    seconds: float


def resolve_stop(stop: Any) -> tuple[StopRule, ...]:
    """One rule, several or none, as a tuple."""
    if stop is None:
        return ()
    rules = tuple(stop) if isinstance(stop, tuple | list) else (stop,)
    for rule in rules:
        if not isinstance(rule, StopRule):
            kinds = ", ".join(kind.__name__ for kind in members_of(StopRule).values())
            hint = ", an instance" if isinstance(rule, type) else ""
            raise TypeError(f"stop must be one or several of {kinds}{hint}, or None, got {rule!r}")
    return rules
