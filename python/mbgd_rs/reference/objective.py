"""How wrong the model is on a batch, and which way is down."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .classification import Coupled
from .data import Data, as_rows, n_rows_of, scaled_down
from .model import MODELS, Linear, Model, Parameters
from .penalties import Penalty, make_penalty
from .shuffle import Rows
from .targets import class_weights, loss_and_targets

Array = NDArray[Any]
ALL = slice(None)


class Objective:
    """mean_i s_i loss(z_i + o_i, y_i) + penalty(weights), with scores z of a model and offsets o, if any."""

    def __init__(self, model: Model, loss: Any, penalty: Penalty) -> None:
        self.model, self.loss, self.penalty = model, loss, penalty

    def cost(self, w: Parameters) -> float:
        """What the parameters cost, whatever the rows are."""
        of_intercepts: float = self.loss.intercept_slope * float(w.intercept.sum())
        return self.penalty.value(w.weights) + of_intercepts

    def value(self, w: Parameters, data: Data) -> float:
        """The objective over all rows."""
        x, y, s, o = data.batch(ALL, drawn=False)
        losses = self.loss.value(self.model.scores(w, x, o), y)
        return float((losses if s is None else s * losses).sum()) / len(x) + self.cost(w)

    def value_at(self, flat: Array, data: Data) -> float:
        """The same at parameters given as one flat vector."""
        w = self.model.zeros()
        w.flat[...] = flat
        return self.value(w, data)

    def gradient(
        self, w: Parameters, data: Data, batches: Sequence[Rows], g: Parameters, wants_loss: bool = True,
        masks: list[Array] | None = None,
    ) -> tuple[int, float]:  # fmt: skip
        """Writes the gradient of the smooth part on some batches, taken together, to g. Returns the number of
        rows, and the objective there, or NaN if it is not wanted. Masks of dropout are those of all rows.
        """
        n_rows, loss = 0, 0.0
        for rows in batches:
            before, first = g.flat.copy() if n_rows else None, n_rows
            n_rows += n_rows_of(rows)
            of_batch = None if masks is None else [mask[first:n_rows] for mask in masks]
            loss += self.sum(w, data, rows, g, wants_loss, of_batch)
            if before is not None:
                g.flat += before
        return n_rows, self.finish(w, n_rows, g, loss)

    def sum(
        self, w: Parameters, data: Data, rows: Rows, g: Parameters, wants_loss: bool = True,
        masks: list[Array] | None = None,
    ) -> float:  # fmt: skip
        """Writes the sum over the rows of the gradients of their losses to g; returns that of the losses."""
        x, y, s, o = data.batch(rows, drawn=True)
        z, trace = self.model.forward(w, x, o, masks)
        total = math.nan
        if wants_loss:
            losses = self.loss.value(z, y)
            total = float((losses if s is None else s * losses).sum())
        self.model.backward(w, trace, self.compared(self.slopes(z, y, s), data, rows), g)
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
        self.penalty.add_gradient(w.weights, g.weights)
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
    model: Any = "linear",
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
    chosen = MODELS.named(model)(model, X.shape[1], outputs, X.dtype, fit_intercept)
    o = None if offset is None else np.asarray(offset).astype(X.dtype).reshape(len(X), *outputs)
    made = make_penalty(penalty, chosen.strengths)
    if made.is_group and not isinstance(chosen, Linear):
        raise ValueError(f"penalty must not be one of groups for model {model!r}, got {penalty!r}")
    return Objective(chosen, loss, made), Data(X, targets, s, o, stored), classes


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
    model: Any = "linear",
) -> tuple[float, Any]:
    """The objective on some rows, or all, and its gradient: a pair (coef, intercept), or a dict of the blocks
    of another model.

    Where the penalty has a kink it has a subgradient, zero if it may be. Weights are scaled to mean 1 over
    all rows, so that the gradient on uniformly drawn rows is an unbiased estimate of the gradient on all.

    >>> X, y = [[1.0, 2.0], [3.0, 4.0]], [1.0, -1.0]
    >>> gradient(X, y, ([0.0, 0.0], 0.0))
    (0.5, (array([1., 1.]), np.float64(0.0)))
    """
    objective, data, _ = make_problem(X, y, sample_weight, loss, penalty, offset=offset, model=model)
    w, g = objective.model.start(params), objective.model.zeros()
    chosen = slice(0, len(data)) if rows is None else np.asarray(rows, np.intp)
    with np.errstate(over="ignore"):
        _, value = objective.gradient(w, data, [chosen], g)
    objective.penalty.add_subgradient(w.weights, g.weights)
    blocks = g.as_params()
    return value, tuple(blocks.values()) if isinstance(objective.model, Linear) else blocks
