"""Bad arguments: the right exception, which names the argument, the condition and the value."""

import math
import pickle

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
Y = X[:, 0].copy()
LABELS = np.arange(20) % 2
NAN = math.nan


def with_entry(array, at, value):
    array = np.array(array, float)
    array[at] = value
    return array


BAD_DATA = [
    ({"X": with_entry(X, (7, 2), NAN)}, ValueError, "X must be finite, got NaN at row 7, column 2"),
    ({"X": with_entry(X, (19, 0), -math.inf)}, ValueError, "X must be finite, got -inf at row 19, column 0"),
    ({"X": with_entry(X, (3, 1), 1e300)[:, ::-1].tolist(), "y": with_entry(Y, 4, NAN)}, ValueError,
     "y must be finite, got NaN at row 4, column 0"),
    ({"y": with_entry(Y, 19, math.inf)}, ValueError, "y must be finite, got inf at row 19"),
    ({"X": np.empty((0, 3)), "y": []}, ValueError, "X must have at least one row and one column.*0, 3"),
    ({"X": np.empty((20, 0))}, ValueError, "X must have at least one row and one column.*20, 0"),
    ({"X": Y}, ValueError, r"X must have 2 dim.*\(20,\).*reshape"),
    ({"X": 3.0}, ValueError, "X must have 2 dim"),
    ({"X": X[None]}, ValueError, r"X must have 2 dim.*\(1, 20, 3\)"),
    ({"X": scipy.sparse.csr_array(X)}, TypeError, r"sparse X is not supported yet.*X.toarray\(\)"),
    ({"X": scipy.sparse.coo_matrix(X)}, TypeError, r"sparse X is not supported yet.*X.toarray\(\)"),
    ({"X": X.astype(complex)}, TypeError, "X must.*complex128"),
    ({"X": X.astype(str)}, TypeError, "X must.*U"),
    ({"X": X.astype(str).astype(object)}, TypeError, "X must.*str"),
    ({"X": [["a", "b"]] * 20}, TypeError, "X must"),
    ({"X": [[1, 2], [3]]}, ValueError, "X must"),
    ({"X": None}, (TypeError, ValueError), "X must"),
    ({"X": np.array([[object()]] * 20)}, TypeError, "X must"),
    ({"X": np.full((20, 1), "2020-01-01", "M8[D]")}, TypeError, "X must.*datetime64"),
    ({"X": pd.DataFrame({"a": ["x"] * 20})}, (TypeError, ValueError), "X must"),
    ({"X": pd.DataFrame({"a": pd.array([1, None] * 10, "Int64")})}, (TypeError, ValueError), "X must"),
    ({"X": np.ma.masked_array(X, X > 1)}, (TypeError, ValueError), "X must.*mask"),
    ({"y": Y[:-1]}, ValueError, r"y must have.*20.*19"),
    ({"y": 1.0}, ValueError, "y must"),
    ({"y": X[None]}, ValueError, "y must"),
    ({"y": np.empty((20, 0))}, ValueError, "y must"),
    ({"y": ["a"] * 20}, TypeError, "y must"),
    ({"y": Y + 1j}, TypeError, "y must.*complex"),
    ({"y": None}, (TypeError, ValueError), "y must"),
    ({"sample_weight": np.ones(19)}, ValueError, "sample_weight must have.*20.*19"),
    ({"sample_weight": np.ones((20, 1))}, ValueError, "sample_weight must have"),
    ({"sample_weight": 2.0}, ValueError, "sample_weight must have"),
    ({"sample_weight": with_entry(np.ones(20), 5, -0.5)}, ValueError, "sample_weight must be.*-0.5 at row 5"),
    ({"sample_weight": with_entry(np.ones(20), 6, NAN)}, ValueError, "sample_weight must be.*NaN at row 6"),
    ({"sample_weight": with_entry(np.ones(20), 6, math.inf)}, ValueError, "sample_weight must.*inf at row 6"),
    ({"sample_weight": np.zeros(20)}, ValueError, "sample_weight must be.*zero"),
    ({"sample_weight": ["a"] * 20}, TypeError, "sample_weight must"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "error", "message"), BAD_DATA)
def test_bad_data(change, error, message):
    with pytest.raises(error, match=message):
        mb.fit(**{"X": X, "y": Y, **change})
    n_columns = (getattr(change.get("X"), "shape", None) or X.shape)[-1]
    with pytest.raises(error, match=message):
        mb.gradient(params=(np.zeros(n_columns), 0.0), **{"X": X, "y": Y, **change})


BAD_LABELS = [
    (np.zeros(20), ValueError, r"y must have at least 2 classes, got only \[0"),
    (["a"] * 20, ValueError, "y must have at least 2 classes"),
    (with_entry(LABELS, 3, NAN), ValueError, "y must.*nan at row 3"),
    (with_entry(LABELS, 3, math.inf), ValueError, "y must.*inf at row 3"),
    (["a", None] * 10, ValueError, "y must.*None at row 1"),
    (pd.Series(["a", "b", None, "a"] * 5, dtype="category"), ValueError, "y must.*nan at row 2"),
    (np.array(["a", "b", pd.NA, "a"] * 5, object), ValueError, "y must.*NA.* at row 2"),
    (["a", 1] * 10, (TypeError, ValueError), "y must|y has"),
    (np.array(["a", 1] * 10, object), TypeError, "y must"),
    (X, ValueError, "y must"),
    (LABELS[:-1], ValueError, "y must have.*20.*19"),
    (3, ValueError, "y must"),
]


@pytest.mark.parametrize(("y", "error", "message"), BAD_LABELS, ids=repr)
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_bad_labels(y, error, message, loss):
    if isinstance(y, list) and set(y) == {"a", 1}:
        pytest.skip("NumPy makes strings of these")
    with pytest.raises(error, match=message):
        mb.fit(X, y, loss=loss)


SGD, Adam = mb.optimizers.SGD, mb.optimizers.Adam
BAD_ARGUMENTS = [
    ({"loss": "logloss"}, ValueError, "loss must be one of.*squared_error.*log_loss.*hinge.*logloss"),
    ({"loss": mb.losses.LogLoss}, TypeError, "loss must be"),
    ({"loss": 3}, TypeError, "loss must be.*3"),
    ({"loss": None}, TypeError, "loss must be.*None"),
    ({"loss": SGD()}, TypeError, "loss must be"),
    ({"penalty": "ridge"}, ValueError, "penalty must be one of.*l2.*l1.*elasticnet.*ridge"),
    ({"penalty": mb.penalties.L2}, TypeError, "penalty must be"),
    ({"penalty": 0.1}, TypeError, "penalty must be"),
    ({"optimizer": "sdg"}, ValueError, "optimizer must be one of.*sgd.*adam.*sdg"),
    ({"optimizer": SGD}, TypeError, "optimizer must be"),
    ({"optimizer": mb.schedules.Constant(0.1)}, TypeError, "optimizer must be"),
    ({"batch_size": 0}, ValueError, "batch_size must be >= 1, got 0"),
    ({"batch_size": -5}, ValueError, "batch_size must be >= 1, got -5"),
    ({"batch_size": 32.0}, TypeError, "batch_size must be an integer.*32.0"),
    ({"batch_size": True}, TypeError, "batch_size must be an integer.*True"),
    ({"batch_size": None}, TypeError, "batch_size must be.*None"),
    ({"batch_size": "all"}, ValueError, "batch_size must be.*all"),
    ({"batch_size": [4]}, TypeError, "batch_size must be"),
    ({"epochs": -1}, ValueError, "epochs must be.*-1"),
    ({"epochs": 2.5}, TypeError, "epochs must be an integer.*2.5"),
    ({"epochs": True}, TypeError, "epochs must be an integer.*True"),
    ({"epochs": 10**30}, ValueError, "epochs must be"),
    ({"seed": -1}, ValueError, "seed must be.*-1"),
    ({"seed": 2**64}, ValueError, "seed must be.*18446744073709551616"),
    ({"seed": None}, TypeError, "seed must be an integer.*None"),
    ({"seed": 1.0}, TypeError, "seed must be an integer.*1.0"),
    ({"n_threads": 0}, ValueError, "n_threads must be >= 1, got 0"),
    ({"n_threads": -1}, ValueError, "n_threads must be >= 1, got -1"),
    ({"n_threads": 1.5}, TypeError, "n_threads must be an integer.*1.5"),
    ({"shuffle": "yes"}, ValueError, "shuffle must be.*full.*once.*False.*yes"),
    ({"shuffle": True}, (TypeError, ValueError), "shuffle must be.*True"),
    ({"shuffle": None}, TypeError, "shuffle must be.*None"),
    ({"replacement": True, "shuffle": False}, ValueError, "replacement.*shuffle"),
    ({"replacement": 1}, TypeError, "replacement must be.*1"),
    ({"drop_last": "no"}, TypeError, "drop_last must be.*no"),
    ({"fit_intercept": "no"}, TypeError, "fit_intercept must be.*no"),
    ({"clip_norm": 0}, ValueError, "clip_norm must be finite and > 0, got 0"),
    ({"clip_norm": NAN}, ValueError, "clip_norm must be finite and > 0, got NaN"),
    ({"clip_norm": "1"}, TypeError, "clip_norm must be a number.*1"),
    ({"record": "steps"}, ValueError, "record must be.*epoch.*step.*steps"),
    ({"record": ("step", "loss")}, ValueError, "record must be.*loss"),
    ({"record": 3}, TypeError, "record must be.*3"),
    ({"callback": "print"}, TypeError, "callback must be callable.*print"),
    ({"progress": "yes"}, TypeError, "progress must be"),
    ({"init": 3}, TypeError, "init must be.*3"),
    ({"init": (np.zeros(3),)}, (TypeError, ValueError), "init must"),
    ({"init": (np.zeros(4), 0.0)}, ValueError, r"init must.*\(3,\).*\(4,\)"),
    ({"init": (np.zeros(3), np.zeros(3))}, ValueError, "init must"),
    ({"init": (with_entry(np.zeros(3), 1, NAN), 0.0)}, ValueError, "init must be finite"),
    ({"init": (["a"] * 3, 0.0)}, TypeError, "init must"),
    ({"resume": 3}, TypeError, "resume must be.*"),
    ({"learning_rate": 0.1}, TypeError, "learning_rate"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD_ARGUMENTS, ids=repr)
def test_bad_arguments(change, error, message):
    with pytest.raises(error, match=message):
        mb.fit(X, Y, **change)


S = mb.schedules
BAD_OBJECTS = [
    (SGD, {"learning_rate": -0.1}, ValueError, "learning_rate must be finite and > 0, got -0.1"),
    (SGD, {"learning_rate": 0}, ValueError, "learning_rate must be finite and > 0, got 0"),
    (SGD, {"learning_rate": NAN}, ValueError, "learning_rate must be finite and > 0, got NaN"),
    (SGD, {"learning_rate": math.inf}, ValueError, "learning_rate must be finite and > 0, got inf"),
    (SGD, {"learning_rate": "0.1"}, TypeError, "learning_rate must be a number.*0.1"),
    (SGD, {"learning_rate": True}, TypeError, "learning_rate must be a number.*True"),
    (SGD, {"learning_rate": None}, TypeError, "learning_rate must be a number.*None"),
    (SGD, {"learning_rate": S.Cosine}, TypeError, "learning_rate must be a number"),
    (SGD, {"learning_rate": 10**400}, (TypeError, ValueError), "learning_rate must be"),
    (SGD, {"momentum": 1.0}, ValueError, r"momentum must be in \[0, 1\), got 1"),
    (SGD, {"momentum": -0.1}, ValueError, r"momentum must be in \[0, 1\), got -0.1"),
    (SGD, {"momentum": "a"}, TypeError, "momentum must be a number"),
    (SGD, {"nesterov": True}, ValueError, "momentum must be > 0 when nesterov"),
    (SGD, {"nesterov": "yes", "momentum": 0.9}, TypeError, "nesterov must be.*yes"),
    (Adam, {"betas": (0.9, 1.0)}, ValueError, r"betas must be in \[0, 1\), got \(0.9, 1\)"),
    (Adam, {"betas": 0.9}, TypeError, "betas must be a pair"),
    (Adam, {"betas": (0.9, 0.99, 0.999)}, TypeError, "betas must be a pair"),
    (Adam, {"eps": 0.0}, ValueError, "eps must be finite and > 0, got 0"),
    (mb.penalties.L2, {"alpha": -1}, ValueError, "alpha must be finite and >= 0, got -1"),
    (mb.penalties.L1, {"alpha": NAN}, ValueError, "alpha must be finite and >= 0, got NaN"),
    (mb.penalties.ElasticNet, {"l1_ratio": 1.5}, ValueError, "l1_ratio must be between 0 and 1, got 1.5"),
    (mb.penalties.ElasticNet, {"alpha": "1"}, TypeError, "alpha must be a number"),
    (S.Constant, {"learning_rate": 0.0}, ValueError, "learning_rate must be finite and > 0, got 0"),
    (S.InverseScaling, {"learning_rate": 1.0, "power_t": -1}, ValueError, "power_t must be.*-1"),
    (S.Cosine, {"learning_rate": 1.0, "n_steps": 0}, ValueError, "n_steps must be >= 1, got 0"),
    (S.Cosine, {"learning_rate": 1.0, "n_steps": -3}, ValueError, "n_steps must be >= 1, got -3"),
    (S.Cosine, {"learning_rate": 1.0, "n_steps": 2.0}, TypeError, "n_steps must be an integer.*2.0"),
    (S.Cosine, {"learning_rate": 1.0, "n_steps": True}, TypeError, "n_steps must be an integer.*True"),
    (S.Cosine, {"learning_rate": 1.0, "n_steps": 10**30}, (TypeError, ValueError), "n_steps must be"),
    (S.Cosine, {"learning_rate": 1.0, "n_steps": 5, "final_learning_rate": -1}, ValueError, "final.*-1"),
    (S.Warmup, {"schedule": "cosine", "n_steps": 5}, TypeError, "schedule|learning_rate must be"),
    (mb.Batches, {"n": 0, "batch_size": 1}, ValueError, "n must be >= 1, got 0"),
    (mb.Batches, {"n": 2.0, "batch_size": 1}, TypeError, "n must be an integer"),
    (mb.Batches, {"n": 5, "batch_size": 0}, ValueError, "batch_size must be >= 1, got 0"),
]


@pytest.mark.parametrize(("kind", "arguments", "error", "message"), BAD_OBJECTS, ids=repr)
def test_bad_objects_are_not_made(kind, arguments, error, message):
    with pytest.raises(error, match=message):
        kind(**arguments)


def test_a_schedule_has_no_step_before_the_first():
    with pytest.raises(ValueError, match=r"t must be.*-1"):
        S.Constant(0.1)(-1)
    with pytest.raises(TypeError, match=r"t must be an integer.*0.5"):
        S.Constant(0.1)(0.5)


def test_number_of_threads():
    for bad, error in ((0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="must be"):
            mb.set_num_threads(bad)
    before = mb.fit(X, Y)
    huge = mb.fit(X, Y, n_threads=2**40)
    np.testing.assert_array_equal(before.coef, huge.coef)


def test_an_epoch_of_nothing_is_nothing():
    result = mb.fit(X, Y, drop_last=True, batch_size=20, epochs=1)
    assert result.n_steps == 1


@pytest.mark.parametrize("rows", [[20], [-1], [0.5], [[0]], "a", [2**70]])
def test_rows_that_are_not_there(rows):
    with pytest.raises((ValueError, TypeError), match="rows must"):
        mb.gradient(X, Y, (np.zeros(3), 0.0), rows=rows)


def test_prediction():
    model = mb.fit(X, Y)
    with pytest.raises(ValueError, match=r"X must have 3 columns"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match="X must be finite, got NaN at row 1, column 0"):
        model.predict(with_entry(X, (1, 0), NAN))
    with pytest.raises(ValueError, match="X must have 2 dim"):
        model.predict(X[0])
    with pytest.raises(ValueError, match="X must have at least one row"):
        model.predict(X[:0])
    with pytest.raises(TypeError, match="sparse X"):
        model.predict(scipy.sparse.csr_array(X))


@pytest.mark.parametrize("record", ["epoch", "step"])
def test_divergence(record):
    with pytest.raises(mb.DivergenceError, match=r"diverged in epoch \d+ at step \d+") as caught:
        mb.fit(X * 1e3, Y, optimizer=SGD(1e3), batch_size=4, epochs=100, record=record)
    error = caught.value
    assert isinstance(error, ArithmeticError)
    assert isinstance(error.result, mb.FitResult)
    assert np.isfinite(error.result.coef).all()
    assert np.isfinite(error.result.intercept)
    assert error.result.stop_reason == "diverged"
    assert error.step // 5 == error.epoch
    assert error.result.n_epochs == error.epoch
    again = pickle.loads(pickle.dumps(error))
    assert (again.epoch, again.step, str(again)) == (error.epoch, error.step, str(error))


def test_huge_numbers_diverge_and_do_not_crash():
    with pytest.raises(mb.DivergenceError, match=r"the loss|a parameter"):
        mb.fit(np.full((4, 2), 1e200), np.full(4, 1e200), epochs=1)


def test_float32_overflow_of_y_is_seen():
    with pytest.raises(ValueError, match="y must be finite, got inf at row 0"):
        mb.fit(np.ones((2, 1), np.float32), [1e300, 0.0])
