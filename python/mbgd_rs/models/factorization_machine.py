"""The factorization machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..inputs import as_float, as_integer, as_strength
from .model import Change, Given, Model, Size

__all__ = ["FactorizationMachine"]

Array = NDArray[Any]


@dataclass(frozen=True)
class FactorizationMachine(Model, name="factorization_machine", aliases="fm libfm factorisation_machine"):
    """Factorization machine of second order: a linear model with products of all pairs of columns.

    ``z = b + sum_j w_j x_j + sum_{i<j} <v_i, v_j> x_i x_j``, where the weight of a pair is the product of two
    vectors of `rank` factors, one of each column (Rendle 2010). So it is learned from all rows in which
    either of the columns is, and pairs that no row has are predicted too: users and items, one-hot, or hashed
    fields of clicks. A row costs its entries times the rank, since the sum over pairs is
    ``1/2 sum_f [(sum_j v_jf x_j)^2 - sum_j v_jf^2 x_j^2]``. The name is "factorization_machine".

    Its blocks are, for targets that are a vector and have k = 1 output,

    - "bias", a number or of shape (k,), b;
    - "coef" of shape (d,) or (k, d), w;
    - "factors" of shape (d, rank) or (k, d, rank), v.

    Penalties and weight decay act on "coef" and "factors", with one strength or one for each, as in
    ``mb.penalties.L2({"coef": 1e-4, "factors": 1e-3})``. The flat vector has one row for each column of X: of
    each output its coefficient and its factors, a C-ordered array (d, k, 1 + rank); then the bias.

    Parameters
    ----------
    rank : int, default=8
        Factors of a column, >= 1.
    init_scale : float, default=0.1
        Standard deviation of the normal numbers with which the factors begin, finite and >= 0. All else
        begins at 0. With 0 the factors stay 0, as all their gradients are, and the model is linear.

    Raises
    ------
    ValueError, TypeError
        For parameters that make no sense, with the name, the condition and the value.

    Examples
    --------
    >>> FactorizationMachine(rank=4).size(n_columns=1000, n_outputs=1)
    Size(n_weights=5000, n_intercepts=1)
    >>> FactorizationMachine(rank=0)
    Traceback (most recent call last):
    ValueError: rank must be >= 1, got 0
    """

    blocks: ClassVar = ("bias", "coef", "factors")
    weight_blocks: ClassVar = ("coef", "factors")

    rank: int = 8
    init_scale: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "rank", as_integer("rank", self.rank, 1))
        scale = as_float("init_scale", self.init_scale)
        if not 0 <= scale < math.inf:
            raise ValueError(f"init_scale must be finite and >= 0, got {self.init_scale!r}")
        object.__setattr__(self, "init_scale", scale)

    def _size(self, n_columns: int, n_outputs: int) -> Size:
        return Size(n_columns * n_outputs * (1 + self.rank), n_outputs)

    def _table(self, weights: Array, n_columns: int, n_outputs: int) -> Array:
        """The weights by output: shape (..., k, d, 1 + rank), a view."""
        lead = weights.shape[:-1]
        return weights.reshape(*lead, n_columns, n_outputs, 1 + self.rank).swapaxes(-3, -2)

    def _split(
        self, weights: Array, intercepts: Array, n_columns: int, n_outputs: int, is_vector: bool
    ) -> dict[str, Any]:
        table = self._table(weights, n_columns, n_outputs)
        coef, factors = np.ascontiguousarray(table[..., 0]), np.ascontiguousarray(table[..., 1:])
        if is_vector:
            return {"bias": intercepts[0], "coef": coef[0], "factors": factors[0]}
        return {"bias": intercepts, "coef": coef, "factors": factors}

    def _join(self, blocks: Given, weights: Array, intercepts: Array, n_columns: int, n_outputs: int) -> None:
        k, d, r = n_outputs, n_columns, self.rank
        table = self._table(weights, d, k)
        intercepts[...] = blocks.array("bias", (k,), *[()] * (k == 1))
        table[..., 0] = blocks.array("coef", (k, d), *[(d,)] * (k == 1))
        table[..., 1:] = blocks.array("factors", (k, d, r), *[(d, r)] * (k == 1))

    def _start(self, weights: Array, n_columns: int, n_outputs: int, seed: int) -> None:
        k, d, r = n_outputs, n_columns, self.rank
        factors = _core.start_numbers(seed, k * d * r, True)
        factors *= self.init_scale
        self._table(weights, d, k)[..., 1:] = factors.reshape(k, d, r)

    def dimensions(self, params: Mapping[str, Any]) -> tuple[int, int]:
        return np.shape(params["coef"])[-1], np.size(params["bias"])

    def _change(
        self,
        weights: Array,
        intercepts: Array,
        n_columns: int,
        n_outputs: int,
        change: Change,
        dtype: np.dtype[Any],
    ) -> None:
        """Columns are multiplied by p after q is added, scores by a.

        With ``v' = sqrt(a) v p``, ``c_f = sum_j v'_jf q_j`` and ``w' = a w p + sum_f (c_f v' - q v'^2)`` the
        bias is ``a b + sum_j w'_j q_j - 1/2 sum_f (c_f^2 - sum_j v'_jf^2 q_j^2)``.
        """
        table = self._table(weights, n_columns, n_outputs)
        table[..., 0] *= change.scale
        table[..., 1:] *= math.sqrt(change.scale)
        table *= np.broadcast_to(change.up, n_columns)[:, None]
        table /= np.broadcast_to(change.down, n_columns)[:, None]
        factors = table[..., 1:].astype(dtype).astype(np.float64)
        table[..., 1:] = factors
        intercepts *= change.scale
        if change.offset is not None:
            intercepts += change.offset
        if change.shift is not None:
            shifted = factors * change.shift[:, None]
            c = shifted.sum(axis=-2)
            table[..., 0] += ((c[..., None, :] - shifted) * factors).sum(axis=-1)
            table[..., 0] = table[..., 0].astype(dtype)
            intercepts += (table[..., 0] * change.shift).sum(axis=-1)
            intercepts -= ((c**2).sum(axis=-1) - (shifted**2).sum(axis=(-2, -1))) / 2

    def _strengths(self, argument: str, alpha: Mapping[str, Any], n_columns: int, n_outputs: int) -> Any:
        coef, factors = (
            as_strength(f'{argument}["{name}"]', alpha.get(name, 0.0)) for name in self.weight_blocks
        )
        return np.array(([coef] + [factors] * self.rank) * n_outputs)
