"""S13: the LMS adaptive filter is mini-batch gradient descent with batches of one row, in the order of time.

LMS is ``fit(X, y, batch_size=1, shuffle=False, fit_intercept=False, optimizer=SGD(mu), epochs=1)``, every
row of X the last d samples of the input; squared_error is half the square, so that mu is LMS's usual step
size. NLMS is the same with the weights ``s_i = 1 / (eps + |x_i|^2)``, which fit scales to mean 1, at the
rate ``mu * s.mean()``.

The misadjustment is the steady excess of the mean squared error, as a share of the noise. Theory: B.
Widrow, S. D. Stearns, Adaptive signal processing, 1985; A. H. Sayed, Adaptive filters, 2008; exact for
independent normal rows. Seeds are fixed, so that no test fails by chance; the error rates are those a test
had before its seed was.
"""

import mbgd_rs as mb
import numpy as np
import pytest
from scipy import signal

NOISE = 0.01
"""Variance of what the filter cannot know."""


def path_of(X, y, mu, *, batch_size=1, sample_weight=None):
    """The filter before every step, and after the last."""
    found = mb.fit(
        X, y, sample_weight=sample_weight, batch_size=batch_size, shuffle=False, fit_intercept=False,
        optimizer=mb.optimizers.SGD(mu), epochs=1, record="path",
    )  # fmt: skip
    return np.vstack([np.zeros(X.shape[1]), found.history.path[:, :-1]])


def nlms_path_of(X, y, mu, eps=0.0):
    s = 1 / (eps + (X**2).sum(axis=1))
    return path_of(X, y, mu * s.mean(), sample_weight=s)


def lms_by_hand(X, y, mu, power=lambda x: 1.0):
    w, path = np.zeros(X.shape[1]), []
    for x, target in zip(X, y, strict=True):
        path.append(w)
        error = target - w @ x
        w = w + mu * error * x / power(x)
    return np.array([*path, w])


def windows(u, d):
    """The last d samples at every time, the newest first: a view."""
    return np.lib.stride_tricks.sliding_window_view(u, d)[:, ::-1]


def system(X, rng, w=None):
    """What an unknown filter makes of the rows, with noise."""
    w = rng.normal(size=X.shape[1]) if w is None else w
    return w, X @ w + rng.normal(size=len(X)) * NOISE**0.5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 5, 32])
def test_it_is_lms_and_nlms_step_by_step(d, dtype):
    rng = np.random.default_rng(d)
    X = windows(rng.normal(size=500 + d - 1), d).astype(dtype)
    y = system(X, rng)[1].astype(dtype)
    tolerance = {"rtol": 1e-9, "atol": 1e-12} if dtype == np.float64 else {"rtol": 1e-3, "atol": 1e-4}
    by_hand = lms_by_hand(X.astype(np.float64), y, 0.3 / d)
    np.testing.assert_allclose(path_of(X, y, 0.3 / d), by_hand, **tolerance)
    for mu, eps in ((0.5, 0.1), (1.0, 1e-3)):
        by_hand = lms_by_hand(X.astype(np.float64), y, mu, lambda x, eps=eps: eps + x @ x)
        np.testing.assert_allclose(nlms_path_of(X, y, mu, eps), by_hand, **tolerance)


def test_nlms_does_not_mind_how_loud_the_input_is():
    """Times 1000 the input, LMS leaves the finite numbers and NLMS makes the same errors."""
    rng = np.random.default_rng(0)
    X = windows(rng.normal(size=2000), 8)
    _, y = system(X, rng)
    soft, loud = nlms_path_of(X, y, 0.5), nlms_path_of(1000 * X, y, 0.5)
    np.testing.assert_allclose(1000 * loud, soft, rtol=1e-7, atol=1e-9)
    with pytest.raises(mb.DivergenceError):
        path_of(1000 * X, y, 0.05)


def misadjustment(excess, n_batches=100):
    """Of excess errors of a settled filter over time: its mean, and the error of that by means of batches."""
    means = excess[: len(excess) // n_batches * n_batches].reshape(n_batches, -1).mean(axis=1) / NOISE
    return means.mean(), means.std(ddof=1) / n_batches**0.5


def excess_of(path, w, covariance):
    """The mean squared error beyond the noise of each filter, after the first tenth."""
    away = path[len(path) // 10 :] - w
    return np.einsum("ij,jk,ik->i", away, covariance, away)


def assert_is(found, theory, *, bias=0.0):
    """Within 5 standard errors, an error rate of 6e-7, and a bias. Half of it would be refused."""
    mean, error = found
    print(f"misadjustment {mean:.4f} +- {error:.4f}, theory {theory:.4f}")
    assert abs(mean - theory) < 5 * error + bias * theory
    assert 5 * error + bias * theory < theory / 4


N, D = 200_000, 8


def white(rng, scale=1.0):
    X = scale * rng.normal(size=(N, D))
    return X, scale**2 * np.eye(D)


def coloured(rng):
    """Independent rows, with the covariance of windows of a first-order process."""
    R = 0.8 ** abs(np.subtract.outer(np.arange(D), np.arange(D)))
    return rng.normal(size=(N, D)) @ np.linalg.cholesky(R).T, R


def lms_theory(mu, R):
    """For independent normal rows, exactly: s / (1 - s), s the sum of mu v / (2 - 2 mu v).

    v are the eigenvalues of R. White ones have mu v d / (2 - mu v (d + 2)); small steps mu tr(R) / 2.
    """
    v = np.linalg.eigvalsh(R)
    s = (mu * v / (2 - 2 * mu * v)).sum()
    return s / (1 - s)


def test_the_theory_has_the_limits_that_it_is_said_to_have():
    R = coloured(np.random.default_rng(0))[1]
    assert lms_theory(0.05, 2 * np.eye(D)) == pytest.approx(0.05 * 2 * D / (2 - 0.05 * 2 * (D + 2)))
    assert lms_theory(1e-6, R) == pytest.approx(1e-6 * np.trace(R) / 2, rel=1e-4)


@pytest.mark.parametrize("mu", [0.005, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("kind", [white, coloured])
def test_the_misadjustment_of_lms_is_that_of_theory(kind, mu):
    rng = np.random.default_rng(1)
    if kind is coloured and mu == 0.1:
        mu = 0.08  # at 0.1 it is not stable
    X, R = kind(rng)
    w, y = system(X, rng)
    found = misadjustment(excess_of(path_of(X, y, mu), w, R))
    assert_is(found, lms_theory(mu, R))
    if mu >= 0.05:  # where small steps end, the test can tell
        assert abs(found[0] - mu * np.trace(R) / 2) > 5 * found[1]


@pytest.mark.parametrize("mu", [0.1, 0.5, 1.0])
def test_the_misadjustment_of_nlms_is_that_of_theory(mu):
    """mu / (2 - mu) times E[1 / |x|^2] tr(R), which for white normal rows is d / (d - 2); at any loudness."""
    for scale in (1.0, 1e-3):
        rng = np.random.default_rng(2)
        X, R = white(rng, scale)
        w, y = system(X, rng)
        found = misadjustment(excess_of(nlms_path_of(X, y, mu), w, R))
        assert_is(found, mu / (2 - mu) * D / (D - 2))
    assert abs(found[0] - mu / (2 - mu)) > 5 * found[1]


@pytest.mark.parametrize("pole", [0.0, 0.8])
def test_windows_that_overlap_have_the_misadjustment_of_small_steps(pole):
    """Rows of a real filter share all samples but one, and theory holds for small steps: 10% is allowed."""
    rng, mu = np.random.default_rng(3), 0.01
    u = signal.lfilter([(1 - pole**2) ** 0.5], [1, -pole], rng.normal(size=N + D - 1))
    X = windows(u, D)
    R = pole ** abs(np.subtract.outer(np.arange(D), np.arange(D))) if pole else np.eye(D)
    w, y = system(X, rng)
    found = misadjustment(excess_of(path_of(X, y, mu), w, R))
    assert_is(found, mu * np.trace(R) / 2, bias=0.1)


def test_the_excess_error_goes_with_learning_rate_over_b():
    """The temperature view: batches of b divide it by b, and 4 times the rate brings it back.

    White normal rows in batches: mu v d / (2 b - mu v (b + d + 1)).
    """
    found = {}
    for mu, b in ((0.01, 1), (0.01, 4), (0.04, 4), (0.16, 16)):
        rng = np.random.default_rng(4)
        X, R = white(rng)
        w, y = system(X, rng)
        found[mu, b] = misadjustment(excess_of(path_of(X, y, mu, batch_size=b), w, R), 50)
        assert_is(found[mu, b], mu * D / (2 * b - mu * (b + D + 1)), bias=0.02)
    assert found[0.01, 4][0] == pytest.approx(found[0.01, 1][0] / 4, rel=0.2)
    assert found[0.04, 4][0] == pytest.approx(found[0.01, 1][0], rel=0.2)


def test_a_filter_that_wanders_is_tracked_best_at_the_rate_of_theory():
    """The excess of a random walk with steps of covariance q I; at the best rate both halves are equal.

    White normal rows: (mu^2 d noise + d q) / (2 mu - mu^2 (d + 2)). For small steps that is, as a share of
    the noise, d (mu + q / (mu noise)) / 2, least at mu = sqrt(q / noise).
    """
    rng, q = np.random.default_rng(5), 1e-6
    X, _ = white(rng)
    walk = np.cumsum(q**0.5 * rng.normal(size=(N, D)), axis=0)
    y = (X * walk).sum(axis=1) + rng.normal(size=N) * NOISE**0.5
    best, found = (q / NOISE) ** 0.5, []
    for mu in (best / 5, best, 5 * best):
        away = path_of(X, y, mu)[:-1] - walk
        found.append(misadjustment((away**2).sum(axis=1)[N // 10 :]))
        assert_is(found[-1], D * (mu + q / mu / NOISE) / (2 - mu * (D + 2)), bias=0.03)
    assert found[1][0] < 0.6 * min(found[0][0], found[2][0])
