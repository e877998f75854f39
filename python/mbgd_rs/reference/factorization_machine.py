"""The factorization machine of second order."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .model import MODELS, Model, Parameters
from .random import START, normals

Array = NDArray[Any]


class Sums(NamedTuple):
    """Rows, and what their products with the factors are."""

    x: Array
    s: Array
    """sum_j v_jcf x_j, shape (b, k, rank)."""


@MODELS.add
class FactorizationMachine(Model):
    """z = b + sum_j w_j x_j + sum_{i<j} <v_i, v_j> x_i x_j, for each of the outputs.

    The sum over pairs is 1/2 sum_f [(sum_j v_jf x_j)^2 - sum_j v_jf^2 x_j^2], for in the square of a sum
    every pair is twice, and every square once. Its derivative by v_jf is x_j (sum_i v_if x_i) - v_jf x_j^2.

    The weights are an array (d, k, 1 + rank): of a column and an output first w, then v.

    S. Rendle, "Factorization machines", ICDM 2010.
    """

    def __init__(
        self, options: Any, d: int, outputs: tuple[int, ...], dtype: Any, fit_intercept: bool
    ) -> None:
        super().__init__(options, d, outputs, dtype, fit_intercept)
        self.rank: int = getattr(options, "rank", 8)
        self.init_scale: float = getattr(options, "init_scale", 0.1)

    def zeros(self) -> Parameters:
        w = Parameters(self.d * self.k * (1 + self.rank), self.k, self.dtype)
        coef, factors = (block.swapaxes(0, 1) for block in self.coef_and_factors(w))
        w.intercept = w.intercepts.reshape(self.outputs)
        w.blocks = {"bias": w.intercept, "coef": coef, "factors": factors}
        if self.outputs == ():
            w.blocks |= {"coef": coef[0], "factors": factors[0]}
        return w

    def coef_and_factors(self, w: Parameters) -> tuple[Array, Array]:
        """w (d, k) and v (d, k, rank)."""
        table = w.flat_weights.reshape(self.d, self.k, 1 + self.rank)
        return table[:, :, 0], table[:, :, 1:]

    def draw(self, w: Parameters, seed: int) -> None:
        """Normal factors, drawn output by output."""
        _, factors = self.coef_and_factors(w)
        shape = self.k, self.d, self.rank
        drawn = normals(seed, 0, factors.size, START).reshape(shape)
        factors[...] = (self.init_scale * drawn).swapaxes(0, 1)

    def forward(
        self, w: Parameters, x: Array, o: Array | None, masks: list[Array] | None = None
    ) -> tuple[Array, Sums]:
        coef, v = self.coef_and_factors(w)
        s = (x @ v.reshape(self.d, -1)).reshape(len(x), self.k, self.rank)
        pairs = ((s * s).sum(axis=2) - (x * x) @ (v * v).sum(axis=2)) / 2
        z: Array = (w.intercepts + x @ coef + pairs).reshape(len(x), *self.outputs)
        return z if o is None else z + o, Sums(x, s)

    def backward(self, w: Parameters, trace: Sums, r: Array, g: Parameters) -> None:
        x, s = trace
        r = r.reshape(len(x), self.k)
        _, v = self.coef_and_factors(w)
        g_coef, g_v = self.coef_and_factors(g)
        g_coef[...] = x.T @ r
        g_v[...] = (x.T @ (r[:, :, None] * s).reshape(len(x), -1)).reshape(v.shape)
        g_v -= v * ((x * x).T @ r)[:, :, None]
        if self.fit_intercept:
            r.sum(axis=0, out=g.intercepts)

    def row_gradients(self, w: Parameters, trace: Sums, r: Array) -> Array:
        x, s, r = (np.asarray(array, np.float64) for array in (*trace, r.reshape(len(r), self.k)))
        _, v = self.coef_and_factors(w)
        of_rows = np.empty((len(x), self.d, self.k, 1 + self.rank))
        of_rows[..., 0] = x[:, :, None] * r[:, None, :]
        of_rows[..., 1:] = s[:, None] * x[:, :, None, None] - v * (x * x)[:, :, None, None]
        of_rows[..., 1:] *= r[:, None, :, None]
        return np.concatenate([of_rows.reshape(len(x), -1), r * self.fit_intercept], axis=1)

    def entries_of(self, columns: Array) -> Array:
        return np.repeat(columns, self.k * (1 + self.rank))

    def strengths(self, alpha: Mapping[str, Any]) -> Any:
        coef, factors = alpha.get("coef", 0.0), alpha.get("factors", 0.0)
        return np.tile([coef, *[factors] * self.rank], self.d * self.k)
