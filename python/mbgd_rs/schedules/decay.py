"""Rates that fall with every step, and the one that does not fall."""

from __future__ import annotations

from dataclasses import dataclass

from .schedule import Schedule

__all__ = ["Constant", "Exponential", "InverseScaling", "Linear", "Optimal", "Polynomial"]


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
        Steps of the fall, >= 0.
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
        Steps of the fall, >= 0.
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
