"""Rates that stay the same for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..inputs import as_array
from .schedule import Schedule

__all__ = ["MultiStep", "Piecewise", "Step"]


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


def as_tuple(name: str, values: Any) -> tuple[Any, ...]:
    """The numbers of a sequence, immutable and comparable."""
    array: np.ndarray[Any, Any] = as_array(name, values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension, got shape {array.shape}")
    return tuple(array.tolist())
