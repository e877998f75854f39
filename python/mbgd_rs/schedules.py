"""Schedules: the learning rate as a pure function of the step.

Steps t are counted from 0 over the whole run. A schedule takes the place of a number wherever a learning rate
is asked for, and can be called to see what it says.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import _core
from .inputs import as_integer

__all__ = ["Constant", "Cosine", "InverseScaling", "Schedule", "Warmup"]


@dataclass(frozen=True)
class Schedule:
    """What all schedules have in common."""

    def __post_init__(self) -> None:
        _core.check(self)

    def __call__(self, t: int) -> float:
        """Learning rate of step `t`, counted from 0."""
        return _core.learning_rate_at(self, as_integer("t", t, 0))


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step; a plain number means this.

    Parameters
    ----------
    learning_rate : float
        Finite and > 0.
    """

    learning_rate: float


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """``learning_rate / (t + 1)**power_t``, scikit-learn's "invscaling".

    Parameters
    ----------
    learning_rate : float
        First rate, finite and > 0.
    power_t : float, default=0.25
        Finite and >= 0.

    Examples
    --------
    >>> InverseScaling(0.1, power_t=0.5)(3)
    0.05
    """

    learning_rate: float
    power_t: float = 0.25


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from `learning_rate` down to `final_learning_rate`, which is kept from then on.

    ``final + (learning_rate - final) * (1 + cos(pi * t / n_steps)) / 2`` for t < n_steps (Loshchilov and
    Hutter, SGDR, 2017).

    Parameters
    ----------
    learning_rate : float
        First rate, finite and > 0.
    n_steps : int
        Steps of the fall, >= 1: epochs times steps an epoch for a whole run.
    final_learning_rate : float, default=0.0
        Finite and >= 0.

    Examples
    --------
    >>> cosine = Cosine(1.0, n_steps=10, final_learning_rate=0.5)
    >>> cosine(0), cosine(5), cosine(10)
    (1.0, 0.75, 0.5)
    """

    learning_rate: float
    n_steps: int
    final_learning_rate: float = 0.0


@dataclass(frozen=True)
class Warmup(Schedule):
    """A linear rise in front of another schedule.

    ``schedule(0) * (t + 1) / (n_steps + 1)`` for t < n_steps, then ``schedule(t - n_steps)``.

    Parameters
    ----------
    schedule : float or schedule
        What comes after the rise.
    n_steps : int
        Steps of the rise, >= 1.

    Examples
    --------
    >>> [Warmup(1.0, n_steps=3)(t) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    schedule: float | Schedule
    n_steps: int
