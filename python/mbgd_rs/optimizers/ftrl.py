"""FTRL-Proximal: follow the regularised leader."""

from __future__ import annotations

from dataclasses import dataclass

from ..schedules import LearningRate
from .optimizer import Optimizer

__all__ = ["FTRL"]


@dataclass(frozen=True)
class FTRL(Optimizer, name="ftrl", aliases="ftrl_proximal"):
    """FTRL-Proximal: per coordinate, the best point for all gradients so far (McMahan et al. 2013).

    With ``n += g**2``, ``r = (beta + sqrt(n)) / learning_rate`` and ``z += g - (r - r_before) * w``:
    ``w = -sign(z) * max(abs(z) - l1, 0) / (r + l2)``. The name is "ftrl".

    `l1` and `l2` are the paper's strengths over the whole run, which weigh less and less beside the growing
    sum of losses. To minimise an objective with a penalty, give ``penalty="l1"`` or "elasticnet" to
    :func:`mbgd_rs.fit`: its l1 part counts anew with every step (McMahan 2011), t times after t steps, inside
    the same closed form. Then zeros are exact and the run comes to rest at the optimum of the objective.

    The first z is chosen so that w is the start, wherever that is; in the paper it is 0. In `fit`, `l1` and
    `l2` leave the intercepts free.

    The closed form is about the run as a whole: a run resumed with another l1 penalty after many steps has
    their share of it at once, and zeros that many steps have made take as many to be left.

    On sparse rows a step costs what the batch has entries, and the result is that of dense rows, also with an
    l1 penalty and with `l1` and `l2`. With an l2 penalty, whose gradients add to n, all coefficients move.

    Parameters
    ----------
    learning_rate : float, schedule or function of the step, default=0.1
        The paper's alpha; finite and > 0.
    beta : float, default=1.0
        Finite and > 0.
    l1, l2 : float, default=0.0
        Finite and >= 0.

    Examples
    --------
    >>> import numpy as np
    >>> w, optimizer = np.zeros(2), FTRL(learning_rate=0.5, l1=0.5)
    >>> optimizer.step(optimizer.init(w), w, np.array([1.0, 0.1]))
    >>> w
    array([-0.125,  0.   ])
    """

    learning_rate: LearningRate = 0.1
    beta: float = 1.0
    l1: float = 0.0
    l2: float = 0.0
