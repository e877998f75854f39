"""Penalties: strengths for each coefficient, and columns as groups."""

import copy
import itertools
import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.models import MLP, FactorizationMachine
from mbgd_rs.objective import in_weights
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.penalties import L1, L2, ElasticNet, GroupElasticNet, GroupL1
from scipy.optimize import minimize
from sklearn import linear_model

D, K = 6, 3
EACH_COLUMN = np.array([0.02, 0.0, 0.1, 0.05, 0.3, 0.01])
EACH = np.abs(np.sin(np.arange(K * D)).reshape(K, D)) * 0.1 * (np.arange(K * D) % 5 != 0).reshape(K, D)
OF_COLUMNS = [L1(EACH_COLUMN), L2(EACH_COLUMN), ElasticNet(EACH_COLUMN, 0.4)]
GROUPS = [GroupL1(0.1), GroupElasticNet(0.1, 0.6), GroupL1(EACH_COLUMN), GroupElasticNet(EACH_COLUMN, 0.3)]
OF_MATRICES = [L1(EACH), L2(EACH), ElasticNet(EACH, 0.7), *OF_COLUMNS, *GROUPS]
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def data(kind="outputs", n=150, d=D, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[:, 1:] += 0.3 * X[:, :-1]
    z = X @ (rng.normal(size=(d, K)) * (np.arange(d) % 2)[:, None]) + 0.3 * rng.normal(size=(n, K))
    X = X.astype(dtype)
    match kind:
        case "vector":
            return X, z[:, 0].astype(dtype), "squared_error"
        case "outputs":
            return X, z.astype(dtype), "squared_error"
        case "classes":
            return X, z.argmax(axis=1), "log_loss"
        case "two classes":
            return X, z[:, 0] > 0, "log_loss"


CASES = [
    *itertools.product(["vector", "two classes"], [*OF_COLUMNS, *GROUPS]),
    *itertools.product(["outputs", "classes"], OF_MATRICES),
]


RULES = [SGD(0.1), SGD(0.05, 0.9), SGD(0.05, 0.8, nesterov=True), Adam(0.05)]
RUNS = [
    (kind, penalty, rule)
    for (kind, penalty), rule in itertools.product(CASES, RULES)
    if not (isinstance(penalty, GroupL1 | GroupElasticNet) and isinstance(rule, Adam))
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("kind", "penalty", "rule"), RUNS)
def test_every_step_is_that_of_the_reference(kind, penalty, rule, dtype):
    X, y, loss = data(kind, dtype=dtype)
    options = {"loss": loss, "penalty": penalty, "optimizer": rule, "batch_size": 40, "epochs": 6,
               "record": ("step", "path", "full_loss")}  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    tolerance = TOLERANCE[dtype]
    np.testing.assert_allclose(ours.history.path, expected.history["path"], rtol=0, atol=3 * tolerance)
    for name in ("step_loss", "full_loss", "epoch_loss"):
        np.testing.assert_allclose(getattr(ours.history, name), expected.history[name], rtol=5 * tolerance)
    assert ours.coef.dtype == dtype
    if dtype == "float64":
        np.testing.assert_array_equal(ours.coef == 0, expected.coef == 0)


@pytest.mark.parametrize(("kind", "penalty"), CASES)
def test_gradients_are_finite_differences(kind, penalty):
    X, y, loss = data(kind)
    rng = np.random.default_rng(5)
    k = 1 if kind in ("vector", "two classes") else K
    shape = (D,) if k == 1 else (k, D)
    w = rng.normal(size=shape)

    def value(flat):
        return mb.gradient(X, y, (flat[: w.size].reshape(shape), b), loss=loss, penalty=penalty)[0]

    b = 0.3 if k == 1 else rng.normal(size=k)
    _, (gradient, _) = mb.gradient(X, y, (w, b), loss=loss, penalty=penalty)
    h = 1e-6
    for i in range(w.size):
        step = np.zeros(w.size)
        step[i] = h
        difference = (value(w.ravel() + step) - value(w.ravel() - step)) / (2 * h)
        assert gradient.ravel()[i] == pytest.approx(difference, rel=1e-6, abs=1e-8)
    w[..., 2] = 0
    for name in ("rust", "numpy"):
        function = mb.gradient if name == "rust" else reference.gradient
        got = function(X, y, (w, b), loss=loss, penalty=penalty)[1][0]
        free = function(X, y, (w, b), loss=loss)[1][0]
        np.testing.assert_array_equal(got[..., 2], free[..., 2])


@pytest.mark.parametrize("penalty", OF_MATRICES, ids=repr)
def test_a_step_is_the_minimum_that_defines_the_proximal_map(penalty):
    """One step at rate r from w goes to argmin |u - (w - r g)|^2 / (2 r) + kinks(u)."""
    X, y, _ = data(n=30)
    rng = np.random.default_rng(7)
    w, rate = rng.normal(size=(K, D)) * 0.1, 0.7
    _, (smooth, _) = mb.gradient(X, y, (w, np.zeros(K)))
    alpha, l1_ratio = np.asarray(penalty.alpha), getattr(penalty, "l1_ratio", float("L1" in repr(penalty)))
    target = w - rate * (smooth + alpha * (1 - l1_ratio) * w)

    def objective(u):
        u = u.reshape(K, D)
        is_group = isinstance(penalty, GroupL1 | GroupElasticNet)
        kinks = (alpha * l1_ratio * (np.linalg.norm(u, axis=0) if is_group else np.abs(u))).sum()
        return ((u - target) ** 2).sum() / (2 * rate) + kinks

    options = {"init": (w, np.zeros(K)), "batch_size": "full", "epochs": 1, "fit_intercept": False}
    got = mb.fit(X, y, penalty=penalty, optimizer=SGD(rate), **options).coef
    best = objective(got.ravel())
    for _ in range(200):
        for size in (1e-1, 1e-3, 1e-5):
            assert objective(got.ravel() + size * rng.normal(size=K * D)) >= best
    start = got.ravel() + 0.01 * rng.normal(size=K * D)
    found = minimize(
        objective, start, method="Powell", options={"xtol": 1e-10, "ftol": 1e-14, "maxiter": 10**5}
    )
    np.testing.assert_allclose(found.x, got.ravel(), atol=2e-5)
    assert found.fun >= best - 1e-12


@pytest.mark.parametrize("rule", [SGD(0.2), SGD(0.1, 0.9), SGD(0.1, 0.9, nesterov=True)])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
def test_multi_task_lasso_and_elastic_net_of_scikit_learn(l1_ratio, rule):
    X, y, _ = data(d=12)
    y = y + 1.5
    sklearn = linear_model.MultiTaskElasticNet(alpha=0.25, l1_ratio=l1_ratio, tol=1e-14, max_iter=100_000)
    sklearn.fit(X, y)
    is_zero = (sklearn.coef_ == 0).all(axis=0)
    assert 3 <= is_zero.sum() <= 9
    penalty = GroupL1(0.25) if l1_ratio == 1 else GroupElasticNet(0.25, l1_ratio)
    result = mb.fit(X, y, penalty=penalty, optimizer=rule, batch_size="full", epochs=4000)
    assert ((result.coef == 0) == is_zero).all()
    np.testing.assert_allclose(result.coef, sklearn.coef_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(result.intercept, sklearn.intercept_, rtol=1e-6)


@pytest.mark.parametrize("rule", [SGD(0.1, 0.9), Adam(mb.schedules.Cosine(0.02, n_steps=6000))])
def test_a_weighted_lasso_is_a_lasso_of_rescaled_columns(rule):
    """With u_j = alpha_j w_j the columns are x_j / alpha_j and all strengths are 1."""
    X, y, _ = data("vector", d=10)
    alpha = np.geomspace(0.02, 0.6, 10)[::-1]
    sklearn = linear_model.Lasso(alpha=1.0, tol=1e-14, max_iter=100_000).fit(X / alpha, y)
    expected = sklearn.coef_ / alpha
    assert 2 <= (expected == 0).sum() <= 8
    result = mb.fit(X, y, penalty=L1(alpha), optimizer=rule, batch_size="full", epochs=6000)
    np.testing.assert_array_equal(result.coef == 0, expected == 0)
    np.testing.assert_allclose(result.coef, expected, rtol=1e-5)


def test_a_weighted_ridge_in_closed_form():
    X, y, _ = data("outputs")
    result = mb.fit(X, y, penalty=L2(EACH * 10), optimizer=SGD(0.2), batch_size="full", epochs=2000)
    centred, target = X - X.mean(axis=0), y - y.mean(axis=0)
    for k in range(K):
        A = centred.T @ centred / len(X) + np.diag(EACH[k] * 10)
        np.testing.assert_allclose(
            result.coef[k], np.linalg.solve(A, centred.T @ target[:, k] / len(X)), rtol=1e-7
        )


@pytest.mark.parametrize("kind", ["vector", "outputs", "two classes"])
@pytest.mark.parametrize("pair", [(L1, {}), (L2, {}), (ElasticNet, {"l1_ratio": 0.3})])
def test_equal_strengths_are_one_strength(kind, pair):
    X, y, loss = data(kind)
    penalty, options = pair
    run = {"loss": loss, "optimizer": SGD(0.1, 0.9), "record": "path"}
    one = mb.fit(X, y, penalty=penalty(0.03, **options), **run)
    each = mb.fit(X, y, penalty=penalty(np.full(D, 0.03), **options), **run)
    np.testing.assert_allclose(each.history.path, one.history.path, rtol=1e-13, atol=1e-15)
    if kind != "outputs" and penalty is not L2:
        group = {L1: GroupL1, ElasticNet: GroupElasticNet}[penalty]
        group = mb.fit(X, y, penalty=group(0.03, **options), **run)
        np.testing.assert_allclose(group.history.path, one.history.path, rtol=1e-12, atol=1e-14)


def test_a_strength_of_zero_leaves_a_coefficient_free():
    X, y, _ = data("vector")
    alpha = np.where(np.arange(D) < 3, 0.0, 1e3)
    run = {"optimizer": SGD(0.1), "batch_size": "full", "epochs": 3000}
    for penalty in (L1(alpha), GroupL1(alpha)):
        result = mb.fit(X, y, penalty=penalty, **run)
        expected = np.linalg.lstsq(np.column_stack([X[:, :3], np.ones(len(X))]), y, rcond=None)[0]
        np.testing.assert_allclose(result.coef[:3], expected[:3], rtol=1e-8)
        np.testing.assert_array_equal(result.coef[3:], 0)
    free = mb.fit(X, y, **run)
    for penalty in (L1(np.zeros(D)), GroupL1(0.0), GroupL1(np.zeros(D)), L2(np.zeros(D))):
        np.testing.assert_allclose(mb.fit(X, y, penalty=penalty, **run).coef, free.coef, rtol=1e-12)


@pytest.mark.parametrize("penalty", OF_MATRICES, ids=repr)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_threads_and_interruptions_change_no_bit(penalty, dtype):
    X, y, _ = data(n=1500, dtype=dtype)
    options = {"penalty": penalty, "optimizer": SGD(0.05, 0.9), "batch_size": 700}
    whole = mb.fit(X, y, **options, epochs=5, n_threads=1)
    part = mb.fit(X, y, **options, epochs=2, n_threads=3)
    part = mb.fit(X, y, **options, epochs=3, n_threads=2, resume=pickle.loads(pickle.dumps(part)))
    np.testing.assert_array_equal(part.coef, whole.coef)
    np.testing.assert_array_equal(part.history.epoch_loss, whole.history.epoch_loss)


@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e150, 1e200])
def test_norms_of_columns_neither_overflow_nor_vanish(scale):
    w = np.array([[3.0, 1.0], [4.0, 2.0]]) * scale
    X, y = np.zeros((4, 2)), np.zeros((4, 2))
    value, (gradient, _) = mb.gradient(X, y, (w, [0, 0]), penalty=GroupL1([1.0, 0.5]))
    assert value == pytest.approx((5 + 0.5 * 5**0.5) * scale, rel=1e-14)
    np.testing.assert_allclose(gradient[:, 0], [0.6, 0.8], rtol=1e-14)


@pytest.mark.parametrize("n_columns", [1, 7, 8, 9, 16, 17, 33])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_any_number_of_columns(n_columns, dtype):
    X, y, _ = data(d=n_columns, dtype=dtype)
    alpha = np.abs(np.cos(np.arange(n_columns))) * 0.2
    for penalty in (GroupL1(alpha), L1(alpha), L2(alpha)):
        options = {"penalty": penalty, "record": "path", "optimizer": SGD(0.1)}
        ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
        np.testing.assert_allclose(ours.history.path, expected.history["path"], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("name", ["l1", "l2", "elasticnet", "group_l1", "group_elasticnet"])
def test_names(name):
    X, y, _ = data()
    penalty = {"l1": L1(), "l2": L2(), "elasticnet": ElasticNet(), "group_l1": GroupL1(),
               "group_elasticnet": GroupElasticNet()}[name]  # fmt: skip
    expected = mb.fit(X, y, penalty=penalty, optimizer="sgd").coef
    np.testing.assert_array_equal(mb.fit(X, y, penalty=name, optimizer="sgd").coef, expected)
    np.testing.assert_allclose(reference.fit(X, y, penalty=name, optimizer="sgd").coef, expected, atol=1e-12)


def test_groups_need_one_rate_for_all():
    X, y, _ = data()
    for penalty, name in ((GroupL1(), "group_l1"), (GroupElasticNet(), "group_elasticnet")):
        message = f'penalty "{name}" needs an optimizer whose rate is the same for all .*, got Adam'
        with pytest.raises(ValueError, match=message):
            mb.fit(X, y, penalty=penalty, optimizer="adam")
    for penalty in (GroupL1(0.0), GroupElasticNet(0.1, l1_ratio=0.0)):
        mb.fit(X, y, penalty=penalty, optimizer="adam", epochs=1)


REFUSED = [
    (lambda: L1([0.1, -1.0]), ValueError, "alpha must be finite and >= 0, got -1 at entry 1"),
    (lambda: GroupL1(-1.0), ValueError, "alpha must be finite and >= 0, got -1$"),
    (lambda: GroupL1([np.nan, 1]), ValueError, "alpha must be finite and >= 0, got NaN at entry 0"),
    (lambda: GroupElasticNet(1.0, 2.0), ValueError, "l1_ratio must be between 0 and 1, got 2"),
    (lambda: ElasticNet([1.0], -1.0), ValueError, "l1_ratio must be between 0 and 1, got -1"),
    (lambda: L1(np.ones((1, 1, 1))), ValueError, r"alpha must have at most 2 dimensions, got shape \(1, 1,"),
    (lambda: L1({"coef": -1}), ValueError, r'alpha\["coef"\] must be finite and >= 0, got -1$'),
    (lambda: L2({"coefs": [1, "a"]}), TypeError, r'alpha\["coefs"\]\[1\] must be a number, got \'a\'$'),
    (lambda: ElasticNet({"coef": 1}, 2.0), ValueError, "l1_ratio must be between 0 and 1, got 2"),
    (lambda: GroupL1({"coef": 1}), TypeError, "alpha must be a number or an array for groups, got {"),
    (lambda: L1("much"), TypeError, "alpha must be a number, got 'much'"),
    (lambda: L1(None), TypeError, "alpha must be a number, got None"),
    (lambda: L1(True), TypeError, "alpha must be a number, got True"),
    (lambda: L1(["a"]), TypeError, "alpha must be an array of real numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("n_strengths", [1, 2, 5, 7, 18])
def test_strengths_must_be_as_many_as_columns(n_strengths):
    X, y, _ = data("vector")
    penalty = L1(np.ones(n_strengths))
    message = f"alpha must have 6 entries, one for each column of X, got {n_strengths}"
    for call in (mb.fit, lambda *a, **o: mb.gradient(*a, (np.zeros(6), 0.0), **o)):
        with pytest.raises(ValueError, match=message):
            call(X, y, penalty=penalty)
    X, y, _ = data()
    if n_strengths == 18:
        mb.fit(X, y, penalty=penalty, epochs=0)
    else:
        with pytest.raises(ValueError, match=f"alpha must have 6 entries.*, or 3 x 6, got {n_strengths}"):
            mb.fit(X, y, penalty=penalty)


def test_penalties_are_values():
    alpha = np.array([0.1, 0.2])
    penalty = L1(alpha)
    alpha[:] = 5
    assert penalty == L1([0.1, 0.2])
    assert penalty.alpha == (0.1, 0.2)
    for penalty in OF_MATRICES:
        assert pickle.loads(pickle.dumps(penalty)) == penalty
        assert hash(penalty) == hash(pickle.loads(pickle.dumps(penalty)))


def test_strengths_of_blocks_are_values():
    given = {"coefs": [0.1, 1], "other": np.float32(0.5)}
    penalty = L2(given)
    given["coefs"][0] = 5
    given["more"] = 1
    same = L2({"other": 0.5, "coefs": np.array([0.1, 1.0])})
    assert (
        penalty == same == eval(repr(penalty)) == pickle.loads(pickle.dumps(penalty)) == copy.deepcopy(same)
    )
    assert hash(penalty) == hash(same)
    assert penalty != L2({"coefs": [0.1, 1]})


@pytest.mark.parametrize("kind", [L1, L2, ElasticNet])
def test_the_strength_of_the_only_block_of_a_linear_model(kind):
    X, y, loss = data("classes")
    options = {"loss": loss, "optimizer": SGD(0.1), "epochs": 3}
    by_name, plain = (mb.fit(X, y, penalty=kind(alpha), **options) for alpha in ({"coef": 0.3}, 0.3))
    np.testing.assert_array_equal(by_name.coef, plain.coef)
    free = mb.fit(X, y, **options)
    np.testing.assert_array_equal(mb.fit(X, y, penalty=kind({}), **options).coef, free.coef)
    with pytest.raises(ValueError, match=r"got 'coefs': did you mean 'coef'\?$"):
        mb.fit(X, y, penalty=kind({"coefs": 0.3}), **options)


@pytest.mark.parametrize(
    ("model", "penalty", "message"),
    [
        (MLP(3), L1([0.1] * 6), r"alpha must be .* keys of 'coefs', for model 'mlp', got shape \(6,\)"),
        (MLP(3), GroupL1(0.1), "penalty must not be one of groups for model 'mlp', got GroupL1"),
        (FactorizationMachine(3), L2(np.ones((3, 6))), "with keys of 'coef', 'factors', for model 'fact"),
        (FactorizationMachine(3), GroupElasticNet(0.1), "must not be one of groups for model 'factorization"),
    ],
)  # fmt: skip
def test_what_is_for_linear_models(model, penalty, message):
    with pytest.raises(ValueError, match=message):
        in_weights(penalty, model, n_outputs=3, n_columns=6)


def test_strengths_in_the_weights_of_a_model():
    for alpha, expected in (
        ({"coef": 1, "factors": 2}, (1, 2, 2, 2) * 3),
        ({"factors": 2}, (0, 2, 2, 2) * 3),
    ):
        assert in_weights(L2(alpha), FactorizationMachine(3), 3, 6).alpha == expected
    assert in_weights(L1({"coefs": [1, 0]}), MLP(2), 3, 4).alpha == (1,) * 8 + (0,) * 6
    assert in_weights(ElasticNet({"coefs": 2}, 0.5), MLP(2), 3, 4) == ElasticNet(2.0, 0.5)
    assert in_weights(L1(0.1), MLP(2), 3, 4) == L1(0.1)
    assert in_weights(None, MLP(2), 3, 4) is None
