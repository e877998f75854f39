"""Schedules that change another schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .schedule import LearningRate, Schedule

__all__ = ["Plateau", "Warmup"]


@dataclass(frozen=True)
class Plateau(Schedule):
    """Another schedule, times `factor` whenever the loss of `n_iter_no_change` epochs has not improved.

    scikit-learn's "adaptive" by default: an epoch has improved if its loss is at most the lowest so far minus
    `tol`. With ``tol_mode="relative"`` PyTorch's ``ReduceLROnPlateau``: if its loss is below
    ``best - tol * abs(best)``, best being that of the last epoch that had improved; PyTorch's ``patience`` is
    ``n_iter_no_change - 1``. Loss is ``history.epoch_loss``: the mean of the objective during the epoch.

    The rate depends on losses, so calling the schedule gives the other schedule's rate, as if the loss always
    improved; ``history.learning_rate`` has what the run used. What the run remembers is part of its state,
    and it goes on from there. In loops of your own, ``optimizer.end_epoch(state, loss)`` tells the loss.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step
        What is to be lowered. Steps are counted on through a fall.
    factor : float, default=0.2
        Of a fall, between 0 and 1.
    n_iter_no_change : int, default=5
        Epochs, >= 1.
    tol : float, default=1e-3
        Finite and >= 0.
    tol_mode : {"absolute", "relative"}, default="absolute"
    cooldown : int, default=0
        Epochs after a fall that are not counted, >= 0.
    min_learning_rate : float, default=0.0
        The rate does not fall below this, finite and >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> from mbgd_rs.optimizers import SGD
    >>> w, sgd = np.zeros(1), SGD(Plateau(0.5, factor=0.5, n_iter_no_change=2))
    >>> state = sgd.init(w)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     sgd.end_epoch(state, loss)
    >>> sgd.step(state, w, np.ones(1))
    >>> w
    array([-0.25])
    """

    learning_rate: LearningRate
    factor: float = 0.2
    n_iter_no_change: int = 5
    tol: float = 1e-3
    tol_mode: Literal["absolute", "relative"] = "absolute"
    cooldown: int = 0
    min_learning_rate: float = 0.0


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear rise in front of another schedule.

    ``schedule(0) * (t + 1) / (n_steps + 1)`` for t < n_steps, then ``schedule(t - n_steps)``. A
    :class:`Plateau` looks at the epochs of the rise as well.

    Parameters
    ----------
    schedule : float, schedule or function of the step
        What comes after the rise.
    n_steps : int
        Steps of the rise, >= 0; with none there is no rise.

    Examples
    --------
    >>> [Warmup(1.0, n_steps=3)(t) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    schedule: LearningRate
    n_steps: int
