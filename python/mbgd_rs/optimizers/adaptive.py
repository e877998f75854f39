"""Optimizers that scale each parameter's steps by its own past gradients."""

from __future__ import annotations

from dataclasses import dataclass

from ..schedules import LearningRate
from .optimizer import Optimizer

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


@dataclass(frozen=True)
class Adagrad(Optimizer, name="adagrad", aliases="ada_grad"):
    """Adagrad: steps scaled by the root of all squared gradients so far (Duchi, Hazan and Singer 2011).

    ``s += g**2``, ``w -= learning_rate / (1 + t lr_decay) * g / (sqrt(s) + eps)``, t from 0. The name is
    "adagrad".

    On sparse rows a step costs what the batch has entries, and the result is that of dense rows. With l2,
    a penalty or weight decay, it moves all coefficients: what zero gradients then do to s has no closed form.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=0.01
        Finite and > 0.
    lr_decay : float, default=0.0
        Finite and >= 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.
    initial_accumulator_value : float, default=0.0
        The first s; finite and >= 0.
    eps : float, default=1e-10
        Finite and > 0.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), Adagrad(learning_rate=0.5)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w
    array([0.5, 2. ])
    """

    learning_rate: LearningRate = 0.01
    lr_decay: float = 0.0
    weight_decay: float = 0.0
    initial_accumulator_value: float = 0.0
    eps: float = 1e-10


@dataclass(frozen=True)
class RMSprop(Optimizer, name="rmsprop", aliases="rms_prop"):
    """RMSprop: steps scaled by the root of a running mean of squared gradients (Tieleman and Hinton 2012).

    ``v = alpha v + (1 - alpha) g**2``, ``w -= learning_rate * g / (sqrt(v) + eps)``. Centered, the variance
    ``v - a**2`` takes the place of v, a being the running mean of g; with momentum the step is
    ``b = momentum b + g / (sqrt(v) + eps)``, ``w -= learning_rate * b``. The name is "rmsprop".

    Like :class:`Adam` it needs a rate that falls to come to rest. The centered variant is for gradients with
    noise: the variance of equal ones is zero, and the step then learning_rate * g / eps.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=0.01
        Finite and > 0.
    alpha : float, default=0.99
        In [0, 1).
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.
    momentum : float, default=0.0
        In [0, 1).
    centered : bool, default=False

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), RMSprop(learning_rate=0.05)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w.round(6)
    array([0.5, 2. ])
    """

    learning_rate: LearningRate = 0.01
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False


@dataclass(frozen=True)
class Adadelta(Optimizer, name="adadelta"):
    """Adadelta: steps in the units of the parameters (Zeiler 2012).

    ``v = rho v + (1 - rho) g**2``, ``d = sqrt(u + eps) / sqrt(v + eps) * g``, ``u = rho u + (1 - rho) d**2``,
    ``w -= learning_rate * d``. The name is "adadelta".

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1.0
        Finite and > 0.
    rho : float, default=0.9
        In [0, 1).
    eps : float, default=1e-6
        Finite and > 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), Adadelta()
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w.round(6)
    array([0.996838, 2.      ])
    """

    learning_rate: LearningRate = 1.0
    rho: float = 0.9
    eps: float = 1e-6
    weight_decay: float = 0.0
