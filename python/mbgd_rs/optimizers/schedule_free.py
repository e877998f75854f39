"""Schedule-free optimizers: an average of the steps in the place of a schedule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schedules import LearningRate
from .optimizer import Optimizer, State

__all__ = ["ScheduleFreeAdamW", "ScheduleFreeSGD"]


class Averaging(Optimizer):
    """A schedule-free optimizer: the parameters are y, the state has z and x, and x is the model."""

    def eval_params(self, state: State, params: Any) -> Any:
        """The average x, which is the model to predict with; before the first step `params` themselves.

        Parameters
        ----------
        state : State
        params : ndarray, or list, tuple or dict of them
            Of the state; only their structure is looked at.

        Returns
        -------
        of the structure of `params`
            New arrays.
        """
        x = iter([memory[1] for memory in state.memory])
        return rebuilt(params, x) if state.n_steps else params


def rebuilt(params: Any, flat: Iterator[NDArray[Any]]) -> Any:
    """Flat arrays in the structure of parameters, taken in the order of :func:`leaves`."""
    if isinstance(params, np.ndarray):
        return next(flat).reshape(params.shape).copy()
    if isinstance(params, dict):
        values = {key: rebuilt(params[key], flat) for key in sorted(params, key=str)}
        return {key: values[key] for key in params}
    parts = [rebuilt(part, flat) for part in params]
    return parts if isinstance(params, list) else tuple(parts)


@dataclass(frozen=True)
class ScheduleFreeSGD(Averaging, name="schedule_free_sgd", aliases="schedulefree"):
    """Gradient descent with an average in the place of a schedule (Defazio et al. 2024).

    The gradient is taken at ``y = momentum * x + (1 - momentum) * z``. ``z -= learning_rate * g``, and x, the
    model, is the mean of all z, weighted by the power `weight_lr_power` of the largest rate so far. Give a
    constant rate, or one with a :class:`mbgd_rs.schedules.Warmup`. The name is "schedule_free_sgd".

    Where :func:`mbgd_rs.fit` resumes a run with other rows, weights or another penalty, x begins anew at z.

    `params` of :meth:`step` is y; :meth:`eval_params` gives x. A model of :func:`mbgd_rs.fit` is x. With an
    l1 penalty z has exact zeros, x only small numbers in their place.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=1.0
        Finite and > 0.
    momentum : float, default=0.9
        How much of y is x (optax's b1); in [0, 1).
    weight_decay : float, default=0.0
        Times y, added to the gradient; finite and >= 0. In fit, of coefficients only.
    weight_lr_power : float, default=2.0
        Finite and >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), ScheduleFreeSGD(learning_rate=0.5)
    >>> state = optimizer.init(w)
    >>> for _ in range(2):
    ...     optimizer.step(state, w, np.array([1.0, 0.0]))
    >>> w, optimizer.eval_params(state, w)
    (array([0.225, 2.   ]), array([0.25, 2.  ]))
    """

    learning_rate: LearningRate = 1.0
    momentum: float = 0.9
    weight_decay: float = 0.0
    weight_lr_power: float = 2.0


@dataclass(frozen=True)
class ScheduleFreeAdamW(Averaging, name="schedule_free_adamw", aliases="schedule_free_adam"):
    """AdamW with an average in the place of a schedule (Defazio et al. 2024).

    As :class:`ScheduleFreeSGD`, with ``z -= learning_rate * (g / (sqrt(v / (1 - b2**t)) + eps) + weight_decay
    * y)`` and ``v = b2 v + (1 - b2) g**2``; b1 is how much of y is x. The name is "schedule_free_adamw".

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=0.0025
        Finite and > 0.
    betas : (float, float), default=(0.9, 0.999)
        Both in [0, 1).
    eps : float, default=1e-8
        Finite and > 0.
    weight_decay : float, default=0.0
        Finite and >= 0. In fit, of coefficients only.
    weight_lr_power : float, default=2.0
        Finite and >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.array([1.0, 2.0]), ScheduleFreeAdamW(learning_rate=0.5)
    >>> state = optimizer.init(w)
    >>> optimizer.step(state, w, np.array([3.0, 0.0]))
    >>> optimizer.eval_params(state, w).round(6)
    array([0.5, 2. ])
    """

    learning_rate: LearningRate = 0.0025
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    weight_lr_power: float = 2.0
