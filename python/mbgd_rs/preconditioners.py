"""Preconditioners: metrics that the steps of SGD, SAGA and SVRG are made in, learned from the curvature of
the objective.

A step along the gradient depends on the units of the columns, and crawls where columns are alike. In the
metric of the curvature it does neither. Each of these learns the curvature of the columns *centred and
scaled*, which it does without touching them, so that raw columns are as good as standardised ones; sparse
ones are scaled only.

Of the objective nothing changes: the penalty is that of the coefficients of the columns as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _core
from .choices import Choice, without_arrays

__all__ = ["Diagonal", "Newton", "Nystrom", "Preconditioner"]

PreconditionerName = Literal["diagonal", "nystrom", "newton"]
"""Names of preconditioners."""


@dataclass(frozen=True)
class Preconditioner(Choice, names=PreconditionerName):
    """What all preconditioners have in common."""

    def __post_init__(self) -> None:
        without_arrays(self)
        _core.check_preconditioner(self)


@dataclass(frozen=True)
class Diagonal(Preconditioner, name="diagonal"):
    """The curvature of every column on its own, centred and scaled. The name is "diagonal".

    Costs nothing.
    """


@dataclass(frozen=True)
class Nystrom(Preconditioner, name="nystrom"):
    """The largest eigenvalues of the curvature, by a randomised sketch. The name is "nystrom".

    Parameters
    ----------
    rank : int or "auto", default="auto"
        How many eigenvalues, at least 1; more cost more in every step, ``2 * rank * d`` multiplications.
        "auto" is 16 at first, and doubles whenever the metric is built anew, up to 128.

    Notes
    -----
    Z. Frangella et al., PROMISE: preconditioned stochastic optimization methods by incorporating scalable
    curvature estimates, JMLR 25 (2024)."""

    rank: int | Literal["auto"] = "auto"


@dataclass(frozen=True)
class Newton(Preconditioner, name="newton"):
    """All of the curvature, of a sample of the rows. The name is "newton".

    A step costs ``d * d`` multiplications, and to build the metric ``d ** 3``: for some hundred columns at
    most."""
