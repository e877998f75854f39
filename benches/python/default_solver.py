"""What `fit` does with nothing but a loss, on raw columns: epochs, and the gap it tells beside the true one.

`python benches/python/default_solver.py [folder]` prints a table, the folder being that of `auto_rate.py`.
Times are measured by `make bench-solvers`.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import mbgd_rs as mb
import numpy as np
from auto_rate import bundled, external, standardised

L2 = 1e-4
"""The penalty of classifications."""
LARGEST = 2000
"""Parameters up to which the optimum is looked for."""


def optimum(X: np.ndarray, y: np.ndarray, is_classes: bool) -> float:
    """The least objective, by Newton's method in doubles."""
    X = np.column_stack([X.astype(np.float64), np.ones(len(X))])
    n, d = X.shape
    if not is_classes:
        Y = y.astype(np.float64).reshape(n, -1)
        return float(((X @ np.linalg.lstsq(X, Y, rcond=None)[0] - Y) ** 2).sum() / 2 / n)
    labels, at = np.unique(y, return_inverse=True)
    k = 1 if len(labels) == 2 else len(labels)
    target = at[:, None].astype(float) if k == 1 else np.eye(k)[at]
    penalty = np.tile(np.append(np.full(d - 1, L2), 0.0), k)

    def value(w: np.ndarray) -> float:
        z = X @ w.reshape(k, d).T
        total = np.logaddexp(0.0, z[:, 0]) if k == 1 else np.logaddexp.reduce(z, axis=1)
        return float((total - (z * target).sum(axis=1)).mean() + (penalty * w**2).sum() / 2)

    w = np.zeros(k * d)
    for _ in range(200):
        z = X @ w.reshape(k, d).T
        p = 1 / (1 + np.exp(-z)) if k == 1 else np.exp(z - np.logaddexp.reduce(z, axis=1)[:, None])
        gradient = ((p - target).T @ X / n).ravel() + penalty * w
        hessian = np.diag(penalty)
        for a in range(k):
            for b in range(k):
                s = p[:, a] * ((a == b) - p[:, b])
                hessian[a * d : (a + 1) * d, b * d : (b + 1) * d] += (X.T * s) @ X / n
        scale = 1 / np.sqrt(np.diag(hessian) + 1e-300)
        step = scale * np.linalg.lstsq(hessian * scale * scale[:, None], gradient * scale, rcond=None)[0]
        t, best = 1.0, value(w)
        while value(w - t * step) > best and t > 1e-10:
            t /= 2
        if t <= 1e-10 or gradient @ step < 1e-12 * abs(best):
            break
        w = w - t * step
    return value(w)


def row(name: str, columns: str, X: np.ndarray, y: np.ndarray) -> str:
    """One line of the table."""
    is_classes = np.unique(y).size <= 10
    how = {"loss": "log_loss", "penalty": mb.penalties.L2(L2)} if is_classes else {"loss": "squared_error"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mb.ConvergenceWarning)
        run = mb.fit(X, y, **how)
    reached = mb.gradient(X, y, run, **how)[0]
    true = "-"
    if np.size(run.coef) <= LARGEST:
        least = optimum(X, y, is_classes)
        true = f"{(reached - least) / abs(least):.1e}"
    spread = X.std(axis=0)
    units = spread.max() / spread[spread > 0].min()
    return (
        f"| {name} | {columns} | {len(X):,} x {X.shape[1]} | {units:.1g} | {run.solver.preconditioner} "
        f"| {run.n_epochs} | {run.stop_reason.value} | {run.solver.gap:.1e} | {true} |"
    )


def main(folders: list[str]) -> None:
    """Print the table."""
    print("| set | columns | n x d | units | metric | epochs | ended by | gap, estimated | gap, true |")
    print("|---|---|---|--:|---|--:|---|--:|--:|")
    sets = [*bundled(), *(some for folder in folders for some in external(Path(folder)))]
    for name, X, y in sets:
        print(row(name, "raw", X, y), flush=True)
        if np.unique(y).size <= 10:
            print(row(name, "standardised", standardised(X), y), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
