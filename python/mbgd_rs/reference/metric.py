"""A metric near the curvature of the objective: how it is built of two samples of rows, and what it says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Columns
from .curvature import Sample
from .random import random_words

Array = NDArray[Any]

SKETCH = 35
"""The stream of random signs of a sketch; build i reads it at epoch i."""

UNKNOWN = 16
"""The curvature of one row may stay unknown by so much, in batches."""

LEAST_DAMPING = 1e-6
"""Of the largest eigenvalue."""

LEAST_OF_VECTOR = 1e3
"""What a vector of a sketch adds to those before it, at least, in units of the rounding of its type: with
less, the sample has not so much rank."""

LARGEST_LEVERAGE = 2
"""Of a row, in batches times the expected smoothness: half the rate this allows overshoots along no row."""

QUANTILE, N_ITERATIONS, TOLERANCE = 0.99, 15, 0.01

MOST_RAISES, RAISE, RELIEF, IMPROVEMENT = 16, 4, 16, 0.9
"""How often damping is raised, by what, by what that of the metric before may fall, and what more of it has
to bring down by, if it is to be better than less."""


@dataclass(frozen=True, eq=False)
class Inverse:
    """P^-1 = diag(d) + sign B^T B."""

    d: Array
    B: Array
    sign: int

    def times(self, v: Array) -> Array:
        """P^-1 v, of one vector or of the rows of v."""
        product: Array = self.d * v + self.sign * (v @ self.B.T @ self.B)
        return product

    def squared_norms(self, x: Array) -> Array:
        """x_i^T P^-1 x_i for each row."""
        norms: Array = x**2 @ self.d + self.sign * ((x @ self.B.T) ** 2).sum(axis=1)
        return norms


@dataclass(frozen=True, eq=False)
class Metric:
    """The inverse of a matrix P near the Hessian, in standardised columns, and what is known of H in it."""

    columns: Columns
    inverse: Inverse
    smoothness: float
    """The largest eigenvalue of P^-1 H."""
    leverage: float
    """h_i x_i^T P^-1 x_i of a row for which it is large: the smoothness of that row alone."""
    largest_leverage: float
    damping: float = 0.0
    """What was added to the diagonal."""

    def expected_smoothness(self, n: int, b: int) -> float:
        """n (b - 1) / (b (n - 1)) L + (n - b) / (b (n - 1)) L_max, for batches of b of n rows.

        N. Gazagnadou, R. M. Gower, J. Salmon, "Optimal mini-batch and step sizes for SAGA", ICML 2019.
        """
        if b >= n:
            return self.smoothness
        others = n - 1
        return (n * (b - 1) / others * self.smoothness + (n - b) / others * self.leverage) / b

    def direction(self, g: Array, n_coef: int) -> Array:
        """P^-1 times a gradient by the parameters as they are: as a flat vector, like g."""
        d = len(self.columns.centre)
        step = self.inverse.times(self.columns.pull(g[:n_coef].reshape(-1, d), g[n_coef:]))
        coef, intercept = self.columns.push(step)
        return np.concatenate([coef.ravel(), intercept]).astype(g.dtype)

    def step_sizes(self, n_outputs: int) -> Array:
        """The step of each parameter along a gradient of 1, in a diagonal metric: of a flat vector."""
        of_columns = self.columns.inverse_scale**2 * self.inverse.d[:-1]
        return np.concatenate([np.tile(of_columns, n_outputs), np.ones(n_outputs)])

    def is_diagonal(self) -> bool:
        return self.inverse.sign < 0 and len(self.inverse.B) == 0

    def diagonal(self) -> "Metric":
        """With the diagonal part of the inverse alone."""
        return replace(self, inverse=diagonal_inverse(self.inverse.d))

    def is_finite(self) -> bool:
        return bool(np.isfinite(self.smoothness) and np.isfinite(self.largest_leverage))


@dataclass(frozen=True, eq=False)
class Builder:
    """Builds metrics: the curvature is that of the first sample, the second says how far to trust it.

    A builder returns None where numbers leave their range.
    """

    columns: Columns
    first: Sample
    second: Sample
    n: int
    b: int
    """Rows of a batch."""
    last_damping: float
    """Of the metric before; 0 if there was none."""
    dtype: Any

    def plain(self) -> Metric | None:
        """P = 1: steps along the gradient."""
        metric = self.looked_at(diagonal_inverse(np.ones(self.first.x.shape[1])))
        if self.excess(metric) > 1:
            metric = replace(metric, leverage=metric.largest_leverage)
        return metric if metric.is_finite() else None

    def diagonal(self) -> Metric | None:
        """The curvature of every column on its own."""
        hessian = self.first.h @ self.first.x.astype(np.float64) ** 2 / len(self.first.x)
        damping = LEAST_DAMPING * float(hessian.max())
        return self.trusted(lambda base: diagonal_inverse(1 / (base + hessian)), damping)

    def newton(self) -> Metric | None:
        """All of the curvature."""
        hessian = self.first.hessian_times(np.eye(self.first.x.shape[1]))
        largest = largest_eigenvalue(lambda v: hessian @ v, len(hessian), tolerance=0.0)

        def inverse(base: Array) -> Inverse:
            return Inverse(0 * base, np.linalg.inv(np.linalg.cholesky(hessian + np.diag(base))), 1)

        return self.trusted(inverse, LEAST_DAMPING * largest)

    def nystrom(self, signs: Array) -> Metric | None:
        """The largest eigenvalues, one for each row of random signs T: H ~ Y^T (T Y^T)^-1 Y with Y = T H.

        They are half as many if the sample has not so much rank.

        Z. Frangella et al., "PROMISE: preconditioned stochastic optimization methods by incorporating
        scalable curvature estimates", JMLR 25, 2024.
        """
        x, h = self.second
        eps = float(np.finfo(self.dtype).eps)
        Y = self.first.hessian_times(signs)
        Y = Y + 10 * eps * np.linalg.norm(Y) / np.linalg.norm(signs) * signs
        try:
            F = np.linalg.solve(root_of(Y @ signs.T, LEAST_OF_VECTOR * eps), Y)
            root = root_of(F @ F.T, LEAST_OF_VECTOR * eps)
        except np.linalg.LinAlgError:
            return self.nystrom(signs[: len(signs) // 2]) if len(signs) > 1 else self.diagonal()
        basis = np.linalg.solve(root, F)  # orthonormal rows
        smallest, largest = 1 / (np.linalg.inv(root) ** 2).sum(), (F**2).sum()
        unknown = (h * ((x**2).sum(axis=1) - ((x @ basis.T) ** 2).sum(axis=1))).max()
        damping = max(smallest, self.of_row(unknown), LEAST_DAMPING * largest)

        def inverse(base: Array) -> Inverse:  # that of diag(base) + F^T F, by Woodbury's formula
            scaled = F / base
            root = np.linalg.cholesky(np.eye(len(F)) + F @ scaled.T)
            return Inverse(1 / base, np.linalg.solve(root, scaled), -1)

        return self.trusted(inverse, float(damping))

    def trusted(self, inverse: Callable[[Array], Inverse], damping: float) -> Metric | None:
        """The metric of a curvature and a diagonal, with so much damping or more that no row of the second
        sample can move the parameters too far.

        Where no damping is enough, since the outlying row is along the only direction there is, the
        smoothness of that row stands for that of single rows.
        """
        d = len(self.columns.centre)
        # What a single row of a rare or outlying column can add to a batch, if the sample may lack it.
        has_all = len(self.second.x) == self.n
        floor = 0.0 if has_all else self.of_row(self.second.h.mean()) * self.columns.largest_squares
        damping = max(damping, self.last_damping / RELIEF, float(np.sqrt(np.finfo(np.float64).tiny)))
        best: Metric | None = None
        least_excess = np.inf
        for _ in range(MOST_RAISES):
            base = np.full(d + 1, damping)
            base[:d] += self.columns.penalty + floor
            try:
                metric = self.looked_at(inverse(base), damping)
            except np.linalg.LinAlgError:  # not positive definite
                damping *= RAISE
                continue
            if not metric.is_finite():
                return None
            excess = self.excess(metric)
            if excess <= 1:
                return metric
            if best is None or excess < IMPROVEMENT * least_excess:
                best, least_excess = replace(metric, leverage=metric.largest_leverage), excess
            damping *= RAISE
        return best

    def of_row(self, curvature: float) -> float:
        """What the unknown curvature of one row may add to a batch: nothing where a batch is all rows."""
        return 0.0 if self.b >= self.n else float(curvature / (UNKNOWN * self.b))

    def excess(self, metric: Metric) -> float:
        """How often the row of the largest leverage has what a row may have."""
        allowed = LARGEST_LEVERAGE * self.b * metric.expected_smoothness(self.n, self.b)
        leverage = metric.largest_leverage * (self.n - self.b) / self.n
        return 0.0 if leverage <= allowed else float(leverage / np.float64(allowed))

    def looked_at(self, inverse: Inverse, damping: float = 0.0) -> Metric:
        """The metric, with its smoothness and leverage on the second sample."""
        penalty = np.append(self.columns.penalty, 0.0)
        smoothness = largest_eigenvalue(
            lambda v: inverse.times(self.second.hessian_times(v) + penalty * v), len(penalty), TOLERANCE
        )
        leverages = self.second.h * inverse.squared_norms(self.second.x.astype(np.float64))
        leverage = float(np.quantile(leverages, QUANTILE))
        return Metric(self.columns, inverse, smoothness, leverage, float(leverages.max()), damping)


def root_of(products: Array, least: float) -> Array:
    """The lower Cholesky factor of the products of vectors with each other, each of which has at least this
    part of its square beside those before it.
    """
    root = np.linalg.cholesky(products)
    if not (np.diag(root) ** 2 >= least * np.diag(products)).all():
        raise np.linalg.LinAlgError("dependent vectors")
    return root


def diagonal_inverse(d: Array) -> Inverse:
    return Inverse(d, np.zeros((0, len(d))), -1)


def largest_eigenvalue(product: Callable[[Array], Array], n: int, tolerance: float) -> float:
    """By power iterations, until it changes by so little or for some times."""
    v, eigenvalue = 1 + np.arange(n) * 0.6180339887498949 % 1, 0.0
    for _ in range(N_ITERATIONS):
        u = product(v)
        last, eigenvalue = eigenvalue, float(np.linalg.norm(u) / np.linalg.norm(v))
        if not 0 < eigenvalue < np.inf:
            break
        v = u / np.linalg.norm(u)
        if abs(eigenvalue - last) <= tolerance * eigenvalue:
            break
    return eigenvalue


def random_signs(seed: int, build: int, rank: int, n: int) -> Array:
    """A matrix of so many rows of n random signs: bit i % 32 of word i // 32 says whether entry i is -1."""
    words = random_words(seed, build, SKETCH, -(-rank * n // 32))
    bits = words[:, None] >> np.arange(32, dtype=np.uint64) & np.uint64(1)
    return 1.0 - 2.0 * bits.ravel()[: rank * n].reshape(rank, n)
