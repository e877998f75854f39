"""What batch gradients are like at one point: how much they vary, whether they are right, and agree."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .objective import make_problem
from .random import random_words
from .shuffle import Rows, importance_weights, order_of_epochs

Array = NDArray[Any]

SIGNS = 32
"""Stream of the random signs of a bootstrap."""

Z = 1.959963984540054
"""Standard normal numbers are within +-Z in 95 of 100 cases."""


class Point:
    """Gradients at one point, flat and in double."""

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        at: Any,
        loss: Any,
        sample_weight: Any,
        offset: Any,
        penalty: Any,
        intercept: bool,
        model: Any,
    ) -> None:
        self.objective, self.data, _ = make_problem(
            X, y, sample_weight, loss, penalty, intercept, offset=offset, model=model
        )
        self.w, self.g = self.objective.model.start(at), self.objective.model.zeros()
        self.n = len(self.data)
        self.full = self.smooth(slice(0, self.n))

    def smooth(self, rows: Rows) -> Array:
        """The gradient on some rows without the part of the penalty that has a kink."""
        self.objective.gradient(self.w, self.data, [rows], self.g, wants_loss=False)
        return self.g.flat.astype(np.float64)

    def kink(self) -> Array:
        """The subgradient of that part."""
        g = self.objective.model.zeros()
        self.objective.penalty.add_subgradient(self.w.weights, g.weights)
        return g.flat.astype(np.float64)

    def of_rows(self) -> Array:
        """The gradients of all rows, shape (n, parameters), without the penalty."""
        of_penalty = self.objective.model.zeros()
        self.objective.penalty.add_gradient(self.w.weights, of_penalty.weights)
        of_penalty.intercept[...] = self.objective.loss.intercept_slope
        return np.array([self.smooth(np.array([row])) for row in range(self.n)]) - of_penalty.flat


class Draws:
    """Batches of one size after another, each size from epochs of its own."""

    def __init__(self, n: int, shuffle: Any, replacement: bool, seed: int, classes: Any = None) -> None:
        self.epoch = 0
        self.is_one_order = isinstance(shuffle, str) and shuffle == "full" and not replacement
        self.how = shuffle, replacement, seed, n
        self.classes = classes

    def of_size(self, b: int, n_draws: int, n_together: int = 1, share: int = 16) -> Iterator[Array]:
        """Runs of `n_together` steps of one epoch, of all its runs in turn. Of a full shuffle, runs are
        longer, up to one step in `share` of the epoch."""
        order_of_epoch = order_of_epochs(*self.how, b, self.classes)
        while n_draws > 0:
            order = order_of_epoch(self.epoch)
            assert order is not None, "there is one order only, and so one draw"
            n_full = len(order) // b
            n_steps = n_together if n_full >= n_together else 1
            if self.is_one_order:
                n_steps = max(n_steps, n_full // share // n_together * n_together)
            first = self.epoch % (n_full // n_steps) * n_steps
            for step in range(first, first + min(n_steps, n_draws)):
                yield order[step * b : (step + 1) * b]
            self.epoch += 1
            n_draws -= n_steps


def gradient_noise(
    X: ArrayLike,
    y: ArrayLike,
    at: Any = None,
    *,
    batch_sizes: Sequence[int],
    loss: Any = "squared_error",
    sample_weight: Any = None,
    offset: Any = None,
    n_draws: int = 200,
    seed: int = 0,
    penalty: Any = None,
    fit_intercept: bool = True,
    model: Any = "linear",
) -> SimpleNamespace:
    """Variances by batch size, the slope of their logarithms, and the noise scale.

    The relative variance of ``|g_B - g|^2`` follows from the rows: it is ``Var(q) / b + 2 (1 - 1/b)
    tr(Sigma^2)`` over ``tr(Sigma)^2``, q the squared deviations of single rows.

    >>> X, y = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([1.0, 0.0, 2.0, 1.0])
    >>> found = gradient_noise(X, y, batch_sizes=[1, 2], n_draws=1000, fit_intercept=False)
    >>> found.trace, found.finite_population
    (5.6875, array([1.        , 0.66666667]))
    >>> found.variance.round(1), round(found.noise_scale, 2)
    (array([5.6, 1.9]), 0.75)
    """
    point = Point(X, y, at, loss, sample_weight, offset, penalty, fit_intercept, model)
    n, b = point.n, np.asarray(batch_sizes)
    deviation = point.of_rows()
    deviation -= deviation.mean(axis=0)
    q = (deviation**2).sum(axis=1)
    trace = float(q.mean())
    G = point.full + point.kink()
    squared_norm = float(G @ G)

    found = SimpleNamespace(trace=trace, squared_norm=squared_norm)
    found.finite_population = np.where(b == n, 0.0, (n - b) / max(n - 1, 1))
    squared_products: list[float] = []
    for replacement in (True, False):
        draws, variances = Draws(n, "full", replacement, seed), []
        for size in batch_sizes:
            e = np.array([point.smooth(rows) for rows in draws.of_size(size, n_draws)]) - point.full
            variances.append((e**2).sum(axis=1).mean())
            if replacement:
                m = n_draws // 2 * 2
                squared_products.extend(((e[0:m:2] * e[1:m:2]).sum(axis=1) * size) ** 2)
        suffix = "_with_replacement" if replacement else ""
        setattr(found, "variance" + suffix, np.array(variances))
    largest = trace**2
    squared_trace = float(np.mean(squared_products)) if squared_products else largest
    squared_trace = float(np.clip(squared_trace, largest / min(n, G.size), largest))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt((q.var() / b + 2 * (1 - 1 / b) * squared_trace) / largest / n_draws)
    add_intervals(found, b, np.maximum(error, 1e-6))

    found.noise_scale = trace / squared_norm if squared_norm > 0 else np.nan
    if trace > 0 and squared_norm > 0:
        influence = (q - trace) / trace - 2 * (deviation @ G) / squared_norm
        quadratic = 2 * squared_trace / (n * squared_norm**2)
        found.noise_scale_error = float(np.sqrt((np.mean(influence**2) + quadratic) / n))
        found.n_directions = largest / squared_trace
    return found


def add_intervals(found: SimpleNamespace, b: Array, error: Array) -> None:
    """The intervals of variances with a known relative error, and the slopes of their logarithms."""
    for suffix, factor in (("", found.finite_population), ("_with_replacement", np.ones(len(b)))):
        variance = getattr(found, "variance" + suffix)
        width = np.where(factor > 0, np.exp(Z * error), 1.0)
        setattr(found, f"variance{suffix}_interval", np.stack([variance / width, variance * width], axis=1))
        is_known = (factor > 0) & (variance > 0) & (error <= 0.5)
        log_b, e = np.log(b[is_known]), error[is_known]
        log_variance = np.log(variance[is_known] / factor[is_known]) + e**2 / 2
        slope, half = weighted_slope(log_b, log_variance, e)
        setattr(found, "slope" + suffix, slope)
        setattr(found, f"slope{suffix}_interval", (slope - half, slope + half))


def weighted_slope(x: Array, y: Array, error: Array) -> tuple[float, float]:
    """The slope of the line through points of which y has a known error, and half of its 95 % interval."""
    if len(np.unique(x)) < 2:
        return np.nan, np.nan
    weight = 1 / error**2
    x = x - np.average(x, weights=weight)
    spread = (weight * x**2).sum()
    return float((weight * x * y).sum() / spread), float(Z / np.sqrt(spread))


def gradient_bias(
    X: ArrayLike,
    y: ArrayLike,
    at: Any = None,
    *,
    batch_sizes: Sequence[int] = (32,),
    rows: Sequence[Any] | None = None,
    loss: Any = "squared_error",
    sample_weight: Any = None,
    offset: Any = None,
    n_draws: int = 200,
    seed: int = 0,
    n_resamples: int = 999,
    penalty: Any = None,
    fit_intercept: bool = True,
    shuffle: Any = "full",
    replacement: bool = False,
    model: Any = "linear",
) -> SimpleNamespace:
    """``|mean_j e_j|`` of the deviations e of batch gradients, and what random signs make of it.

    >>> X, y = np.arange(8.0)[:, None], np.array([1.0, 0.0, 2.0, 1.0, 3.0, 1.0, 0.0, 2.0])
    >>> float(gradient_bias(X, y, rows=[[0, 1], [6, 7], [2, 5], [3, 4]]).p_value[0])
    1.0
    >>> float(gradient_bias(X, y, rows=[[6, 7, 4]] * 20).p_value[0])
    0.001
    """
    point = Point(X, y, at, loss, sample_weight, offset, penalty, fit_intercept, model)
    draws = Draws(point.n, shuffle, replacement, seed, y)
    point.data.importance_weights = None if rows is not None else importance_weights(shuffle)
    batches = (
        [[np.asarray(batch) for batch in rows]]
        if rows is not None
        else (list(draws.of_size(b, n_draws, share=256)) for b in batch_sizes)
    )
    found = SimpleNamespace(bias_norm=[], p_value=[], chance_norm=[], chance_limit=[])
    for of_size in batches:
        e = np.array([point.smooth(batch) for batch in of_size]) - point.full
        m = len(e)
        norms = [float(np.linalg.norm(e.mean(axis=0)))]
        for resample in range(n_resamples):
            words = random_words(seed, resample, SIGNS, -(-m // 32))
            bits = words[:, None] >> np.arange(32, dtype=np.uint64) & np.uint64(1)
            signs = 1.0 - 2.0 * bits.ravel()[:m].astype(np.float64)
            norms.append(float(np.linalg.norm(signs @ e / m)))
        found.bias_norm.append(norms[0])
        found.p_value.append(np.mean(np.array(norms) >= norms[0] * (1 - 1e-12)))
        found.chance_norm.append(np.sqrt((e**2).sum()) / m)
        found.chance_limit.append(np.sort(norms)[int(0.95 * n_resamples)])
    return found


def gradient_angles(
    X: ArrayLike,
    y: ArrayLike,
    at: Any = None,
    *,
    batch_sizes: Sequence[int],
    loss: Any = "squared_error",
    sample_weight: Any = None,
    offset: Any = None,
    n_draws: int = 200,
    seed: int = 0,
    penalty: Any = None,
    fit_intercept: bool = True,
    shuffle: Any = "full",
    replacement: bool = False,
    model: Any = "linear",
) -> Array:
    """Cosines between the gradients of pairs of batches, shape (sizes, draws).

    >>> X, y = np.array([[1.0], [2.0], [-3.0], [4.0]]), np.ones(4)
    >>> gradient_angles(X, y, batch_sizes=[1], n_draws=6, fit_intercept=False)
    array([[-1., -1., -1., -1.,  1.,  1.]])
    """
    point = Point(X, y, at, loss, sample_weight, offset, penalty, fit_intercept, model)
    draws = Draws(point.n, shuffle, replacement, seed, y)
    point.data.importance_weights = importance_weights(shuffle)
    kink = point.kink()
    cosines = []
    for b in batch_sizes:
        g = np.array([point.smooth(rows) + kink for rows in draws.of_size(b, 2 * n_draws, n_together=2)])
        first, second = g[0::2], g[1::2]
        with np.errstate(invalid="ignore"):
            lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
            cosines.append(((first * second).sum(axis=1) / lengths).clip(-1, 1))
    return np.array(cosines)
