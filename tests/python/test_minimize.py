"""Objectives and parameters of the user's own."""

import copy
import pickle

import mbgd_rs as mb
import numpy as np
import pytest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 3))
Y = X @ [1.0, -2.0, 3.0] + 0.5
SGD, Adam = mb.optimizers.SGD, mb.optimizers.Adam
OPTIMIZERS = [SGD(0.1), SGD(0.05, momentum=0.9), SGD(0.05, 0.9, nesterov=True), Adam(0.1)]


def least_squares(params, X_b, y_b):
    r = X_b @ params["coef"] + params["intercept"] - y_b
    gradient = {"coef": X_b.T @ r / len(r), "intercept": np.array(r.mean())}
    return float(r @ r / (2 * len(r))), gradient


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_it_does_what_fit_does(optimizer):
    start = {"coef": np.zeros(3), "intercept": np.zeros(())}
    options = {"optimizer": optimizer, "batch_size": 16, "epochs": 3, "seed": 4}
    own = mb.minimize(least_squares, start, X, Y, **options)
    built_in = mb.fit(X, Y, **options, record="step")
    np.testing.assert_allclose(own.params["coef"], built_in.coef, rtol=1e-10)
    np.testing.assert_allclose(own.params["intercept"], built_in.intercept, rtol=1e-10)
    np.testing.assert_allclose(own.history.step_loss, built_in.history.step_loss, rtol=1e-9)
    np.testing.assert_allclose(own.history.epoch_loss, built_in.history.epoch_loss, rtol=1e-9)
    assert (own.n_steps, own.n_epochs, own.stop_reason) == (21, 3, "epochs")
    assert len(own.history.elapsed) == 21
    np.testing.assert_array_equal(start["coef"], 0)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [1, 9, 10, 11])
def test_epochs_are_counted(n, drop_last):
    if drop_last and n < 5:
        return
    result = mb.minimize(
        lambda w, x: (1.0, 0 * w), np.zeros(2), X[:n], batch_size=5, epochs=3, drop_last=drop_last
    )
    assert result.n_epochs == len(result.history.epoch_loss) == 3
    assert result.n_steps == 3 * (n // 5 if drop_last else -(-n // 5))


def test_callback_stops_and_is_told():
    told = []

    def callback(progress):
        told.append((progress.epoch, progress.n_steps, progress.loss))
        return progress.epoch == 2

    start = {"coef": np.zeros(3), "intercept": np.zeros(())}
    result = mb.minimize(least_squares, start, X, Y, batch_size=10, epochs=9, callback=callback)
    assert [t[:2] for t in told] == [(1, 10), (2, 20)]
    np.testing.assert_array_equal([t[2] for t in told], result.history.epoch_loss)
    assert result.stop_reason == "callback"
    assert result.n_epochs == 2


def test_divergence_keeps_the_last_finite_parameters():
    def fun(w, x):
        return 0.0, np.full(2, 1e300)

    with pytest.raises(mb.DivergenceError) as caught:
        mb.minimize(fun, np.ones(2), X, batch_size=50, optimizer=SGD(1e10), epochs=9)
    assert np.isfinite(caught.value.result.params).all()
    assert caught.value.result.stop_reason == "diverged"
    for value, gradient in ((np.nan, 0.0), (0.0, np.inf)):
        with pytest.raises(mb.DivergenceError, match="epoch 0 at step 0") as caught:
            mb.minimize(lambda w, x, v=value, g=gradient: (v, w * 0 + g), np.ones(2), X, batch_size=50)
        np.testing.assert_array_equal(caught.value.result.params, 1)


@pytest.mark.parametrize(
    ("fun", "error", "message"),
    [
        (lambda w, x: (0.0, np.zeros(3)), ValueError, r"grad.* must have.*\(2,\).*\(3,\)"),
        (lambda w, x: (0.0, [w]), (TypeError, ValueError), "grad.* must"),
        (lambda w, x: 0.0, TypeError, "fun must return"),
        (lambda w, x: (w, w), (TypeError, ValueError), "value"),
        (lambda w, x: ("a", w), (TypeError, ValueError), "value"),
        (lambda w, x: (0.0, None), (TypeError, ValueError), "grad"),
        (lambda w, x: (0.0, w + 1j), (TypeError, ValueError), "grad"),
        ("fun", TypeError, "fun must be callable"),
    ],
)
def test_bad_functions(fun, error, message):
    with pytest.raises(error, match=message):
        mb.minimize(fun, np.zeros(2), X, batch_size=50)


def test_what_fun_raises_comes_through():
    def fun(w, x):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        mb.minimize(fun, np.zeros(2), X, batch_size=50)


# ---- optimizers on arrays


def trees(dtype):
    return [
        np.ones((), dtype),
        np.ones((3, 4), dtype),
        [np.ones(2, dtype), np.zeros((2, 2), dtype)],
        (np.ones(2, dtype),),
        {"b": np.ones(2, dtype), "a": [np.ones(1, dtype), {"c": np.ones(3, dtype)}]},
        np.empty(0, dtype),
    ]


def leaves(tree):
    if isinstance(tree, np.ndarray):
        return [tree]
    return [leaf for part in (tree.values() if isinstance(tree, dict) else tree) for leaf in leaves(part)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("i", range(6))
def test_any_tree_moves_as_its_arrays_would(i, optimizer, dtype):
    tree = trees(dtype)[i]
    alone = [leaf.copy() for leaf in leaves(tree)]
    state = optimizer.init(tree)
    states = [optimizer.init(leaf) for leaf in alone]
    for t in range(3):
        state = pickle.loads(pickle.dumps(state))
        optimizer.step(state, tree, copy.deepcopy(tree))
        for leaf, s in zip(alone, states, strict=True):
            optimizer.step(s, leaf, leaf.copy())
        assert state.n_steps == t + 1
    for leaf, expected in zip(leaves(tree), alone, strict=True):
        assert leaf.dtype == dtype
        np.testing.assert_array_equal(leaf, expected)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("layout", ["F", "strided", "reversed", "misaligned", "transposed"])
def test_exotic_arrays_are_moved_in_place(layout, optimizer):
    plain = RNG.normal(size=(4, 3))
    views = {
        "F": np.zeros((4, 3), order="F"),
        "strided": np.zeros((8, 6))[::2, ::2],
        "reversed": np.zeros((4, 3))[::-1],
        "misaligned": np.zeros(97, np.uint8)[1:].view(np.float64).reshape(4, 3),
        "transposed": np.zeros((3, 4)).T,
    }
    exotic = views[layout]
    exotic[...] = plain
    state, exotic_state = optimizer.init(plain), optimizer.init(exotic)
    for _ in range(3):
        g = RNG.normal(size=(4, 3))
        optimizer.step(state, plain, g)
        optimizer.step(exotic_state, exotic, np.asfortranarray(g))
    np.testing.assert_array_equal(exotic, plain)


def test_a_gradient_may_be_the_parameters_themselves():
    w = np.array([1.0, 2.0])
    optimizer = SGD(0.25)
    optimizer.step(optimizer.init(w), w, w)
    np.testing.assert_array_equal(w, [0.75, 1.5])


def test_gradients_of_other_types_are_converted():
    w = np.zeros(2, np.float32)
    optimizer = SGD(0.5)
    state = optimizer.init(w)
    optimizer.step(state, w, np.array([1, 2]))
    optimizer.step(state, w, [1.0, 2.0])
    np.testing.assert_array_equal(w, [-1, -2])


def test_a_gradient_that_is_not_finite_is_refused():
    w = np.zeros(3)
    optimizer = Adam()
    state = optimizer.init(w)
    with pytest.raises(ValueError, match="grad must be finite, got nan"):
        optimizer.step(state, w, np.array([0.0, np.nan, 1.0]))
    np.testing.assert_array_equal(w, 0)
    assert state.n_steps == 0


def test_bad_arrays():
    optimizer = SGD(0.1, 0.9)
    state = optimizer.init(np.zeros(3))
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    for params, grad, error, message in (
        (np.zeros(3), np.zeros(2), ValueError, "grad must have the shape of params"),
        (read_only, np.zeros(3), ValueError, "params must be writeable"),
        (np.zeros(3, int), np.zeros(3), TypeError, "params must be of.*float32 or float64"),
        ([0.0, 0.0, 0.0], np.zeros(3), (TypeError, ValueError), "must"),
        (np.zeros(4), np.zeros(4), ValueError, "state must be"),
        ([np.zeros(3)], np.zeros(3), ValueError, "grad must have the structure"),
        (np.zeros(3, np.float32), np.zeros(3), (TypeError, ValueError), "state|memory"),
    ):
        with pytest.raises(error, match=message):
            optimizer.step(state, params, grad)
    with pytest.raises(ValueError, match="state must be"):
        Adam().step(state, np.zeros(3), np.zeros(3))
    assert state.n_steps == 0
    with pytest.raises(TypeError, match="params must"):
        optimizer.init(None)
