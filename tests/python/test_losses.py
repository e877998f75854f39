"""Every loss, by one table: a new loss is a new row of CASES.

A row says the loss and makes targets of scores: of shape (n,), or (n, k) for several outputs, several classes
(the index of a class) or several labels a row. The kinds of targets are tried as far as the loss takes them.
"""

import dataclasses
import itertools
import pickle
import re

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import losses, reference
from mbgd_rs.choices import members_of, resolve
from mbgd_rs.optimizers import SGD
from mbgd_rs.penalties import L2
from mbgd_rs.schedules import InverseScaling
from scipy.optimize import minimize
from scipy.sparse import csr_array

N, D, K = 70, 4, 3
TOLERANCE = {"float64": 1e-11, "float32": 2e-5}


def real(z):
    return z


def counts(z):
    return np.maximum(0, np.round(2 * z + 1))


def positive(z):
    return np.abs(z) + 0.1


def sign(z):
    return z > 0.2


CASES = {
    "squared_error": (losses.SquaredError(), real),
    "absolute_error": (losses.AbsoluteError(), real),
    "huber": (losses.Huber(0.7), real),
    "epsilon_insensitive": (losses.EpsilonInsensitive(0.3), real),
    "squared_epsilon_insensitive": (losses.SquaredEpsilonInsensitive(0.3), real),
    "quantile": (losses.Quantile(0.8), real),
    "log_cosh": (losses.LogCosh(), real),
    "poisson": (losses.Poisson(), counts),
    "gamma": (losses.Gamma(), positive),
    "tweedie, 0": (losses.Tweedie(0), real),
    "tweedie, 1": (losses.Tweedie(1), counts),
    "tweedie, 1.5": (losses.Tweedie(), counts),
    "tweedie, 2": (losses.Tweedie(2), positive),
    "tweedie, 3": (losses.Tweedie(3), positive),
    "one_class": (losses.OneClass(0.3), real),
    "log_loss": (losses.LogLoss(), sign),
    "log_loss, ovr": (losses.LogLoss(multi_class="ovr"), sign),
    "hinge": (losses.Hinge(), sign),
    "squared_hinge": (losses.SquaredHinge(), sign),
    "modified_huber": (losses.ModifiedHuber(), sign),
    "perceptron": (losses.Perceptron(), sign),
    "smooth_hinge": (losses.SmoothHinge(0.8), sign),
    "focal": (losses.Focal(1.5), sign),
    "crammer_singer": (losses.CrammerSinger(), sign),
}
"""The loss, and targets from scores. Of all losses, whatever other tests want to try on each of them."""

DOMAINS = {
    "poisson": (">= 0", -1.0), "gamma": ("> 0", 0.0), "tweedie, 1": (">= 0", -0.5),
    "tweedie, 1.5": (">= 0", -1.0), "tweedie, 2": ("> 0", 0.0), "tweedie, 3": ("> 0", 0.0),
}  # fmt: skip
"""What targets must be, and one that is not."""

CURVATURES = {
    "squared_error": 1, "huber": 1, "squared_epsilon_insensitive": 2, "log_cosh": 1, "log_loss": 0.25,
    "log_loss, ovr": 0.25, "squared_hinge": 2, "modified_huber": 2, "smooth_hinge": 1 / 0.8,
}  # fmt: skip
"""The largest second derivative, for the losses whose documentation gives it as a number."""

PROBABILITIES = ["log_loss", "log_loss, ovr", "modified_huber", "focal"]


def is_classification(name):
    return CASES[name][0].is_classification


def kinds_of(name):
    if not CASES[name][0].has_targets:
        return ["one"]
    return ["one", "classes", "labels"] if is_classification(name) else ["one", "outputs"]


ALL = [(name, kind) for name in CASES for kind in kinds_of(name)]


def data(name, kind, dtype="float64", n=N, d=D, seed=0):
    """Rows, targets, weights and a point (coef, intercept)."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, d)).astype(dtype)
    z = X @ rng.normal(size=(d, K)) + rng.normal(size=(n, K)) / 2
    make_targets = CASES[name][1]
    y = make_targets(z[:, 0]) if kind == "one" else z.argmax(axis=1) if kind == "classes" else make_targets(z)
    outputs = () if kind == "one" else (K,)
    point = rng.normal(size=(*outputs, d)).astype(dtype), rng.normal(size=outputs).astype(dtype)
    y = y.astype(dtype) if y.dtype == float else y
    return X, y, rng.uniform(0, 2, n), point


def flat(params):
    return np.append(*params)


def assert_close(got, expected, tolerance):
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))


def test_the_table_has_every_loss():
    assert {loss.name for loss, _ in CASES.values()} == set(members_of(losses.Loss))


# ---- gradient


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "kind"), ALL)
def test_finite_differences(name, kind, weighted):
    X, y, s, (coef, intercept) = data(name, kind)
    options = {"loss": CASES[name][0], "sample_weight": s if weighted else None}
    value, gradient = mb.gradient(X, y, (coef, intercept), **options)

    def value_at(w):
        params = w[: coef.size].reshape(coef.shape), w[coef.size :].reshape(intercept.shape)
        return mb.gradient(X, y, params, **options)[0]

    w = flat((coef, intercept))
    assert value == value_at(w)
    slopes = [(value_at(w + h) - value_at(w - h)) / 2e-6 for h in np.eye(w.size) * 1e-6]
    np.testing.assert_allclose(flat(gradient), slopes, rtol=1e-6, atol=2e-8)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_weights_are_repeated_rows(name, kind):
    X, y, _, params = data(name, kind)
    times = np.arange(N) % 4
    loss = CASES[name][0]
    weighted = mb.gradient(X, y, params, loss=loss, sample_weight=times)
    repeated = mb.gradient(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0), params, loss=loss)
    assert weighted[0] == pytest.approx(repeated[0], rel=1e-12)
    assert_close(flat(weighted[1]), flat(repeated[1]), 1e-12)

    options = {"loss": loss, "batch_size": "full", "epochs": 5, "optimizer": SGD(0.1)}
    one = mb.fit(X, y, sample_weight=times, **options)
    other = mb.fit(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0), **options)
    assert_close(one.coef, other.coef, 1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "kind"), ALL)
def test_every_step_is_that_of_the_reference(name, kind, dtype):
    X, y, s, _ = data(name, kind, dtype)
    options = {
        "loss": CASES[name][0], "sample_weight": s, "batch_size": 9, "epochs": 3, "optimizer": SGD(0.05, 0.5),
        "penalty": "l2", "record": ("step", "path"),
    }  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    assert ours.coef.dtype == dtype
    assert_close(ours.history.path, expected.history["path"], TOLERANCE[dtype])
    assert_close(ours.history.step_loss, expected.history["step_loss"], 3 * TOLERANCE[dtype])
    assert_close(ours.coef, expected.coef, TOLERANCE[dtype])


@pytest.mark.parametrize("name", CASES)
def test_no_solver_of_scipy_finds_a_lower_objective(name):
    """Of the formula of the reference, with an l2 penalty: one optimum, or for focal one that is near."""
    X, y, s, _ = data(name, "one")
    options = {"loss": CASES[name][0], "penalty": L2(0.1), "sample_weight": s}

    def objective(w):
        value, gradient = reference.gradient(X, y, (w[:-1], w[-1]), **options)
        return value, flat(gradient)

    is_smooth = name in CURVATURES or name == "focal" or name in DOMAINS or name == "tweedie, 0"
    if is_smooth:
        settings = {"ftol": 0, "gtol": 1e-12, "maxiter": 1000}
        best = minimize(objective, np.zeros(D + 1), jac=True, method="L-BFGS-B", options=settings).fun
        model, tolerance = mb.fit(X, y, **options, batch_size="full", epochs=1000), 1e-9
    else:
        settings = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 10_000, "adaptive": True}
        best = minimize(
            lambda w: objective(w)[0], np.zeros(D + 1), method="Nelder-Mead", options=settings
        ).fun
        falling = SGD(InverseScaling(0.5, power_t=0.75))
        late = mb.averages.Polyak(start=2500)
        model = mb.fit(X, y, **options, optimizer=falling, batch_size="full", epochs=5000, average=late)
        tolerance = 2e-3
    assert objective(flat((model.coef, model.intercept)))[0] <= best + tolerance * max(1, abs(best))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "kind"), ALL)
def test_threads_give_the_same_bits(name, kind, dtype):
    X, y, s, _ = data(name, kind, dtype, n=1500, d=33)
    options = {"loss": CASES[name][0], "sample_weight": s, "batch_size": 1000, "optimizer": SGD(0.01)}
    one, three = (mb.fit(X, y, n_threads=n, epochs=2, **options) for n in (1, 3))
    assert one.coef.tobytes() == three.coef.tobytes()
    assert one.intercept.tobytes() == three.intercept.tobytes()
    assert one.history.epoch_loss.tobytes() == three.history.epoch_loss.tobytes()


# ---- dense = sparse: a row of this table as CSR trains to the same parameters


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_sparse_rows_give_what_dense_ones_do(name, kind):
    X, y = data(name, kind)[:2]
    X = np.hstack([np.where(np.abs(X) < 0.7, 0, X), np.zeros((len(X), 60))])  # columns enough to step on few
    options = {"loss": CASES[name][0], "optimizer": SGD(0.02), "batch_size": 5, "epochs": 3, "penalty": "l2"}
    dense, sparse = mb.fit(X, y, **options), mb.fit(csr_array(X), y, **options)
    assert_close(sparse.coef, dense.coef, 1e-10)
    assert_close(sparse.predict(csr_array(X)), dense.predict(X), 1e-10)


# ---- several outputs at once


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kind in ALL if kind in ("outputs", "labels")]
)
def test_outputs_and_labels_are_independent(name, kind):
    X, y, s, params = data(name, kind)
    options = {"loss": CASES[name][0], "sample_weight": s}
    value, (coef, intercept) = mb.gradient(X, y, params, **options)
    each = [mb.gradient(X, y[:, c], (params[0][c], params[1][c]), **options) for c in range(K)]
    assert value == pytest.approx(sum(value for value, _ in each), rel=1e-12)
    assert_close(coef, np.array([g[0] for _, g in each]), 1e-13)
    assert_close(intercept, np.array([g[1] for _, g in each]), 1e-13)


@pytest.mark.parametrize("name", [name for name in CASES if is_classification(name)])
def test_one_class_against_the_rest(name):
    if name in ("log_loss", "crammer_singer"):
        pytest.skip("takes all classes at once")
    X, y, s, params = data(name, "classes")
    options = {"loss": CASES[name][0], "sample_weight": s}
    value, (coef, _) = mb.gradient(X, y, params, **options)
    each = [mb.gradient(X, y == c, (params[0][c], params[1][c]), **options) for c in range(K)]
    assert value == pytest.approx(sum(value for value, _ in each), rel=1e-12)
    assert_close(coef, np.array([g[0] for _, g in each]), 1e-13)


# ---- each value and slope, far out


def value_and_slope(name, z, y, dtype="float64"):
    """Of one score and one target; for a loss of classes y is 0 or 1."""
    X = np.array([[1.0], [0.0], [0.0]], dtype)
    targets = np.array([y, 0, 1]) if is_classification(name) else np.array([y, 1, 1], dtype)
    params = np.array([z], dtype), 0.0
    value, (slope, _) = mb.gradient(X, targets, params, rows=[0], loss=CASES[name][0])
    return value, float(slope[0])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_no_score_gives_nan(name, dtype):
    loss, _ = CASES[name]
    largest = float(np.finfo(dtype).max)
    z = np.concatenate([np.geomspace(1e-30, 1e30, 61), [largest, 88, 89, 104, 177, 710, 746, 1500]])
    targets = [0, 1] if loss.is_classification else [0.0, 1.0, 1e-30, 1e30, -1.0, -1e30]
    condition, _ = DOMAINS.get(name, ("", None))
    if condition:
        targets = [y for y in targets if y > 0 or (y == 0 and condition == ">= 0")]
    spec = reference.LOSSES[type(loss).__name__.lower()](loss)
    z = np.concatenate([[0.0], z, -z]).astype(dtype).tolist()
    for score, y in itertools.product(z, targets):
        value, slope = value_and_slope(name, score, y, dtype)
        assert not np.isnan(value), (score, y)
        assert not np.isnan(slope), (score, y)
        if abs(score) < 300 and abs(y) < 1e20:  # where the plain formula does not overflow in doubles
            target = 2 * y - 1 if loss.is_classification else float(np.dtype(dtype).type(y))
            with np.errstate(all="ignore"):
                expected = [
                    float(spec.value(np.float64(score), target)),
                    float(spec.slope(np.float64(score), target)),
                ]
            for got, exact in zip((value, slope), expected, strict=True):
                if abs(exact) < largest:
                    tolerance = 1e-12 if dtype == "float64" else 2e-4
                    assert got == pytest.approx(exact, rel=tolerance, abs=tolerance), (score, y)


@pytest.mark.parametrize("name", CASES)
def test_the_curvature_is_what_the_documentation_says(name):
    """The slope never changes faster, and somewhere as fast."""
    z = np.linspace(-6, 6, 2401)
    y = 1 if is_classification(name) else 1.0
    slopes = np.array([value_and_slope(name, score, y)[1] for score in z])
    steepest = (np.diff(slopes) / np.diff(z)).max()
    if name in CURVATURES:
        assert steepest == pytest.approx(CURVATURES[name], rel=1e-3)
        assert steepest <= CURVATURES[name] * (1 + 1e-9)
    if name in ("poisson", "gamma", "tweedie, 3"):
        assert steepest > 10


@pytest.mark.parametrize(("gamma", "curvature"), [(0.0, 0.25), (2.0, 0.497)])
def test_focal_loss_is_steepest_where_it_says(gamma, curvature):
    z = np.linspace(-20, 20, 20_001)
    slope = reference.LOSSES["focal"](losses.Focal(gamma)).slope(z, 1)
    assert (np.diff(slope) / np.diff(z)).max() == pytest.approx(curvature, abs=1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_rows_without_weight_do_not_matter_however_wrong_they_are(name, dtype):
    X, y, s, params = data(name, "one", dtype)
    X[7], s[7] = 1e25, 0
    value, gradient = mb.gradient(X, y, params, sample_weight=s, loss=CASES[name][0])
    assert np.isfinite(value)
    rest = np.arange(N) != 7
    expected, expected_gradient = mb.gradient(
        X[rest], y[rest], params, sample_weight=s[rest], loss=CASES[name][0]
    )
    assert value == pytest.approx(expected, rel=1e-5)
    assert_close(flat(gradient), flat(expected_gradient), 1e-5)


# ---- what is refused


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", DOMAINS)
def test_targets_outside_of_the_domain_are_refused(name, dtype):
    condition, wrong = DOMAINS[name]
    loss = CASES[name][0]
    for kind in ("one", "outputs"):
        X, y, _, _ = data(name, kind, dtype)
        y[3] = wrong
        message = re.escape(f"y must be {condition} for loss '{loss.name}', got {wrong} at row 3")
        with pytest.raises(ValueError, match=f"^{message}$"):
            mb.fit(X, y, loss=loss)
        with pytest.raises(ValueError, match=f"y must be {condition} for loss"):
            reference.fit(X, y, loss=loss)


@pytest.mark.parametrize(
    "name", [name for name in CASES if name not in DOMAINS and not is_classification(name)]
)
def test_all_numbers_are_in_the_domain_of_the_others(name):
    X, y, _, _ = data(name, "one")
    y[:3] = 0, -1, 1e3
    assert np.isfinite(mb.gradient(X, y, (np.zeros(D), 0.0), loss=CASES[name][0])[0])


PARAMETERS = {
    losses.Huber: ("epsilon", [0, -1, np.nan, np.inf], "finite and > 0"),
    losses.EpsilonInsensitive: ("epsilon", [-1, np.nan, np.inf], "finite and >= 0"),
    losses.SquaredEpsilonInsensitive: ("epsilon", [-1, np.nan, np.inf], "finite and >= 0"),
    losses.Quantile: ("quantile", [0, 1, -0.5, np.nan], "in (0, 1)"),
    losses.OneClass: ("nu", [0, -0.1, 1.001, np.nan], "in (0, 1]"),
    losses.Tweedie: ("power", [-1, 0.5, 0.999, 3.1, np.nan], "0 or in [1, 3]"),
    losses.SmoothHinge: ("smoothing", [0, -1, np.nan, np.inf], "finite and > 0"),
    losses.Focal: ("gamma", [-0.1, 1e4, np.nan], "in [0, 1000]"),
}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_parameters_out_of_range_are_refused(kind):
    parameter, wrong, condition = PARAMETERS[kind]
    for value in wrong:
        with pytest.raises(ValueError, match="^" + re.escape(f"{parameter} must be {condition}, got ")):
            kind(**{parameter: value})
    with pytest.raises(TypeError, match=f"{parameter} must be a number, got 'wide'"):
        kind(**{parameter: "wide"})


def test_an_unknown_way_with_many_classes_is_refused():
    with pytest.raises(ValueError, match='multi_class must be one of multinomial, ovr, got "ovo"'):
        losses.LogLoss(multi_class="ovo")


@pytest.mark.parametrize("name", CASES)
def test_losses_are_values(name):
    loss = CASES[name][0]
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert eval(repr(loss), vars(losses)) == loss
    assert hash(dataclasses.replace(loss)) == hash(loss)
    assert type(loss)() == resolve("loss", loss.name, losses.Loss)


# ---- labels


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (2, "got 2 at row 5, column 1"),
        (-1, "got -1 at row 5, column 1"),
        (np.nan, "got nan at row 5, column 1"),
    ],
)
def test_labels_are_0_or_1(wrong, message):
    X, y, _, _ = data("log_loss", "labels")
    y = y.astype(float if wrong != wrong else int)
    y[5, 1] = wrong
    with pytest.raises(ValueError, match=f"y must be 0 or 1 where it has several labels a row, {message}"):
        mb.fit(X, y, loss="log_loss")


@pytest.mark.parametrize("as_type", [bool, int, np.uint8, float, object])
def test_labels_of_any_type(as_type):
    X, y, _, _ = data("log_loss", "labels")
    options = {"loss": "log_loss", "epochs": 2, "batch_size": 8}
    expected, result = mb.fit(X, y, **options), mb.fit(X, y.astype(as_type), **options)
    np.testing.assert_array_equal(result.coef, expected.coef)
    predicted = result.predict(X)
    assert predicted.shape == y.shape
    np.testing.assert_array_equal(predicted, result.decision_function(X) > 0)
    again = mb.fit(X, y, resume=result, **options)
    np.testing.assert_array_equal(again.coef, mb.fit(X, y, **{**options, "epochs": 4}).coef)


def test_labels_that_nobody_has_are_learned_as_such():
    X, y, _, _ = data("log_loss", "labels")
    y[:, 1] = False
    model = mb.fit(X, y, loss="log_loss", epochs=200, optimizer=SGD(1.0))
    assert not model.predict(X)[:, 1].any()


# ---- predictions


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "kind"), ALL)
def test_predictions(name, kind, dtype):
    X, y, _, _ = data(name, kind, dtype)
    loss = CASES[name][0]
    model = pickle.loads(pickle.dumps(mb.fit(X, y, loss=loss, epochs=2, batch_size=16)))
    assert model.loss == loss.name
    assert model.loss_object == loss
    scores = model.decision_function(X)
    assert_close(scores, X @ model.coef.T + model.intercept, TOLERANCE[dtype])
    predicted = model.predict(X)
    if not loss.is_classification:
        spec = reference.LOSSES[type(loss).__name__.lower()](loss)
        assert_close(predicted, spec.mean(scores), TOLERANCE[dtype])
        assert (predicted > 0).all() or type(loss) not in (losses.Poisson, losses.Gamma, losses.Tweedie)
    elif kind == "classes":
        np.testing.assert_array_equal(predicted, scores.argmax(axis=1))
    else:
        np.testing.assert_array_equal(predicted, scores > 0)


@pytest.mark.parametrize("kind", ["one", "classes", "labels"])
@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities(name, kind):
    X, y, _, _ = data(name, kind)
    loss = CASES[name][0]
    model = mb.fit(X, y, loss=loss, epochs=20, batch_size=16, optimizer=SGD(0.1))
    p, z = model.predict_proba(X), model.decision_function(X)
    each = reference.LOSSES[type(loss).__name__.lower()](loss).probability(z)
    if kind == "one":
        expected = np.column_stack([1 - each, each])
    elif kind == "labels":
        expected = each
    elif name == "log_loss":
        expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    else:
        expected = each / each.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, expected, rtol=1e-10, atol=1e-14)
    if kind != "labels":
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)


@pytest.mark.parametrize("name", ["modified_huber", "log_loss, ovr", "focal"])
def test_classes_that_are_all_impossible_are_equally_probable(name):
    X, y, _, _ = data(name, "classes")
    params = np.zeros((K, D)), np.full(K, -1e5)
    model = mb.fit(X, y, loss=CASES[name][0], init=params, epochs=0)
    np.testing.assert_allclose(model.predict_proba(X), 1 / 3)
    model = mb.fit(X, y == 0, loss=CASES[name][0], init=(np.zeros(D), -1e5), epochs=0)
    np.testing.assert_array_equal(model.predict_proba(X)[0], [1, 0])


@pytest.mark.parametrize("name", [name for name in CASES if name not in PROBABILITIES])
def test_other_losses_have_no_probabilities(name):
    X, y, _, _ = data(name, "one")
    loss = CASES[name][0]
    message = f"predict_proba needs loss 'log_loss', .*, got a model of loss '{loss.name}'"
    with pytest.raises(ValueError, match=message):
        mb.fit(X, y, loss=loss, epochs=0).predict_proba(X)


def test_focal_loss_finds_the_probabilities():
    """Where a fraction of equal rows is of the second class, that is the probability predicted."""
    X, y = np.zeros((100, 1)), np.arange(100) < 80
    model = mb.fit(X, y, loss="focal", batch_size="full", optimizer=SGD(2.0), epochs=2000)
    np.testing.assert_allclose(model.predict_proba([[0.0]]), [[0.2, 0.8]], rtol=1e-6)
    assert 1 / (1 + np.exp(-model.intercept)) < 0.7  # what the sigmoid would have said


# ---- going on


def test_a_run_goes_on_with_the_same_loss_only():
    X, y, _, _ = data("huber", "one")
    first = mb.fit(X, y, loss=losses.Huber(0.5), epochs=1)
    again = mb.fit(X, y, loss=losses.Huber(0.5), resume=first, epochs=1)
    np.testing.assert_array_equal(again.coef, mb.fit(X, y, loss=losses.Huber(0.5), epochs=2).coef)
    message = r"resume must be a run of loss Huber\(epsilon=1.35\), got Huber\(epsilon=0.5\)"
    with pytest.raises(ValueError, match=message):
        mb.fit(X, y, loss="huber", resume=first)
