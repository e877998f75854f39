"""Adam and its family: steps scaled by running moments of the gradient."""

from __future__ import annotations

from dataclasses import dataclass

from ..schedules import LearningRate
from .optimizer import Optimizer

__all__ = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"]


@dataclass(frozen=True)
class Adam(Optimizer, name="adam", aliases="amsgrad"):
    """Adam: steps scaled by running means of the gradient and of its square (Kingma and Ba 2015).

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g**2``,
    ``w -= learning_rate * (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)``, t from 1. With
    AMSGrad (Reddi et al. 2018) the largest v so far takes the place of v. The name is "adam".

    At a constant rate it does not come to rest: steps are of the size of the rate however small the gradient.
    Let the rate fall, for instance by :class:`mbgd_rs.schedules.Cosine`, to find an optimum exactly.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1e-3
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.999)
        Both in [0, 1).
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.
    amsgrad : bool, default=False

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = {"a": np.zeros(2), "b": np.zeros(1)}, Adam(learning_rate=0.1)
    >>> optimizer.step(optimizer.init(w), w, {"a": np.array([3.0, -4.0]), "b": np.array([0.0])})
    >>> w["a"].round(6)
    array([-0.1,  0.1])
    """

    learning_rate: LearningRate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False


@dataclass(frozen=True)
class AdamW(Optimizer, name="adamw", aliases="adam_w"):
    """AdamW: Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019).

    ``w -= learning_rate * weight_decay * w``, and then the step of :class:`Adam`. The name is "adamw".

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1e-3
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.999)
        Both in [0, 1).
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.01
        Apart from the gradient, ``w -= learning_rate * weight_decay * w``; finite and >= 0. In fit, of
        coefficients only.
    amsgrad : bool, default=False

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), AdamW(learning_rate=0.1, weight_decay=0.5)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w
    array([0.85, 1.9 ])
    """

    learning_rate: LearningRate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01
    amsgrad: bool = False


@dataclass(frozen=True)
class NAdam(Optimizer, name="nadam", aliases="nesterov_adam"):
    """NAdam: Adam with Nesterov's look ahead (Dozat 2016).

    With ``mu_t = b1 (1 - 0.96**(t momentum_decay) / 2)``, t from 1, and ``p_t = mu_1 ... mu_t``, m and v as
    in :class:`Adam`: ``w -= learning_rate * ((1 - mu_t) / (1 - p_t) g + mu_(t+1) / (1 - p_(t+1)) m)
    / (sqrt(v / (1 - b2**t)) + eps)``. The name is "nadam".

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=2e-3
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.999)
        Both in [0, 1).
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.
    momentum_decay : float, default=4e-3
        Finite and >= 0.
    decoupled_weight_decay : bool, default=False
        Decay as :class:`AdamW` does.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), NAdam(learning_rate=0.1)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w.round(2)
    array([0.89, 2.  ])
    """

    learning_rate: LearningRate = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum_decay: float = 4e-3
    decoupled_weight_decay: bool = False


@dataclass(frozen=True)
class RAdam(Optimizer, name="radam", aliases="rectified_adam"):
    """RAdam: Adam that scales its steps only when the second moment can be trusted (Liu et al. 2020).

    With ``r = 2 / (1 - b2) - 1`` and ``r_t = r - 2 t b2**t / (1 - b2**t)``, t from 1: where r_t > 5 the step
    of :class:`Adam` times ``sqrt((r_t - 4)(r_t - 2) r / ((r - 4)(r - 2) r_t))``, else
    ``w -= learning_rate * m / (1 - b1**t)``. The name is "radam".

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1e-3
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.999)
        Both in [0, 1).
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.
    decoupled_weight_decay : bool, default=False
        Decay as :class:`AdamW` does.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), RAdam(learning_rate=0.1)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w
    array([0.9, 2. ])
    """

    learning_rate: LearningRate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    decoupled_weight_decay: bool = False


@dataclass(frozen=True)
class Adamax(Optimizer, name="adamax"):
    """Adamax: Adam with the largest gradient in place of the second moment (Kingma and Ba 2015, section 7.1).

    ``m = b1 m + (1 - b1) g``, ``u = max(b2 u, abs(g) + eps)``, ``w -= learning_rate / (1 - b1**t) * m / u``,
    t from 1. The name is "adamax".

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=2e-3
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.999)
        Both in [0, 1).
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.0
        Times w, added to the gradient; finite and >= 0. In fit, of coefficients only.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), Adamax(learning_rate=0.1)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.0]))
    >>> w.round(6)
    array([0.9, 2. ])
    """

    learning_rate: LearningRate = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
