"""Rates along a cosine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .schedule import Schedule

__all__ = ["Cosine", "CosineRestarts", "OneCycle"]


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
        Steps of the fall, >= 0: epochs times steps an epoch for a whole run.
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
