"""The Rust core against the reference, step by step: the same batches, the same path to rounding."""

import itertools
import random

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.penalties import L1, L2, ElasticNet
from mbgd_rs.schedules import Constant, Cosine, InverseScaling, Warmup

N_ROWS = 230
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}

CHOICES = {
    "dtype": ["float64", "float32"],
    "kind": ["squared_error", "3 outputs", "log_loss", "softmax", "hinge", "hinge of 4"],
    "penalty": [None, L2(0.1), L1(0.02), ElasticNet(0.1, 0.3)],
    "rule": [(SGD, {}), (SGD, {"momentum": 0.9}), (SGD, {"momentum": 0.8, "nesterov": True}),
             (Adam, {}), (Adam, {"betas": (0.8, 0.95), "eps": 1e-3})],
    "schedule": [0.02, Constant(0.01), InverseScaling(0.05), Cosine(0.05, 20, 0.001),
                 Warmup(Cosine(0.05, 500), 5)],
    "batch_size": [1, 3, 64, 65, 200, "full", 1000, "auto"],
    "shuffle": [{"shuffle": "full"}, {"shuffle": "once"}, {"shuffle": False}, {"replacement": True}],
    "weighted": [False, True],
    "fit_intercept": [True, False],
    "clip_norm": [None, 0.3],
    "drop_last": [False, True],
    "full_loss": [False, True],
}  # fmt: skip


def some_cases(n):
    generator = random.Random(0)
    return [{name: generator.choice(values) for name, values in CHOICES.items()} for _ in range(n)]


CASES = some_cases(350)


def test_every_pair_of_choices_is_tried():
    for one, other in itertools.combinations(CHOICES, 2):
        tried = {(repr(case[one]), repr(case[other])) for case in CASES}
        assert len(tried) == len(CHOICES[one]) * len(CHOICES[other]), (one, other)


def data(kind, dtype, n=N_ROWS, d=7):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, d))
    z = X @ rng.normal(size=(d, 4)) + rng.normal(size=(n, 4))
    match kind:
        case "squared_error":
            y = z[:, 0].astype(dtype)
        case "3 outputs":
            y = z[:, :3].astype(dtype)
        case "log_loss" | "hinge":
            y = np.where(z[:, 0] > 0.5, "yes", "no")
        case _:
            y = z.argmax(axis=1) - 2
    return X.astype(dtype), y, rng.uniform(0, 2, n)


def loss_of(kind):
    return {"3 outputs": "squared_error", "softmax": "log_loss", "hinge of 4": "hinge"}.get(kind, kind)


def arguments_of(case):
    X, y, s = data(case["kind"], case["dtype"])
    rule, options = case["rule"]
    record = ("step", "path", "full_loss") if case["full_loss"] else ("step", "path")
    batch_size = case["batch_size"]
    return (X, y), {
        "sample_weight": s if case["weighted"] else None,
        "loss": loss_of(case["kind"]),
        "penalty": case["penalty"],
        "fit_intercept": case["fit_intercept"],
        "optimizer": rule(learning_rate=case["schedule"], **options),
        "batch_size": batch_size,
        "drop_last": case["drop_last"] and batch_size != 1000,
        "clip_norm": case["clip_norm"],
        "epochs": 2,
        "seed": 2**40 + 3,
        "record": record,
        **case["shuffle"],
    }


def assert_close(got, expected, tolerance):
    """Within `tolerance` of the largest entry, or of 1."""
    assert np.shape(got) == np.shape(expected)
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_every_step_is_that_of_the_reference(case):
    data, arguments = arguments_of(case)
    ours, expected = mb.fit(*data, **arguments), reference.fit(*data, **arguments)
    tolerance = TOLERANCE[case["dtype"]]
    assert ours.n_steps == expected.n_steps
    assert ours.coef.dtype == case["dtype"]
    assert_close(ours.history.path, expected.history["path"], tolerance)
    assert_close(ours.coef, expected.coef, tolerance)
    assert_close(ours.intercept, expected.intercept, tolerance)
    for name in ("epoch_loss", "step_loss", "gradient_norm"):
        assert_close(getattr(ours.history, name), expected.history[name], 3 * tolerance)
    np.testing.assert_allclose(ours.history.learning_rate, expected.history["learning_rate"], rtol=1e-14)
    if case["full_loss"]:
        assert_close(ours.history.full_loss, expected.history["full_loss"], 3 * tolerance)
    if isinstance(case["penalty"], L1 | ElasticNet):
        # The very zeros, but for a coefficient that has only just reached zero.
        is_tiny = np.abs(expected.history["path"]) < tolerance
        assert ((ours.history.path == 0) == (expected.history["path"] == 0))[~is_tiny].all()
        if case["dtype"] == "float64":
            assert ((ours.coef == 0) == (expected.coef == 0)).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", CHOICES["kind"])
def test_training_goes_on_from_init(kind, dtype):
    X, y, _ = data(kind, dtype)
    first = reference.fit(X, y, loss=loss_of(kind), epochs=1, optimizer="sgd")
    init = (first.coef, first.intercept)
    options = {
        "loss": loss_of(kind), "init": init, "epochs": 2, "batch_size": 50, "record": "path",
        "optimizer": "sgd",
    }  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    assert_close(ours.history.path, expected.history["path"], TOLERANCE[dtype])
    again = mb.fit(X, y, **{**options, "init": first})
    assert (again.coef == ours.coef).all()


@pytest.mark.parametrize("kind", ["log_loss", "softmax"])
def test_classes(kind):
    X, y, _ = data(kind, "float64")
    expected = reference.fit(X, y, loss="log_loss", epochs=1).classes
    np.testing.assert_array_equal(mb.fit(X, y, loss="log_loss", epochs=1).classes, expected)


@pytest.mark.parametrize("n_columns", [1, 2, 8, 15, 16, 17, 33, 300])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["squared_error", "softmax"])
def test_any_number_of_columns(kind, dtype, n_columns):
    X, y, s = data(kind, dtype, n=150, d=n_columns)
    options = {
        "loss": loss_of(kind), "sample_weight": s, "batch_size": 70, "epochs": 2, "record": "path",
        "optimizer": SGD(0.5 / n_columns),
    }  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    assert_close(ours.history.path, expected.history["path"], TOLERANCE[dtype])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", CHOICES["penalty"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", CHOICES["kind"])
def test_gradients_on_chosen_rows(kind, dtype, penalty, weighted):
    X, y, s = data(kind, dtype)
    rng = np.random.default_rng(2)
    shape = reference.fit(X, y, loss=loss_of(kind), epochs=0).coef.shape
    coef = rng.normal(size=shape).astype(dtype)
    coef.flat[2] = 0
    params = (coef, rng.normal(size=shape[:-1]).astype(dtype))
    options = {"loss": loss_of(kind), "penalty": penalty, "sample_weight": s if weighted else None}
    for rows in (None, [5], [7, 7, 0], rng.integers(N_ROWS, size=1000), np.arange(N_ROWS)[::-1]):
        value, gradient = mb.gradient(X, y, params, rows=rows, **options)
        expected_value, expected = reference.gradient(X, y, params, rows=rows, **options)
        assert value == pytest.approx(expected_value, rel=3 * TOLERANCE[dtype])
        for ours, theirs in zip(gradient, expected, strict=True):
            assert_close(ours, theirs, TOLERANCE[dtype])
            assert ours.dtype == dtype


@pytest.mark.parametrize("n", [1, 2, 7, 100, 2049, 70_001])
def test_orders(n):
    for seed, epoch in ((0, 0), (1, 2), (2**64 - 1, 1000)):
        full = np.concatenate(list(mb.Batches(n, 64, seed=seed).epoch(epoch)))
        np.testing.assert_array_equal(full, reference.permutation(seed, epoch, n))
        once = np.concatenate(list(mb.Batches(n, 64, shuffle="once", seed=seed).epoch(epoch)))
        np.testing.assert_array_equal(once, reference.permutation(seed, 0, n))
        drawn = np.concatenate(list(mb.Batches(n, 64, replacement=True, seed=seed).epoch(epoch)))
        np.testing.assert_array_equal(drawn, reference.draws(seed, epoch, n))
        in_order = np.concatenate(list(mb.Batches(n, 64, shuffle=False, seed=seed).epoch(epoch)))
        np.testing.assert_array_equal(in_order, np.arange(n))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 3, 10, 23])
def test_batches(batch_size, drop_last):
    batches = mb.Batches(23, batch_size, seed=4, drop_last=drop_last)
    expected = reference.batches(reference.permutation(4, 6, 23), 23, batch_size, drop_last)
    for ours, theirs in zip(batches.epoch(6), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
