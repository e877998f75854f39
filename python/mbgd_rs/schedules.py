"""Schedules: the learning rate as a pure function of the step.

Steps t are counted from 0 over the whole run, not anew in every epoch. A schedule takes the place of a number
wherever a learning rate is asked for, and can be called to see what it says. So does any function of your own
from t to a rate, finite and >= 0: it should depend on t alone. :func:`mbgd_rs.fit` evaluates it ahead of each
epoch for the steps of that epoch.

An epoch over n rows in batches of b has ceil(n / b) steps (``len(mb.Batches(n, b))``). What is to happen by
epoch is said in steps: ``Step(0.1, step_size=30 * len(batches))`` falls every 30 epochs, and
``Exponential(0.1, gamma=0.9 ** (1 / len(batches)))`` by a tenth in each.

>>> import mbgd_rs as mb
>>> optimizer = mb.optimizers.SGD(learning_rate=lambda t: 0.5 / (1 + t))
>>> X, y = [[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0]
>>> mb.fit(X, y, optimizer=optimizer, batch_size=2, epochs=2, record="step").history.learning_rate
array([0.5       , 0.25      , 0.16666667, 0.125     ])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import _core
from .inputs import as_array, as_integer

__all__ = [
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "InverseScaling",
    "LearningRate",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Optimal",
    "Piecewise",
    "Plateau",
    "Polynomial",
    "Schedule",
    "Step",
    "Warmup",
]


@dataclass(frozen=True)
class Schedule:
    """What all schedules have in common."""

    def __post_init__(self) -> None:
        _core.check(self)

    def __call__(self, t: int) -> float:
        """Learning rate of step `t`, counted from 0."""
        return _core.learning_rate_at(self, as_integer("t", t, 0))


LearningRate = float | Schedule | Callable[[int], float]
"""What a learning rate may be given as."""


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step; a plain number means this.

    Parameters
    ----------
    learning_rate : float
        Finite and > 0.

    Examples
    --------
    >>> Constant(0.1)(0), Constant(0.1)(1000)
    (0.1, 0.1)
    """

    learning_rate: float


@dataclass(frozen=True)
class Optimal(Schedule):
    """``1 / (alpha * (t0 + t))``, scikit-learn's "optimal".

    t0 is Bottou's (Stochastic gradient descent tricks, 2012), as scikit-learn has it: the first rate is
    ``alpha ** -0.25``. It is meant for columns scaled to about 1, and knows nothing of the batch size.

    Parameters
    ----------
    alpha : float, default=1e-4
        Strength of the l2 penalty, finite and > 0.

    Examples
    --------
    >>> Optimal(alpha=1e-4)(0), round(Optimal(alpha=1e-4)(9000), 6)
    (10.0, 1.0)
    """

    alpha: float = 1e-4


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
class Step(Schedule):
    """``learning_rate * gamma ** (t // step_size)``, PyTorch's ``StepLR``.

    Parameters
    ----------
    learning_rate : float
        First rate, finite and > 0.
    step_size : int
        Steps from one fall to the next, >= 1.
    gamma : float, default=0.1
        Factor of a fall, finite and > 0.

    Examples
    --------
    >>> [Step(1.0, step_size=2, gamma=0.5)(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    learning_rate: float
    step_size: int
    gamma: float = 0.1


@dataclass(frozen=True)
class MultiStep(Schedule):
    """``learning_rate * gamma ** m``, m the number of milestones <= t; PyTorch's ``MultiStepLR``.

    Parameters
    ----------
    learning_rate : float
        First rate, finite and > 0.
    milestones : sequence of int
        Steps at which the rate falls, >= 1 and increasing.
    gamma : float, default=0.1
        Factor of a fall, finite and > 0.

    Examples
    --------
    >>> [MultiStep(1.0, milestones=(1, 3), gamma=0.5)(t) for t in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """

    learning_rate: float
    milestones: Sequence[int]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "milestones", as_tuple("milestones", self.milestones))
        super().__post_init__()


@dataclass(frozen=True)
class Exponential(Schedule):
    """``learning_rate * gamma ** t``, PyTorch's ``ExponentialLR``.

    Parameters
    ----------
    learning_rate : float
        First rate, finite and > 0.
    gamma : float
        Factor of a step, finite and > 0.

    Examples
    --------
    >>> [Exponential(1.0, gamma=0.5)(t) for t in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    learning_rate: float
    gamma: float


@dataclass(frozen=True)
class Polynomial(Schedule):
    """``final + (learning_rate - final) * (1 - t / n_steps) ** power``, and `final` from step `n_steps` on.

    PyTorch's ``PolynomialLR``, optax's ``polynomial_schedule``.

    Parameters
    ----------
    learning_rate : float
        First rate, finite and > 0.
    n_steps : int
        Steps of the fall, >= 1.
    power : float, default=1.0
        Finite and > 0.
    final_learning_rate : float, default=0.0
        Finite and >= 0.

    Examples
    --------
    >>> [Polynomial(1.0, n_steps=2, power=2)(t) for t in range(4)]
    [1.0, 0.25, 0.0, 0.0]
    """

    learning_rate: float
    n_steps: int
    power: float = 1.0
    final_learning_rate: float = 0.0


@dataclass(frozen=True)
class Linear(Schedule):
    """A line from `learning_rate` to `final_learning_rate`, which is kept from step `n_steps` on.

    Parameters
    ----------
    learning_rate : float
        First rate, finite and > 0.
    n_steps : int
        Steps of the fall, >= 1.
    final_learning_rate : float, default=0.0
        Finite and >= 0.

    Examples
    --------
    >>> [Linear(1.0, n_steps=4)(t) for t in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    learning_rate: float
    n_steps: int
    final_learning_rate: float = 0.0


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
class CosineRestarts(Schedule):
    """Half a cosine, again and again, each `multiplier` times as long as the one before.

    SGDR (Loshchilov and Hutter 2017), PyTorch's ``CosineAnnealingWarmRestarts``: `n_steps` is its ``T_0``,
    `multiplier` its ``T_mult``.

    Parameters
    ----------
    learning_rate : float
        Rate at the beginning of each fall, finite and > 0.
    n_steps : int
        Steps of the first fall, >= 1.
    multiplier : int, default=1
        How much longer each is than the one before, >= 1.
    final_learning_rate : float, default=0.0
        Where the cosines end, finite and >= 0.

    Examples
    --------
    >>> [round(CosineRestarts(1.0, n_steps=2, multiplier=2)(t), 3) for t in range(7)]
    [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]
    """

    learning_rate: float
    n_steps: int
    multiplier: int = 1
    final_learning_rate: float = 0.0


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One rise to `learning_rate` and one fall far below where it began, PyTorch's ``OneCycleLR``.

    From ``learning_rate / div_factor`` at step 0 to ``learning_rate`` at step ``pct_start * n_steps - 1`` and
    on to ``learning_rate / (div_factor * final_div_factor)`` at step ``n_steps - 1``, which is kept from then
    on (Smith and Topin, Super-convergence, 2018).

    Parameters
    ----------
    learning_rate : float
        Highest rate, finite and > 0; PyTorch's ``max_lr``.
    n_steps : int
        Steps of the cycle, >= 1; PyTorch's ``total_steps``.
    pct_start : float, default=0.3
        Share of the steps that rise, between 0 and 1, with `three_phase` at most 0.5.
    anneal_strategy : {"cos", "linear"}, default="cos"
        Along half a cosine, or along a line.
    div_factor : float, default=25.0
        Finite and > 0.
    final_div_factor : float, default=1e4
        Finite and > 0.
    three_phase : bool, default=False
        Fall to where the rise began in as many steps, and only then further.

    Examples
    --------
    >>> cycle = OneCycle(1.0, n_steps=10, pct_start=0.5, anneal_strategy="linear", div_factor=5)
    >>> [round(cycle(t), 2) for t in (0, 2, 4, 7, 9)]
    [0.2, 0.6, 1.0, 0.4, 0.0]
    """

    learning_rate: float
    n_steps: int
    pct_start: float = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False


@dataclass(frozen=True)
class Piecewise(Schedule):
    """Rates from arrays: ``values[i]``, i the number of boundaries <= t.

    Parameters
    ----------
    boundaries : sequence of int, or None
        Steps at which the rate changes, >= 1 and increasing. None: `values` has a rate for each step, of
        which the last is kept.
    values : sequence of float
        Rates, finite and >= 0; one more than boundaries.

    Examples
    --------
    >>> [Piecewise([1, 3], [0.3, 0.2, 0.1])(t) for t in range(4)]
    [0.3, 0.2, 0.2, 0.1]
    >>> [Piecewise(None, [0.3, 0.2, 0.1])(t) for t in range(4)]
    [0.3, 0.2, 0.1, 0.1]
    """

    boundaries: Sequence[int] | None
    values: Sequence[float]

    def __post_init__(self) -> None:
        if self.boundaries is not None:
            object.__setattr__(self, "boundaries", as_tuple("boundaries", self.boundaries))
        object.__setattr__(self, "values", as_tuple("values", self.values))
        super().__post_init__()


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
        Steps of the rise, >= 1.

    Examples
    --------
    >>> [Warmup(1.0, n_steps=3)(t) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    schedule: LearningRate
    n_steps: int


def as_tuple(name: str, values: Any) -> tuple[Any, ...]:
    """The numbers of a sequence, immutable and comparable."""
    array: np.ndarray[Any, Any] = as_array(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension, got shape {array.shape}")
    return tuple(array.tolist())
