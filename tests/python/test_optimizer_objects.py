"""Optimizers on arrays of the user's own: structures, layouts, states."""

import copy
import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import optimizers, schedules

OPTIMIZERS = {
    "plain": optimizers.SGD(learning_rate=0.1),
    "momentum": optimizers.SGD(learning_rate=0.1, momentum=0.9),
    "nesterov": optimizers.SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
    "adam": optimizers.Adam(learning_rate=0.1),
    "schedule": optimizers.SGD(schedules.Warmup(schedules.InverseScaling(0.5), 3), momentum=0.5),
}
DTYPES = [np.float32, np.float64]
WIDTHS = (1, 3, 8, 17)


def values(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def moved(optimizer, params, n_steps=5):
    """Parameters after some steps along gradients that are a function of the parameters."""
    state = optimizer.init(params)
    for _ in range(n_steps):
        optimizer.step(state, params, gradients(params))
    assert state.n_steps == n_steps
    return params


def gradients(params):
    """Those of a sum of quartics, of the structure of the parameters."""
    if isinstance(params, dict):
        return {key: gradients(value) for key, value in params.items()}
    if isinstance(params, list | tuple):
        return type(params)(gradients(value) for value in params)
    return params * params * params + 1  # NumPy's power has other last bits for other layouts


STRUCTURES = {
    "array": lambda a, b, c: np.concatenate([a, b, c]),
    "list": lambda a, b, c: [a, b, c],
    "tuple": lambda a, b, c: (a, b, c),
    "dict": lambda a, b, c: {"z": a, "y": b, "x": c},
    "nested": lambda a, b, c: {"layers": [{"w": a, "b": b}, (c,)], "nothing": []},
    "keys of several types": lambda a, b, c: {0: a, "0": b, (1, 2): c},
}


def flat(params):
    """The arrays of a structure, in the order in which they were put in."""
    if isinstance(params, dict):
        params = list(params.values())
    if isinstance(params, list | tuple):
        return np.concatenate([np.empty(0), *map(flat, params)])
    return params.ravel()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_structure_does_not_matter(optimizer, structure, dtype):
    parts = [values(n, seed=n, dtype=dtype) for n in (4, 1, 9)]
    expected = moved(OPTIMIZERS[optimizer], np.concatenate(parts))
    got = moved(OPTIMIZERS[optimizer], STRUCTURES[structure](*(part.copy() for part in parts)))
    assert flat(got).astype(dtype).tobytes() == expected.tobytes()


LAYOUTS = {
    "C order": lambda a: a.copy(),
    "Fortran order": np.asfortranarray,
    "every second": lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=1)[::2, ::2],
    "backwards": lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": lambda a: a.T.copy().T,
    "misaligned": lambda a: np.frombuffer(bytearray(1) + a.tobytes(), a.dtype, offset=1).reshape(a.shape),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_arrays_of_any_layout_are_changed_in_place(optimizer, layout, dtype):
    start = values(4, 6, dtype=dtype)
    expected = moved(OPTIMIZERS[optimizer], start.copy())
    params = LAYOUTS[layout](start)
    address = params.__array_interface__["data"][0]
    moved(OPTIMIZERS[optimizer], params)
    assert params.tolist() == expected.tolist()
    assert params.__array_interface__["data"][0] == address


def test_a_view_is_changed_and_nothing_beside_it():
    whole = np.zeros((4, 6))
    view = whole[1:3, ::2]
    optimizer = optimizers.SGD(learning_rate=1.0)
    optimizer.step(optimizer.init(view), view, np.ones((2, 3)))
    expected = np.zeros((4, 6))
    expected[1:3, ::2] = -1
    assert whole.tolist() == expected.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 0), (2, 3, 4)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_arrays_of_any_shape(optimizer, shape):
    params = np.asarray(values(*shape))
    expected = moved(OPTIMIZERS[optimizer], params.ravel().copy())
    assert moved(OPTIMIZERS[optimizer], params).ravel().tolist() == expected.tolist()


def test_gradients_are_converted_and_not_changed():
    w = np.zeros(3, np.float32)
    optimizer = optimizers.SGD(learning_rate=0.5, momentum=0.9)
    state = optimizer.init(w)
    for grad in (np.array([1.0, 2.0, 3.0]), [1, 2, 3], np.array([1, 2, 3], ">i2")[::1]):
        before = np.array(grad)
        optimizer.step(state, w, grad)
        assert np.array_equal(grad, before)
    np.testing.assert_allclose(w, -0.5 * np.array([1, 2, 3]) * (1 + 1.9 + 2.71), rtol=1e-6)


def test_a_gradient_may_be_the_parameters_themselves():
    w = values(5)
    start = w.copy()
    optimizer = optimizers.SGD(learning_rate=0.5)
    optimizer.step(optimizer.init(w), w, w)  # the gradient of |w|^2 / 2 is w
    assert w.tolist() == (start - 0.5 * start).tolist()
    a, b = values(3, seed=1), values(3, seed=2)
    a_start, b_start = a.copy(), b.copy()
    optimizer.step(optimizer.init([a, b]), [a, b], [b, a])  # that of a.b is (b, a)
    assert a.tolist() == (a_start - 0.5 * b_start).tolist()
    assert b.tolist() == (b_start - 0.5 * a_start).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_state_can_be_copied_and_gone_on_with(optimizer, dtype):
    rule, w = OPTIMIZERS[optimizer], {"a": values(4, dtype=dtype), "b": values(2, 3, dtype=dtype)}
    state = rule.init(w)
    for _ in range(3):
        rule.step(state, w, gradients(w))
    others = [copied((rule, state, w)) for copied in (copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o)))]
    for _ in range(3):
        rule.step(state, w, gradients(w))
    for other_rule, other_state, other_w in others:
        for _ in range(3):
            other_rule.step(other_state, other_w, gradients(other_w))
        assert flat(other_w).tobytes() == flat(w).tobytes()
        assert other_state.n_steps == state.n_steps == 6


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_are_those_of_fit(optimizer, width):
    X, y = values(40, width), values(40, seed=1)
    rule = OPTIMIZERS[optimizer]
    result = mb.fit(X, y, optimizer=rule, batch_size=8, epochs=2, record="path")
    w = {"coef": np.zeros(width), "intercept": np.zeros(1)}
    state = rule.init(w)
    path = []
    batches = mb.Batches(40, 8)
    for rows in (rows for k in range(2) for rows in batches.epoch(k)):
        _, (coef, intercept) = mb.gradient(X, y, (w["coef"], w["intercept"]), rows=rows)
        rule.step(state, w, {"coef": coef, "intercept": np.array([intercept])})
        path.append([*w["coef"], *w["intercept"]])
    np.testing.assert_allclose(result.history.path, path, rtol=1e-12, atol=1e-14)


def test_rules_and_schedules_are_values():
    assert optimizers.SGD(0.1) == optimizers.SGD(learning_rate=0.1)
    assert hash(optimizers.Adam()) == hash(optimizers.Adam())
    assert optimizers.SGD(0.1) != optimizers.SGD(0.2)
    with pytest.raises(AttributeError, match="cannot assign"):
        optimizers.SGD().learning_rate = 1.0
    assert (
        eval(repr(OPTIMIZERS["schedule"]), {**vars(optimizers), **vars(schedules)}) == OPTIMIZERS["schedule"]
    )
