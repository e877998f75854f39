"""Gradients of SAGA and SVRG lose their noise at the optimum, and so they converge at a constant rate."""

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.optimizers import SAGA, SGD, SVRG
from mbgd_rs.penalties import L1, L2
from mbgd_rs.stopping import Converged, MaxSteps
from solver_cases import case, flat, newton_optimum

VARIANTS = {
    "saga": SAGA(),
    "svrg": SVRG(),
    "svrg, every second epoch": SVRG(snapshot_every=2),
    "saga, plain": SAGA(preconditioner=None),
    "svrg, plain": SVRG(preconditioner=None),
    "saga, diagonal": SAGA(preconditioner="diagonal"),
    "svrg, nystrom": SVRG(preconditioner="nystrom"),
}


@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "log_loss, softmax"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_logarithm_of_the_gap_falls_along_a_line(variant, loss):
    problem = case(loss, L2(0.1), n=400)
    best = newton_optimum(problem)
    run = problem.fit(VARIANTS[variant], epochs=60, batch_size=16, record="full_loss")
    gap = run.history.full_loss / best - 1
    is_seen = gap > 1e-12  # below, differences of objectives are rounding
    epochs = np.flatnonzero(is_seen)
    assert is_seen[: len(epochs)].all()
    assert len(epochs) >= 4
    slope, start = np.polyfit(epochs, np.log(gap[is_seen]), 1)
    assert slope < -0.15, slope
    residuals = np.log(gap[is_seen]) - slope * epochs - start
    assert residuals.std() < 0.15 * np.ptp(np.log(gap[is_seen]))


def test_descent_alone_does_not_come_to_rest():
    problem = case("squared_error", L2(0.1), n=400)
    best = newton_optimum(problem)
    run = problem.fit(SGD(0.05), epochs=60, batch_size=16, record="full_loss")
    gap = run.history.full_loss / best - 1
    assert gap[30:].min() > 1e-6


@pytest.mark.parametrize("penalty", [L2(0.1), L1(0.05)])
@pytest.mark.parametrize("kind", [SAGA, SVRG])
def test_the_variance_of_gradients_falls_to_zero(kind, penalty):
    problem = case("log_loss", penalty)
    options = {"epochs": 80, "batch_size": 16, "record": "noise", "stop": ()}
    trace = problem.fit(kind(), **options).history.noise_records["trace"]
    of_descent = problem.fit(SGD(0.05), **options).history.noise_records["trace"]
    assert of_descent[-20:].min() > 0.1 * of_descent[0]
    assert 0 <= trace[-20:].max() < 1e-6 * of_descent[-20:].min()


def corrected(problem, begun, slopes, rows):
    """The gradient of some rows, corrected by what a run knows, written down anew."""
    X1 = np.column_stack([problem.X, np.ones(len(problem.X))])
    kind, known, *_ = begun.state["solver"]["variate"]
    if kind == "snapshot":
        known = slopes(X1 @ known)
    w = flat(begun)
    change = slopes(X1 @ w) - known
    penalty = problem.penalty.alpha * np.append(w[:-1], 0)
    return X1[rows].T @ change[rows] / len(rows) + X1.T @ known / len(X1) + penalty


@pytest.mark.parametrize("kind", [SAGA, SVRG])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss", "poisson"])
def test_the_mean_over_all_batches_is_the_full_gradient(kind, loss):
    """With slopes that are up to three epochs old; and every step is along such a gradient."""
    problem = case(loss, L2(0.1))
    batches = np.arange(150).reshape(10, 15)
    options = {"batch_size": 15, "shuffle": False}
    every = {"snapshot_every": 10} if kind is SVRG else {}
    rate = 0.02
    optimizer = kind(rate, preconditioner=None, **every)
    slopes = {
        "squared_error": lambda z: z - problem.y,
        "log_loss": lambda z: 1 / (1 + np.exp(-z)) - problem.y,
        "poisson": lambda z: np.exp(z) - problem.y,
    }[loss]
    for k, batch in enumerate(batches):
        begun = problem.fit(optimizer, epochs=5, stop=MaxSteps(30 + k), **options)
        after = problem.fit(optimizer, epochs=1, stop=MaxSteps(1), resume=begun, **options)
        step = (flat(begun) - flat(after)) / rate
        np.testing.assert_allclose(step, corrected(problem, begun, slopes, batch), rtol=1e-9, atol=1e-11)
        all_batches = [corrected(problem, begun, slopes, rows) for rows in batches]
        full = problem.gradient(flat(begun))[1]
        np.testing.assert_allclose(np.mean(all_batches, axis=0), full, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("penalty", [L2(0.05), L1(0.05)])
@pytest.mark.parametrize("options", [{}, {"validation": 0.2}, {"average": "ema"}, {"accumulate": 2}])
def test_a_smaller_tolerance_runs_longer_and_ends_nearer(options, penalty):
    problem = case("log_loss", penalty, n=400)
    runs = [
        problem.fit(SAGA(), batch_size=16, epochs=500, stop=Converged(tol), **options)
        for tol in (1e-3, 1e-6, 1e-9)
    ]
    assert all(run.stop_reason == "converged" for run in runs)
    epochs = [run.n_epochs for run in runs]
    assert epochs[0] < epochs[1] < epochs[2]
    for run, tol in zip(runs, (1e-3, 1e-6, 1e-9), strict=True):
        assert 0 <= run.solver.gap <= tol
    if "validation" not in options:
        values = [problem.value(run) for run in runs]
        assert values[2] <= min(values) * (1 + 1e-6)


def test_a_looser_metric_does_not_change_the_objective():
    """Penalty and model are those of the columns as they are, in every metric."""
    X, y = case("squared_error").X * [1e3, 1e-3, 1, 1, 1, 1] + 7, case("squared_error").y
    runs = [
        mb.fit(X, y, penalty=L2(1e-2), optimizer=kind(preconditioner=p), epochs=500, stop=Converged(1e-11))
        for kind in (SAGA, SVRG)
        for p in ("diagonal", "newton", "nystrom")
    ]
    for run in runs[1:]:
        np.testing.assert_allclose(run.predict(X), runs[0].predict(X), rtol=1e-3, atol=1e-3)
