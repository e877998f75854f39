"""The linear model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..inputs import as_strength
from .model import Change, Given, Model, Size

__all__ = ["Linear"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Linear(Model, name="linear", aliases="linear_model glm"):
    """Linear scores, ``z = W x + b``: what is trained by default. The name is "linear".

    All coefficients begin at 0. Its blocks are, for targets that are a vector and have k = 1 output,

    - "coef" of shape (d,) or (k, d), W;
    - "intercept", a number or of shape (k,), b.

    The flat vector has "coef" in C order, then "intercept".

    Examples
    --------
    >>> import numpy as np
    >>> Linear().split(np.array([1.0, 2.0, 3.0]), n_columns=2, n_outputs=1, is_vector=True)
    {'coef': array([1., 2.]), 'intercept': np.float64(3.0)}
    """

    blocks: ClassVar = ("coef", "intercept")
    weight_blocks: ClassVar = ("coef",)

    def _size(self, n_columns: int, n_outputs: int) -> Size:
        return Size(n_outputs * n_columns, n_outputs)

    def _split(
        self, weights: Array, intercepts: Array, n_columns: int, n_outputs: int, is_vector: bool
    ) -> dict[str, Any]:
        if is_vector:
            return {"coef": weights, "intercept": intercepts[0]}
        return {"coef": weights.reshape(n_outputs, n_columns), "intercept": intercepts}

    def _join(self, blocks: Given, weights: Array, intercepts: Array, n_columns: int, n_outputs: int) -> None:
        k, d = n_outputs, n_columns
        weights.reshape(k, d)[...] = blocks.array("coef", (k, d), *[(d,)] * (k == 1))
        intercepts[...] = blocks.array("intercept", (k,), *[()] * (k == 1))

    def _named(self, argument: str, params: Any) -> Mapping[str, Any]:
        if not hasattr(params, "params") and hasattr(params, "coef") and hasattr(params, "intercept"):
            params = {"coef": params.coef, "intercept": params.intercept}
        return super()._named(argument, params)

    def dimensions(self, params: Mapping[str, Any]) -> tuple[int, int]:
        return np.shape(params["coef"])[-1], np.size(params["intercept"])

    def _change(
        self,
        weights: Array,
        intercepts: Array,
        n_columns: int,
        n_outputs: int,
        change: Change,
        dtype: np.dtype[Any],
    ) -> None:
        W = weights.reshape(*weights.shape[:-1], n_outputs, n_columns)
        W *= change.scale
        W *= change.up
        W /= change.down
        W[...] = W.astype(dtype)
        intercepts *= change.scale
        if change.offset is not None:
            intercepts += change.offset
        if change.shift is not None:
            intercepts += (W * change.shift).sum(axis=-1)

    def _strengths(self, argument: str, alpha: Mapping[str, Any], n_columns: int, n_outputs: int) -> Any:
        return as_strength(f'{argument}["coef"]', alpha["coef"])
