"""Problems for the tests of solvers, and their optima by other means."""

from dataclasses import dataclass
from typing import Any

import mbgd_rs as mb
import numpy as np
from mbgd_rs import losses
from mbgd_rs.stopping import Converged
from scipy.optimize import minimize
from scipy.sparse import csr_array

N, D = 150, 6


def rows(n=N, d=D, seed=0):
    """Columns in several units, some entries of which are 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1:] += 0.3 * X[:, :-1]
    X[rng.random((n, d)) < 0.3] = 0
    return X * np.geomspace(0.7, 1.5, d), rng


def scores_of(X, rng, k=None):
    Z = X / X.std(axis=0)
    coef = rng.normal(size=(Z.shape[1],) if k is None else (Z.shape[1], k)) * 0.4
    return Z @ coef * np.sqrt(D / Z.shape[1]) + 0.3


def real(X, rng):
    z = scores_of(X, rng)
    return z + rng.standard_t(3, len(z))


def two_numbers(X, rng):
    z = scores_of(X, rng, 2)
    return z + rng.normal(size=z.shape)


def counts(X, rng):
    return rng.poisson(np.exp(scores_of(X, rng))).astype(float)


def positive(X, rng):
    return np.exp(scores_of(X, rng)) * rng.gamma(5, 0.2, len(X))


def two_classes(X, rng):
    z = scores_of(X, rng)
    return (z + rng.logistic(size=len(z)) > 0.3).astype(int)


def three_classes(X, rng):
    z = scores_of(X, rng, 3)
    return (z + 1.5 * rng.gumbel(size=z.shape)).argmax(axis=1)


def three_labels(X, rng):
    z = scores_of(X, rng, 3)
    return z + rng.logistic(size=z.shape) > 0


# A loss and its targets, by what is tested.
PROBLEMS = {
    "squared_error": (losses.SquaredError(), real),
    "squared_error of two": (losses.SquaredError(), two_numbers),
    "huber": (losses.Huber(0.7), real),
    "squared_epsilon_insensitive": (losses.SquaredEpsilonInsensitive(0.2), real),
    "log_cosh": (losses.LogCosh(), real),
    "poisson": (losses.Poisson(), counts),
    "gamma": (losses.Gamma(), positive),
    "tweedie": (losses.Tweedie(1.5), counts),
    "log_loss": (losses.LogLoss(), two_classes),
    "log_loss, softmax": (losses.LogLoss(), three_classes),
    "log_loss, ovr": (losses.LogLoss(multi_class="ovr"), three_classes),
    "log_loss, labels": (losses.LogLoss(), three_labels),
    "squared_hinge": (losses.SquaredHinge(), two_classes),
    "modified_huber": (losses.ModifiedHuber(), three_classes),
    "smooth_hinge": (losses.SmoothHinge(), two_classes),
    "focal": (losses.Focal(), two_classes),
}


@dataclass(frozen=True)
class Case:
    """A problem as `mb.fit` and `mb.gradient` take it."""

    X: Any
    y: Any
    loss: Any
    penalty: Any
    shape: tuple[int, ...]

    def gradient(self, params):
        """The objective and its gradient at flat parameters."""
        coef, intercept = params[: self.n_coef], params[self.n_coef :]
        point = coef.reshape(self.shape), intercept.reshape(self.shape[:-1])
        value, (by_coef, by_intercept) = mb.gradient(
            self.X, self.y, point, loss=self.loss, penalty=self.penalty
        )
        return value, np.append(by_coef, by_intercept)

    @property
    def n_coef(self):
        return int(np.prod(self.shape))

    def value(self, result):
        return self.gradient(flat(result))[0]

    def fit(self, optimizer, **options):
        return mb.fit(self.X, self.y, loss=self.loss, penalty=self.penalty, optimizer=optimizer, **options)


def flat(result):
    return np.append(result.coef, result.intercept)


def case(name, penalty=None, is_sparse=False, dtype="float64", **of_rows):
    loss, targets = PROBLEMS[name]
    X, rng = rows(**of_rows)
    y = targets(X, rng)
    shape = (X.shape[1],)
    if y.ndim == 2 or (len(np.unique(y)) == 3 and y.dtype.kind == "i"):
        shape = (y.shape[1] if y.ndim == 2 else 3, *shape)
    X = X.astype(dtype)
    y = y.astype(dtype) if y.dtype.kind == "f" else y
    return Case(csr_array(X) if is_sparse else X, y, loss, penalty, shape)


def newton_optimum(problem):
    """The least objective that Newton's method finds, on differences of gradients, after L-BFGS."""
    w = np.zeros(problem.n_coef + int(np.prod(problem.shape[:-1])))
    w = minimize(problem.gradient, w, jac=True, method="L-BFGS-B", options={"gtol": 1e-6}).x
    best, gradient = problem.gradient(w)
    for _ in range(10):
        steps = 1e-5 * np.eye(w.size)
        H = np.array([problem.gradient(w + h)[1] - problem.gradient(w - h)[1] for h in steps]) / 2e-5
        to = w - np.linalg.lstsq((H + H.T) / 2, gradient, rcond=1e-10)[0]
        value, gradient = problem.gradient(to)
        if not value < best:
            break
        w, best = to, value
    return best


def fista_optimum(problem, prox, kink):
    """The least objective that accelerated proximal gradient descent finds, begun anew where it rises.

    `problem` has the smooth part of the penalty; `prox(w, step)` and `kink(w)` are of the rest of it, of flat
    coefficients.
    """
    d = problem.n_coef
    w = at = np.zeros(d + int(np.prod(problem.shape[:-1])))
    least, L, t, n_still = problem.gradient(w)[0] + kink(w[:d]), 1.0, 1.0, 0
    for _ in range(20_000):
        value, gradient = problem.gradient(at)
        while True:
            to = at - gradient / L
            to[:d] = prox(to[:d], 1 / L)
            step, smooth = to - at, problem.gradient(to)[0]
            if smooth <= value + gradient @ step + L / 2 * step @ step + 1e-15 * abs(value):
                break
            L *= 2
        objective = smooth + kink(to[:d])
        if objective > least:
            if t == 1:
                break
            at, t = w, 1.0
            continue
        n_still = n_still + 1 if least - objective <= 1e-15 * abs(least) else 0
        if n_still > 30:
            break
        later = (1 + np.sqrt(1 + 4 * t * t)) / 2
        at, w, least, t = to + (t - 1) / later * (to - w), to, objective, later
    return least


def assert_reaches(optimizer, problem, best, tolerance=1e-8, **options):
    """That a run finds an objective as low, and no lower."""
    result = problem.fit(optimizer, **{"epochs": 1000, "stop": Converged(1e-11), **options})
    gap = (problem.value(result) - best) / abs(best)
    assert -1e-10 < gap < tolerance, (gap, result.stop_reason, result.n_epochs, result.solver)
    return result
