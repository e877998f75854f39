"""Steps in a metric: what SGD, SAGA and SVRG have in common."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .metric import Metric
from .proximal import Proximal
from .rules import RULES, Rule

Array = NDArray[Any]


class Preconditioned(Rule):
    """A rule whose gradients are turned into directions by a metric, which the solver sets.

    The proximal map then is in the diagonal metric, too, where the intercept is that of centred columns: it
    stays where it is while coefficients shrink, c + sum_j centre_j w_j.
    """

    metric: Metric | None = None
    l1: Any = None
    """Strengths of an l1 penalty beside a metric that is not diagonal."""

    def step(self, w: Array, g: Array, t: int, learning_rate: float) -> Array:
        if self.metric is None:
            return super().step(w, g, t, learning_rate)
        if self.l1 is not None:
            return self.step_beside_l1(w, g, t, learning_rate)
        sizes = super().step(w, self.metric.direction(g, self.n_coef), t, learning_rate)
        self.move_intercepts(w, 1)
        return np.asarray(sizes * self.metric.step_sizes(w.size - self.n_coef), w.dtype)

    def step_beside_l1(self, w: Array, g: Array, t: int, learning_rate: float) -> Array:
        """By the diagonal of the metric, and from there to where metric and penalty put it together: nothing
        is left for the proximal map.
        """
        assert self.metric is not None
        columns, d = self.metric.columns, len(self.metric.columns.centre)
        before = w.copy()
        sizes = super().step(w, self.metric.diagonal().direction(g, self.n_coef), t, learning_rate)
        proximal = Proximal(self.metric)
        l1 = np.broadcast_to(self.l1, w[: self.n_coef].reshape(-1, d).shape)
        for c, strengths in enumerate(l1):
            at = slice(c * d, (c + 1) * d)

            def standardised(w: Array, at: slice = at, c: int = c) -> Array:
                coef = w[at].astype(np.float64)
                return np.append(coef / columns.inverse_scale, w[self.n_coef + c] + coef @ columns.centre)

            rate = np.broadcast_to(sizes, w.shape)[at]
            thresholds = np.append(rate * strengths * columns.inverse_scale, 0.0)
            x = proximal.step(standardised(before), standardised(w), thresholds)
            w[at] = x[:-1] * columns.inverse_scale
            w[self.n_coef + c] = x[-1] - w[at].astype(np.float64) @ columns.centre
        return np.zeros(w.size, w.dtype)

    def post_prox(self, w: Array) -> None:
        if self.l1 is None:
            self.move_intercepts(w, -1)

    def move_intercepts(self, w: Array, sign: int) -> None:
        """To centred columns, or back."""
        if self.metric is not None:
            centre = self.metric.columns.centre
            w[self.n_coef :] += sign * (w[: self.n_coef].reshape(-1, centre.size) @ centre)


class VarianceReduced(Preconditioned):
    """w -= learning_rate P^-1 g, of a gradient g whose noise dies away."""

    def move(self, w: Array, g: Array, t: int, learning_rate: float) -> Any:
        w -= learning_rate * g
        return learning_rate


@RULES.add
class Saga(VarianceReduced):
    """By a table of slopes: `control_variate.Table`."""

    defaults: ClassVar = {"learning_rate": "auto", "preconditioner": "auto"}
    variance_reduction = "table"


@RULES.add
class Svrg(VarianceReduced):
    """By snapshots of the parameters: `control_variate.Snapshot`."""

    defaults: ClassVar = {"learning_rate": "auto", "preconditioner": "auto", "snapshot_every": 1}
    variance_reduction = "snapshot"
