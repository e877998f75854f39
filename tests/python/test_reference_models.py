"""Models beyond linear in the reference: against finite differences, double loops and each other."""

import math

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse
from mbgd_rs import losses, reference
from mbgd_rs.choices import members_of
from mbgd_rs.models import MLP, FactorizationMachine, Linear
from mbgd_rs.penalties import L1, L2, ElasticNet
from mbgd_rs.reference.activations import ACTIVATIONS
from mbgd_rs.reference.model import MODELS
from mbgd_rs.reference.noise import row_gradients
from mbgd_rs.reference.objective import make_problem
from mbgd_rs.reference.random import random_words

N, D = 12, 5
NAMES = ["identity", "relu", "leaky_relu", "tanh", "logistic", "gelu", "silu"]


def targets(name, rng):
    """Targets for a loss by its name, or for several outputs by "name, k"."""
    name, _, kind = name.partition(", ")
    if losses.Loss._members[name].is_classification:
        if kind == "labels":
            return rng.integers(0, 2, (N, 3))
        return np.arange(N) % (3 if kind == "classes" else 2)
    y = rng.normal(size=(N, 2) if kind == "outputs" else N)
    return np.exp(y) if name in ("poisson", "gamma", "tweedie") else y


LOSSES = [
    *members_of(losses.Loss),
    "squared_error, outputs",
    "quantile, outputs",
    "poisson, outputs",
    "log_loss, classes",
    "hinge, classes",
    "crammer_singer, classes",
    "focal, classes",
    "log_loss, labels",
]


def rows(is_sparse, rng):
    X = rng.normal(size=(N, D))
    if is_sparse:
        X *= rng.random(X.shape) < 0.6
        return scipy.sparse.csr_array(X)
    return X


def random_params(model, k, is_vector, rng, scale=0.7):
    """Parameters of a models object at random, by name, and flat."""
    flat = scale * rng.normal(size=sum(model.size(D, k)))
    return model.split(flat, D, k, is_vector), flat


def n_outputs(y, name):
    """Scores of a row, and whether they are one number."""
    if y.ndim == 2:
        return y.shape[1], False
    return (3, False) if name.endswith("classes") else (1, True)


def flattened(model, params, k):
    """One vector of what `reference.gradient` gives back."""
    return model.join(params, D, k)


def check_gradient(model, name, *, is_sparse=False, penalty=None, seed=0, atol=2e-6):
    """The gradient against central differences of the objective, in double."""
    rng = np.random.default_rng(seed)
    X, y = rows(is_sparse, rng), targets(name, rng)
    k, is_vector = n_outputs(y, name)
    params, flat = random_params(model, k, is_vector, rng)
    options = {
        "loss": name.partition(",")[0],
        "penalty": penalty,
        "sample_weight": rng.random(N) + 0.5,
        "offset": 0.3 * rng.normal(size=(N,) if is_vector else (N, k)),
        "model": model,
    }
    _, got = reference.gradient(X, y, params, **options)

    def value_at(flat):
        return reference.gradient(X, y, model.split(flat, D, k, is_vector), **options)[0]

    h = 1e-6
    steps = h * np.eye(len(flat))
    expected = [(value_at(flat + step) - value_at(flat - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(flattened(model, got, k), expected, rtol=1e-6, atol=atol)


# ---- activations

Z = np.array([-40.0, -6.0, -1.3, -0.2, -1e-9, 1e-9, 0.4, 1.7, 6.0, 40.0])


@pytest.mark.parametrize("name", NAMES)
def test_slopes_of_activations(name):
    activation = ACTIVATIONS.named(name)
    h = 1e-5 * np.maximum(np.abs(Z), 1e-5)
    expected = (activation.value(Z + h) - activation.value(Z - h)) / (2 * h)
    np.testing.assert_allclose(activation.slope(Z, activation.value(Z)), expected, rtol=1e-6, atol=1e-9)
    for dtype in (np.float32, np.float64):
        z = Z.astype(dtype)
        assert activation.value(z).dtype == activation.slope(z, activation.value(z)).dtype == dtype
    with np.errstate(over="ignore"):
        assert np.isfinite(activation.value(np.array([-1e5, 1e5]))).all()
        assert np.isnan(activation.value(np.array([np.nan]))).all()


def test_values_of_activations():
    values = {name: ACTIVATIONS.named(name).value(np.array([-1.0, 0.0, 2.0])).tolist() for name in NAMES}
    sigmoid = [1 / (1 + math.exp(1)), 0.5, 1 / (1 + math.exp(-2))]
    phi = [0.15865525393145707, 0.5, 0.9772498680518208]
    expected = {
        "identity": [-1, 0, 2],
        "relu": [0, 0, 2],
        "leaky_relu": [-0.01, 0, 2],
        "tanh": [math.tanh(-1), 0, math.tanh(2)],
        "logistic": sigmoid,
        "gelu": [-phi[0], 0, 2 * phi[2]],
        "silu": [-sigmoid[0], 0, 2 * sigmoid[2]],
    }
    for name in NAMES:
        np.testing.assert_allclose(values[name], expected[name], rtol=1e-15)
    at_zero = {name: float(ACTIVATIONS.named(name).slope(np.zeros(1), np.zeros(1))[0]) for name in NAMES}
    assert (at_zero["relu"], at_zero["leaky_relu"]) == (0, 0.01)


def test_every_activation_is_here():
    assert {ACTIVATIONS.named(name) for name in NAMES} == set(ACTIVATIONS.values())
    assert {MODELS.named(kind()) for kind in members_of(mb.models.Model).values()} == set(MODELS.values())


# ---- gradients


NETWORKS = [MLP(()), *(MLP(hidden, name) for hidden in [(4,), (4, 3), (3, 4, 2)] for name in NAMES)]


@pytest.mark.parametrize("model", NETWORKS, ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_a_network(name, model):
    check_gradient(model, name)


@pytest.mark.parametrize("model", [*NETWORKS[:8], MLP((3, 4), ("gelu", "relu"))], ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_a_network_on_sparse_rows(name, model):
    check_gradient(model, name, is_sparse=True)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_a_factorization_machine(name, rank, is_sparse):
    check_gradient(FactorizationMachine(rank), name, is_sparse=is_sparse)


@pytest.mark.parametrize(
    ("model", "penalty"),
    [
        (MLP((4, 3), ("tanh", "silu")), ElasticNet(alpha=0.3, l1_ratio=0.4)),
        (MLP((4, 3), ("tanh", "silu")), L2(alpha={"coefs": [0.5, 0.0, 0.2]})),
        (MLP(4), L1(alpha={"coefs": 0.5})),
        (FactorizationMachine(2), ElasticNet(alpha=0.3, l1_ratio=0.4)),
        (FactorizationMachine(2), L2(alpha={"coef": 0.5, "factors": 0.2})),
        (FactorizationMachine(2), ElasticNet(alpha={"factors": 0.2}, l1_ratio=0.4)),
        (Linear(), ElasticNet(alpha={"coef": 0.2}, l1_ratio=0.4)),
    ],
)
@pytest.mark.parametrize("name", ["squared_error", "log_loss, classes"])
def test_gradients_with_penalties(model, penalty, name):
    rng = np.random.default_rng(3)
    X, y = rows(False, rng), targets(name, rng)
    k, is_vector = n_outputs(y, name)
    params, flat = random_params(model, k, is_vector, rng)
    loss = name.partition(",")[0]
    value, _ = reference.gradient(X, y, params, loss=loss, penalty=penalty, model=model)
    bare, _ = reference.gradient(X, y, params, loss=loss, model=model)
    w = flat[: model.size(D, k).n_weights]
    strengths = np.resize(model.strengths(penalty.alpha, D, k), len(w))
    ratio = {"L1": 1.0, "L2": 0.0}.get(type(penalty).__name__, getattr(penalty, "l1_ratio", None))
    expected = (strengths * (ratio * np.abs(w) + (1 - ratio) / 2 * w**2)).sum()
    assert value - bare == pytest.approx(expected, rel=1e-12)
    check_gradient(model, name, penalty=penalty)


def test_penalties_of_groups_are_refused():
    X, y = np.eye(3), np.eye(3)
    for model in ("mlp", FactorizationMachine(2)):
        with pytest.raises(ValueError, match="penalty must not be one of groups for model"):
            reference.fit(X, y, model=model, penalty="group_l1", epochs=1)


@pytest.mark.parametrize("model", ["mlp", FactorizationMachine()])
@pytest.mark.parametrize("optimizer", ["saga", "svrg", "sgd"])
def test_solvers_are_refused(model, optimizer):
    with pytest.raises(ValueError, match="needs the model 'linear', got"):
        reference.fit(np.eye(3), np.ones(3), model=model, optimizer=optimizer)


@pytest.mark.parametrize("model", [MLP((4, 3), "gelu"), FactorizationMachine(2), Linear()])
@pytest.mark.parametrize(
    "name", ["squared_error", "log_loss, classes", "log_loss, labels", "poisson, outputs"]
)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_gradients_of_rows_add_up(model, name, fit_intercept):
    rng = np.random.default_rng(4)
    X, y = rows(False, rng), targets(name, rng)
    weights = rng.random(N) + 0.5
    objective, data, _ = make_problem(X, y, weights, name.partition(",")[0], None, fit_intercept, model=model)
    w, g = objective.model.zeros(), objective.model.zeros()
    w.flat[...] = rng.normal(size=w.flat.size)
    chosen = np.array([3, 1, 7, 7])
    objective.gradient(w, data, [chosen], g)
    of_rows = row_gradients(objective, data, w, chosen)
    assert of_rows.shape == (4, w.flat.size)
    np.testing.assert_allclose(of_rows.mean(axis=0), g.flat, rtol=1e-12, atol=1e-12)
    for row, of_row in zip(chosen, of_rows, strict=True):
        objective.gradient(w, data, [np.array([row])], g)
        np.testing.assert_allclose(of_row, g.flat, rtol=1e-12, atol=1e-12)
    if not fit_intercept:
        assert not of_rows[:, w.flat_weights.size :].any()


def test_the_squared_norm_of_the_gradient_of_a_row():
    # The sum over layers of |delta|^2 (|a|^2 + 1), a what the layer is given.
    rng = np.random.default_rng(5)
    X, y = rows(False, rng), np.arange(N) % 3
    objective, data, _ = make_problem(X, y, None, "log_loss", None, model=MLP((4, 3), "silu"))
    w = objective.model.zeros()
    w.flat[...] = rng.normal(size=w.flat.size)
    x, y, s, o = data.batch(slice(0, N), drawn=True)
    z, trace = objective.model.forward(w, x, o)
    squares = np.zeros(N)
    for i, delta in objective.model.slopes(w, trace, objective.slopes(z, y, s)):
        squares += (delta**2).sum(axis=1) * ((trace[i].inputs ** 2).sum(axis=1) + 1)
    of_rows = row_gradients(objective, data, w, slice(0, N))
    np.testing.assert_allclose(squares, (of_rows**2).sum(axis=1), rtol=1e-13)


# ---- scores


@pytest.mark.parametrize("k", [None, 3])
def test_scores_of_a_factorization_machine_by_two_loops_over_columns(k):
    rng = np.random.default_rng(6)
    X, model = rows(True, rng).toarray(), FactorizationMachine(3)
    params, _ = random_params(model, k or 1, k is None, rng)
    y = rng.normal(size=(N,) if k is None else (N, k))
    objective, data, _ = make_problem(X, y, None, "squared_error", None, model=model)
    z = objective.model.scores(objective.model.start(params), data.X, None)
    for row in range(N):
        for c in range(k or 1):
            b, w, v = (np.asarray(block)[c] if k else block for block in params.values())
            expected = b + sum(w[j] * X[row, j] for j in range(D))
            for i in range(D):
                for j in range(i + 1, D):
                    expected += sum(v[i, f] * v[j, f] for f in range(3)) * X[row, i] * X[row, j]
            assert (z[row, c] if k else z[row]) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_scores_of_a_network_unit_by_unit():
    rng = np.random.default_rng(7)
    X, y = rows(False, rng), np.arange(N) % 3
    model = MLP((4, 2), ("tanh", "relu"))
    params, _ = random_params(model, 3, False, rng)
    objective, data, _ = make_problem(X, y, None, "log_loss", None, model=model)
    z = objective.model.scores(objective.model.start(params), data.X, None)
    for row in range(N):
        units = X[row].tolist()
        for layer, act in enumerate((math.tanh, lambda z: max(z, 0.0), lambda z: z)):
            W, b = params["coefs"][layer], params["intercepts"][layer]
            units = [act(b[j] + sum(a * W[i, j] for i, a in enumerate(units))) for j in range(W.shape[1])]
        np.testing.assert_allclose(z[row], units, rtol=1e-12)


SHARED = {"batch_size": 5, "epochs": 3, "optimizer": mb.optimizers.Adam(0.05), "record": ("step", "path")}


@pytest.mark.parametrize("name", ["squared_error", "log_loss, classes", "poisson, outputs"])
@pytest.mark.parametrize("model", [MLP(()), MLP((4,), "identity")])
def test_networks_that_are_linear(model, name):
    # Without hidden layers it is the linear model. With one, identity and 0 as start of the last layer's
    # weights, the first step on them is that of the linear model in the columns X W_1.
    rng = np.random.default_rng(8)
    X, y = rows(False, rng), targets(name, rng)
    k, is_vector = n_outputs(y, name)
    loss, of_scores = name.partition(",")[0], (np.zeros(()) if is_vector else np.zeros(k))
    if not model.hidden:
        zeros = {"coefs": [np.zeros((D, k))], "intercepts": [np.zeros(k)]}
        ours = reference.fit(X, y, loss=loss, model=model, init=zeros, **SHARED)
        linear = reference.fit(X, y, loss=loss, **SHARED)
        np.testing.assert_allclose(ours.coefs[0].T.reshape(linear.coef.shape), linear.coef, rtol=1e-12)
        np.testing.assert_allclose(ours.intercepts[0].reshape(of_scores.shape), linear.intercept, rtol=1e-12)
        return
    W = rng.normal(size=(D, 4))
    start = {"coefs": [W, np.zeros((4, k))], "intercepts": [np.zeros(4), np.zeros(k)]}
    _, of_network = reference.gradient(X, y, start, loss=loss, model=model)
    _, (coef, intercept) = reference.gradient(
        X @ W, y, (np.zeros((*of_scores.shape, 4)), of_scores), loss=loss
    )
    np.testing.assert_allclose(of_network["coefs"][1].T.reshape(coef.shape), coef, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(of_network["intercepts"][1].reshape(of_scores.shape), intercept, rtol=1e-12)
    assert not of_network["coefs"][0].any()


def test_a_factorization_machine_without_factors_is_linear():
    rng = np.random.default_rng(9)
    X, y = rows(False, rng), np.arange(N) % 3
    model = FactorizationMachine(2, init_scale=0)
    ours = reference.fit(X, y, loss="log_loss", model=model, **SHARED)
    linear = reference.fit(X, y, loss="log_loss", **SHARED)
    np.testing.assert_allclose(ours.coef, linear.coef, rtol=1e-12)
    np.testing.assert_allclose(ours.bias, linear.intercept, rtol=1e-12)
    assert not ours.factors.any()


# ---- starts


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "model",
    [
        *(MLP((7, 5), activation) for activation in NAMES),
        *(MLP((7, 6), ("tanh", "gelu"), init=init) for init in ("he_uniform", "he_normal", "glorot_uniform")),
        MLP((), init="glorot_normal"),
        MLP(3, init="glorot_normal"),
        FactorizationMachine(3, 0.4),
        Linear(),
    ],
)
@pytest.mark.parametrize("y", [np.ones(N), np.ones((N, 3))])
def test_starts_are_those_of_models(model, y, dtype):
    k = 1 if y.ndim == 1 else 3
    for seed in (0, 2**40 + 3):
        begun = reference.fit(np.ones((N, D), dtype), y, model=model, epochs=0, seed=seed)
        begun, ours = model.join(begun.params, D, k, dtype), model.start(D, k, seed, dtype)
        np.testing.assert_allclose(begun, ours, rtol=4 * np.finfo(dtype).eps)


# ---- dropout


def dropout_masks(model, seed, epoch, position, n_rows, k=1):
    return MODELS.named(model)(model, D, (), np.float64, True).masks(seed, epoch, position, n_rows)


def test_the_address_of_masks():
    model = MLP((5, 4, 1), dropout=0.3)
    n_words = 8 + 4 + 4  # of a row: each layer begins at a multiple of 4
    limit = math.floor(0.3 * 2**32)
    masks = dropout_masks(model, seed=7, epoch=3, position=10, n_rows=6)
    words = random_words(7, 3, 37, 16 * n_words)
    for row in range(6):
        for layer, (first, n_units) in enumerate([(0, 5), (8, 4), (12, 1)]):
            for unit in range(n_units):
                word = int(words[(10 + row) * n_words + first + unit])
                assert masks[layer][row, unit] == (0 if word < limit else 1 / (1 - 0.3))
    assert [mask.shape for mask in masks] == [(6, 5), (6, 4), (6, 1)]
    assert dropout_masks(MLP(5), 0, 0, 0, 3) is None
    assert dropout_masks(MLP((), dropout=0.5), 0, 0, 0, 3) is None
    assert dropout_masks(MLP(5), 0, 0, 0, 3) is None
    some = dropout_masks(model, 7, 3, 12, 2)
    for mask, part in zip(masks, some, strict=True):
        np.testing.assert_array_equal(mask[2:4], part)


def test_the_rate_of_dropout():
    # Of 400,000 units as many are dropped as the rate says, within 5 standard errors of a proportion.
    for dropout in (0.1, 0.5, 0.9):
        (mask,) = dropout_masks(MLP(40, dropout=dropout), 1, 0, 0, 10_000)
        error = math.sqrt(dropout * (1 - dropout) / mask.size)
        assert abs((mask == 0).mean() - dropout) < 5 * error
        assert set(np.unique(mask)) == {0, 1 / (1 - dropout)}


@pytest.mark.parametrize("dropout", [0.2, 0.5])
def test_the_mean_of_scores_under_dropout_is_the_score_without(dropout):
    # For identity layers, whose masks are independent. Within 5 standard errors, found from the scores.
    rng = np.random.default_rng(10)
    model, n_masks = MLP((6, 5), "identity", dropout=dropout), 20_000
    x = rng.normal(size=D)
    X = np.tile(x, (n_masks, 1))
    objective, _, _ = make_problem(X, np.ones(n_masks), None, "squared_error", None, model=model)
    w = objective.model.zeros()
    w.flat[...] = rng.normal(size=w.flat.size)
    masks = objective.model.masks(5, 0, 0, n_masks)
    under, _ = objective.model.forward(w, X, None, masks)
    without = objective.model.scores(w, X[:1], None)[0]
    assert abs(under.mean() - without) < 5 * under.std() / math.sqrt(n_masks)
    assert under.std() > 0.1


def test_gradients_under_dropout_are_those_of_the_network_that_is_left():
    rng = np.random.default_rng(11)
    model = MLP((6, 5), ("silu", "tanh"), dropout=0.4)
    X, y = rows(False, rng), np.arange(N) % 3
    objective, data, _ = make_problem(X, y, None, "log_loss", None, model=model)
    w, g = objective.model.zeros(), objective.model.zeros()
    w.flat[...] = rng.normal(size=w.flat.size)
    masks = objective.model.masks(3, 0, 0, N)
    chosen = np.arange(N)
    objective.gradient(w, data, [chosen], g, masks=masks)
    got = g.flat.copy()
    objective.gradient(w, data, [chosen[:7], chosen[7:]], g, masks=masks)
    np.testing.assert_allclose(g.flat, got, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        row_gradients(objective, data, w, chosen, masks).mean(axis=0), got, rtol=1e-12, atol=1e-14
    )
    h, w0 = 1e-6, w.flat.copy()
    for j in range(0, w0.size, 7):
        values = []
        for sign in (1, -1):
            w.flat[...] = w0
            w.flat[j] += sign * h
            values.append(objective.gradient(w, data, [chosen], g, masks=masks)[1])
        assert got[j] == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-6, abs=1e-8)


def test_dropout_in_a_run():
    # Step by step: rows in the order of the epoch have the masks of their positions; a step of two batches
    # has those of both; nothing but steps is masked.
    rng = np.random.default_rng(12)
    X, y = rng.normal(size=(N, D)), rng.normal(size=N)
    model, rate, seed = MLP((6, 3), "tanh", dropout=0.4), 0.1, 21
    options = {"batch_size": 3, "accumulate": 2, "optimizer": mb.optimizers.SGD(rate), "seed": seed}
    fit = reference.fit(X, y, model=model, epochs=2, record=("step", "path", "full_loss"), **options)
    objective, data, _ = make_problem(X, y, None, "squared_error", None, model=model)
    w, g = objective.model.start(None, seed), objective.model.zeros()
    step = 0
    for epoch in range(2):
        order = reference.permutation(seed, epoch, N)
        for first in range(0, N, 6):
            batch = order[first : first + 6]
            masks = objective.model.masks(seed, epoch, first, len(batch))
            _, loss = objective.gradient(w, data, [batch], g, masks=masks)
            w.flat -= rate * g.flat
            np.testing.assert_allclose(fit.history["path"][step], w.flat, rtol=1e-12, atol=1e-14)
            assert fit.history["step_loss"][step] == pytest.approx(loss, rel=1e-12)
            assert fit.history["full_loss"][step] == pytest.approx(objective.value(w, data), rel=1e-12)
            step += 1
    assert step == fit.n_steps
    value, _ = reference.gradient(X, y, fit, model=model)
    assert value == pytest.approx(fit.history["full_loss"][-1], rel=1e-12)


# ---- runs

OPTIMIZERS = [
    mb.optimizers.SGD(0.05),
    mb.optimizers.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    mb.optimizers.Adam(0.02),
    mb.optimizers.AdamW(0.02, weight_decay=0.1),
    mb.optimizers.Adagrad(0.1),
    mb.optimizers.FTRL(0.1),
    mb.optimizers.RMSprop(0.02),
    mb.optimizers.Lion(0.01),
    mb.optimizers.ScheduleFreeAdamW(0.02),
    mb.optimizers.DoG(),
]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("model", [MLP((6,), "tanh"), FactorizationMachine(3)])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda optimizer: optimizer.name)
def test_training_lowers_the_loss(optimizer, model, fit_intercept):
    rng = np.random.default_rng(13)
    X = rng.normal(size=(200, D))
    y = X[:, 0] * X[:, 1] + 0.5 * X[:, 2]
    options = {"model": model, "optimizer": optimizer, "penalty": L2(alpha=1e-4), "seed": 1}
    begun = reference.fit(X, y, epochs=0, fit_intercept=fit_intercept, **options)
    fit = reference.fit(X, y, epochs=60, batch_size=10, fit_intercept=fit_intercept, **options)
    first, last = (reference.gradient(X, y, at, model=model)[0] for at in (begun, fit))
    assert last < 0.7 * first
    n_weights, _ = model.size(D, 1)
    assert model.join(fit.params, D, 1)[n_weights:].any() == fit_intercept


@pytest.mark.parametrize("penalty", [L1(alpha=0.02), L1(alpha={"factors": 0.05})])
def test_l1_makes_zeros_of_weights_alone(penalty):
    rng = np.random.default_rng(14)
    X = rng.normal(size=(300, D))
    y = X[:, 0] * X[:, 1] + 2.0
    sgd = mb.optimizers.SGD(0.05)
    fm = reference.fit(X, y, model=FactorizationMachine(2), optimizer=sgd, penalty=penalty, epochs=40)
    assert (fm.factors == 0).any()
    assert (fm.coef == 0).any() == (not isinstance(penalty.alpha, dict))
    assert fm.bias == pytest.approx(2, abs=0.2)


def test_a_warm_start_goes_on():
    rng = np.random.default_rng(15)
    X, y = rng.normal(size=(40, D)), rng.normal(size=40)
    options = {"batch_size": 8, "optimizer": mb.optimizers.SGD(0.1), "shuffle": False}
    for model in (MLP((4, 3), "tanh"), FactorizationMachine(2), Linear()):
        whole = reference.fit(X, y, model=model, epochs=4, **options)
        half = reference.fit(X, y, model=model, epochs=2, **options)
        for init in (half, half.params, tuple(half.params.values())):
            again = reference.fit(X, y, model=model, epochs=2, init=init, **options)
            np.testing.assert_allclose(
                model.join(again.params, D, 1), model.join(whole.params, D, 1), rtol=1e-12, atol=1e-15
            )


@pytest.mark.parametrize(
    "model", [MLP((4, 3), name, dropout=0.2) for name in NAMES] + [FactorizationMachine(2)]
)
def test_single_precision_is_kept(model):
    rng = np.random.default_rng(20)
    X, y = rng.normal(size=(40, D)), rng.normal(size=40)
    options = {"model": model, "epochs": 2, "batch_size": 8, "record": "path"}
    single, double = (reference.fit(X.astype(dtype), y, **options) for dtype in (np.float32, np.float64))
    assert single.history["path"].dtype == np.float32
    np.testing.assert_allclose(single.history["path"], double.history["path"], rtol=1e-3, atol=1e-5)


def test_noise_is_recorded():
    rng = np.random.default_rng(16)
    X, y = rng.normal(size=(64, D)), rng.normal(size=64)
    for model in (MLP((4, 3), "tanh", dropout=0.3), FactorizationMachine(2)):
        fit = reference.fit(X, y, model=model, epochs=3, batch_size=8, record=("epoch", "noise", "path"))
        assert (fit.history["noise_trace"] > 0).all()
        found = reference.gradient_noise(X, y, fit, batch_sizes=[8], n_draws=400, model=model)
        assert found.trace > 0
        low, high = found.variance_interval[0]
        assert low < found.trace / 8 * found.finite_population[0] < high


# ---- sparse rows


def lazy_data(rng):
    """Rows of which each batch of 4 lacks some columns, and a column without entries."""
    X = rng.normal(size=(40, 12)) * (rng.random((40, 12)) < 0.15)
    X[:, 5] = 0
    return X, rng.normal(size=40)


@pytest.mark.parametrize(
    "optimizer",
    [
        mb.optimizers.SGD(0.05, momentum=0.9, weight_decay=0.01),
        mb.optimizers.Adagrad(0.1),
        mb.optimizers.FTRL(0.1, l1=0.01),
        mb.optimizers.ScheduleFreeAdamW(0.02),
    ],
)
@pytest.mark.parametrize("penalty", [None, L2(alpha=0.1), L1(alpha=0.01)])
def test_sparse_rows_of_a_factorization_machine_are_as_dense_ones(optimizer, penalty):
    X, y = lazy_data(np.random.default_rng(17))
    options = {"model": FactorizationMachine(3), "optimizer": optimizer, "penalty": penalty, "batch_size": 4}
    dense = reference.fit(X, y, epochs=3, **options)
    sparse = reference.fit(scipy.sparse.csr_array(X), y, epochs=3, **options)
    for name, block in dense.params.items():
        np.testing.assert_array_equal(sparse.params[name], block)


@pytest.mark.parametrize("k", [None, 2])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "lion"])
def test_columns_of_a_factorization_machine_rest(optimizer, k):
    X, y = lazy_data(np.random.default_rng(18))
    y = y if k is None else np.column_stack([y, -y])
    model = FactorizationMachine(3)
    fit = reference.fit(
        scipy.sparse.csr_array(X), y, model=model, optimizer=optimizer, batch_size=4, epochs=2,
        penalty=L2(alpha=0.5), shuffle=False, record=("path", "step"),
    )  # fmt: skip
    table = [path[: 12 * (k or 1) * 4].reshape(12, -1) for path in fit.history["path"]]
    start = model.start(12, k or 1, 0)[: 12 * (k or 1) * 4].reshape(12, -1)
    np.testing.assert_array_equal(table[-1][5], start[5])
    for t in range(1, fit.n_steps):
        first = t % 10 * 4
        has_entries = (X[first : first + 4] != 0).any(axis=0)
        assert not has_entries.all()
        np.testing.assert_array_equal(table[t][~has_entries], table[t - 1][~has_entries])
        assert (table[t] != table[t - 1])[has_entries].any(axis=1).all()


def test_networks_move_all_weights_on_sparse_rows():
    X, y = lazy_data(np.random.default_rng(19))
    options = {"model": MLP(4, "tanh"), "optimizer": "adam", "batch_size": 4, "penalty": L2(alpha=0.5)}
    dense = reference.fit(X, y, epochs=2, **options)
    sparse = reference.fit(scipy.sparse.csr_array(X), y, epochs=2, **options)
    for ours, theirs in zip(sparse.coefs, dense.coefs, strict=True):
        np.testing.assert_array_equal(ours, theirs)
