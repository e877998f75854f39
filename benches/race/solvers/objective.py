"""The objective of a problem, in doubles."""

from typing import Any

import numpy as np

from .problem import L2, Problem

ROWS = 8192
"""Rows that are turned into doubles at a time."""


def losses(problem: Problem, z: Any, y: Any) -> Any:
    """The loss of each row, of its score, or of its scores."""
    if problem.loss == "squared_error":
        return (z - y) ** 2 / 2
    if problem.loss == "poisson":
        return np.exp(z) - y * z
    if problem.k == 1:
        return np.logaddexp(0, z) - y * z
    top = z.max(axis=1)
    return np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(y)), y]


def slopes(problem: Problem, z: Any, y: Any) -> tuple[Any, Any]:
    """The derivatives of the losses by the scores, and the second ones where there is one score a row."""
    if problem.loss == "squared_error":
        return z - y, np.ones_like(z)
    if problem.loss == "poisson":
        rate = np.exp(z)
        return rate - y, rate
    if problem.k == 1:
        p = 0.5 + np.tanh(z / 2) / 2
        return p - y, p * (1 - p)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(len(y)), y] -= 1
    return p, None


def value(
    problem: Problem, X: Any, y: Any, coef: Any, intercept: Any, intercept_penalty: float = 0.0
) -> float:
    """The objective at what a solver has returned, whatever its type and whether it is a row or a column.

    `einsum` starts no threads. Those of a BLAS would still spin while the next call is timed.
    """
    coef = np.asarray(coef, np.float64).reshape(problem.k, problem.d)
    intercept = np.asarray(intercept, np.float64).reshape(problem.k)
    total = 0.0
    for start in range(0, problem.n, ROWS):
        rows, targets = X[start : start + ROWS], y[start : start + ROWS]
        if problem.is_sparse:
            z = rows.astype(np.float64) @ coef.T + intercept
        else:
            z = np.einsum("ij,kj->ik", rows.astype(np.float64), coef) + intercept
        total += float(losses(problem, z[:, 0] if problem.k == 1 else z, targets).sum())
    penalty = L2 * float((coef**2).sum()) + intercept_penalty * float((intercept**2).sum())
    return total / problem.n + penalty / 2
