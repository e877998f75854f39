"""Optimizers by themselves, on any array and in place, against those of PyTorch and optax (oracles/)."""

import json
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest

ORACLE = json.loads((Path(__file__).parent / "oracles" / "optimizers.json").read_text())


def made(options):
    """An optimizer or schedule from its name and options in the oracle's file."""
    options = {key: made(value) if isinstance(value, dict) else value for key, value in options.items()}
    name = options.pop("name")
    if "betas" in options:
        options["betas"] = tuple(options["betas"])
    return getattr(mb.optimizers if hasattr(mb.optimizers, name) else mb.schedules, name)(**options)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-5)])
@pytest.mark.parametrize("case", ORACLE["cases"])
def test_steps_are_those_of_pytorch_and_optax(case, dtype, tolerance):
    case = ORACLE["cases"][case]
    optimizer = made(case["optimizer"])
    params = np.array(ORACLE["start"], dtype)
    state = optimizer.init(params)
    shown = {}
    for t, gradient in enumerate(ORACLE["gradients"], 1):
        optimizer.step(state, params, np.array(gradient, dtype))
        shown[str(t)] = params.copy()
    assert params.dtype == dtype
    for t, expected in case["params_after_step"].items():
        np.testing.assert_allclose(shown[t], expected, rtol=tolerance, atol=tolerance)
    if "model_after_step" in case:
        model = optimizer.eval_params(state, params)
        np.testing.assert_allclose(model, case["model_after_step"]["100"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", ORACLE["cases"])
def test_learning_rates_of_a_fit(case):
    case = ORACLE["cases"][case]
    X = np.linspace(-1, 1, 10)[:, None]
    result = mb.fit(X, X[:, 0], optimizer=made(case["optimizer"]), batch_size=1, epochs=10, record="step")
    np.testing.assert_allclose(result.history.learning_rate, case["learning_rates"], rtol=1e-12)


OPTIMIZERS = [
    mb.optimizers.SGD(0.1),
    mb.optimizers.SGD(0.1, momentum=0.9),
    mb.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    mb.optimizers.Adam(0.1),
]


def steps(optimizer, params, gradients):
    state = optimizer.init(params)
    for gradient in gradients:
        optimizer.step(state, params, gradient)
    return params


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_layout_gives_the_same_numbers(optimizer):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(6, 4)), rng.normal(size=(5, 6, 4))
    expected = steps(optimizer, start.copy(), gradients)
    for layout in (np.asfortranarray(start), np.repeat(start, 2, axis=1)[:, ::2], start[::-1].copy()[::-1]):
        before = layout.copy()
        got = steps(optimizer, layout, gradients)
        assert got is layout
        assert (got != before).any()
        np.testing.assert_array_equal(got, expected)
    flat = steps(optimizer, start.ravel().copy(), gradients.reshape(5, -1))
    np.testing.assert_array_equal(flat.reshape(6, 4), expected)
    layouts = [np.asfortranarray(gradient) for gradient in gradients]
    np.testing.assert_array_equal(steps(optimizer, start.copy(), layouts), expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_states_do_not_share_anything(optimizer):
    p, q = np.ones(3), np.ones(3)
    one, other = optimizer.init(p), optimizer.init(q)
    for _ in range(3):
        optimizer.step(one, p, np.ones(3))
    optimizer.step(other, q, np.ones(3))
    np.testing.assert_array_equal(q, steps(optimizer, np.ones(3), [np.ones(3)]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_gradient_is_left_alone(optimizer):
    gradient = np.array([1.0, -2.0])
    gradient.setflags(write=False)
    steps(optimizer, np.zeros(2), [gradient] * 3)
    assert gradient.tolist() == [1.0, -2.0]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_does_not_fit_is_refused(optimizer):
    params = np.zeros(3)
    state = optimizer.init(params)
    with pytest.raises(ValueError, match="grad"):
        optimizer.step(state, params, np.zeros(4))
    assert (params == 0).all()
    params.setflags(write=False)
    with pytest.raises(ValueError, match="params"):
        optimizer.step(state, params, np.ones(3))
    with pytest.raises((TypeError, ValueError), match="params"):
        optimizer.init(np.zeros(3, dtype=int))
