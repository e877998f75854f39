"""Every optimizer by one table: a row is a rule and how it is to be run to find an optimum."""

import pickle
import re
from dataclasses import fields

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import averages, optimizers, reference
from mbgd_rs.choices import members_of
from mbgd_rs.penalties import L1, L2
from mbgd_rs.preconditioners import Nystrom
from mbgd_rs.schedules import Cosine
from scipy.optimize import minimize
from scipy.sparse import csr_array
from sklearn import linear_model

EPOCHS = 4000
FALLING = Cosine(0.05, n_steps=EPOCHS)

# A rule, and how near to the optimum of a smooth objective it comes in EPOCHS full batches.
TABLE = {
    "sgd": (optimizers.SGD(0.3), 1e-8),
    "momentum": (optimizers.SGD(0.1, momentum=0.9), 1e-8),
    "dampening": (optimizers.SGD(0.5, momentum=0.8, dampening=0.5), 1e-8),
    "nesterov": (optimizers.SGD(0.1, momentum=0.9, nesterov=True), 1e-8),
    "adagrad": (optimizers.Adagrad(0.5), 1e-8),
    "rmsprop": (optimizers.RMSprop(FALLING), 1e-4),
    "rmsprop with momentum": (optimizers.RMSprop(FALLING, momentum=0.5), 1e-4),
    "rmsprop, centered": (optimizers.RMSprop(FALLING, centered=True, eps=0.1), 1e-4),
    "adadelta": (optimizers.Adadelta(1.0), 1e-8),
    "adam": (optimizers.Adam(FALLING), 1e-6),
    "amsgrad": (optimizers.Adam(FALLING, amsgrad=True), 1e-6),
    "adamw": (optimizers.AdamW(FALLING, weight_decay=0.0), 1e-6),
    "nadam": (optimizers.NAdam(FALLING), 1e-6),
    "radam": (optimizers.RAdam(FALLING), 1e-6),
    "adamax": (optimizers.Adamax(FALLING), 1e-6),
    "lion": (optimizers.Lion(FALLING, weight_decay=0.0), 1e-4),
    "ftrl": (optimizers.FTRL(1.0), 1e-8),
    "sgld": (optimizers.SGLD(0.3, temperature=1e-12), 1e-4),
    "schedule_free_sgd": (optimizers.ScheduleFreeSGD(1.0), 1e-3),
    "schedule_free_adamw": (optimizers.ScheduleFreeAdamW(0.05), 1e-2),
    "dog": (optimizers.DoG(), 1e-6),
    "saga": (optimizers.SAGA(), 1e-8),
    "saga without a metric": (optimizers.SAGA(preconditioner=None), 1e-8),
    "saga at a rate": (optimizers.SAGA(0.3, preconditioner="diagonal"), 1e-8),
    "svrg": (optimizers.SVRG(), 1e-8),
    "svrg, seldom": (optimizers.SVRG(snapshot_every=3), 1e-8),
    # A rate by trials compares objectives, whose rounding is the square of that of the parameters.
    "sgd in a metric": (optimizers.SGD(preconditioner="auto"), 1e-7),
    "momentum in a metric": (optimizers.SGD(0.1, momentum=0.9, preconditioner="diagonal"), 1e-8),
}
# Rules with options that are not the usual ones, for what has to hold of any.
WITH_DECAY = {
    "sgd with decay": optimizers.SGD(0.1, momentum=0.5, weight_decay=0.1),
    "adamw with decay": optimizers.AdamW(0.1, weight_decay=0.1),
    "nadam with decay": optimizers.NAdam(0.1, weight_decay=0.1, decoupled_weight_decay=True),
    "ftrl with strengths": optimizers.FTRL(0.5, l1=0.3, l2=0.7),
    "sgld, hot": optimizers.SGLD(0.01, temperature=0.1, seed=5),
    "schedule_free_adamw with decay": optimizers.ScheduleFreeAdamW(0.1, weight_decay=0.1),
}
RULES = {name: rule for name, (rule, _) in TABLE.items()} | WITH_DECAY
# Rules that choose their rate by the data, so that only a fit can make steps of them.
OF_FITS = [name for name in RULES if RULES[name].learning_rate == "auto"]
OF_ARRAYS = [name for name in RULES if name not in OF_FITS]


def data(n=203, d=7, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = X @ np.linspace(-1, 2, d) + 1 + rng.normal(size=n)
    return X.astype(dtype), y.astype(dtype)


def test_the_table_has_every_optimizer():
    for name, kind in members_of(optimizers.Optimizer).items():
        assert type(TABLE[name][0]) is kind


# ---- optima


def ridge_optimum(X, y, alpha):
    X1 = np.column_stack([X, np.ones(len(X))])
    A = X1.T @ X1 / len(X) + alpha * np.diag([1.0] * X.shape[1] + [0.0])
    return np.linalg.solve(A, X1.T @ y / len(X))


def logistic_optimum(X, sign, alpha):
    def objective(w):
        margin = sign * (X @ w[:-1] + w[-1])
        slope = -sign / (1 + np.exp(margin)) / len(X)
        value = np.logaddexp(0, -margin).mean() + alpha / 2 * w[:-1] @ w[:-1]
        return value, np.append(slope @ X + alpha * w[:-1], slope.sum())

    options = {"ftol": 0, "gtol": 1e-13, "maxcor": 50, "maxiter": 10_000}
    return minimize(objective, np.zeros(X.shape[1] + 1), jac=True, method="L-BFGS-B", options=options).x


@pytest.mark.parametrize("start", ["zero", "elsewhere"])
@pytest.mark.parametrize("problem", ["ridge", "logistic"])
@pytest.mark.parametrize("name", TABLE)
def test_it_finds_the_optimum(name, problem, start):
    rule, tolerance = TABLE[name]
    (X, y), alpha = data(), 0.1
    if problem == "ridge":
        loss, expected = "squared_error", ridge_optimum(X, y, alpha)
    else:
        loss, y = "log_loss", np.where(y > 1, 1, -1)
        expected = logistic_optimum(X, y, alpha)
    init = None if start == "zero" else (np.linspace(1, -1, X.shape[1]), 0.5)
    result = mb.fit(
        X, y, loss=loss, penalty=L2(alpha), optimizer=rule, batch_size="full", epochs=EPOCHS, init=init
    )
    got = np.append(result.coef, result.intercept)
    assert np.abs(got - expected).max() < tolerance


# ---- l1

SPARSE = {
    "sgd": optimizers.SGD(0.2),
    "momentum": optimizers.SGD(0.1, momentum=0.9),
    "dampening": optimizers.SGD(0.3, momentum=0.8, dampening=0.5),
    "nesterov": optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "adagrad": optimizers.Adagrad(1.0),
    "rmsprop": optimizers.RMSprop(Cosine(0.02, 5000)),
    "rmsprop with momentum": optimizers.RMSprop(Cosine(0.02, 5000), momentum=0.5),
    "adadelta": optimizers.Adadelta(1.0),
    "adam": optimizers.Adam(Cosine(0.02, 5000)),
    "amsgrad": optimizers.Adam(Cosine(0.1, 5000), amsgrad=True),
    "adamw": optimizers.AdamW(Cosine(0.02, 5000), weight_decay=0.0),
    "nadam": optimizers.NAdam(Cosine(0.02, 5000)),
    "radam": optimizers.RAdam(Cosine(0.02, 5000)),
    "adamax": optimizers.Adamax(Cosine(0.02, 5000)),
    "ftrl": optimizers.FTRL(2.0),
    "dog": optimizers.DoG(),
    "saga": optimizers.SAGA(),
    "saga without a metric": optimizers.SAGA(preconditioner=None),
    "svrg": optimizers.SVRG(),
    "sgd in a metric": optimizers.SGD(preconditioner="diagonal"),
}


@pytest.mark.parametrize("start", ["zero", "elsewhere"])
@pytest.mark.parametrize("name", SPARSE)
def test_the_zeros_of_the_lasso(name, start):
    """A support that is known: two of twelve columns matter, and scikit-learn finds the same ones."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 12))
    y = 3 * X[:, 2] - 2 * X[:, 7] + 1 + rng.normal(size=300)
    lasso = linear_model.Lasso(alpha=0.3, tol=1e-14, max_iter=100_000).fit(X, y)
    assert np.flatnonzero(lasso.coef_).tolist() == [2, 7]
    init = None if start == "zero" else (rng.normal(size=12), -1.0)
    result = mb.fit(X, y, penalty=L1(0.3), optimizer=SPARSE[name], batch_size="full", epochs=5000, init=init)
    assert np.flatnonzero(result.coef).tolist() == [2, 7]
    np.testing.assert_allclose(result.coef, lasso.coef_, rtol=1e-5)
    assert result.intercept == pytest.approx(lasso.intercept_, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "batch_size"),
    [("sgd", 100), ("ftrl", 100), ("ftrl", 10), ("adagrad", 100), ("saga", 10), ("svrg", 10)],
)
def test_batches_too_give_the_zeros_of_the_lasso(name, batch_size):
    """Of small batches FTRL's are: it weighs all gradients, not the last one, against the penalty."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 12))
    y = 3 * X[:, 2] - 2 * X[:, 7] + 1 + rng.normal(size=300)
    rule = {
        "sgd": optimizers.SGD(Cosine(0.05, 300 * 3)),
        "ftrl": optimizers.FTRL(0.5),
        "adagrad": optimizers.Adagrad(0.5),
        "saga": optimizers.SAGA(),
        "svrg": optimizers.SVRG(),
    }[name]
    result = mb.fit(X, y, penalty=L1(0.3), optimizer=rule, batch_size=batch_size, epochs=300)
    assert np.flatnonzero(result.coef).tolist() == [2, 7]
    lasso = linear_model.Lasso(alpha=0.3, tol=1e-14).fit(X, y)
    np.testing.assert_allclose(result.coef, lasso.coef_, atol=0.03)


# ---- what has to hold of all


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "average"),
    [
        (name, average)
        for name in RULES
        for average in (None, averages.Polyak(start=5), averages.EMA(0.9))
        if average is None or not name.startswith("schedule_free")  # which average by themselves
    ],
)
def test_it_goes_on_bit_for_bit_and_keeps_the_type(name, average, dtype):
    rule = RULES[name]
    X, y = data(dtype=dtype)
    options = {"penalty": L1(0.01), "optimizer": rule, "batch_size": 32, "accumulate": 2, "average": average}
    whole = mb.fit(X, y, epochs=5, **options)
    first = mb.fit(X, y, epochs=2, **options)
    again = mb.fit(X, y, epochs=3, resume=pickle.loads(pickle.dumps(first)), **options)
    assert whole.coef.dtype == dtype
    assert all(vector.dtype == dtype for vector in whole.state["memory"])
    assert again.coef.tobytes() == whole.coef.tobytes()
    assert again.intercept == whole.intercept
    assert again.n_steps == whole.n_steps == 5 * 4  # 7 batches an epoch, 2 a step
    assert again.state["params"].tobytes() == whole.state["params"].tobytes()
    for ours, expected in zip(again.state["memory"], whole.state["memory"], strict=True):
        assert ours.tobytes() == expected.tobytes()
    assert again.state["scalars"].tobytes() == whole.state["scalars"].tobytes()
    if average is not None:
        assert (whole.state["params"][:-1] != whole.coef).any()


@pytest.mark.parametrize("penalty", [None, L1(0.01), L2(0.1)], ids=str)
@pytest.mark.parametrize("name", RULES)
def test_sparse_rows_are_stepped_as_the_reference_does(name, penalty):
    """That is, the lazy update of the core is what the reference says that it is."""
    X, y = data(n=60, d=9, seed=2)
    X = csr_array(np.where(np.random.default_rng(4).random(X.shape) < 0.15, X, 0.0))
    options = {"penalty": penalty, "optimizer": RULES[name], "batch_size": 4, "epochs": 3, "seed": 1}
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    np.testing.assert_allclose(ours.coef, expected.coef, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.intercept, expected.intercept, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", RULES)
def test_threads_change_nothing(name):
    X, y = data(n=3000, d=40)
    y = np.digitize(y, [-3, 0, 3])
    options = {"loss": "log_loss", "penalty": L1(0.001), "optimizer": RULES[name], "epochs": 2}
    one, three = (mb.fit(X, y, batch_size=1000, n_threads=n, **options) for n in (1, 3))
    assert one.coef.tobytes() == three.coef.tobytes()
    assert one.intercept.tobytes() == three.intercept.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("penalty", [None, L1(0.02)])
@pytest.mark.parametrize("kind", ["one output", "three outputs", "no intercept"])
@pytest.mark.parametrize("name", RULES)
def test_every_step_is_that_of_the_reference(name, kind, penalty, dtype):
    X, y = data(dtype=dtype)
    if kind == "three outputs":
        y = np.column_stack([y, -y, y * y])
    options = {
        "penalty": penalty, "optimizer": RULES[name], "batch_size": 50, "epochs": 4, "record": "path",
        "fit_intercept": kind != "no intercept",
    }  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    scale = max(1, np.abs(expected.history["path"]).max())
    # A mean of gradients divided by its own size, as of the first steps, has the error of the gradient.
    tolerance = {"float64": 1e-10, "float32": 2e-3}[dtype]
    np.testing.assert_allclose(ours.history.path, expected.history["path"], rtol=0, atol=tolerance * scale)
    np.testing.assert_allclose(ours.coef, expected.coef, rtol=0, atol=tolerance * scale)
    if kind == "no intercept":
        assert ours.intercept == 0


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_state_goes_through_pickle(name):
    rule, w = RULES[name], [np.linspace(-1, 1, 5), np.ones((2, 3), np.float32)]
    state = rule.init(w)
    for _ in range(3):
        rule.step(state, w, [w[0] - 1, w[1] + 1])
    other_rule, other_state, other_w = pickle.loads(pickle.dumps((rule, state, w)))
    for _ in range(3):
        rule.step(state, w, [w[0] - 1, w[1] + 1])
        other_rule.step(other_state, other_w, [other_w[0] - 1, other_w[1] + 1])
    models = rule.eval_params(state, w), other_rule.eval_params(other_state, other_w)
    for ours, theirs in zip(*models, strict=True):
        assert ours.tobytes() == theirs.tobytes()
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("name", [name for name in RULES if getattr(RULES[name], "weight_decay", 0)])
def test_weight_decay_is_of_coefficients_in_a_fit(name):
    """Where columns have no slope, the intercept moves as if there were no decay."""
    rule = RULES[name]
    n = 30
    X, y = np.zeros((n, 2)), np.full(n, 3.0)
    free = type(rule)(**{**vars(rule), "weight_decay": 0.0})
    options = {"init": (np.ones(2), 1.0), "batch_size": "full", "epochs": 5}
    decayed, expected = (mb.fit(X, y, optimizer=optimizer, **options) for optimizer in (rule, free))
    assert decayed.intercept == expected.intercept
    assert (decayed.coef < 1).all()
    assert (expected.coef == 1).all()


@pytest.mark.parametrize("name", OF_FITS)
def test_without_data_there_is_no_rate(name):
    w = np.ones(2)
    with pytest.raises(ValueError, match=r"^learning_rate must be .* only fit has some, got 'auto'$"):
        RULES[name].step(RULES[name].init(w), w, np.ones(2))
    assert w.tolist() == [1.0, 1.0]


# ---- options

BAD = {
    "learning_rate": (0.0, "finite and > 0"),
    "momentum": (1.0, "in [0, 1)"),
    "dampening": (1.5, "in [0, 1]"),
    "weight_decay": (-0.1, "finite and >= 0"),
    "eps": (0.0, "finite and > 0"),
    "lr_decay": (-1.0, "finite and >= 0"),
    "initial_accumulator_value": (-1.0, "finite and >= 0"),
    "alpha": (1.0, "in [0, 1)"),
    "rho": (-0.1, "in [0, 1)"),
    "betas": ((0.9, 1.5), "in [0, 1)"),
    "momentum_decay": (-1.0, "finite and >= 0"),
    "weight_lr_power": (-1.0, "finite and >= 0"),
    "reps_rel": (0.0, "finite and > 0"),
    "temperature": (-1.0, "finite and >= 0"),
    "seed": (-1, ">= 0"),
    "beta": (0.0, "finite and > 0"),
    "snapshot_every": (0, ">= 1"),
    "l1": (-1.0, "finite and >= 0"),
    "l2": (-1.0, "finite and >= 0"),
}
FLAGS = {"nesterov", "amsgrad", "centered", "decoupled_weight_decay"}
NAMED = {"preconditioner"}
OPTIONS = [(kind, field.name) for kind in members_of(optimizers.Optimizer).values() for field in fields(kind)]


@pytest.mark.parametrize(("kind", "option"), [pair for pair in OPTIONS if pair[1] not in FLAGS | NAMED])
def test_an_option_out_of_its_range_is_refused(kind, option):
    value, condition = BAD[option]
    got = re.escape(f"{value}".removesuffix(".0"))
    with pytest.raises(ValueError, match=rf"^{option} must be {re.escape(condition)}, got {got}"):
        kind(**{option: value})
    if not isinstance(value, tuple):
        with pytest.raises((ValueError, TypeError), match=f"^{option} must be"):
            kind(**{option: float("nan")})
    with pytest.raises(TypeError, match=f"^{option} must be"):
        kind(**{option: "x"})


@pytest.mark.parametrize(("kind", "option"), [pair for pair in OPTIONS if pair[1] in FLAGS])
def test_a_flag_is_a_bool(kind, option):
    with pytest.raises(TypeError, match=f"^{option} must be a bool, got 1"):
        kind(**{option: 1}, **({"momentum": 0.5} if option == "nesterov" else {}))


@pytest.mark.parametrize(("kind", "option"), [pair for pair in OPTIONS if pair[1] in NAMED])
def test_a_choice_is_one_of_its_family(kind, option):
    with pytest.raises(ValueError, match=f"^{option} must be one of 'auto', .*, got 'x'"):
        kind(**{option: "x"})
    for other in (3, True, L1(0.1), optimizers.SGD, [None]):
        with pytest.raises(TypeError, match=f"^{option} must be .* or None, got {re.escape(repr(other))}"):
            kind(**{option: other})


def test_a_rank_is_at_least_one():
    for rank, error in (
        (0, ValueError),
        (-1, ValueError),
        (1.5, TypeError),
        ("x", TypeError),
        (None, TypeError),
    ):
        with pytest.raises(error, match=r"^rank must be"):
            Nystrom(rank)


def test_nesterov_has_no_dampening():
    with pytest.raises(ValueError, match=r"dampening must be 0 when nesterov=True, got 0\.5"):
        optimizers.SGD(momentum=0.9, nesterov=True, dampening=0.5)


# ---- the model on the user's own arrays


@pytest.mark.parametrize("rule", [optimizers.ScheduleFreeSGD(0.1), optimizers.ScheduleFreeAdamW(0.1)])
def test_the_model_has_the_structure_of_the_parameters(rule):
    w = {"b": [np.ones((2, 3)), (np.zeros(()),)], "a": np.full(2, 5.0, np.float32)}
    state = rule.init(w)
    assert rule.eval_params(state, w) is w
    for _ in range(3):
        rule.step(state, w, {"b": [np.ones((2, 3)), (np.ones(()),)], "a": np.zeros(2)})
    model = rule.eval_params(state, w)
    assert list(model) == ["b", "a"]
    assert model["b"][0].shape == (2, 3)
    assert isinstance(model["b"][1], tuple)
    assert model["b"][1][0] < 0
    assert model["a"].tolist() == [5.0, 5.0]
    assert model["a"].dtype == np.float32


@pytest.mark.parametrize("name", [name for name in TABLE if name in OF_ARRAYS])
def test_minimize_returns_the_model(name):
    def fun(w, x):
        return float(((w - x) ** 2).mean() / 2), w - x.mean()

    x = np.array([1.0, 2.0, 6.0])
    result = mb.minimize(fun, np.zeros(()), x, batch_size="full", optimizer=TABLE[name][0], epochs=EPOCHS)
    assert result.params == pytest.approx(3.0, abs=2e-3)
