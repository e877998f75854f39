"""How wrong the model is on a batch, and which way is down."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .losses import Softmax, loss_and_targets
from .penalties import penalty_strengths
from .shuffle import Rows

Array = NDArray[Any]


class Parameters:
    """Coefficients (d,) and intercept (), or (k, d) and (k,) for k scores a row: views of one flat vector."""

    def __init__(self, d: int, outputs: tuple[int, ...], dtype: Any) -> None:
        n_coef = math.prod(outputs) * d
        self.flat = np.zeros(n_coef + math.prod(outputs), dtype)
        self.flat_coef = self.flat[:n_coef]
        self.coef = self.flat_coef.reshape(*outputs, d)
        self.intercept = self.flat[n_coef:].reshape(outputs)


class Objective:
    """mean_i s_i loss(z_i, y_i) + l1 |coef|_1 + l2/2 |coef|^2 with scores z = x . coef + intercept.

    The weights s are scaled to mean 1 over all rows.
    """

    def __init__(
        self, X: Any, y: Any, sample_weight: Any, loss: Any, penalty: Any, fit_intercept: bool
    ) -> None:
        X = np.asarray(X)
        self.X = X if X.dtype == np.float32 else X.astype(np.float64, copy=False)
        self.loss, self.y, self.classes, self.outputs = loss_and_targets(loss, np.asarray(y))
        if self.loss is not Softmax:
            self.y = self.y.astype(self.X.dtype)
        self.s: Array | None = None
        if sample_weight is not None:
            s = np.asarray(sample_weight, np.float64)
            self.s = (s / s.mean()).astype(self.X.dtype).reshape(-1, *(1 for _ in self.outputs))
        self.l1, self.l2 = penalty_strengths(penalty)
        self.fit_intercept = fit_intercept

    def zeros(self) -> Parameters:
        return Parameters(self.X.shape[1], self.outputs, self.X.dtype)

    def start(self, init: Any) -> Parameters:
        """Zeros, or a copy of a pair (coef, intercept) or of a result's."""
        w = self.zeros()
        if init is not None:
            w.coef[...], w.intercept[...] = (init.coef, init.intercept) if hasattr(init, "coef") else init
        return w

    def value_at(self, flat: Array) -> float:
        """The objective over all rows at parameters given as one flat vector."""
        w = self.zeros()
        w.flat[...] = flat
        return self.gradient(w, slice(None), None)

    def gradient(self, w: Parameters, rows: Rows, g: Parameters | None, wants_value: bool = True) -> float:
        """Writes the gradient of the smooth part to g and returns the objective on the rows, or NaN."""
        x, y = taken(self.X, rows), taken(self.y, rows)
        s = 1 if self.s is None else taken(self.s, rows)
        b = max(len(x), 1)
        z = x @ w.coef.T
        z += w.intercept

        value = math.nan
        if wants_value:
            value = float((s * self.loss.value(z, y)).sum()) / b
            value += self.l1 * float(np.abs(w.coef).sum()) + self.l2 / 2 * float(w.flat_coef @ w.flat_coef)
        if g is not None:
            r = self.loss.slope(z, y)
            r *= s / b
            np.matmul(r.T, x, out=g.coef)
            if self.l2:
                g.coef += self.l2 * w.coef
            if self.fit_intercept:
                r.sum(axis=0, out=g.intercept)
        return value


def taken(array: Array, rows: Rows) -> Array:
    """array[rows]; for row numbers `take` is the faster way."""
    return array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)


def gradient(
    X: ArrayLike,
    y: ArrayLike,
    params: Any,
    *,
    rows: Any = None,
    loss: Any = "squared_error",
    penalty: Any = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[float, tuple[Any, Any]]:
    """The objective on some rows, or all, and its gradient as a pair (coef, intercept).

    The l1 part has the subgradient l1 sign(w). Weights are scaled to mean 1 over all rows, so that the
    gradient on uniformly drawn rows is an unbiased estimate of the gradient on all.

    >>> X, y = [[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0]
    >>> gradient(X, y, ([0.0, 0.0], 0.0))
    (0.5, (array([1., 1.]), np.float64(0.0)))
    """
    objective = Objective(X, y, sample_weight, loss, penalty, fit_intercept=True)
    w, g = objective.start(params), objective.zeros()
    with np.errstate(over="ignore"):
        value = objective.gradient(w, slice(None) if rows is None else np.asarray(rows, np.intp), g)
    g.coef += objective.l1 * np.sign(w.coef)
    return value, (g.coef, g.intercept[()])
