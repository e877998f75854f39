"""SAGA, SVRG and SGD in a metric reach the optimum that other methods find, for smooth losses."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from mbgd_rs.optimizers import SAGA, SGD, SVRG
from mbgd_rs.penalties import L1, L2, ElasticNet, GroupElasticNet, GroupL1
from mbgd_rs.preconditioners import Nystrom
from mbgd_rs.stopping import Converged
from scipy.sparse import csr_array
from sklearn import linear_model
from solver_cases import PROBLEMS, Case, D, assert_reaches, case, fista_optimum, flat, newton_optimum

PRECONDITIONERS = [None, "auto", "diagonal", "newton", "nystrom", Nystrom(3)]
STRENGTHS = np.linspace(0.01, 0.2, D)
SMOOTH = {"none": None, "l2": L2(1e-2), "l2 by column": L2(STRENGTHS)}
KINKED = {
    "l1": L1(0.08),
    "l1 by column": L1(STRENGTHS),
    "elastic net": ElasticNet(0.08, 0.5),
    "elastic net by column": ElasticNet(STRENGTHS, 0.5),
    "group": GroupL1(0.08),
    "group and l2": GroupElasticNet(0.08, 0.5),
}


def soft(w, by):
    return np.sign(w) * np.maximum(np.abs(w) - by, 0)


def parts_of(penalty, shape):
    """The smooth part of a penalty with a kink, and proximal map and value of the rest."""
    ratio = getattr(penalty, "l1_ratio", 1.0)
    alpha = np.broadcast_to(penalty.alpha, shape[-1:])
    smooth = L2((1 - ratio) * alpha) if ratio < 1 else None
    if isinstance(penalty, GroupL1 | GroupElasticNet):

        def prox(w, step):
            W = w.reshape(-1, shape[-1])
            norms = np.maximum(np.linalg.norm(W, axis=0), 1e-300)
            return (W * np.maximum(1 - step * ratio * alpha / norms, 0)).ravel()

        return smooth, prox, lambda w: ratio * alpha @ np.linalg.norm(w.reshape(-1, shape[-1]), axis=0)
    by = ratio * np.tile(alpha, int(np.prod(shape)) // shape[-1])
    return smooth, lambda w, step: soft(w, step * by), lambda w: by @ np.abs(w)


@cache
def problem_of(loss: str, penalty: str) -> tuple[Case, float]:
    """A problem and its least objective."""
    problem = case(loss, (SMOOTH | KINKED)[penalty])
    if penalty in SMOOTH:
        return problem, newton_optimum(problem)
    smooth, *rest = parts_of(problem.penalty, problem.shape)
    return problem, fista_optimum(replace(problem, penalty=smooth), *rest)


def as_sparse(problem):
    return replace(problem, X=csr_array(problem.X))


@pytest.mark.parametrize("penalty", SMOOTH)
@pytest.mark.parametrize("loss", sorted(set(PROBLEMS) - {"focal"}))
def test_smooth_objectives(loss, penalty):
    problem, best = problem_of(loss, penalty)
    for kind in (SAGA, SVRG):
        for preconditioner in PRECONDITIONERS:
            for of_rows in (problem, as_sparse(problem)):
                result = assert_reaches(kind(preconditioner=preconditioner), of_rows, best)
                assert result.stop_reason == "converged"
                value, gradient = problem.gradient(flat(result))
                assert np.abs(gradient).max() < 1e-3 * max(abs(value), 1)


@pytest.mark.parametrize("penalty", KINKED)
@pytest.mark.parametrize("loss", sorted(set(PROBLEMS) - {"focal"}))
def test_objectives_with_a_kink(loss, penalty):
    problem, best = problem_of(loss, penalty)
    for kind in (SAGA, SVRG):
        for preconditioner in (None, "auto", "diagonal"):
            for of_rows in (problem, as_sparse(problem)):
                result = assert_reaches(kind(preconditioner=preconditioner), of_rows, best)
                assert result.stop_reason == "converged"


@pytest.mark.parametrize("penalty", SMOOTH | KINKED)
@pytest.mark.parametrize("loss", sorted(set(PROBLEMS) - {"focal"}))
def test_full_batches_in_a_metric(loss, penalty):
    """SGD on all rows: without noise there is no need of a control variate."""
    problem, best = problem_of(loss, penalty)
    for preconditioner in PRECONDITIONERS[1:] if penalty in SMOOTH else ("auto", "diagonal"):
        optimizer = SGD(0.3, preconditioner=preconditioner)  # "auto" tries rates, which takes longer
        assert_reaches(optimizer, problem, best, batch_size="full", epochs=3000)


@pytest.mark.parametrize("kind", [SAGA, SVRG])
@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
def test_the_focal_loss_comes_to_rest(kind, preconditioner):
    """It is not convex, so that there are more points of rest than one."""
    for penalty in SMOOTH.values():
        problem = case("focal", penalty)
        result = problem.fit(kind(preconditioner=preconditioner), epochs=1000, stop=Converged(1e-10))
        begin, end = problem.gradient(np.zeros(D + 1))[1], problem.gradient(flat(result))[1]
        assert np.abs(end).max() < 1e-4 * np.abs(begin).max()
        assert result.stop_reason == "converged" or preconditioner is None


def test_l1_puts_the_same_coefficients_to_zero():
    """Coordinate descent of scikit-learn."""
    problem = case("squared_error", L1(0.25), d=12)
    lasso = linear_model.Lasso(0.25, tol=1e-12, max_iter=100_000).fit(problem.X, problem.y)
    assert 2 <= np.sum(lasso.coef_ == 0) <= 10
    for kind in (SAGA, SVRG):
        for of_rows in (problem, as_sparse(problem)):
            result = assert_reaches(kind(), of_rows, problem.value(as_result(lasso)))
            np.testing.assert_array_equal(result.coef == 0, lasso.coef_ == 0)
            np.testing.assert_allclose(result.coef, lasso.coef_, atol=1e-5)


def as_result(model):
    class Result:
        coef, intercept = model.coef_, model.intercept_

    return Result


@pytest.mark.parametrize("kind", [SAGA, SVRG])
@pytest.mark.parametrize("preconditioner", PRECONDITIONERS)
def test_ridge_regression_in_closed_form(kind, preconditioner):
    problem = case("squared_error of two", L2(0.02))
    X1 = np.column_stack([problem.X, np.ones(len(problem.X))])
    A = X1.T @ X1 / len(X1) + 0.02 * np.diag([1.0] * D + [0.0])
    expected = np.linalg.solve(A, X1.T @ problem.y / len(X1))
    result = assert_reaches(kind(preconditioner=preconditioner), problem, problem.value(of(expected)))
    np.testing.assert_allclose(result.coef.T, expected[:-1], rtol=1e-3, atol=1e-5)


def of(expected):
    class Result:
        coef, intercept = expected[:-1].T, expected[-1]

    return Result
