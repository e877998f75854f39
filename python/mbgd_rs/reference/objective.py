"""How wrong the model is on a batch, and which way is down."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .losses import CrammerSingerOfClasses, Softmax, class_weights, loss_and_targets
from .penalties import Penalty
from .resting import stored_entries
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
    """mean_i s_i loss(z_i, y_i) + penalty(coef) with scores z = x . coef + intercept.

    The weights s are scaled to mean 1 over all rows.
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        loss: Any,
        penalty: Any,
        fit_intercept: bool,
        class_weight: Any = None,
    ) -> None:
        self.stored = stored_entries(X)
        X = np.asarray(X if self.stored is None else X.toarray())
        self.X = X if X.dtype == np.float32 else X.astype(np.float64, copy=False)
        self.loss, self.y, self.classes, self.outputs = loss_and_targets(loss, np.asarray(y))
        if not isinstance(self.loss, Softmax | CrammerSingerOfClasses):  # which index by it
            self.y = self.y.astype(self.X.dtype)
        self.s: Array | None = None
        if sample_weight is not None or class_weight is not None:
            s = np.ones(len(self.X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
            if class_weight is not None and self.classes is not None:
                s = s * class_weights(class_weight, self.classes, np.asarray(y), s)
            self.s = (s / s.mean()).astype(self.X.dtype).reshape(-1, *(1 for _ in self.outputs))
        self.row_factors: Array | None = None
        """What each row counts for having been drawn, where a gradient is wanted."""
        self.penalty = Penalty(penalty)
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
        if g is not None and self.row_factors is not None:
            factors = taken(self.row_factors, rows).astype(self.X.dtype)
            s = s * factors.reshape(-1, *(1 for _ in self.outputs))
        b = max(len(x), 1)
        z = x @ w.coef.T
        z += w.intercept

        value = math.nan
        if wants_value:
            value = float((s * self.loss.value(z, y)).sum()) / b
            value += self.penalty.value(w.coef)
        if g is not None:
            r = self.loss.slope(z, y)
            r *= s / b
            np.matmul(r.T, x, out=g.coef)
            self.penalty.add_gradient(w.coef, g.coef)
            if self.fit_intercept:
                r.sum(axis=0, out=g.intercept)
        return value

    def mean_gradient(
        self, w: Parameters, batches: Sequence[Rows], g: Parameters, wants_value: bool = True
    ) -> tuple[int, float]:
        """The gradient on several batches, a mean over their rows; how many rows, and the objective there."""
        if len(batches) == 1:
            return n_rows_of(batches[0]), self.gradient(w, batches[0], g, wants_value)
        n_rows, value, total = 0, 0.0, np.zeros_like(g.flat)
        for rows in batches:
            n = n_rows_of(rows)
            value += n * self.gradient(w, rows, g, wants_value)
            total += n * g.flat
            n_rows += n
        g.flat[...] = total / n_rows
        return n_rows, value / n_rows


def n_rows_of(rows: Rows) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


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

    Where the penalty has a kink it has a subgradient, zero if it may be. Weights are scaled to mean 1 over
    all rows, so that the gradient on uniformly drawn rows is an unbiased estimate of the gradient on all.

    >>> X, y = [[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0]
    >>> gradient(X, y, ([0.0, 0.0], 0.0))
    (0.5, (array([1., 1.]), np.float64(0.0)))
    """
    objective = Objective(X, y, sample_weight, loss, penalty, fit_intercept=True)
    w, g = objective.start(params), objective.zeros()
    with np.errstate(over="ignore"):
        value = objective.gradient(w, slice(None) if rows is None else np.asarray(rows, np.intp), g)
    objective.penalty.add_subgradient(w.coef, g.coef)
    return value, (g.coef, g.intercept[()])
