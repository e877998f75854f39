"""Averages of the parameters, gradients of several batches, and limits to them."""

import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, reference
from mbgd_rs.averages import EMA, Polyak
from mbgd_rs.choices import members_of
from mbgd_rs.penalties import L1, L2

AVERAGES = [Polyak(), Polyak(start=7), EMA(0.9), EMA(0.99, start=3), Polyak(start=10_000)]


def data(n=101, d=5, dtype="float64"):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    return X.astype(dtype), (X @ np.arange(d) + 1 + rng.normal(size=n)).astype(dtype)


def mean_of(path, average):
    """The average of a path, by its weights."""
    path = path[average.start :]
    ages = np.arange(len(path))[::-1]
    weights = average.decay**ages if isinstance(average, EMA) else np.ones(len(path))
    return weights @ path / weights.sum()


# ---- averages


@pytest.mark.parametrize("average", AVERAGES)
def test_the_model_is_the_average_and_training_is_not(average):
    X, y = data()
    options = {"optimizer": optimizers.SGD(0.1), "batch_size": 10, "epochs": 3}
    raw = mb.fit(X, y, record="path", **options)
    averaged = mb.fit(X, y, average=average, record=("path", "full_loss", "step"), **options)
    path = raw.history.path
    expected = [path[t] if t < average.start else mean_of(path[: t + 1], average) for t in range(len(path))]
    np.testing.assert_allclose(averaged.history.path, expected, rtol=1e-12)
    np.testing.assert_allclose(np.append(averaged.coef, averaged.intercept), expected[-1], rtol=1e-12)
    assert averaged.state["params"].tobytes() == raw.state["params"].tobytes()
    losses = [reference.gradient(X, y, (w[:-1], w[-1]))[0] for w in expected]
    np.testing.assert_allclose(averaged.history.full_loss, losses, rtol=1e-12)


def test_names_are_objects_of_the_defaults():
    X, y = data()
    for name, average in (("polyak", Polyak()), ("ema", EMA())):
        by_name, by_object = (mb.fit(X, y, average=chosen) for chosen in (name, average))
        assert by_name.coef.tobytes() == by_object.coef.tobytes()
    assert (mb.fit(X, y).coef != by_name.coef).all()


def test_a_callback_sees_the_average():
    X, y = data()
    seen = []
    result = mb.fit(X, y, average="polyak", batch_size=10, epochs=3, callback=lambda p: seen.append(p.coef))
    assert len(seen) == 3
    assert seen[-1].tobytes() == result.coef.tobytes()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("average", AVERAGES)
def test_averages_go_on_bit_for_bit_and_are_those_of_the_reference(average, dtype):
    X, y = data(dtype=dtype)
    options = {"average": average, "batch_size": 9, "optimizer": optimizers.Adam(0.05), "penalty": L1(0.01)}
    whole = mb.fit(X, y, epochs=6, **options)
    part = mb.fit(X, y, epochs=2, **options)
    for _ in range(4):
        part = mb.fit(X, y, epochs=1, resume=pickle.loads(pickle.dumps(part)), **options)
    assert part.coef.tobytes() == whole.coef.tobytes()
    assert whole.coef.dtype == dtype
    expected = reference.fit(X, y, epochs=6, **options)
    np.testing.assert_allclose(whole.coef, expected.coef, rtol={"float64": 1e-10, "float32": 1e-3}[dtype])


def test_a_run_may_begin_to_average_and_cease_to():
    X, y = data()
    options = {"batch_size": 10, "optimizer": optimizers.SGD(0.01)}
    raw = mb.fit(X, y, epochs=2, **options)
    averaged = mb.fit(X, y, epochs=1, resume=raw, average="polyak", record="path", **options)
    path = mb.fit(X, y, epochs=1, resume=raw, record="path", **options).history.path
    np.testing.assert_allclose(averaged.history.path[-1], path.mean(axis=0), rtol=1e-12)
    ended = mb.fit(X, y, epochs=1, resume=averaged, **options)
    assert ended.coef.tobytes() == mb.fit(X, y, epochs=4, **options).coef.tobytes()
    assert ended.state["average"] is None


def test_averaging_takes_the_noise_away():
    X, y = data(n=1000)
    optimum = np.linalg.lstsq(np.column_stack([X, np.ones(1000)]), y)[0]
    options = {"optimizer": optimizers.SGD(0.1), "batch_size": 5, "epochs": 20}
    raw, averaged = (mb.fit(X, y, average=average, **options) for average in (None, Polyak(start=500)))
    distance = [np.linalg.norm(np.append(fit.coef, fit.intercept) - optimum) for fit in (raw, averaged)]
    assert distance[1] < 0.2 * distance[0]


@pytest.mark.parametrize("optimizer", ["schedule_free_sgd", "schedule_free_adamw"])
def test_an_average_of_an_average_is_refused(optimizer):
    with pytest.raises(ValueError, match="average must be None with a schedule-free optimizer"):
        mb.fit(*data(), optimizer=optimizer, average="ema")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Polyak(start=-1), ValueError, "start must be >= 0, got -1"),
        (lambda: Polyak(start=0.5), TypeError, "start must be an integer, got 0.5"),
        (lambda: EMA(decay=1.0), ValueError, r"decay must be in \[0, 1\), got 1"),
        (lambda: EMA(decay=float("nan")), ValueError, r"decay must be in \[0, 1\), got NaN"),
        (
            lambda: mb.fit(*data(), average="mean"),
            ValueError,
            "average must be one of 'polyak', 'ema', got 'mean'",
        ),
        (lambda: mb.fit(*data(), average=0.9), TypeError, "average must be one of .*, got 0.9"),
        (lambda: mb.fit(*data(), accumulate=0), ValueError, "accumulate must be"),
        (lambda: mb.fit(*data(), accumulate=1.5), TypeError, "accumulate must be"),
        (lambda: mb.fit(*data(), clip_value=0), ValueError, "clip_value must be finite and > 0, got 0"),
        (
            lambda: mb.fit(*data(), clip_value=np.inf),
            ValueError,
            "clip_value must be finite and > 0, got inf",
        ),
        (lambda: mb.fit(*data(), clip_value=1, clip_norm=1), ValueError, "clip_norm and clip_value exclude"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


# ---- schedule-free: the model is not where training stands


@pytest.mark.parametrize("name", ["schedule_free_sgd", "schedule_free_adamw"])
def test_the_model_of_a_schedule_free_fit_is_x(name):
    X, y = data()
    seen = []
    options = {"optimizer": name, "batch_size": 10, "epochs": 3, "penalty": L2(0.01)}
    result = mb.fit(X, y, record=("path", "full_loss"), callback=lambda p: seen.append(p.coef), **options)
    model = np.append(result.coef, result.intercept)
    assert (result.state["params"] != model).all()
    assert (result.state["memory"][1] == model).all()
    assert (result.history.path[-1] == model).all()
    assert (seen[-1] == result.coef).all()
    value, _ = mb.gradient(X, y, result, penalty=L2(0.01))
    assert result.history.full_loss[-1] == pytest.approx(value, rel=1e-12)
    nothing = mb.fit(X, y, resume=result, **{**options, "epochs": 0})
    assert nothing.coef.tobytes() == result.coef.tobytes()


def test_z_is_sparse_and_x_nearly():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 12))
    y = 3 * X[:, 2] - 2 * X[:, 7] + 1 + rng.normal(size=300)
    optimizer = optimizers.ScheduleFreeSGD(0.5)
    result = mb.fit(X, y, penalty=L1(0.3), optimizer=optimizer, batch_size="full", epochs=2000)
    assert np.flatnonzero(result.state["memory"][0][:12]).tolist() == [2, 7]
    assert np.flatnonzero(np.abs(result.coef) > 1e-3).tolist() == [2, 7]


@pytest.mark.parametrize("name", ["schedule_free_sgd", "schedule_free_adamw"])
def test_a_schedule_free_run_that_diverges_keeps_a_finite_model(name):
    X, y = data()
    optimizer = members_of(optimizers.Optimizer)[name](1e300)
    with pytest.raises(mb.DivergenceError) as caught:
        mb.fit(X, y, optimizer=optimizer, batch_size=10, epochs=50)
    assert np.isfinite(caught.value.result.coef).all()


# ---- several batches a step


@pytest.mark.parametrize("accumulate", [1, 2, 3, 11, 12, 1000])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_batches_together_are_those_of_the_reference(accumulate, drop_last, dtype):
    """The reference adds up the gradients of the batches; eleven of them, the last of one row."""
    X, y = data(dtype=dtype)
    options = {
        "accumulate": accumulate, "batch_size": 10, "drop_last": drop_last, "epochs": 3, "penalty": L2(0.1),
        "optimizer": optimizers.SGD(0.1, 0.5), "clip_norm": 3.0, "sample_weight": np.linspace(0, 2, len(y)),
        "record": ("step", "path", "full_loss"),
    }  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    tolerance = {"float64": 1e-12, "float32": 1e-5}[dtype]
    n_batches = 10 if drop_last else 11
    assert ours.n_steps == expected.n_steps == 3 * -(-n_batches // accumulate)
    np.testing.assert_allclose(ours.history.path, expected.history["path"], rtol=0, atol=20 * tolerance)
    for name in ("step_loss", "epoch_loss", "gradient_norm", "full_loss"):
        np.testing.assert_allclose(getattr(ours.history, name), expected.history[name], rtol=10 * tolerance)


def test_batches_together_are_one_large_batch():
    X, y = data()
    options = {"epochs": 3, "record": ("path", "step"), "optimizer": "adam"}
    together = mb.fit(X, y, batch_size=8, accumulate=4, **options)
    large = mb.fit(X, y, batch_size=32, **options)
    assert together.history.path.tobytes() == large.history.path.tobytes()
    assert together.n_steps == large.n_steps == 12


def test_a_run_may_change_how_many_batches_it_takes():
    X, y = data()
    first = mb.fit(X, y, batch_size=8, accumulate=4, epochs=2)
    again = mb.fit(X, y, batch_size=8, accumulate=2, epochs=1, resume=first)
    assert again.n_steps == 2 * 4 + 7


# ---- limits


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_entries_are_cut_off(dtype):
    X, y = data(dtype=dtype)
    options = {"batch_size": 10, "epochs": 3, "clip_value": 0.5, "record": ("path", "step"),
               "optimizer": optimizers.SGD(0.1)}  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    tolerance = {"float64": 1e-12, "float32": 1e-5}[dtype]
    np.testing.assert_allclose(ours.history.path, expected.history["path"], rtol=0, atol=10 * tolerance)
    steps = np.diff(ours.history.path, axis=0)
    assert np.abs(steps).max() == pytest.approx(0.05, rel=1e-4)
    assert (ours.history.gradient_norm > 0.5 * np.sqrt(6)).any()  # recorded before the limit
