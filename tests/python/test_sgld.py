"""Langevin noise: its distribution, its addresses, and what it samples.

Seeds are fixed, so that no test fails by chance; the error rates are those a test had before its seed was.
"""

import math

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.optimizers import SGLD
from scipy import stats


def noise(n, n_steps=1, dtype=np.float64, seed=0):
    """What steps without a gradient and of unit variance add."""
    optimizer, w = SGLD(learning_rate=0.5, seed=seed), np.zeros(n, dtype)
    state, steps = optimizer.init(w), []
    for _ in range(n_steps):
        w[...] = 0
        optimizer.step(state, w, np.zeros(n, dtype))
        steps.append(w.copy())
    return np.array(steps)


@pytest.mark.parametrize("seed", [0, 1, 2**62 + 12345])
def test_noise_is_standard_normal(seed):
    """Kolmogorov and Smirnov's test, and those of moments and of independence, each at the level 0.001."""
    xi = noise(50_000, n_steps=4, seed=seed)
    assert stats.kstest(xi.ravel(), "norm").pvalue > 0.001
    n = xi.size
    assert abs(xi.mean()) * math.sqrt(n) < 3.3
    assert abs(xi.var() - 1) * math.sqrt(n / 2) < 3.3
    assert abs((xi**4).mean() - 3) * math.sqrt(n / 96) < 3.3
    assert abs(np.corrcoef(xi[:, ::2].ravel(), xi[:, 1::2].ravel())[0, 1]) * math.sqrt(n / 2) < 3.3
    assert abs(np.corrcoef(xi[:-1].ravel(), xi[1:].ravel())[0, 1]) * math.sqrt(3 * n / 4) < 3.3
    assert abs(np.corrcoef(xi[:, ::2].ravel() ** 2, xi[:, 1::2].ravel() ** 2)[0, 1]) * math.sqrt(n / 2) < 3.3
    assert np.abs(xi).max() > 4


def test_noise_is_that_of_its_address():
    """The transform written down once more, with the standard library's functions."""
    for t, xi in enumerate(noise(7, n_steps=3, seed=2**40 + 1)):
        words = [int(word) for word in reference.random_words(2**40 + 1, t, 3, 16)]
        for i in range(7):
            first, second = (words[k] << 21 | words[k + 1] >> 11 for k in (i // 2 * 4, i // 2 * 4 + 2))
            radius = math.sqrt(-2 * math.log((first + 1) / 2**53))
            angle = 2 * math.pi * second / 2**53
            expected = radius * (math.sin(angle) if i % 2 else math.cos(angle))
            assert xi[i] == pytest.approx(expected, rel=1e-13, abs=1e-15)


def test_numbers_depend_on_seed_step_and_array_alone():
    long, short = noise(1000, n_steps=2), noise(10, n_steps=2)
    assert (long[:, :10] == short).all()
    assert (long[0] != long[1]).all()
    assert (noise(10, seed=1) != short[:1]).all()
    optimizer, several = SGLD(0.5), [np.zeros(10), np.zeros(10)]
    optimizer.step(optimizer.init(several), several, [np.zeros(10), np.zeros(10)])
    assert (several[0] == short[0]).all()
    assert (several[1] != short[0]).all()
    np.testing.assert_array_equal(noise(10, dtype=np.float32)[0], short[0].astype(np.float32))


@pytest.mark.parametrize("curvature", [0.5, 2.0])
def test_the_stationary_distribution_of_a_quadratic(curvature):
    """Of steps of size h on a w^2 / 2 it is normal of variance T / (a (1 - a h / 2)), exactly.

    20,000 chains at one time, each a draw: tests of mean, variance and distribution at the level 0.001.
    """
    h, temperature, n = 0.2, 0.7, 20_000
    optimizer, w = SGLD(h, temperature, seed=3), np.full(n, 4.0)
    state = optimizer.init(w)
    for _ in range(300):
        optimizer.step(state, w, curvature * (w - 1.0))
    variance = temperature / (curvature * (1 - curvature * h / 2))
    assert abs(w.mean() - 1) / math.sqrt(variance / n) < 3.3
    assert abs(w.var() / variance - 1) * math.sqrt(n / 2) < 3.3
    assert stats.kstest((w - 1) / math.sqrt(variance), "norm").pvalue > 0.001


def test_a_fit_samples_the_posterior_of_ridge_regression():
    """Temperature 1/n and unit noise in y: the posterior is normal with the inverse Hessian over n.

    The path is a chain with memory. Over 200 batches of it, means of squares are compared within 5 standard
    errors of the batch means, an error rate below 1e-4 for all coefficients together.
    """
    rng = np.random.default_rng(0)
    n, d, alpha = 50, 3, 0.1
    X = rng.normal(size=(n, d))
    y = X @ [1.0, -1.0, 0.5] + rng.normal(size=n)
    path = mb.fit(
        X, y, penalty=mb.penalties.L2(alpha), fit_intercept=False, optimizer=SGLD(0.02, 1 / n, seed=1),
        batch_size="full", epochs=101_000, record="path",
    ).history.path[1000:]  # fmt: skip
    assert (path[:, d] == 0).all()
    hessian = X.T @ X / n + alpha * np.eye(d)
    mean = np.linalg.solve(hessian, X.T @ y / n)
    step = np.linalg.inv(hessian - 0.01 * hessian @ hessian) / n  # of steps of size 0.02
    for values, expected in ((path[:, :d] - mean, np.zeros(d)), ((path[:, :d] - mean) ** 2, np.diag(step))):
        batches = values.reshape(200, 500, d).mean(axis=1)
        error = batches.std(axis=0, ddof=1) / math.sqrt(200)
        assert (np.abs(batches.mean(axis=0) - expected) < 5 * error).all()
        assert (error < 0.05 * np.sqrt(np.diag(step)).max()).all()
