"""Minimising an objective of the user's own."""

import copy
import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, schedules

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
Y = X @ RNG.normal(size=4) + RNG.normal(size=50)
WAYS = {
    "full": {},
    "once": {"shuffle": "once"},
    "as they come": {"shuffle": False},
    "replacement": {"replacement": True},
    "drop_last": {"drop_last": True},
    "one batch": {"batch_size": "full"},
    "one row": {"batch_size": 1},
}


def squared_error(params, X_b, y_b):
    """What `fit` minimises, for parameters {"coef", "intercept"}."""
    error = X_b @ params["coef"] + params["intercept"] - y_b
    return float((error**2).mean() / 2), {"coef": X_b.T @ error / len(y_b), "intercept": error.mean()}


def start(dtype=np.float64):
    return {"coef": np.zeros(4, dtype), "intercept": np.zeros((), dtype)}


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(learning_rate=0.01),
        optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
        optimizers.Adam(schedules.Warmup(schedules.Cosine(0.1, 15), 5)),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_it_goes_the_way_of_fit_step_by_step(way, optimizer):
    arguments = {"batch_size": 8, "epochs": 3, "seed": 5, "optimizer": optimizer, **WAYS[way]}
    expected = mb.fit(X, Y, **arguments, record=("step", "path"))
    path = []

    def recorded(params, X_b, y_b):
        path.append([*params["coef"].tolist(), float(params["intercept"])])
        return squared_error(params, X_b, y_b)

    result = mb.minimize(recorded, start(), X, Y, **arguments)
    path = [*path[1:], [*result.params["coef"].tolist(), float(result.params["intercept"])]]
    np.testing.assert_allclose(path, expected.history.path, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(result.history.step_loss, expected.history.step_loss, rtol=1e-10)
    np.testing.assert_allclose(result.history.epoch_loss, expected.history.epoch_loss, rtol=1e-10)
    assert (result.n_steps, result.n_epochs) == (expected.n_steps, expected.n_epochs)
    assert result.stop_reason is mb.StopReason.EPOCHS
    assert result.history.elapsed.shape == (result.n_steps,)
    assert result.history.epoch_elapsed.shape == (3,)
    assert (np.diff(result.history.elapsed) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_structure_and_dtype_are_kept_and_the_start_is_not_changed(dtype):
    params = start(dtype)
    result = mb.minimize(squared_error, params, X, Y, batch_size=8)
    assert params["coef"].tolist() == [0, 0, 0, 0]
    assert params["intercept"] == 0
    assert result.params.keys() == params.keys()
    assert {name: (w.dtype, w.shape) for name, w in result.params.items()} == {
        "coef": (dtype, (4,)),
        "intercept": (dtype, ()),
    }


def test_rows_of_any_kind_are_handed_over():
    seen = []

    def fun(w, images):
        seen.append((images.dtype, images.shape))
        return 0.0, np.zeros_like(w)

    mb.minimize(fun, np.zeros(2), np.zeros((5, 3, 2), np.uint8), batch_size=4, epochs=1)
    assert seen == [(np.uint8, (4, 3, 2)), (np.uint8, (1, 3, 2))]


def test_a_gradient_may_be_a_view_of_the_parameters():
    result = mb.minimize(
        lambda w, rows: (float(w @ w / 2), w), np.ones(3), X, batch_size=25, epochs=1,
        optimizer=optimizers.SGD(learning_rate=0.5),
    )  # fmt: skip
    assert result.params.tolist() == [0.25] * 3


def test_a_callback_is_told_and_stops():
    told = []

    def callback(progress):
        told.append(progress)
        return progress.epoch == 2

    result = mb.minimize(squared_error, start(), X, Y, batch_size=8, callback=callback)
    assert [(p.epoch, p.n_steps) for p in told] == [(1, 7), (2, 14)]
    assert [p.loss for p in told] == result.history.epoch_loss.tolist()
    assert told[-1].params["coef"].tolist() == result.params["coef"].tolist()
    assert told[0].params["coef"].tolist() != result.params["coef"].tolist()
    assert result.stop_reason is mb.StopReason.CALLBACK
    assert (result.n_steps, result.n_epochs) == (14, 2)


def test_an_exception_of_the_objective_propagates():
    with pytest.raises(ZeroDivisionError):
        mb.minimize(lambda w, rows: 1 / 0, np.zeros(2), X, batch_size=8)


def test_no_epochs():
    result = mb.minimize(squared_error, start(), X, Y, batch_size=8, epochs=0)
    assert (result.n_steps, result.n_epochs) == (0, 0)
    assert result.params["coef"].tolist() == [0, 0, 0, 0]
    assert result.history.epoch_loss.shape == (0,)


BROKEN = {  # what fun returns from the fourth step on
    "value": lambda w: (np.nan, w),
    "gradient": lambda w: (1.0, np.array([0.0, np.inf])),
    "gradient, NaN": lambda w: (1.0, np.array([np.nan, 0.0])),
}


@pytest.mark.parametrize("optimizer", [optimizers.SGD(0.01), "adam"])
@pytest.mark.parametrize("what", BROKEN)
def test_divergence_keeps_the_last_finite_parameters(what, optimizer):
    seen = []

    def fun(w, rows):
        seen.append(w.copy())
        return (1.0, np.ones(2)) if len(seen) < 4 else BROKEN[what](w)

    with pytest.raises(
        mb.DivergenceError, match=r"diverged in epoch 1 at step 3: .* is not finite"
    ) as caught:
        mb.minimize(fun, np.zeros(2), np.zeros(5), batch_size=2, optimizer=optimizer)
    error = caught.value
    assert (error.epoch, error.step) == (1, 3)
    assert error.result.params.tolist() == seen[-1].tolist()
    assert np.isfinite(error.result.params).all()
    assert error.result.stop_reason is mb.StopReason.DIVERGED
    assert (error.result.n_steps, error.result.n_epochs) == (3, 1)
    again = pickle.loads(pickle.dumps(error))
    assert again.result.params.tolist() == error.result.params.tolist()


def test_a_network_of_two_layers_learns_what_no_line_can():
    rng = np.random.default_rng(1)
    points = rng.uniform(-1, 1, (400, 2))
    labels = (points[:, 0] * points[:, 1] > 0).astype(float)  # exclusive or
    params = [(rng.normal(size=(2, 16)), np.zeros(16)), (rng.normal(size=16) / 4, np.zeros(()))]
    before = copy.deepcopy(params)

    def fun(params, X_b, y_b):
        (V, c), (w, b) = params
        hidden = np.tanh(X_b @ V + c)
        z = hidden @ w + b
        slope = (1 / (1 + np.exp(-z)) - y_b) / len(y_b)
        back = np.outer(slope, w) * (1 - hidden**2)
        loss = float(np.mean(np.logaddexp(0, z) - y_b * z))
        return loss, [(X_b.T @ back, back.sum(axis=0)), (hidden.T @ slope, slope.sum())]

    adam = optimizers.Adam(learning_rate=0.02)
    result = mb.minimize(fun, params, points, labels, batch_size=32, epochs=60, optimizer=adam)
    (V, c), (w, b) = result.params
    accuracy = np.mean((np.tanh(points @ V + c) @ w + b > 0) == labels)
    assert accuracy > 0.95
    assert all(
        np.array_equal(u, v) for a, b in zip(params, before, strict=True) for u, v in zip(a, b, strict=True)
    )
