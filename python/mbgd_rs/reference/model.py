"""The model: what its parameters are, its scores of rows, and what slopes of the scores mean for them."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Parameters:
    """Coefficients (d,) and intercept (), or (k, d) and (k,) for k scores a row: views of one flat vector.

    The penalty applies to the coefficients alone.
    """

    def __init__(self, d: int, outputs: tuple[int, ...], dtype: Any) -> None:
        n_coef = math.prod(outputs) * d
        self.flat = np.zeros(n_coef + math.prod(outputs), dtype)
        self.flat_coef = self.flat[:n_coef]
        self.coef = self.flat_coef.reshape(*outputs, d)
        self.intercept = self.flat[n_coef:].reshape(outputs)


class Linear:
    """z = x . coef + intercept."""

    def __init__(self, d: int, outputs: tuple[int, ...], dtype: Any, fit_intercept: bool) -> None:
        self.d, self.outputs, self.dtype, self.fit_intercept = d, outputs, dtype, fit_intercept

    def zeros(self) -> Parameters:
        return Parameters(self.d, self.outputs, self.dtype)

    def start(self, init: Any) -> Parameters:
        """Zeros, or a copy of a pair (coef, intercept) or of a result's."""
        w = self.zeros()
        if init is not None:
            w.coef[...], w.intercept[...] = (init.coef, init.intercept) if hasattr(init, "coef") else init
        return w

    def forward(self, w: Parameters, x: Array, o: Array | None) -> Array:
        """The scores z of rows with offsets o: shape (b,) or (b, k)."""
        z: Array = x @ w.coef.T
        z += w.intercept
        if o is not None:
            z += o
        return z

    def backward(self, x: Array, r: Array, g: Parameters) -> None:
        """Writes to g the sum over the rows of the gradients of r . z."""
        np.matmul(r.T, x, out=g.coef)
        if self.fit_intercept:
            r.sum(axis=0, out=g.intercept)
