"""The optimum of a problem, by solvers of our own in doubles, kept in a file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from .objective import losses, slopes
from .problem import L2, Problem


def optimum(problem: Problem, X: Any, y: Any, cache: Path, intercept_penalty: float = 0.0) -> float:
    """F*, found or remembered; of one score a row also with a penalty of the intercept.

    Rows that differ, if only in a bit, are another problem."""
    digest = hashlib.blake2b(digest_size=12)
    for part in (X.data, X.indices, X.indptr, y) if problem.is_sparse else (X, y):
        digest.update(np.ascontiguousarray(part))
    key = f"{problem.name} {problem.loss} {L2} {intercept_penalty} {digest.hexdigest()}"
    known = json.loads(cache.read_text()) if cache.exists() else {}
    if key not in known:
        X = (X.toarray() if problem.is_sparse else X).astype(np.float64)
        found, error = newton(problem, X, y, intercept_penalty) if problem.k == 1 else lbfgs(problem, X, y)
        print(f"{problem.name}: optimum {found:.12g}, at most {error:.0e} above the true one", flush=True)
        if not error <= 1e-7 * abs(found):
            raise RuntimeError(f"the optimum of {problem.name} is known to {error} only")
        known[key] = found
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(known, indent=1))
    return float(known[key])


def newton(problem: Problem, X: Any, y: Any, intercept_penalty: float) -> tuple[float, float]:
    """Damped Newton; the value, and twice what a last step would still gain."""
    X = np.column_stack([X, np.ones(len(X))])
    penalty = np.append(np.full(problem.d, L2), intercept_penalty)
    w = np.zeros(problem.d + 1)
    if problem.loss == "poisson":
        w[-1] = np.log(y.mean())

    def f(w: Any) -> float:
        return float(losses(problem, X @ w, y).mean() + (penalty * w**2).sum() / 2)

    best, gain = f(w), np.inf
    for _ in range(100):
        slope, curvature = slopes(problem, X @ w, y)
        gradient = X.T @ slope / len(y) + penalty * w
        hessian = (X.T * curvature) @ X / len(y) + np.diag(penalty)
        scale = 1 / np.sqrt(np.diag(hessian) + 1e-300)
        step = scale * np.linalg.lstsq(hessian * scale * scale[:, None], gradient * scale)[0]
        gain, t = float(gradient @ step), 1.0
        while f(w - t * step) > best and t > 1e-10:
            t /= 2
        if t <= 1e-10:
            break
        w = w - t * step
        best = f(w)
        if gain < 1e-14 * abs(best):
            break
    return best, abs(gain)


def lbfgs(problem: Problem, X: Any, y: Any) -> tuple[float, float]:
    """SciPy's L-BFGS; the value, and a bound by the gradient and the convexity that the penalty gives."""
    from scipy.optimize import minimize

    n, d, k = problem.n, problem.d, problem.k

    def f(flat: Any) -> tuple[float, Any]:
        w = flat.reshape(k, d + 1)
        z = X @ w[:, :-1].T + w[:, -1]
        slope, _ = slopes(problem, z, y)
        gradient = np.column_stack([slope.T @ X, slope.sum(axis=0)]) / n
        gradient[:, :-1] += L2 * w[:, :-1]
        return float(losses(problem, z, y).mean() + L2 / 2 * (w[:, :-1] ** 2).sum()), gradient.ravel()

    options = {"maxiter": 20_000, "maxfun": 40_000, "maxcor": 50, "ftol": 0.0, "gtol": 1e-9}
    found = minimize(f, np.zeros(k * (d + 1)), jac=True, method="L-BFGS-B", options=options)
    return float(found.fun), float((found.jac**2).sum()) / (2 * L2)
