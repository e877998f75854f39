"""The smallest, the largest and the flattest problems, and runs that leave the finite numbers."""

import copy
import itertools
import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, penalties, reference

DTYPES = [np.float32, np.float64]
LOSSES = ["squared_error", "log_loss", "hinge"]
SIZES = list(itertools.product([1, 2, 3, 63, 64, 65, 129], [1, 2, 7, 8, 9, 17, 33]))  # rows, columns


def problem(n, d, loss, dtype, n_classes=2):
    """Rows, and targets that suit the loss."""
    X = np.random.default_rng(n * 100 + d).normal(size=(n, d)).astype(dtype)
    return X, (X.sum(axis=1) if loss == "squared_error" else np.arange(n) % n_classes)


def is_finite(result):
    """Whether a result has nothing but numbers, in the parameters and in the losses."""
    return all(np.isfinite(a).all() for a in (result.coef, result.intercept, result.history.epoch_loss))


# ---- sizes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "d"), SIZES)
def test_all_sizes_agree_with_the_reference(n, d, dtype):
    X, y = problem(n, d, "squared_error", dtype)
    arguments = {"batch_size": 5, "epochs": 2, "optimizer": optimizers.SGD(learning_rate=1e-3)}
    result = mb.fit(X, y, **arguments)
    expected = reference.fit(X.astype(float), y.astype(float), **arguments)
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(result.coef, expected.coef, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(result.intercept, expected.intercept, rtol=tolerance, atol=tolerance)
    assert result.coef.shape == (d,)
    assert result.coef.dtype == dtype
    assert result.n_steps == 2 * -(-n // 5)


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_row_per_class(loss, dtype):
    X, y = np.eye(4, dtype=dtype), ["d", "b", "c", "a"]
    result = mb.fit(X, y, loss=loss, batch_size=1, epochs=50, optimizer=optimizers.SGD(learning_rate=0.5))
    assert result.coef.shape == (4, 4)
    assert result.predict(X).tolist() == y


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_as_many_classes_as_rows(loss):
    X = np.random.default_rng(3).normal(size=(300, 8)).astype(np.float32)
    with pytest.warns(UserWarning, match="300 different numbers in 300 rows"):
        result = mb.fit(X, np.arange(300), loss=loss, batch_size=32, epochs=2)
    assert result.coef.shape == (300, 8)
    assert result.intercept.shape == (300,)
    assert is_finite(result)
    if loss == "log_loss":
        probabilities = result.predict_proba(X)
        assert probabilities.shape == (300, 300)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("more", [7, 8, 1000, 2**63 - 1, "full", "auto"])
def test_a_batch_of_more_than_all_rows_is_all_rows(more):
    X, y = problem(6, 3, "squared_error", np.float64)
    result, expected = (
        mb.fit(X, y, batch_size=more, optimizer="sgd"),
        mb.fit(X, y, batch_size=6, optimizer="sgd"),
    )
    assert result.coef.tobytes() == expected.coef.tobytes()
    assert result.batch_size == 6
    assert result.n_steps == 10


def test_drop_last_keeps_a_batch_that_is_larger_than_the_data():
    X, y = problem(6, 3, "squared_error", np.float64)
    assert mb.fit(X, y, batch_size=100, drop_last=True, epochs=1).n_steps == 1
    assert mb.fit(X, y, batch_size=4, drop_last=True, epochs=1).n_steps == 1
    assert mb.fit(X, y, batch_size=3, drop_last=True, epochs=1).n_steps == 2


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_epochs(loss, dtype):
    X, y = problem(6, 3, loss, dtype)
    result = mb.fit(X, y, loss=loss, epochs=0, record=("step", "full_loss", "path"))
    assert (result.n_steps, result.n_epochs) == (0, 0)
    assert result.coef.tolist() == [0, 0, 0]
    assert result.intercept == 0
    assert result.stop_reason == "epochs"
    assert result.history.epoch_loss.shape == (0,)
    assert result.predict(X).shape == (6,)
    assert "n_epochs=0" in repr(result)


# ---- values


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -3.5])
def test_columns_that_are_constant(loss, optimizer, value):
    y = np.arange(20) % 2
    result = mb.fit(np.full((20, 3), value), y, loss=loss, optimizer=optimizer, batch_size=4)
    assert is_finite(result)
    if value == 0:
        assert result.coef.tolist() == [0, 0, 0]
    else:
        assert len(set(result.coef.tolist())) == 1


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", [optimizers.SGD(learning_rate=1e-3), optimizers.Adam()])
@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float32, 1e-38), (np.float32, 1e-44), (np.float64, 1e-300), (np.float64, 5e-324)]
)
def test_tiny_rows_are_no_trouble(loss, optimizer, dtype, scale):
    X, y = problem(20, 3, loss, dtype)
    result = mb.fit((X * dtype(scale)).astype(dtype), y, loss=loss, optimizer=optimizer, batch_size=4)
    assert is_finite(result)


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 1e18), (np.float64, 1e150)])
def test_huge_rows_whose_scores_are_finite(loss, n_classes, dtype, scale):
    X, y = problem(21, 3, loss, dtype, n_classes)
    result = mb.fit(
        X * dtype(scale), y, loss=loss, batch_size=4, optimizer=optimizers.SGD(learning_rate=1e-3)
    )
    assert is_finite(result)
    assert np.isfinite(result.decision_function(X * dtype(scale))).all()
    if loss == "log_loss":
        probabilities = result.predict_proba(X * dtype(scale))
        assert ((probabilities >= 0) & (probabilities <= 1)).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 1e30), (np.float64, 1e250)])
@pytest.mark.parametrize("loss", LOSSES)
def test_huge_rows_diverge_or_stay_finite(loss, dtype, scale):
    X, y = problem(20, 3, loss, dtype)
    try:
        result = mb.fit(X * dtype(scale), y, loss=loss, batch_size=4, optimizer="sgd")
    except mb.DivergenceError as error:
        result = error.result
    assert is_finite(result)


@pytest.mark.parametrize("weights", [[0, 0, 1, 0], [1e-300] * 4, [1e300] * 4, [5e-324, 1, 1e308, 0]])
def test_extreme_weights(weights):
    X = np.array([[1.0], [2.0], [3.0], [4.0]])
    rate = optimizers.SGD(learning_rate=0.01)
    result = mb.fit(X, X[:, 0], sample_weight=weights, batch_size="full", epochs=1, optimizer=rate)
    share = np.divide(weights, max(weights))
    scaled = share / share.mean()
    assert result.history.epoch_loss[0] == pytest.approx(np.mean(scaled * X[:, 0] ** 2 / 2), rel=1e-12)


def test_probabilities_of_extreme_scores():
    X = np.array([[-1e4], [0.0], [1e4]])
    binary = mb.fit(X, [0, 1, 1], loss="log_loss", init=([1.0], 0.0), epochs=0)
    assert binary.predict_proba(X).tolist() == [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    softmax = mb.fit(X, [0, 1, 2], loss="log_loss", init=([[-1.0], [0.0], [1.0]], [0.0] * 3), epochs=0)
    np.testing.assert_allclose(softmax.predict_proba(X), [[1, 0, 0], [1 / 3] * 3, [0, 0, 1]], atol=1e-15)
    assert softmax.predict(X).tolist() == [0, 0, 2]


def test_a_penalty_that_leaves_nothing():
    X, y = problem(40, 3, "squared_error", np.float64)
    result = mb.fit(X, y, penalty=penalties.L1(1e6), batch_size=8)
    assert result.coef.tolist() == [0, 0, 0]


# ---- divergence


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("batch_size", [1, 16, "full"])
def test_divergence_is_noticed_at_the_step_it_happens(dtype, momentum, batch_size):
    X, y = problem(64, 3, "squared_error", dtype)
    arguments = {
        "optimizer": optimizers.SGD(learning_rate=50.0, momentum=momentum),
        "batch_size": batch_size,
        "epochs": 1000,
        "record": ("step", "path"),
    }
    with pytest.raises(
        mb.DivergenceError, match=r"diverged in epoch \d+ at step \d+: .* is not finite"
    ) as caught:
        mb.fit(X, y, **arguments)
    error = caught.value
    result = error.result
    assert isinstance(error, ArithmeticError)
    assert result.stop_reason is mb.StopReason.DIVERGED
    assert "finite" in result.stop_reason.prose
    assert is_finite(result)
    steps_per_epoch = len(mb.Batches(64, batch_size))
    assert error.epoch == error.step // steps_per_epoch == result.n_epochs
    # The parameters are those after the last finite step, and all steps before are recorded.
    assert result.history.path.shape == (error.step, 4)
    assert result.history.step_loss.shape == (error.step,)
    assert result.history.path[-1].tolist() == [*result.coef.tolist(), result.intercept]
    assert np.isfinite(result.predict(X[:1] * 0)).all()


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_the_exception_can_be_copied(copied):
    X, y = problem(64, 3, "squared_error", np.float64)
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(X, y, optimizer=optimizers.SGD(learning_rate=1e3), epochs=1000)
    error, again = caught.value, copied(caught.value)
    assert type(again) is mb.DivergenceError
    assert (str(again), again.epoch, again.step) == (str(error), error.epoch, error.step)
    assert again.result.coef.tolist() == error.result.coef.tolist()


def test_clipping_keeps_a_run_finite_that_would_diverge():
    X, y = problem(64, 3, "squared_error", np.float64)
    rate = optimizers.SGD(learning_rate=10.0)
    with pytest.raises(mb.DivergenceError):
        mb.fit(X, y, optimizer=rate, epochs=1000)
    assert is_finite(mb.fit(X, y, optimizer=rate, epochs=1000, clip_norm=1.0))


def test_a_huge_start_diverges_at_the_first_step():
    X, y = problem(8, 3, "squared_error", np.float64)
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(X, y, init=([1e200] * 3, 0.0), optimizer="sgd")
    assert (caught.value.epoch, caught.value.step) == (0, 0)
    assert caught.value.result.coef.tolist() == [1e200] * 3
    assert caught.value.result.history.epoch_loss.shape == (0,)
