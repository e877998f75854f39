"""The noise that fits record, against the gradients of single rows, and the batches that grow by it."""

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs import reference
from mbgd_rs.batch_sizes import NormTest
from mbgd_rs.optimizers import SGD
from mbgd_rs.reference.noise import row_gradients
from mbgd_rs.reference.objective import make_problem
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.preprocessing import StandardScaler

N = 230
RECORDS = ("trace", "squared_norm", "batch_squared_norm", "variance", "variance_along", "learning_rate")


def data(kind="regression", dtype="float64", n=N):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 7)).astype(dtype)
    scores = X @ rng.normal(size=(7, 3)) + rng.normal(size=(n, 3))
    y = {"regression": scores[:, 0], "binary": scores[:, 0] > 0, "classes": scores.argmax(axis=1),
         "outputs": scores}[kind]  # fmt: skip
    return X, y.astype(dtype) if y.dtype.kind == "f" else y


CASES = [
    ("regression", {"loss": "squared_error"}),
    ("regression", {"loss": "huber", "penalty": "l2", "fit_intercept": False}),
    ("outputs", {"loss": "squared_error", "penalty": "elasticnet"}),
    ("binary", {"loss": "log_loss", "replacement": True}),
    ("binary", {"loss": "log_loss", "sample_weight": np.linspace(0, 2, N), "accumulate": 3}),
    ("classes", {"loss": "log_loss", "penalty": "l2", "clip_norm": 0.1}),
    ("classes", {"loss": "hinge", "shuffle": mb.sampling.Weighted(np.linspace(1, 3, N))}),
    ("binary", {"loss": "log_loss", "optimizer": "sgd"}),
    ("binary", {"loss": "log_loss", "batch_size": "full"}),
    ("binary", {"loss": "log_loss", "batch_size": 1, "epochs": 1}),
    ("regression", {"loss": "squared_error", "drop_last": True, "batch_size": 100}),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("kind", "options"), CASES, ids=lambda c: str(c)[:60])
def test_records_are_those_of_the_gradients_of_single_rows(kind, options, dtype):
    X, y = data(kind, dtype)
    options = {"optimizer": SGD(0.05), "batch_size": 9, "epochs": 3, "record": ("noise", "path"), **options}
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    records = ours.history.noise_records
    np.testing.assert_array_equal(records["step"], expected.history["noise_step"])
    np.testing.assert_array_equal(records["batch_size"], expected.history["noise_batch_size"])
    rtol = 1e-9 if dtype == "float64" else 2e-3
    for name in RECORDS:
        theirs = expected.history[f"noise_{name}"]
        scale = np.nanmax(np.abs(theirs)) if np.isfinite(theirs).any() else 1.0
        np.testing.assert_allclose(records[name], theirs, rtol=rtol, atol=rtol * scale, err_msg=name)


def test_every_eighth_step_is_looked_at_and_training_does_not_notice():
    X, y = data()
    options = {"optimizer": SGD(0.05), "batch_size": 9, "epochs": 6}
    noisy = mb.fit(X, y, **options, record=("noise", "step"))
    plain = mb.fit(X, y, **options, record="step")
    np.testing.assert_array_equal(noisy.coef, plain.coef)
    np.testing.assert_array_equal(noisy.history.step_loss, plain.history.step_loss)
    steps = noisy.history.noise_records["step"]
    np.testing.assert_array_equal(steps, np.arange(0, plain.n_steps, 8))
    squares = noisy.history.noise_records["batch_squared_norm"]
    np.testing.assert_allclose(np.sqrt(squares), plain.history.gradient_norm[steps], rtol=1e-14)
    is_second_look = np.isfinite(noisy.history.noise.inner_product_test)
    np.testing.assert_array_equal(is_second_look, steps % 64 == 0)


@pytest.mark.parametrize("batch_size", [9, 70, 200])
def test_bits_do_not_depend_on_threads_or_interruption(batch_size):
    X, y = data("classes", "float32")
    options = {"loss": "log_loss", "optimizer": SGD(0.05), "batch_size": batch_size, "record": "noise"}
    whole = mb.fit(X, y, **options, epochs=4, n_threads=1)
    pieces = mb.fit(X, y, **options, epochs=4, n_threads=2, stop=mb.stopping.MaxSteps(3))
    left = 4 - pieces.n_epochs
    pieces = mb.fit(X, y, **options, epochs=left, n_threads=2, resume=pieces)
    assert whole.history.noise_records.tobytes() == pieces.history.noise_records.tobytes()


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_sparse_rows_are_as_noisy_as_dense_ones(fit_intercept):
    rng = np.random.default_rng(1)
    X = scipy.sparse.random_array((N, 40), density=0.1, rng=rng, format="csr")
    X.data -= 0.5
    y = rng.normal(size=N)
    options = {"optimizer": SGD(0.05), "batch_size": 8, "epochs": 3, "record": "noise",
               "fit_intercept": fit_intercept}  # fmt: skip
    sparse, dense = mb.fit(X, y, **options), mb.fit(X.toarray(), y, **options)
    twice = X.tocoo()  # entries of the same row and column add up
    halves = scipy.sparse.csr_array((N, 40))
    halves.indptr, halves.indices = 2 * X.indptr, np.repeat(X.indices, 2)
    halves.data = np.repeat(twice.data / 2, 2)
    doubled = mb.fit(halves, y, **options)
    for name in RECORDS:
        for other in (sparse, doubled):
            np.testing.assert_allclose(
                other.history.noise_records[name], dense.history.noise_records[name], rtol=1e-10, atol=1e-14
            )


@pytest.mark.parametrize("scale", [1e-18, 1e18])
def test_huge_and_tiny_rows_are_squared_in_double(scale):
    X, y = data("binary", "float32")
    options = {"loss": "log_loss", "batch_size": 9, "epochs": 1, "record": "noise", "fit_intercept": False}
    one = mb.fit(X, y, optimizer=SGD(1e-44), **options).history.noise_records
    scaled = mb.fit(X * np.float32(scale), y, optimizer=SGD(1e-44), **options).history.noise_records
    np.testing.assert_allclose(scaled["trace"] / scale**2, one["trace"], rtol=1e-3)


def real_data(name):
    X, y = {"digits": load_digits, "breast_cancer": load_breast_cancer, "diabetes": load_diabetes}[name](
        return_X_y=True
    )
    return StandardScaler().fit_transform(X), y


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ["digits", "breast_cancer", "diabetes"])
def test_the_noise_scale_of_real_data_is_in_its_interval(name, dtype):
    """At a point that does not move, by brute force over all rows.

    With replacement, so that looks are independent. Seeds are fixed; an interval of 95 % misses one time in
    20, so of 40 seeds more than 8 do with probability 1e-4 (binomial).
    """
    X, y = real_data(name)
    X = X.astype(dtype)
    loss = "squared_error" if name == "diabetes" else "log_loss"
    options = {"loss": loss, "batch_size": 16, "replacement": True, "record": "noise"}
    point = mb.fit(X, y, loss=loss, optimizer=SGD(0.01), epochs=1)
    objective, rows, _ = make_problem(X, y, None, loss, None)
    of_rows = row_gradients(objective, rows, objective.model.start(point), slice(None))
    mean = of_rows.mean(axis=0)
    scale = ((of_rows - mean) ** 2).sum() / (len(X) - 1) / (mean @ mean)
    n_missed = 0
    for seed in range(40):
        run = mb.fit(X, y, init=point, optimizer=SGD(1e-30), epochs=8, seed=seed, **options)
        noise = run.history.smoothed_noise(1e6)
        low, high = noise.noise_scale_interval[-1]
        n_missed += bool(np.isfinite(low)) and not low <= scale <= high
        assert np.isfinite(low) or "cannot be told from zero" in noise.reason[-1]
    assert n_missed <= 8, f"{n_missed} of 40 intervals miss {scale:.4g}"


def test_where_noise_is_all_there_is_no_number_is_given():
    X, y = data(n=2000)
    best = mb.fit(X, y, optimizer=SGD(0.1), batch_size="full", epochs=2000)  # the gradient here is zero
    run = mb.fit(X, y, init=best, optimizer=SGD(1e-30), batch_size=8, epochs=1, record="noise", seed=3)
    noise = run.history.noise
    assert np.isnan(noise.noise_scale[-1])
    assert "cannot be told from zero" in noise.reason[-1]
    assert np.isfinite(noise.trace[-1])


def test_batches_of_one_row_have_no_noise_scale():
    X, y = data()
    noise = mb.fit(X, y, optimizer=SGD(0.01), batch_size=1, epochs=1, record="noise").history.noise
    assert np.isnan(noise.noise_scale).all()
    assert set(noise.reason) == {"batches of one row have no variance within them"}


def test_temperature_and_signal_follow_from_the_noise():
    X, y = data(n=2000)
    noise = mb.fit(X, y, optimizer=SGD(0.01), batch_size=20, epochs=2, record="noise").history.noise
    np.testing.assert_allclose(noise.temperature, 0.01 * noise.trace / 20)
    np.testing.assert_allclose(noise.signal_to_noise, 20 / noise.noise_scale)
    assert noise.plot().get_xlabel() == "step"
    assert "noise_scale" in noise._repr_html_()
    assert len(repr(noise)) < 2000


def test_noise_that_was_not_recorded_is_refused():
    X, y = data()
    history = mb.fit(X, y, optimizer=SGD(0.01), epochs=1).history
    with pytest.raises(ValueError, match='record must have been "noise"'):
        _ = history.noise
    history = mb.fit(X, y, optimizer=SGD(0.01), epochs=1, record="noise").history
    with pytest.raises(ValueError, match="n_smoothed must be finite and > 0, got 0"):
        history.smoothed_noise(0)


NORM_TESTS = [
    (NormTest(8, theta=0.5), {}),
    (NormTest(4, theta=0.9), {"replacement": True}),
    (NormTest(4, theta=0.3, max_batch_size=50), {"accumulate": 2}),
    (NormTest(4, theta=0.7), {"shuffle": mb.sampling.Weighted(np.linspace(1, 3, N)), "drop_last": True}),
    (NormTest(500), {}),
]


@pytest.mark.parametrize(("test", "options"), NORM_TESTS, ids=str)
def test_batches_grow_as_those_of_the_reference(test, options):
    X, y = data()
    options = {"batch_size": test, "optimizer": SGD(0.1), "epochs": 6, "record": ("step", "path"), **options}
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    np.testing.assert_array_equal(ours.history.batch_size, expected.history["batch_size"])
    np.testing.assert_allclose(ours.history.path, expected.history["path"], rtol=0, atol=1e-11)
    assert (np.diff(ours.history.batch_size) >= 0).any()


def test_early_batches_are_small_and_late_ones_large():
    X, y = data(n=5000)
    run = mb.fit(X, y, batch_size=NormTest(8, theta=0.5), optimizer=SGD(0.1), epochs=8)
    sizes = run.history.batch_size
    assert sizes[0] == 8
    assert (np.diff(sizes) >= 0).all()
    assert sizes[-1] > 50 * sizes[0]
    assert run.batch_size == sizes[-1]
    # And with a rate that does not decay the loss comes nearer to its minimum than with small batches.
    small = mb.fit(X, y, batch_size=8, optimizer=SGD(0.1), epochs=8)
    best = mb.fit(X, y, batch_size="full", optimizer=SGD(0.5), epochs=300)

    def excess(model):
        return mb.gradient(X, y, model)[0] - mb.gradient(X, y, best)[0]

    assert 0 <= excess(run) < excess(small) / 10


def test_growing_batches_come_to_pass_the_test_and_no_further():
    """At a point that does not move: tr(Sigma) / b = theta^2 (|G|^2 + tr(Sigma) / b), by brute force."""
    X, y = data(n=20_000)
    options = {"batch_size": NormTest(4, theta=0.3), "optimizer": SGD(1e-30), "record": "noise"}
    run = mb.fit(X, y, **options, epochs=20)
    objective, rows, _ = make_problem(X, y, None, "squared_error", None)
    of_rows = row_gradients(objective, rows, objective.model.zeros(), slice(None))
    mean = of_rows.mean(axis=0)
    expected = ((of_rows - mean) ** 2).sum(axis=1).mean() * (1 - 0.3**2) / (0.3**2 * (mean @ mean))
    assert run.batch_size == pytest.approx(expected, rel=0.1)
    records = run.history.noise_records
    is_last = records["step"] >= run.n_steps - 20_000 // run.batch_size
    ratio = records["variance"][is_last].mean() / records["batch_squared_norm"][is_last].mean()
    assert ratio == pytest.approx(0.3**2, rel=0.1)


@pytest.mark.parametrize("n_steps", [1, 7, 29, 31, 40])
def test_a_run_of_growing_batches_goes_on_where_it_stopped(n_steps):
    X, y = data()
    options = {"batch_size": NormTest(8, theta=0.5), "optimizer": SGD(0.1)}
    whole = mb.fit(X, y, **options, epochs=5)
    piece = mb.fit(X, y, **options, epochs=5, stop=mb.stopping.MaxSteps(n_steps))
    rest = mb.fit(X, y, **options, epochs=5 - piece.n_epochs, resume=piece)
    np.testing.assert_array_equal(rest.coef, whole.coef)
    assert rest.batch_size == whole.batch_size


def test_norm_tests_are_refused_where_they_make_no_sense():
    X, y = data()
    with pytest.raises(ValueError, match="batch_size must be >= 2, since one row has no variance, got 1"):
        NormTest(1)
    with pytest.raises(ValueError, match=r"theta must be in \(0, 1\), got 1"):
        NormTest(8, theta=1.0)
    with pytest.raises(ValueError, match="batch_size must not depend on the noise, which only fit sees"):
        mb.minibatches(X, y, batch_size=NormTest(8))
    with pytest.raises(ValueError, match='batch_size must not be a NormTest with shuffle="stratified"'):
        mb.fit(X, y > 0, loss="log_loss", batch_size=NormTest(8), shuffle="stratified")
    with pytest.raises(TypeError, match="follow from the run"):
        NormTest(8)(3)
