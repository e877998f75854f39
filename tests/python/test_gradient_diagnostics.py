"""Instruments that look at the gradients of many batches at one point: the reference, brute force, edges."""

import os
import signal
import threading

import matplotlib
import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from mbgd_rs import reference
from mbgd_rs.diagnostics import gradient_angles, gradient_bias, gradient_noise
from mbgd_rs.sampling import Block, Stratified, Weighted
from scipy.stats import binomtest, t
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

matplotlib.use("agg")

N, D = 60, 4
KINDS = {"squared_error": 1, "three outputs": 3, "log_loss": 2, "softmax": 4, "poisson": 1}
TOLERANCES = {np.float64: 1e-9, np.float32: 2e-4}
DRAWS = {"n_draws": 20, "seed": 5}
WAYS = {
    "full": {},
    "replacement": {"replacement": True},
    "block": {"shuffle": Block(rows=5, window=3)},
    "stratified": {"shuffle": Stratified(np.arange(N) % 3)},
    "weighted": {"shuffle": Weighted(1.0 + np.arange(N) % 3)},
    "corrected": {"shuffle": Weighted(1.0 + np.arange(N) % 3, correct_bias=True)},
    "weighted order": {"shuffle": Weighted(1.0 + np.arange(N) % 3, replacement=False)},
    "some samples": {"shuffle": Weighted(1.0 + np.arange(N) % 3, n_samples=20)},
}


def data(kind="squared_error", dtype=np.float64, seed=0):
    """Rows, targets, arguments and a point."""
    rng = np.random.default_rng(seed)
    X, s, k = rng.normal(size=(N, D)), rng.uniform(0, 3, N), KINDS[kind]
    loss = {"three outputs": "squared_error", "softmax": "log_loss"}.get(kind, kind)
    y = np.resize(np.arange(k), N) if loss == "log_loss" else rng.normal(size=(N, k)).squeeze()
    if kind == "poisson":
        y = rng.poisson(np.exp(X[:, 0]))
    outputs = (k,) if k > 2 else ()
    at = 0.3 * rng.normal(size=(*outputs, D)), 0.3 * rng.normal(size=outputs)
    return X.astype(dtype), y, {"loss": loss, "sample_weight": s}, at


def check_noise(found, expected, rtol):
    for name, value in vars(found).items():
        if hasattr(expected, name):
            np.testing.assert_allclose(value, getattr(expected, name), rtol, rtol, err_msg=name)


def check_interval(found, expected, n, rtol):
    assert found.reason == ""
    width = np.exp(t.ppf(0.975, n - 1) * expected.noise_scale_error)
    interval = expected.noise_scale / width, expected.noise_scale * width
    np.testing.assert_allclose(found.noise_scale_interval, interval, rtol)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("penalty", [None, "l2", mb.penalties.ElasticNet(0.3, 0.5)])
@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_that_of_the_reference(kind, penalty, dtype):
    X, y, options, at = data(kind, dtype)
    for fit_intercept in (True, False):
        options |= {"penalty": penalty, "batch_sizes": [1, 4, 30, N], "fit_intercept": fit_intercept, **DRAWS}
        found, expected = gradient_noise(X, y, at, **options), reference.gradient_noise(X, y, at, **options)
        check_noise(found, expected, TOLERANCES[dtype])
        check_interval(found, expected, N, TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("way", WAYS)
def test_bias_is_that_of_the_reference(way, dtype):
    X, y, options, at = data("softmax", dtype)
    options |= {"penalty": "l2", "batch_sizes": [1, 7, 20], "n_resamples": 99, **DRAWS, **WAYS[way]}
    found = gradient_bias(X, y, at, **options)
    expected = reference.gradient_bias(X, y, at, **options)
    np.testing.assert_array_equal(found.p_value, expected.p_value)
    for name in ("bias_norm", "chance_norm", "chance_limit"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), TOLERANCES[dtype])


def test_bias_of_given_rows_is_that_of_the_reference():
    X, y, options, at = data("three outputs")
    rng = np.random.default_rng(0)
    rows = [rng.integers(N, size=size) for size in (1, 2, 60, 70, 5) * 8]
    found = gradient_bias(X, y, at, rows=rows, **options)
    expected = reference.gradient_bias(X, y, at, rows=rows, **options)
    assert found.batch_sizes == 28
    assert found.p_value == expected.p_value[0]
    np.testing.assert_allclose(found.bias_norm, expected.bias_norm[0], 1e-9)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("way", WAYS)
def test_angles_are_those_of_the_reference(way, dtype):
    X, y, options, at = data("log_loss", dtype)
    penalty = mb.penalties.ElasticNet(0.3, 0.5)
    options |= {"penalty": penalty, "batch_sizes": [1, 7, 20], **DRAWS, **WAYS[way]}
    found = gradient_angles(X, y, at, **options)
    cosine = reference.gradient_angles(X, y, at, **options)
    np.testing.assert_allclose(found.cosine, cosine, atol=TOLERANCES[dtype])
    np.testing.assert_array_equal(found.negative_fraction, (found.cosine < 0).mean(axis=1))
    for n_negative, interval in zip((found.cosine < 0).sum(axis=1), found.negative_interval, strict=True):
        expected = binomtest(n_negative, 20).proportion_ci(0.95)
        np.testing.assert_allclose(interval, (expected.low, expected.high), atol=1e-6)


def test_two_batches_of_a_pair_have_no_row_in_common():
    """One-hot rows: batches without a common row have orthogonal gradients, but for the intercept."""
    found = gradient_angles(np.eye(16), np.ones(16), batch_sizes=[1, 4, 8], fit_intercept=False, n_draws=50)
    np.testing.assert_array_equal(found.cosine, 0.0)
    drawn = gradient_angles(np.eye(16), np.ones(16), batch_sizes=4, fit_intercept=False, replacement=True)
    assert drawn.cosine.max() > 0.2


INSTRUMENTS = {"noise": gradient_noise, "bias": gradient_bias, "angles": gradient_angles}


def same(first, second, rtol=0.0):
    for name, value in vars(first).items():
        if isinstance(value, str):
            assert value == getattr(second, name)
        elif rtol:
            np.testing.assert_allclose(value, getattr(second, name), rtol, 1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(value, getattr(second, name), err_msg=name)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_sparse_rows_are_rows(instrument):
    X, y, options, at = data("softmax")
    X[np.abs(X) < 0.7] = 0
    options |= {"penalty": "l2", "batch_sizes": [2, 20], **DRAWS}
    dense, sparse = (INSTRUMENTS[instrument](rows, y, at, **options) for rows in (X, sp.csr_array(X)))
    same(sparse, dense, 1e-9)
    # Entries of the same place add up: every one is split in two.
    csr = sp.csr_array(X)
    twice = sp.csr_array(
        (np.repeat(csr.data / 2, 2), np.repeat(csr.indices, 2), 2 * csr.indptr), shape=X.shape
    )
    same(INSTRUMENTS[instrument](twice, y, at, **options), dense, 1e-9)


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_threads_change_no_bit(instrument, dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 40)).astype(dtype), rng.integers(0, 3, 3000)
    options = {"loss": "log_loss", "batch_sizes": [50, 1500], "n_draws": 10}
    found = [INSTRUMENTS[instrument](X, y, n_threads=n, **options) for n in (1, 2, 5)]
    same(found[1], found[0])
    same(found[2], found[0])


REAL = {
    "digits": (load_digits, "log_loss"),
    "breast_cancer": (load_breast_cancer, "log_loss"),
    "diabetes": (load_diabetes, "squared_error"),
}


def brute_force(X, y, loss, at):
    """tr(Sigma) and |g|^2, from the gradients of all rows written out in double."""
    W, b = np.atleast_2d(at[0]).astype(np.float64), np.atleast_1d(at[1]).astype(np.float64)
    x = np.column_stack([X, np.ones(len(X))]).astype(np.float64)
    z = x @ np.column_stack([W, b]).T
    if loss == "squared_error":
        slope = z - y[:, None]
    elif z.shape[1] == 1:
        slope = 1 / (1 + np.exp(-z)) - y[:, None]
    else:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        slope = p / p.sum(axis=1, keepdims=True) - np.eye(z.shape[1])[y]
    g = (slope[:, :, None] * x[:, None, :]).reshape(len(X), -1)
    return g.var(axis=0).sum(), (g.mean(axis=0) ** 2).sum()


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("name", REAL)
def test_the_noise_scale_is_that_of_all_rows(name, fitted, dtype):
    load, loss = REAL[name]
    X, y = load(return_X_y=True)
    X = (X / np.abs(X).max(axis=0).clip(1e-9)).astype(dtype)
    k = 10 if name == "digits" else 1
    zeros = (np.zeros((k, X.shape[1])), np.zeros(k))
    at = mb.fit(X, y, loss=loss, epochs=1) if fitted else None
    trace, squared_norm = brute_force(X, y, loss, (at.coef, at.intercept) if at else zeros)
    noise = gradient_noise(X, y, at, loss=loss, n_draws=50)
    rtol = 1e-3 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose([noise.trace, noise.squared_norm], [trace, squared_norm], rtol)
    low, high = noise.noise_scale_interval
    assert low < trace / squared_norm < high
    # A scale that forgets to square, or that counts a batch instead of a row, is not in it.
    assert not low < trace / np.sqrt(squared_norm) < high
    assert not low < trace / squared_norm / 4 < high


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_a_result_is_a_point_and_knows_the_classes(instrument):
    X, y, options, _ = data("log_loss")
    names = np.array(["no", "yes"])[y]
    result = mb.fit(X, names, epochs=2, **options)
    options |= DRAWS
    found = INSTRUMENTS[instrument](X, names, result, **options)
    same(found, INSTRUMENTS[instrument](X, y, (result.coef, result.intercept), **options))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_result_knows_its_loss(classes):
    """On labels that are numbers, too, of which the default would be a regression."""
    X = np.random.default_rng(7).standard_normal((N, D))
    y = np.digitize(X[:, 0], [0.0] if classes == 2 else [-0.5, 0.5])
    result = mb.fit(X, y, loss="log_loss", optimizer="sgd", epochs=2)
    value, _ = mb.gradient(X, y, result)
    assert value == mb.gradient(X, y, result, loss="log_loss")[0] < 2
    assert mb.gradient(X, y, result, loss="hinge")[0] != value
    looked = [gradient_noise(X, y, result, **DRAWS, **how) for how in ({}, {"loss": "log_loss"})]
    assert looked[0].trace == looked[1].trace


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_zeros_are_the_default_point(instrument):
    X, y, options, _ = data("softmax")
    options |= DRAWS
    zeros = np.zeros((4, D)), np.zeros(4)
    same(INSTRUMENTS[instrument](X, y, **options), INSTRUMENTS[instrument](X, y, zeros, **options))


@pytest.mark.parametrize("scale", [1e-170, 1e-30, 1e30, 1e150])
def test_scale_is_only_scale(scale):
    X, y, _, _ = data()
    options = {"fit_intercept": False, "batch_sizes": [1, 8], **DRAWS}
    for instrument, free in (
        (gradient_noise, ("slope", "noise_scale", "noise_scale_interval")),
        (gradient_bias, ("p_value",)),
        (gradient_angles, ("cosine",)),
    ):
        expected = instrument(X, y, **options)
        found = instrument(X * scale, y, **options)
        for name in free:
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), 1e-9)
        if instrument is gradient_bias:
            np.testing.assert_allclose(found.bias_norm / scale, expected.bias_norm, 1e-9)


def test_one_row_and_one_column():
    for X, y in (([[2.0]], [3.0]), ([[0.0]], [0.0])):
        noise = gradient_noise(X, y)
        assert noise.batch_sizes.tolist() == [1]
        assert noise.variance.tolist() == noise.variance_with_replacement.tolist() == [0.0]
        assert np.isnan([noise.slope, noise.noise_scale, *noise.noise_scale_interval]).all()
        assert noise.reason == "one row has no variance"
        assert gradient_bias(X, y).p_value == 1.0
        np.testing.assert_array_equal(gradient_angles(X, y).cosine, 1.0 if y[0] else np.nan)


def test_a_perfect_fit_has_no_noise_and_no_angles():
    X, _, _, (coef, _) = data()
    noise = gradient_noise(X, np.zeros(N))
    assert (noise.variance == 0).all()
    assert (noise.trace, noise.squared_norm) == (0.0, 0.0)
    assert np.isnan([noise.slope, noise.slope_with_replacement, noise.noise_scale]).all()
    assert noise.reason == "the gradient over all rows is zero"
    assert gradient_bias(X, np.zeros(N)).p_value == 1.0
    angles = gradient_angles(X, np.zeros(N))
    assert np.isnan(angles.cosine).all()
    assert np.isnan(angles.negative_fraction).all()
    assert (angles.negative_interval == [0, 1]).all()
    assert gradient_noise(X, X @ coef, (coef, 0.0), penalty="l2").squared_norm > 0


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_equal_rows_have_no_bias_but_rounding(dtype):
    X, y = np.full((200, 3), 0.1, dtype), np.full(200, 0.7, dtype)
    bias = gradient_bias(X, y, batch_sizes=[1, 3, 100, 200])
    assert (bias.p_value == 1).all()
    noise = gradient_noise(X, y)
    assert noise.variance.max() < 1e-10 * noise.squared_norm
    assert noise.noise_scale < 1e-5


def test_rows_that_are_all_as_far_from_the_mean():
    """Batches of one row have a variance that is not uncertain, and no infinite weight."""
    X, y = np.ones((100, 1)), np.resize([1.0, -1.0], 100)
    noise = gradient_noise(X, y, fit_intercept=False)
    assert noise.variance[0] == noise.trace == 1
    assert noise.slope_interval[0] < -1 < noise.slope_interval[1]
    check_noise(
        noise, reference.gradient_noise(X, y, fit_intercept=False, batch_sizes=noise.batch_sizes), 1e-9
    )


def test_all_rows_have_no_variance_and_no_bias():
    X, y, options, at = data("softmax")
    noise = gradient_noise(X, y, at, batch_sizes=[N, 10, 20], **options)
    assert noise.finite_population.tolist() == [0.0, 50 / 59, 40 / 59]
    assert noise.variance[0] < 1e-25
    assert noise.slope_interval[0] < -1 < noise.slope_interval[1]
    assert gradient_bias(X, y, at, batch_sizes=N, **options).p_value == 1
    assert gradient_angles(X, y, at, batch_sizes=N, **options).cosine.min() > 1 - 1e-12
    assert gradient_angles(X, y, at, batch_sizes=N - 1, **options).cosine.min() < 1 - 1e-3


def test_what_cannot_be_asked_is_refused():
    X, y, options, at = data()
    for instrument in INSTRUMENTS.values():
        for arguments, error, message in (
            ({"batch_sizes": [1, 0]}, ValueError, r"batch_sizes must be in \[1, n\], got 0 for n = 60"),
            ({"batch_sizes": 61}, ValueError, r"batch_sizes must be in \[1, n\], got 61 for n = 60"),
            ({"batch_sizes": []}, ValueError, "batch_sizes must have at least one size, got none"),
            ({"batch_sizes": 2.5}, TypeError, r"batch_sizes must be an integer, got 2.5"),
            ({"n_draws": 0}, ValueError, "n_draws must be >= 1, got 0"),
            ({"seed": -1}, ValueError, "seed must be >= 0, got -1"),
            ({"n_threads": 0}, ValueError, "n_threads must be >= 1, got 0"),
        ):
            with pytest.raises(error, match=message):
                instrument(X, y, at, **options, **arguments)
        with pytest.raises(ValueError, match=r'at\["coef"\] must be finite, got NaN at row 0, column 1'):
            instrument(X, y, ([0, np.nan, 0, 0], 0))
        with pytest.raises(ValueError, match='at\\["coef"\\] must have shape'):
            instrument(X, y, ([0.0], 0))
        with pytest.raises(ValueError, match="at must be a point where gradients are finite, got an entry"):
            instrument(X * 1e10, y, (np.full(D, 1e300), 0))
    for instrument in (gradient_bias, gradient_angles):
        for shuffle in (False, "once"):
            with pytest.raises(ValueError, match="shuffle must give every epoch an order of its own"):
                instrument(X, y, at, shuffle=shuffle)
        with pytest.raises(ValueError, match=r"batch_sizes must be in \[1, n\], got 9"):
            instrument(X, y, shuffle=Weighted(np.ones(N), n_samples=8), batch_sizes=9)
    for rows, error, message in (
        ([], ValueError, "rows must be at least one batch, got none"),
        ([[1], []], ValueError, "rows must be batches of at least one row, got none in batch 1"),
        ([[1], [60]], ValueError, "rows must be less than the number of rows of X, got 60"),
        ([[1], [-1]], ValueError, "rows must be >= 0, got -1"),
        ([[0.5]], TypeError, "rows must be a list of row numbers, got dtype float64"),
    ):
        with pytest.raises(error, match=message):
            gradient_bias(X, y, rows=rows)
    with pytest.raises(ValueError, match="batch_sizes must be left out where rows are given, got 3"):
        gradient_bias(X, y, rows=[[1]], batch_sizes=3)
    with pytest.raises(ValueError, match="n_resamples must be >= 1, got 0"):
        gradient_bias(X, y, n_resamples=0)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_results_show_themselves(instrument):
    import matplotlib.pyplot as plt

    X, y, options, at = data("softmax")
    for point, sizes in ((at, [1, 4, N]), (None, 2), (None, [8])):
        found = INSTRUMENTS[instrument](X, y, point, batch_sizes=sizes, **options)
        assert repr(found).startswith(type(found).__name__ + "(batch_sizes=")
        assert found._repr_html_().count("<tr>") == len(vars(found))
        _, ax = plt.subplots()
        assert found.plot(ax) is ax
        assert found.plot().get_xlabel() == "batch size b"
        ax.figure.canvas.draw()
    INSTRUMENTS[instrument](X, np.zeros(N)).plot().figure.canvas.draw()
    INSTRUMENTS[instrument](X[:1], y[:1]).plot().figure.canvas.draw()
    plt.close("all")


@pytest.mark.alone
@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_ctrl_c_ends_it(instrument):
    X, y = np.ones((20_000, 20)), np.arange(20_000.0)

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.2, interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        INSTRUMENTS[instrument](X, y, batch_sizes=[1000], n_draws=2_000_000)
    timer.join()
