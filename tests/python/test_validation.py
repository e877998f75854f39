"""Rows to judge by: which they are, what their loss is, and metrics on them."""

import re
import tracemalloc

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs import _core, penalties, reference

RNG = np.random.default_rng(3)
N, D = 230, 7
X = RNG.normal(size=(N, D))
Z = X @ RNG.normal(size=(D, 3)) + RNG.normal(size=(N, 3))
TARGETS = {
    "squared_error": Z[:, 0],
    "two outputs": Z[:, :2],
    "log_loss": np.where(Z[:, 0] > 0.8, "yes", "no"),
    "softmax": Z.argmax(axis=1) * 10,
    "hinge": Z[:, 0] > 0,
}
WEIGHTS = RNG.uniform(0, 2, N)


def loss_of(kind):
    return {"two outputs": "squared_error", "softmax": "log_loss"}.get(kind, kind)


def rows_of_split(y, fraction, seed):
    """The rows of a split, by the reference."""
    return reference.split(len(y), fraction, None if y.dtype == float else y, seed)


def bits(result):
    history = result.history
    arrays = (result.coef, result.intercept, history.epoch_loss, history.validation_loss, history.full_loss)
    return [np.asarray(array).tobytes() for array in arrays]


# ---- which rows


@pytest.mark.parametrize("n", [2, 3, 7, 100, 1001])
@pytest.mark.parametrize("fraction", [1e-9, 0.1, 0.25, 0.5, 0.999])
def test_rows_are_set_aside(n, fraction):
    for seed in (0, 1, 2**64 - 1):
        training, rows = _core.split(n, fraction, None, seed)
        assert len(rows) == min(max(int(fraction * n + 0.5), 1), n - 1)
        assert sorted([*training, *rows]) == list(range(n))
        assert (np.diff(training.astype(int)) > 0).all()
        assert (np.diff(rows.astype(int)) > 0).all()
        for ours, theirs in zip((training, rows), reference.split(n, fraction, None, seed), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_split_is_what_it_was():
    assert _core.split(12, 0.25, None, 0)[1].tolist() == reference.split(12, 0.25, None, 0)[1].tolist()
    assert _core.split(8, 0.25, None, 0)[1].tolist() == [2, 6]


def test_every_row_is_set_aside_as_often():
    counts = np.zeros(20)
    for seed in range(2000):
        counts[_core.split(20, 0.25, None, seed)[1]] += 1
    np.testing.assert_allclose(counts / 2000, 0.25, atol=5 * np.sqrt(0.25 * 0.75 / 2000))


@pytest.mark.parametrize("sizes", [[50, 50], [90, 9, 1], [1, 1, 1, 97], [2, 3, 5, 7, 11, 13], [1, 2]])
@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.9])
def test_classes_give_their_share(sizes, fraction):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes))
    n_wanted = min(max(int(fraction * len(labels) + 0.5), 1), len(labels) - 1)
    for seed in range(5):
        training, rows = _core.split(len(labels), fraction, labels.astype(np.uintp), seed)
        given = np.bincount(labels[rows], minlength=len(sizes))
        assert (np.bincount(labels[training], minlength=len(sizes)) > 0).all()
        assert len(rows) == min(n_wanted, len(labels) - len(sizes))
        if len(rows) == n_wanted and fraction < 0.5:
            assert (np.abs(given - np.array(sizes) * n_wanted / len(labels)) < 1).all()
        expected = reference.split(len(labels), fraction, labels, seed)
        np.testing.assert_array_equal(rows, expected[1])


# ---- what is done with them


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("division", [{}, {"shuffle": "once"}, {"shuffle": False}, {"replacement": True}])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_fraction_is_the_same_as_two_arrays(kind, division, weighted, dtype):
    y, rows_X = TARGETS[kind], X.astype(dtype)
    training, rows = rows_of_split(y, 0.3, 5)
    options = {
        **division, "loss": loss_of(kind), "penalty": penalties.ElasticNet(0.01), "batch_size": 65,
        "epochs": 3, "seed": 5, "record": "full_loss", "optimizer": mb.optimizers.SGD(0.05, momentum=0.5),
    }  # fmt: skip
    s = WEIGHTS if weighted else None
    split = mb.fit(rows_X, y, **options, sample_weight=s, validation=0.3)
    apart = mb.fit(
        rows_X[training], y[training], **options, sample_weight=s[training] if weighted else None,
        validation=(rows_X[rows], y[rows], s[rows]) if weighted else (rows_X[rows], y[rows]),
    )  # fmt: skip
    assert bits(split) == bits(apart)
    assert split.history.validation_loss.shape == (3,)
    value, _ = mb.gradient(
        rows_X[rows], y[rows], split, loss=options["loss"], sample_weight=s[rows] if weighted else None
    )  # without the penalty
    assert split.history.validation_loss[-1] == pytest.approx(
        value, rel=1e-14 if dtype == np.float64 else 1e-6
    )


@pytest.mark.parametrize("validation", [0.4, "pair", "triple"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", TARGETS)
def test_the_reference_agrees(kind, dtype, validation):
    y, rows_X = TARGETS[kind], X.astype(dtype)
    n = N
    if isinstance(validation, str):
        n = 150
        validation = (rows_X[n:], y[n:], WEIGHTS[n:])[: 2 if validation == "pair" else 3]
    options = {
        "loss": loss_of(kind), "penalty": penalties.L1(0.01), "batch_size": 50, "epochs": 3, "seed": 2,
        "sample_weight": WEIGHTS[:n], "validation": validation, "optimizer": "sgd",
    }  # fmt: skip
    ours, expected = mb.fit(rows_X[:n], y[:n], **options), reference.fit(rows_X[:n], y[:n], **options)
    rtol = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(ours.history.validation_loss, expected.history["validation_loss"], rtol=rtol)
    np.testing.assert_allclose(ours.history.epoch_loss, expected.history["epoch_loss"], rtol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fraction", [0.2, 0.7])
def test_equal_bits_on_every_number_of_threads(fraction, dtype):
    rows_X = np.random.default_rng(1).normal(size=(5001, 40)).astype(dtype)
    y = rows_X[:, 0] + rows_X[:, 1] > 0

    def run(n_threads):
        options = {
            "loss": "log_loss",
            "batch_size": 1000,
            "record": "full_loss",
            "sample_weight": np.arange(5001),
        }
        return bits(mb.fit(rows_X, y, **options, epochs=3, validation=fraction, n_threads=n_threads))

    expected = run(1)
    assert all(run(n_threads) == expected for n_threads in (2, 3, 7))


def test_looking_does_not_change_training():
    y = TARGETS["softmax"]
    plain = mb.fit(X, y, loss="log_loss", batch_size=16, optimizer="sgd")
    for validation in [(X[:50], y[:50]), (X[:1], y[:1], [3.0]), [X[:70].astype("f4"), y[:70]]]:
        judged = mb.fit(
            X,
            y,
            loss="log_loss",
            batch_size=16,
            validation=validation,
            metrics=lambda a, b: 0.0,
            optimizer="sgd",
        )
        assert judged.coef.tobytes() == plain.coef.tobytes()
    assert plain.history.validation_loss.size == 0
    assert plain.history.metrics == {}


def test_weights_of_a_pair_are_equal_whatever_those_of_training():
    options = {"batch_size": 64, "optimizer": mb.optimizers.SGD(0.01)}
    heavy = mb.fit(X, Z[:, 0], sample_weight=WEIGHTS, validation=(X, Z[:, 0]), **options)
    value, _ = mb.gradient(X, Z[:, 0], heavy)
    assert heavy.history.validation_loss[-1] == pytest.approx(value, rel=1e-13)


def test_validation_rows_of_a_few_classes_only():
    y = TARGETS["softmax"]
    only = y == 10
    result = mb.fit(X, y, loss="log_loss", validation=(X[only], y[only]), optimizer="sgd")
    log_p = np.log(result.predict_proba(X[only])[:, 1])
    assert result.history.validation_loss[-1] == pytest.approx(-log_p.mean(), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_any_scale(scale):
    options = {"optimizer": mb.optimizers.SGD(0.1 / scale**2), "batch_size": 50}
    result = mb.fit(X * scale, Z[:, 0], **options, validation=0.3, fit_intercept=False)
    unit = mb.fit(
        X, Z[:, 0], batch_size=50, optimizer=mb.optimizers.SGD(0.1), validation=0.3, fit_intercept=False
    )
    np.testing.assert_allclose(result.history.validation_loss, unit.history.validation_loss, rtol=1e-9)


def test_two_rows_of_one_column():
    result = mb.fit([[1.0], [2.0]], [1.0, 2.0], validation=0.5, batch_size=10, optimizer="sgd")
    assert result.history.validation_loss.shape == (10,)
    assert result.batch_size == 1


def test_batches_are_of_the_training_rows():
    result = mb.fit(X, Z[:, 0], validation=0.3, batch_size="full", optimizer="sgd")
    assert result.batch_size == N - round(0.3 * N)
    assert (
        mb.fit(X, Z[:, 0], validation=0.3, batch_size=10, drop_last=True, epochs=1, optimizer="sgd").n_steps
        == 16
    )


def test_a_split_copies_nothing():
    rows_X = np.zeros((200_000, 40))
    tracemalloc.start()
    mb.fit(rows_X, rows_X[:, 0], validation=0.5, epochs=1, batch_size=1000, optimizer="sgd")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < rows_X.nbytes / 4


# ---- metrics


def accuracy(y_true, y_pred):
    return (y_true == y_pred).mean()


def largest_error(y_true, y_pred):
    return np.abs(y_true - y_pred).max()


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("where", ["all rows", "fraction", "pair"])
def test_metrics_are_of_predictions(kind, where):
    y = TARGETS[kind]
    metric = largest_error if y.dtype == float else accuracy
    rows = {"all rows": slice(None), "fraction": rows_of_split(y, 0.3, 0)[1], "pair": slice(20)}[where]
    validation = {"all rows": None, "fraction": 0.3, "pair": (X[:20], y[:20])}[where]
    models = []

    def keep(progress):
        models.append(progress)

    options = {"loss": loss_of(kind), "epochs": 3, "optimizer": mb.optimizers.SGD(0.01)}
    result = mb.fit(X, y, **options, metrics=metric, validation=validation, callback=keep)
    values = result.history.metrics[metric.__name__]
    assert values.shape == (3,)
    assert values[-1] == metric(y[rows], result.predict(X[rows]))
    assert [progress.metrics for progress in models] == [{metric.__name__: value} for value in values]
    seen = [progress.validation_loss for progress in models]
    assert seen == ([None] * 3 if validation is None else result.history.validation_loss.tolist())


def test_metrics_by_name_and_several():
    y = TARGETS["log_loss"]
    by_name = {"right": accuracy, "wrong": lambda a, b: (a != b).mean()}
    history = mb.fit(X, y, loss="log_loss", metrics=by_name, validation=0.2, optimizer="sgd").history
    np.testing.assert_allclose(history.metrics["right"] + history.metrics["wrong"], 1)
    assert "right: (10,)" in repr(history)
    assert "validation_loss: (10,)" in repr(history)
    several = mb.fit(X, Z[:, 0], metrics=[largest_error, accuracy], optimizer="sgd").history.metrics
    assert list(several) == ["largest_error", "accuracy"]


def test_an_exception_of_a_metric_propagates_with_the_run_so_far():
    calls = []

    def broken(y_true, y_pred):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("of the metric")
        return 1.0

    with pytest.raises(RuntimeError, match="of the metric") as caught:
        mb.fit(X, Z[:, 0], metrics={"good": accuracy, "broken": broken}, validation=0.5, optimizer="sgd")
    result = caught.value.result
    assert result.n_epochs == 3
    np.testing.assert_array_equal(result.history.metrics["broken"], [1, 1, np.nan])
    assert np.isnan(result.history.metrics["good"][-1])
    assert result.history.validation_loss.shape == (3,)


# ---- errors

LABELS = TARGETS["log_loss"]
FORMS = r"a fraction .*, \(X, y\), \(X, y, sample_weight\) or \(X, y, sample_weight, offset\), or None"
BAD = [
    ({"validation": 0.0}, ValueError, r"validation must be a fraction between 0 and 1, both excluded, got 0"),
    ({"validation": 1}, ValueError, r"validation must be a fraction between 0 and 1, both excluded, got 1"),
    ({"validation": -0.5}, ValueError, r"validation must be a fraction .*, got -0\.5"),
    ({"validation": np.nan}, ValueError, r"validation must be a fraction .*, got NaN"),
    ({"validation": True}, TypeError, rf"validation must be {FORMS}, got bool"),
    ({"validation": "0.1"}, TypeError, rf"validation must be {FORMS}, got str"),
    ({"validation": X}, TypeError, rf"validation must be {FORMS}, got ndarray"),
    ({"validation": (X,)}, ValueError, rf"validation must be {FORMS}, got 1 items"),
    ({"validation": (X, LABELS, WEIGHTS, None, 1)}, ValueError, rf"validation must be {FORMS}, got 5 items"),
    ({"validation": (X[:, 1:], LABELS)}, ValueError,
     r"validation: X must have 7 columns, as in fit, got shape \(230, 6\)"),
    ({"validation": (X[0], LABELS)}, ValueError, r"validation: X must have 2 dimensions, got shape .*"),
    ({"validation": (X, LABELS[1:])}, ValueError,
     r"validation: y must have shape \(230,\) or \(230, k\), got \(229,\)"),
    ({"validation": (X[:2], ["no", "maybe"])}, ValueError,
     r"validation: y must have labels among 'no', 'yes', got 'maybe' at row 1"),
    ({"validation": (X * np.nan, LABELS)}, ValueError,
     r"validation: X must be finite, got NaN at row 0, column 0"),
    ({"validation": (X, LABELS, WEIGHTS[1:])}, ValueError,
     r"validation: sample_weight must have shape \(230,\), got \(229,\)"),
    ({"validation": (X, LABELS, -WEIGHTS)}, ValueError,
     r"validation: sample_weight must be finite and >= 0, got -\d.* at row 0"),
    ({"validation": (X, LABELS, WEIGHTS * 0)}, ValueError,
     r"validation: sample_weight must be positive for at least one row, got only zeros"),
    ({"X": X.astype("f4"), "validation": (X * 1e200, LABELS)}, ValueError,
     r"validation: X must be within the range of float32, .*, got .*e\+\d+ at row 0, .*"),
    ({"X": X[:2], "y": ["a", "b"], "validation": 0.5}, ValueError,
     r"validation must be rows that training can spare .*, got 0\.5 of 2 row\(s\) in 2 class\(es\)"),
    ({"metrics": 3}, TypeError, r"metrics must be callables f\(y_true, y_pred\), names .*, got 3 for '3'"),
    ({"metrics": "acuracy"}, ValueError, r".*'acuracy'.*"),
    ({"metrics": {1: accuracy}}, TypeError, r"metrics must have strings as names, got 1"),
    ({"metrics": {"loss": accuracy}}, ValueError,
     r"metrics must not be named 'loss' or 'validation_loss', got 'loss'"),
    ({"metrics": [accuracy, accuracy]}, ValueError,
     r"metrics must have different names, got accuracy, accuracy: name them by a dict"),
    ({"metrics": lambda a, b: "good"}, TypeError,
     r"the value of metric '<lambda>' must be a number, got 'good'"),
    ({"metrics": lambda a, b: [1.0, 2.0]}, TypeError, r"the value of metric .* must be a number, got \[1.*"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "error", "message"), BAD)
def test_errors_say_what_is_wrong(changes, error, message):
    with pytest.raises(error) as caught:
        mb.fit(**{"X": X, "y": LABELS, "loss": "log_loss", **changes})
    assert re.fullmatch(message, str(caught.value)), str(caught.value)


def test_errors_of_a_regression():
    with pytest.raises(ValueError, match=r"validation: y must have 2 column\(s\), as in fit, got 1"):
        mb.fit(X, Z[:, :2], validation=(X, Z[:, 0]), optimizer="sgd")
    with pytest.raises(ValueError, match=r"validation: y must be finite, got NaN at row 0, column 0"):
        mb.fit(X, Z[:, 0], validation=(X, Z[:, 0] * np.nan), optimizer="sgd")
    with pytest.raises(ValueError, match=r"validation must be rows .* got 0\.5 of 1 row\(s\)"):
        mb.fit(X[:1], Z[:1, 0], validation=0.5, optimizer="sgd")
    weights = np.zeros(N)
    weights[reference.split(N, 0.3, None, 0)[0]] = 1
    with pytest.raises(ValueError, match="validation: sample_weight must be positive for at least one row"):
        mb.fit(X, Z[:, 0], sample_weight=weights, validation=0.3, optimizer="sgd")
    with pytest.raises(ValueError, match=r"^sample_weight must be positive for at least one row"):
        mb.fit(X, Z[:, 0], sample_weight=1 - weights, validation=0.3, optimizer="sgd")


@pytest.mark.parametrize("rule", [mb.optimizers.SGD(0.05), mb.optimizers.Adam(0.05)], ids=["sgd", "adam"])
@pytest.mark.parametrize("sparse_rows", ["both", "training", "validation"])
def test_the_reference_takes_sparse_rows_beside_dense_ones(sparse_rows, rule):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((50, 12)) < 0.2, rng.normal(size=(50, 12)), 0.0)
    y = X @ rng.normal(size=12)
    rows = X[:40] if sparse_rows == "validation" else scipy.sparse.csr_array(X[:40])
    held_out = X[40:] if sparse_rows == "training" else scipy.sparse.csr_array(X[40:])
    how = {"optimizer": rule, "batch_size": 5, "epochs": 3, "penalty": penalties.L2(0.01)}
    ours, theirs = (
        fit(rows, y[:40], **how, validation=(held_out, y[40:])) for fit in (mb.fit, reference.fit)
    )
    np.testing.assert_allclose(ours.coef, theirs.coef, rtol=1e-10)
    np.testing.assert_allclose(ours.history.validation_loss, theirs.history["validation_loss"], rtol=1e-10)
