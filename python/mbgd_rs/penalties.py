"""Penalties: what large coefficients cost. Strengths are scikit-learn's; intercepts are free."""

from __future__ import annotations

from dataclasses import dataclass

from . import _core

__all__ = ["L1", "L2", "ElasticNet"]


@dataclass(frozen=True)
class L2:
    """``alpha / 2 * |w|^2``, ridge. The name is "l2".

    Parameters
    ----------
    alpha : float, default=1e-4
        Strength, finite and >= 0.

    Examples
    --------
    >>> L2(alpha=0.1)
    L2(alpha=0.1)
    >>> L2(alpha=-1)
    Traceback (most recent call last):
    ValueError: alpha must be finite and >= 0, got -1
    """

    alpha: float = 1e-4

    def __post_init__(self) -> None:
        _core.check(self)


@dataclass(frozen=True)
class L1:
    """``alpha * |w|_1``, lasso: coefficients become exactly zero. The name is "l1".

    Acts through its proximal map, ``sign(w) max(|w| - alpha * rate, 0)``, after every step.

    Parameters
    ----------
    alpha : float, default=1e-4
        Strength, finite and >= 0.
    """

    alpha: float = 1e-4

    def __post_init__(self) -> None:
        _core.check(self)


@dataclass(frozen=True)
class ElasticNet:
    """``alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|^2)``. The name is "elasticnet".

    Parameters
    ----------
    alpha : float, default=1e-4
        Strength, finite and >= 0.
    l1_ratio : float, default=0.15
        Share of the l1 part, between 0 and 1.
    """

    alpha: float = 1e-4
    l1_ratio: float = 0.15

    def __post_init__(self) -> None:
        _core.check(self)
