"""How wrong the model is on a batch, and which way is down."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .classification import Coupled
from .data import Data, as_rows, n_rows_of, scaled_down
from .model import Linear, Parameters
from .penalties import Penalty, make_penalty
from .shuffle import Rows
from .targets import class_weights, loss_and_targets

Array = NDArray[Any]
ALL = slice(None)


class Objective:
    """mean_i s_i loss(z_i + o_i, y_i) + penalty(coef) with the scores z of a model and offsets o, if any."""

    def __init__(self, model: Linear, loss: Any, penalty: Penalty) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty

    def cost(self, w: Parameters) -> float:
        """What the parameters cost, whatever the rows are."""
        of_intercepts: float = self.loss.intercept_slope * float(w.intercept.sum())
        return self.penalty.value(w.coef) + of_intercepts

    def value(self, w: Parameters, data: Data) -> float:
        """The objective over all rows."""
        x, y, s, o = data.batch(ALL, drawn=False)
        losses = self.loss.value(self.model.forward(w, x, o), y)
        return float((losses if s is None else s * losses).sum()) / len(x) + self.cost(w)

    def value_at(self, flat: Array, data: Data) -> float:
        """The same at parameters given as one flat vector."""
        w = self.model.zeros()
        w.flat[...] = flat
        return self.value(w, data)

    def gradient(
        self, w: Parameters, data: Data, batches: Sequence[Rows], g: Parameters, wants_loss: bool = True
    ) -> tuple[int, float]:
        """Writes the gradient of the smooth part on some batches, taken together, to g. Returns the number of
        rows, and the objective there, or NaN if it is not wanted.
        """
        loss = self.sum(w, data, batches[0], g, wants_loss)
        n_rows = n_rows_of(batches[0])
        for rows in batches[1:]:
            before = g.flat.copy()
            loss += self.sum(w, data, rows, g, wants_loss)
            g.flat += before
            n_rows += n_rows_of(rows)
        return n_rows, self.finish(w, n_rows, g, loss)

    def sum(self, w: Parameters, data: Data, rows: Rows, g: Parameters, wants_loss: bool = True) -> float:
        """Writes the sum over the rows of the gradients of their losses to g; returns that of the losses."""
        x, y, s, o = data.batch(rows, drawn=True)
        z = self.model.forward(w, x, o)
        total = math.nan
        if wants_loss:
            losses = self.loss.value(z, y)
            total = float((losses if s is None else s * losses).sum())
        self.model.backward(x, self.compared(self.slopes(z, y, s), data, rows), g)
        return total

    def slopes(self, z: Array, y: Array, s: Array | None) -> Array:
        """The derivatives of the weighted losses by the scores."""
        r: Array = self.loss.slope(z, y)
        if s is not None:
            r *= s
        return r

    def compared(self, r: Array, data: Data, rows: Rows) -> Array:
        """What stands for the slopes r of a batch in its gradient: see `control_variate.Corrected`."""
        return r

    def finish(self, w: Parameters, n_rows: int, g: Parameters, total: float) -> float:
        """Makes means of sums over rows, and adds what the parameters cost to both."""
        g.flat /= max(n_rows, 1)
        self.penalty.add_gradient(w.coef, g.coef)
        g.intercept += self.loss.intercept_slope
        if math.isnan(total):
            return total
        return total / max(n_rows, 1) + self.cost(w)


def make_problem(
    X: Any,
    y: Any,
    sample_weight: Any,
    loss: Any,
    penalty: Any,
    fit_intercept: bool = True,
    class_weight: Any = None,
    offset: Any = None,
) -> tuple[Objective, Data, Array | None]:
    """The objective, the data, and the classes if there are any."""
    X, stored = as_rows(X)
    y = np.ones(len(X)) if y is None else np.asarray(y)
    loss, targets, classes, outputs = loss_and_targets(loss, y)
    if not isinstance(loss, Coupled):  # which indexes by them
        targets = targets.astype(X.dtype)
    s = None if sample_weight is None else scaled_down(sample_weight)
    if class_weight is not None and classes is not None:
        s = np.ones(len(X)) if s is None else s
        s = s * class_weights(class_weight, classes, np.asarray(y), s)
    model = Linear(X.shape[1], outputs, X.dtype, fit_intercept)
    o = None if offset is None else np.asarray(offset).astype(X.dtype).reshape(len(X), *outputs)
    return Objective(model, loss, make_penalty(penalty)), Data(X, targets, s, o, stored), classes


def gradient(
    X: ArrayLike,
    y: ArrayLike,
    params: Any,
    *,
    rows: Any = None,
    loss: Any = "squared_error",
    penalty: Any = None,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> tuple[float, tuple[Any, Any]]:
    """The objective on some rows, or all, and its gradient as a pair (coef, intercept).

    Where the penalty has a kink it has a subgradient, zero if it may be. Weights are scaled to mean 1 over
    all rows, so that the gradient on uniformly drawn rows is an unbiased estimate of the gradient on all.

    >>> X, y = [[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0]
    >>> gradient(X, y, ([0.0, 0.0], 0.0))
    (0.5, (array([1., 1.]), np.float64(0.0)))
    """
    objective, data, _ = make_problem(X, y, sample_weight, loss, penalty, offset=offset)
    w, g = objective.model.start(params), objective.model.zeros()
    chosen = slice(0, len(data)) if rows is None else np.asarray(rows, np.intp)
    with np.errstate(over="ignore"):
        _, value = objective.gradient(w, data, [chosen], g)
    objective.penalty.add_subgradient(w.coef, g.coef)
    return value, (g.coef, g.intercept[()])
