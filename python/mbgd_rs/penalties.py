"""Penalties: what large coefficients cost. Strengths are scikit-learn's; intercepts are free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from .choices import Choice, without_arrays
from .inputs import as_array, as_strength

__all__ = ["L1", "L2", "ElasticNet", "GroupElasticNet", "GroupL1", "Penalty", "check_strengths"]

PenaltyName = Literal["l2", "l1", "elasticnet", "group_l1", "group_elasticnet"]
"""Names of penalties."""


@dataclass(frozen=True)
class Penalty(Choice, names=PenaltyName):
    """What all penalties have in common.

    An array of strengths is kept as a tuple, or as a tuple of rows, so that it cannot change; a dict of
    strengths as a copy.

    Any model takes one strength, or a dict by the names of its blocks of weights, `weight_blocks`, as in
    ``L2({"coef": 1e-4, "factors": 1e-3})``, or for the layers of a network ``L2({"coefs": [0.1, 0.01]})``;
    blocks that the dict does not have are free. Arrays of strengths are for linear models.
    """

    alpha: float | ArrayLike | Mapping[str, float | Sequence[float]] = 1e-4

    def __post_init__(self) -> None:
        if isinstance(self.alpha, Mapping):
            if isinstance(self, GroupL1 | GroupElasticNet):
                raise TypeError(f"alpha must be a number or an array for groups, got {self.alpha!r}")
            replace(self, alpha=0.0)  # which checks all else
            object.__setattr__(self, "alpha", Strengths(self.alpha))
            return
        if not isinstance(self.alpha, str | bool | int | float | None):
            object.__setattr__(self, "alpha", as_tuples(as_array("alpha", self.alpha)))
        without_arrays(self)
        _core.check(self)


@dataclass(frozen=True)
class L2(Penalty, name="l2", aliases="ridge tikhonov weight_decay squared_l2"):
    """``alpha / 2 * |w|^2``, ridge. The name is "l2".

    Parameters
    ----------
    alpha : float, array-like of shape (d,) or (k, d), or dict, default=1e-4
        Strength, finite and >= 0: one for all coefficients, one for each column of X, or one for each
        coefficient, ``sum_j alpha_j / 2 * w_j^2``. A strength of 0 leaves a coefficient free. Of models
        beyond linear, one for all weights or a dict by the names of blocks: see :class:`Penalty`.

    Examples
    --------
    >>> L2(alpha=0.1)
    L2(alpha=0.1)
    >>> L2(alpha=-1)
    Traceback (most recent call last):
    ValueError: alpha must be finite and >= 0, got -1
    """


@dataclass(frozen=True)
class L1(Penalty, name="l1", aliases="lasso"):
    """``alpha * |w|_1``, lasso: coefficients become exactly zero. The name is "l1".

    Acts through its proximal map, ``sign(w) max(|w| - alpha * rate, 0)``, after every step.

    Parameters
    ----------
    alpha : float, array-like of shape (d,) or (k, d), or dict, default=1e-4
        Strength, finite and >= 0: one for all coefficients, one for each column of X, or one for each
        coefficient, ``sum_j alpha_j * |w_j|`` (the adaptive lasso of Zou 2006). A strength of 0 leaves a
        coefficient free. Of models beyond linear, one for all weights or a dict by the names of blocks: see
        :class:`Penalty`.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> X, y = [[1.0, 1.0], [-1.0, 2.0], [1.0, -1.0], [-1.0, -2.0]], [1.0, -0.5, 0.5, -1.0]
    >>> sgd = mb.optimizers.SGD(0.3)
    >>> mb.fit(X, y, penalty=L1(alpha=[0.0, 0.6]), optimizer=sgd, epochs=200).coef.round(3)
    array([0.75, 0.  ])
    """


@dataclass(frozen=True)
class ElasticNet(Penalty, name="elasticnet", aliases="elastic_net l1l2 l1_l2"):
    """``alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|^2)``. The name is "elasticnet".

    Parameters
    ----------
    alpha : float, array-like of shape (d,) or (k, d), or dict, default=1e-4
        Strength, finite and >= 0: one for all coefficients, one for each column of X, or one for each
        coefficient. Of models beyond linear, one for all weights or a dict by the names of blocks: see
        :class:`Penalty`.
    l1_ratio : float, default=0.15
        Share of the l1 part, between 0 and 1.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> X, y = [[1.0, 1.0], [-1.0, 2.0], [1.0, -1.0], [-1.0, -2.0]], [1.0, -0.5, 0.5, -1.0]
    >>> sgd = mb.optimizers.SGD(0.3)
    >>> mb.fit(X, y, penalty=ElasticNet(alpha=0.6, l1_ratio=0.5), optimizer=sgd, epochs=200).coef.round(3)
    array([0.346, 0.027])
    """

    l1_ratio: float = 0.15


@dataclass(frozen=True)
class GroupL1(Penalty, name="group_l1", aliases="group_lasso l21 multitask_lasso"):
    """``alpha * sum_j |W_j|_2``, W_j the k coefficients of column j: whole columns become zero.

    The mixed l1/l2 norm of the coefficient matrix, or group lasso, with the coefficients of a column for all
    outputs or classes as a group: a column of X is kept for all of them or for none. The name is "group_l1".
    scikit-learn's ``MultiTaskLasso`` (Obozinski et al. 2010). Where there is one output it is :class:`L1`.

    Acts through its proximal map, ``W_j max(1 - alpha * rate / |W_j|_2, 0)``, after every step, which needs
    the same rate for all coefficients: plain gradient descent and momentum have it, Adam has not and is
    refused.

    Parameters
    ----------
    alpha : float or array-like of shape (d,), default=1e-4
        Strength, finite and >= 0; of each column, if there are several.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> X, Y = [[1.0, 1.0], [-1.0, 2.0], [1.0, -1.0], [-1.0, -2.0]], [[1, 2], [0, 1], [0, -1], [-1, -2]]
    >>> sgd = mb.optimizers.SGD(0.3)
    >>> mb.fit(X, Y, penalty=GroupL1(1.0), optimizer=sgd, epochs=200).coef.round(2)
    array([[0.  , 0.17],
           [0.  , 0.52]])
    """


@dataclass(frozen=True)
class GroupElasticNet(Penalty, name="group_elasticnet", aliases="group_elastic_net"):
    """``alpha * (l1_ratio * sum_j |W_j|_2 + (1 - l1_ratio) / 2 * |W|^2)``. The name is "group_elasticnet".

    :class:`GroupL1` and :class:`L2` together, scikit-learn's ``MultiTaskElasticNet``. A group l2 of its own
    there is not: the squares of norms add up to :class:`L2`.

    Parameters
    ----------
    alpha : float or array-like of shape (d,), default=1e-4
        Strength, finite and >= 0; of each column, if there are several.
    l1_ratio : float, default=0.15
        Share of the norms, between 0 and 1.

    Examples
    --------
    >>> import mbgd_rs as mb
    >>> X, Y = [[1.0, 1.0], [-1.0, 2.0], [1.0, -1.0], [-1.0, -2.0]], [[1, 2], [0, 1], [0, -1], [-1, -2]]
    >>> sgd = mb.optimizers.SGD(0.3)
    >>> mb.fit(X, Y, penalty=GroupElasticNet(1.0, 0.7), optimizer=sgd, epochs=200).coef.round(2)
    array([[0.  , 0.19],
           [0.  , 0.57]])
    """

    l1_ratio: float = 0.15


class Strengths(dict[str, Any]):
    """Strengths by the names of blocks, each a number or a tuple of one for each layer.

    >>> Strengths({"coefs": [0.1, 1]})
    {'coefs': (0.1, 1.0)}
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__({name: of_block(f'alpha["{name}"]', alpha) for name, alpha in given.items()})

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return Strengths, (dict(self),)


def of_block(place: str, alpha: Any) -> float | tuple[float, ...]:
    """The strength of a block, or those of its layers."""
    if np.ndim(alpha) == 0:
        return as_strength(place, alpha)
    return tuple(as_strength(f"{place}[{i}]", strength) for i, strength in enumerate(alpha))


def check_strengths(penalty: Penalty | None, n_outputs: int, n_columns: int) -> None:
    """That a matrix of strengths has the shape of the coefficients; that of a vector the core checks."""
    if penalty is None or isinstance(penalty.alpha, Mapping) or np.ndim(penalty.alpha) != 2:
        return
    is_group = isinstance(penalty, GroupL1 | GroupElasticNet)
    shape, of_all = np.shape(penalty.alpha), f" or ({n_outputs}, {n_columns})"
    if is_group or shape != (n_outputs, n_columns):
        raise ValueError(f"alpha must have shape ({n_columns},){'' if is_group else of_all}, got {shape}")


def as_tuples(array: np.ndarray[Any, Any]) -> Any:
    """The numbers of an array of up to 2 dimensions."""
    if array.ndim > 2:
        raise ValueError(f"alpha must have at most 2 dimensions, got shape {array.shape}")
    if array.ndim == 0:
        return array.item()
    return tuple(array.tolist()) if array.ndim == 1 else tuple(map(tuple, array.tolist()))
