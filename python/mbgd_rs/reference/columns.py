"""The change of variables to centred and scaled columns, without touching the rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .curvature import drawn_rows, row_curvatures
from .data import Data
from .model import Parameters
from .objective import Objective

Array = NDArray[Any]

ROWS_FOR_BOUND = 256
"""Rows from which a bound on the curvature is guessed where the loss has none."""

SHARE_OF_LARGEST = 0.2
"""The scale of a column is at least this part of its largest entry: a rare category varies little for
another reason than its unit."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns (x_j - centre_j) / scale_j, and what penalty and entries are in them.

    A coefficient w_j and the intercept c have in these columns the values v_j = scale_j w_j and
    c + sum_j centre_j w_j. A step of those is made with the parameters as they are.
    """

    centre: Array
    inverse_scale: Array
    penalty: Array
    """What the penalty adds to the curvature, by column."""
    largest_squares: Array
    """The squares of the largest entries, by column."""

    def standardised(self, x: Array, has_intercept: bool) -> Array:
        """Rows in these columns, and the 1 of the intercept, or a 0 if there is none."""
        x = (x - self.centre) * self.inverse_scale
        return np.column_stack([x, np.full(len(x), has_intercept, x.dtype)])

    def pull(self, coef: Array, intercept: Array) -> Array:
        """The gradient by v and its intercept, shape (k, d + 1), from that by w, shape (k, d), and c."""
        return np.column_stack([(coef - self.centre * intercept[:, None]) * self.inverse_scale, intercept])

    def push(self, step: Array) -> tuple[Array, Array]:
        """The step of w and c, from that of v and its intercept."""
        coef = step[:, :-1] * self.inverse_scale
        return coef, step[:, -1] - coef @ self.centre


def columns_as_they_are(objective: Objective, data: Data) -> Columns:
    """No change of variables."""
    d, dtype = data.X.shape[1], data.X.dtype
    return Columns(np.zeros(d, dtype), np.ones(d, dtype), l2_by_column(objective, d), np.zeros(d))


def standardised_columns(objective: Objective, data: Data, w: Parameters, seed: int) -> Columns:
    """Centres and scales from the moments of all rows, and from the penalty.

    Columns are centred where there is an intercept to make up for it, and no zeros of sparse rows to be kept.
    The squared scale is the variance, at least the square of a share of the largest entry, and what the
    penalty adds to the curvature of the column, divided by that of the loss: a column of tiny entries is one
    with a stiff penalty.
    """
    X = data.X.astype(np.float64)
    n, d = X.shape
    s = np.ones(n) if data.s is None else data.s.reshape(n).astype(np.float64)
    seen = X[s > 0]
    smallest, largest = seen.min(axis=0), seen.max(axis=0)
    if objective.model.fit_intercept and data.stored is None:
        centre = s @ X / n
        square = np.where(smallest < largest, s @ (X - centre) ** 2 / n, 0.0)
    else:
        centre, square = np.zeros(d), s @ X**2 / n
    reach = np.maximum(largest - centre, centre - smallest)
    l2 = l2_by_column(objective, d)
    of_entries = np.where(square > 0, np.maximum(square, (SHARE_OF_LARGEST * reach) ** 2), 0.0)
    scale = np.sqrt(of_entries + l2 / curvature_bound(objective, data, w, seed))
    scale = np.where((scale > 0) & np.isfinite(scale), scale, 1.0)
    inverse = np.minimum(1 / scale, np.sqrt(np.finfo(data.X.dtype).max))
    dtype = data.X.dtype
    return Columns(centre.astype(dtype), inverse.astype(dtype), l2 / scale**2, (reach / scale) ** 2)


def l2_by_column(objective: Objective, d: int) -> Array:
    """The strength of half the squares of each column's coefficients, of several outputs the largest."""
    l2 = np.broadcast_to(objective.penalty.l2, np.broadcast_shapes(objective.penalty.l2.shape, (d,)))
    return np.asarray(l2.reshape(-1, d).max(axis=0))


def curvature_bound(objective: Objective, data: Data, w: Parameters, seed: int) -> float:
    """The loss's own bound; without one, the largest curvature of some rows at the parameters."""
    rows, _ = drawn_rows(seed, 0, len(data), ROWS_FOR_BOUND)
    bound = objective.loss.curvature
    if bound is None:
        s = np.ones(len(rows)) if data.s is None else data.s.reshape(-1)[rows].astype(np.float64)
        bound = (row_curvatures(objective, data, w, rows) / np.maximum(s, np.finfo(np.float64).tiny)).max()
    return float(bound) if 0 < bound < np.inf else 1.0
