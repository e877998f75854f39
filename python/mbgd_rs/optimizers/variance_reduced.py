"""Optimizers whose gradients lose their noise on the way to the optimum: SAGA and SVRG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..preconditioners import Preconditioner, PreconditionerName
from ..schedules import LearningRate
from .optimizer import Optimizer

__all__ = ["SAGA", "SVRG"]


@dataclass(frozen=True)
class SAGA(Optimizer, name="saga"):
    """SAGA: mini-batch descent that converges at a constant rate, by a table of slopes (Defazio et al.
    2014)."""

    learning_rate: LearningRate | Literal["auto"] = "auto"
    preconditioner: Preconditioner | PreconditionerName | Literal["auto"] | None = "auto"


@dataclass(frozen=True)
class SVRG(Optimizer, name="svrg"):
    """SVRG: mini-batch descent that converges at a constant rate, by snapshots (Johnson and Zhang 2013)."""

    learning_rate: LearningRate | Literal["auto"] = "auto"
    preconditioner: Preconditioner | PreconditionerName | Literal["auto"] | None = "auto"
    snapshot_every: int = 1
