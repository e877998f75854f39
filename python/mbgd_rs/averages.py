"""Averages of the parameters along the way, to predict with: less noisy than where training stands.

With ``mb.fit(..., average=...)`` the model, the full loss, the path and what a callback sees are of the
average; training itself goes on from the parameters. If a run is resumed with other rows, weights or
another penalty, the average begins anew: the parameters before were on the way to another optimum. An
average of sparse points is not sparse: an l1 penalty leaves small numbers where the parameters have zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _core
from .choices import Choice, without_arrays

__all__ = ["EMA", "Average", "Polyak"]

AverageName = Literal["polyak", "ema"]
"""Names of averages."""


@dataclass(frozen=True)
class Average(Choice, names=AverageName):
    """What all averages have in common."""

    def __post_init__(self) -> None:
        without_arrays(self)
        _core.check(self)


@dataclass(frozen=True)
class Polyak(Average, name="polyak", aliases="mean polyak_ruppert asgd swa average"):
    """The mean of the parameters after every step (Polyak and Juditsky 1992). The name is "polyak".

    Parameters
    ----------
    start : int, default=0
        Steps of the whole run to leave out, >= 0; until then the model is the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import mbgd_rs as mb
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((1000, 3))
    >>> y = X @ [1.0, -2.0, 0.5] + rng.standard_normal(1000)
    >>> optimum = np.linalg.lstsq(np.c_[X, np.ones(1000)], y)[0]
    >>> for average in (None, Polyak(start=200)):
    ...     model = mb.fit(X, y, optimizer=mb.optimizers.SGD(0.05), batch_size=10, average=average)
    ...     print(np.abs(model.coef - optimum[:3]).max() < 0.02)
    False
    True
    """

    start: int = 0


@dataclass(frozen=True)
class EMA(Average, name="ema", aliases="exponential exponential_moving_average"):
    """A mean with weights that fall by `decay` with every step into the past. The name is "ema".

    The weights sum to 1 from the first step on (there is no bias to zero).

    Parameters
    ----------
    decay : float, default=0.999
        In [0, 1).
    start : int, default=0
        Steps of the whole run to leave out, >= 0; until then the model is the parameters.

    Examples
    --------
    >>> EMA(decay=0.99)
    EMA(decay=0.99, start=0)
    """

    decay: float = 0.999
    start: int = 0
