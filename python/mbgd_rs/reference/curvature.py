"""The rows that stand for all where the curvature is looked at, and the curvature of their losses."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .classification import Margin, Softmax
from .data import Data
from .model import Parameters
from .objective import Objective
from .random import HALF, random_words

Array = NDArray[Any]

SAMPLE = 34
"""The stream of random words by which rows are drawn; build i of a metric reads it at epoch i."""

DISTANCE, RELATIVE_DISTANCE = 1e-3, 1e-6
"""The distance at which slopes are compared, and the same relative to scores and targets."""

LEAST_CURVATURE = 1e-3
"""No row's curvature is less than this part of the largest: if it has none, it may have some after a step."""


class Sample(NamedTuple):
    """Standardised rows x, shape (m, d + 1), and the curvature h of each."""

    x: Array
    h: Array

    def hessian_times(self, v: Array) -> Array:
        """1/m sum_i h_i x_i x_i^T v, of one vector (d + 1,) or of the rows of v, (r, d + 1)."""
        product: Array = (v @ self.x.T * self.h) @ self.x / len(self.x)
        return product


def drawn_rows(seed: int, build: int, n: int, n_wanted: int) -> tuple[Array, Array | None]:
    """Two samples of `n_wanted` of n rows; if there are not so many, all rows and no second sample.

    The rows are cut into as many runs as are wanted in all, and one is drawn of each, so that every part of
    rows that are sorted has its share. Runs belong to the samples in turn.

    >>> first, second = drawn_rows(seed=0, build=0, n=40, n_wanted=5)
    >>> first, second
    (array([ 0, 10, 19, 27, 34]), array([ 5, 12, 21, 30, 37]))
    """
    n_runs = 2 * n_wanted
    if n < n_runs:
        return np.arange(n), None
    ends = np.arange(n_runs + 1) * n // n_runs
    lengths = np.diff(ends).astype(np.uint64)
    high, low = random_words(seed, build, SAMPLE, 2 * n_runs).reshape(n_runs, 2).T
    within = (high * lengths + (low * lengths >> HALF)) >> HALF  # floor(word lengths / 2^64)
    rows = ends[:-1] + within.astype(np.intp)
    return rows[0::2], rows[1::2]


def row_curvatures(objective: Objective, data: Data, w: Parameters, rows: Array) -> Array:
    """The weight of each row times the second derivative of its loss by the score, of outputs the largest.

    A metric needs it to a digit or two, so it is a difference of slopes, for every loss alike; but of softmax
    2 max_c p_c (1 - p_c), by which Gershgorin's circles bound the largest eigenvalue. A loss with a kink has
    no curvature: all rows count the same.
    """
    x, y, s, o = data.batch(rows, drawn=False)
    s = np.ones(len(rows)) if s is None else s.reshape(len(rows)).astype(np.float64)
    loss, h = objective.loss, np.ones(len(rows))
    if not loss.has_kink:
        z = objective.model.scores(w, x, o).astype(np.float64)
        of_outputs = second_derivatives(loss, z, y).reshape(len(rows), -1)
        h = np.fmax(np.fmax.reduce(of_outputs, axis=1), 0.0)
    h = np.where(np.isfinite(h) & (s > 0), h, 0.0)
    largest = h.max(initial=0.0)
    least = LEAST_CURVATURE * largest if largest > 0 else 1.0
    return np.maximum(h, least) * s


def second_derivatives(loss: Any, z: Array, y: Array) -> Array:
    """Of the loss of scores z in double, shape (b,) or (b, k)."""
    if isinstance(loss, Softmax):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return np.asarray(2 * p * (1 - p))
    size = np.abs(z)
    if not isinstance(loss, Margin):
        y = y.astype(np.float64)
        if loss.domain()[0] == "real":
            size = np.maximum(size, np.abs(y))
    distance = np.maximum(DISTANCE, RELATIVE_DISTANCE * size)
    low, high = z - distance, z + distance
    return np.asarray((loss.slope(high, y) - loss.slope(low, y)) / (high - low))
