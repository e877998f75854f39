"""What large coefficients cost."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .registry import Registry

Array = NDArray[Any]
PENALTIES: Registry["type[Penalty]"] = Registry("penalty")
"""The penalties, which enter themselves."""


class Penalty:
    """l1 |W| + l2/2 |W|^2 of weights W: strengths for all, for each column, or for each weight.

    |W| is the sum of absolute values or, for groups, of the 2-norms of columns. For a vector both are the
    same.
    """

    share_of_l1: ClassVar[float | None] = None
    """Of the strength alpha; None if the choice says it, as `l1_ratio`."""
    is_group: ClassVar[bool] = False

    def __init__(self, alpha: Any, l1_ratio: float) -> None:
        alpha = np.asarray(alpha)
        l1_ratio = l1_ratio if self.share_of_l1 is None else self.share_of_l1
        self.l1, self.l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
        self.has_l1, self.has_l2 = bool(self.l1.any()), bool(self.l2.any())

    def sizes(self, w: Array) -> Array:
        """|w_j| or |W_j|, in the shape of w or of one row of it."""
        return np.linalg.norm(w, axis=0) if self.is_group and w.ndim == 2 else np.abs(w)

    def value(self, w: Array) -> float:
        """Of all coefficients, those of columns that a batch does not have included."""
        return float((self.l1 * self.sizes(w)).sum() + (self.l2 / 2 * w * w).sum())

    def add_gradient(self, w: Array, g: Array) -> None:
        """Of the smooth part."""
        if self.has_l2:
            g += self.l2 * w

    def add_subgradient(self, w: Array, g: Array) -> None:
        """Of the other part, zero where it may be."""
        sizes = self.sizes(w)
        g += self.l1 * w / np.where(sizes == 0, 1, sizes)

    def prox(self, w: Array, step_size: Array) -> None:
        """The proximal map of the other part, in place; step_size has the shape of w, equal for a group."""
        by = self.l1 * step_size
        if self.is_group and w.ndim == 2:
            by, sizes = by[0], self.sizes(w)
            w *= np.maximum(1 - by / np.where(sizes == 0, 1, sizes), 0)
        else:
            w[...] = np.sign(w) * np.maximum(np.abs(w) - by, 0)


@PENALTIES.add
class L2(Penalty):
    """alpha/2 |W|^2."""

    share_of_l1 = 0.0


@PENALTIES.add
class L1(Penalty):
    """alpha |W|."""

    share_of_l1 = 1.0


@PENALTIES.add
class ElasticNet(Penalty):
    """alpha (l1_ratio |W| + (1 - l1_ratio)/2 |W|^2)."""


@PENALTIES.add
class GroupL1(L1):
    """L1 of the norms of columns."""

    is_group = True


@PENALTIES.add
class GroupElasticNet(ElasticNet):
    """ElasticNet of the norms of columns."""

    is_group = True


class NoPenalty(Penalty):
    """Nothing."""

    def __init__(self) -> None:
        super().__init__(0.0, 0.0)


def make_penalty(penalty: Any, strengths: Callable[[Mapping[str, Any]], Any]) -> Penalty:
    """The penalty by name, by an object with its options, or None.

    Its strengths may be a dict by the names of the blocks of a model: `strengths` says what the weights have
    then.
    """
    if penalty is None:
        return NoPenalty()
    alpha = getattr(penalty, "alpha", 1e-4)
    if isinstance(alpha, Mapping):
        alpha = strengths(alpha)
    return PENALTIES.named(penalty)(alpha, getattr(penalty, "l1_ratio", 0.15))
