"""Steps in a metric of low rank beside an l1 penalty."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metric import Metric

Array = NDArray[Any]

MOST_STEPS, MOST_HALVINGS, TOLERANCE = 50, 20, 1e-3
"""Of the Newton method: steps, halvings of one, and the residual at which it ends, relative to the first."""


class Proximal:
    """argmin_x g . x + |x - v|_P^2 / 2 + sum_j t_j |x_j| for P = Lambda + F^T F with few rows in F.

    It is x(a) = soft(z + Lambda^-1 F^T a, t / Lambda) with z = v - Lambda^-1 g, where a = F (v - x(a)): a
    semismooth Newton method in a, whose Jacobian is 1 + F_A Lambda_A^-1 F_A^T, A the entries that are not 0.

    S. Becker, J. Fadili, "A quasi-Newton proximal splitting method", NIPS 2012.
    """

    def __init__(self, metric: Metric) -> None:
        self.columns = metric.columns
        B, self.base = metric.inverse.B, 1 / metric.inverse.d
        C = B * np.sqrt(self.base)
        root = np.linalg.cholesky(np.eye(len(C)) - C @ C.T)
        self.F = np.linalg.solve(root, B * self.base)

    def step(self, before: Array, after: Array, thresholds: Array) -> Array:
        """From v, and z after a step along the gradient by the diagonal of P, to x."""
        v, z, t = before, after, thresholds / self.base

        def x_of(a: Array) -> Array:
            moved = z + a @ self.F / self.base
            return np.asarray(np.sign(moved) * np.maximum(np.abs(moved) - t, 0))

        def residual_of(a: Array) -> Array:
            return np.asarray(a - self.F @ (v - x_of(a)))

        a = np.zeros(len(self.F))
        residual = residual_of(a)
        enough = TOLERANCE * np.linalg.norm(residual)
        for _ in range(MOST_STEPS):
            size = np.linalg.norm(residual)
            if not size > enough:
                break
            active = (x_of(a) != 0) | (t == 0)
            F = self.F[:, active]
            newton = np.linalg.solve(np.eye(len(F)) + F / self.base[active] @ F.T, residual)
            for halving in range(MOST_HALVINGS):
                tried = a - newton / 2**halving
                residual = residual_of(tried)
                if np.linalg.norm(residual) < size:
                    a = tried
                    break
            else:
                break  # rounding is all that is left
        return x_of(a)
