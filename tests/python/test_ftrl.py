"""FTRL-Proximal against the formulas of its papers, written down once more without looking at ours."""

import math

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.optimizers import FTRL
from mbgd_rs.penalties import ElasticNet
from mbgd_rs.schedules import Cosine, InverseScaling


def gradient(t, j):
    """Of different sizes; at times zero, and for the last coordinate always small."""
    return 0.0 if (t + j) % 7 == 0 else ((j + 1) * math.sin(0.7 * t + j) + 0.3) * (0.01 if j == 4 else 1.0)


def paper(alpha, beta, l1, l2, n_steps, n_coordinates=5):
    """Algorithm 1 of McMahan et al. 2013, one coordinate at a time: w from z and n, then z and n from g."""
    path = []
    z, n, w = [0.0] * n_coordinates, [0.0] * n_coordinates, [0.0] * n_coordinates
    for t in range(n_steps):
        for i in range(n_coordinates):
            g = gradient(t, i)
            sigma = (math.sqrt(n[i] + g * g) - math.sqrt(n[i])) / alpha
            z[i] += g - sigma * w[i]
            n[i] += g * g
            if abs(z[i]) <= l1:
                w[i] = 0.0
            else:
                w[i] = -(z[i] - math.copysign(l1, z[i])) / ((beta + math.sqrt(n[i])) / alpha + l2)
        path.append(list(w))
    return np.array(path)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
@pytest.mark.parametrize(
    ("alpha", "beta", "l1", "l2"),
    [(0.1, 1.0, 0.0, 0.0), (0.5, 1.0, 1.0, 0.0), (0.5, 0.1, 0.0, 2.0), (2.0, 3.0, 1.5, 0.5)],
)
def test_steps_are_those_of_the_paper(alpha, beta, l1, l2, dtype, tolerance):
    expected = paper(alpha, beta, l1, l2, 100)
    optimizer, w = FTRL(alpha, beta, l1, l2), np.zeros(5, dtype)
    state = optimizer.init(w)
    for t, w_of_paper in enumerate(expected):
        optimizer.step(state, w, np.array([gradient(t, j) for j in range(5)]))
        np.testing.assert_allclose(w, w_of_paper, rtol=tolerance, atol=tolerance)
        if dtype == "float64":
            assert ((w == 0) == (w_of_paper == 0)).all()
    assert l1 == 0 or (expected == 0).any()


def test_without_strengths_it_is_adagrad_from_anywhere():
    """w_(t+1) = w_t - g / r, whatever the start."""
    optimizer, w = FTRL(0.3, beta=0.5), np.array([1.0, -2.0, 0.0, 4.0, 1e-3])
    state, n, expected = optimizer.init(w), np.zeros(5), w.copy()
    for t in range(100):
        g = np.array([gradient(t, j) for j in range(5)])
        n += g * g
        expected -= 0.3 / (0.5 + np.sqrt(n)) * g
        optimizer.step(state, w, g)
        np.testing.assert_allclose(w, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("start", [0.0, 1.0, -3.0])
def test_a_gradient_of_zero_leaves_the_start_where_it_is(start):
    optimizer, w = FTRL(0.3, l1=2.0, l2=5.0), np.full(3, start)
    optimizer.step(optimizer.init(w), w, np.zeros(3))
    np.testing.assert_allclose(w, start, rtol=1e-15)


@pytest.mark.parametrize("learning_rate", [0.5, InverseScaling(1.0, 0.1), Cosine(1.0, 3000, 0.1)])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_the_optimum_of_logistic_regression_with_a_penalty(l1_ratio, learning_rate):
    """There the gradient of the smooth part is -l1 sign(w), or at most l1 in size where w = 0."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(400, 15))
    y = np.where(X[:, 0] - 2 * X[:, 1] + rng.logistic(size=400) > 0, 1, -1)
    l1 = 0.05 * l1_ratio
    result = mb.fit(
        X, y, loss="log_loss", penalty=ElasticNet(0.05, l1_ratio), optimizer=FTRL(learning_rate),
        batch_size="full", epochs=4000, init=(rng.normal(size=15), 1.0),
    )  # fmt: skip
    smooth = mb.penalties.L2(0.05 * (1 - l1_ratio))
    _, (slope, intercept) = mb.gradient(X, y, result, loss="log_loss", penalty=smooth)
    is_zero = result.coef == 0
    assert 3 < is_zero.sum() < 14
    np.testing.assert_allclose(slope[~is_zero], -l1 * np.sign(result.coef[~is_zero]), rtol=1e-4)
    assert (np.abs(slope[is_zero]) <= l1 * (1 + 1e-6)).all()
    assert abs(intercept) < 1e-6
