"""Solvers on what is hard: they reach the optimum or say that they have not, and stay finite."""

import warnings

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs.batch_sizes import NormTest
from mbgd_rs.optimizers import SAGA, SVRG
from mbgd_rs.penalties import L1, L2
from mbgd_rs.stopping import Converged
from scipy.sparse import csr_array

N, D = 300, 8


def rows(n=N, d=D, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng


def with_rare_categories():
    _, rng = rows()
    group = np.minimum((rng.exponential(8, 1000)).astype(int), 40)
    return np.column_stack([np.eye(41)[group], np.exp(2 * rng.normal(size=1000))])


def changed(at, by):
    X, _ = rows()
    X[at] = by(X[at])
    return X


ROWS = {
    "as they are": lambda: rows()[0],
    "leverage near 1": lambda: changed(np.s_[::100], lambda x: x * 100),
    "an outlier of 1e6": lambda: changed((7, 2), lambda x: 1e6),
    "fewer rows than columns": lambda: rows(30, 50)[0],
    "one row": lambda: rows(1)[0],
    "two rows": lambda: rows(2)[0],
    "one column": lambda: rows(d=1)[0],
    "constant columns": lambda: changed(np.s_[:, 3:5], lambda x: np.array([5.0, 0.0])),
    "nothing but zeros": lambda: np.zeros((N, D)),
    "nothing but ones": lambda: np.ones((N, D)),
    "duplicated columns": lambda: np.hstack([rows()[0]] * 3),
    "tiny and huge columns": lambda: rows()[0] * np.array([1e-12, 1e12, 1, 1, 1, 1e-6, 1e6, 1]),
    "rare categories": with_rare_categories,
    "shifted by 1e3": lambda: rows()[0] + 1e3,
    "sorted": lambda: np.sort(rows()[0], axis=0),
}
TARGETS = {
    "numbers": "squared_error",
    "two numbers": "squared_error",
    "huge numbers": "squared_error",
    "tiny numbers": "squared_error",
    "two classes": "log_loss",
    "ten classes": "log_loss",
    "labels": "log_loss",
    "counts": "poisson",
}
OPTIONS = {
    "all at once": {"batch_size": 10**6},
    "full": {"batch_size": "full"},
    "one by one": {"batch_size": 1},
    "without the last": {"batch_size": 128, "drop_last": True},
    "growing": {"batch_size": NormTest(8)},
    "cut off by norm": {"clip_norm": 0.1},
    "cut off by value": {"clip_value": 0.1},
    "without an intercept": {"fit_intercept": False},
    "weights of six orders": {"sample_weight": 10 ** rows(N, 1, 5)[0].ravel().clip(-3, 3)},
    "weights of zero": {"sample_weight": (np.arange(N) % 3 == 0).astype(float)},
    "standardised": {"standardize": True},
    "blocks": {"shuffle": "block"},
    "stratified": {"shuffle": "stratified"},
    "accumulated": {"accumulate": 3},
}


def targets(X, kind):
    rng = np.random.default_rng(1)
    with np.errstate(all="ignore"):
        Z = np.nan_to_num((X - X.mean(axis=0)) / X.std(axis=0))
    z = Z @ np.linspace(-1, 1, X.shape[1]) / np.sqrt(X.shape[1]) + rng.normal(size=len(X))
    match kind:
        case "numbers":
            return z
        case "two numbers":
            return np.column_stack([z, rng.normal(size=len(X)) - z])
        case "huge numbers":
            return z * 1e9 + 1e9
        case "tiny numbers":
            return z * 1e-9
        case "two classes":
            return np.where(np.arange(len(X)) < 2, np.arange(len(X)), z > 0)
        case "ten classes":
            return np.where(np.arange(len(X)) < 10, np.arange(len(X)), np.digitize(z, np.linspace(-2, 2, 9)))
        case "labels":
            return np.column_stack([z > 0, z < -1, rng.random(len(X)) < 0.5])
        case _:
            return rng.poisson(np.exp(np.clip(z, -2, 2))).astype(float)


def ran(X, y, loss, penalty, optimizer, **options):
    """A run and its objective, no worse than at zero; it may only warn that it has not converged."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = mb.fit(X, y, loss=loss, penalty=penalty, optimizer=optimizer, **options)
    assert {warning.category for warning in caught} <= {mb.ConvergenceWarning}
    assert (result.stop_reason == "converged") == (not caught)
    weights = {"sample_weight": options.get("sample_weight")}
    assert np.isfinite(result.coef).all()
    assert np.isfinite(result.intercept).all()
    zero = np.zeros_like(result.coef), np.zeros_like(result.intercept)
    X, y = (v.astype(np.float64) if v.dtype.kind == "f" else v for v in (X, y))
    end, begin = (mb.gradient(X, y, at, loss=loss, penalty=penalty, **weights)[0] for at in (result, zero))
    assert end <= begin + 1e-6 * abs(begin)
    return result, end


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", ROWS)
def test_rows(name, kind, dtype):
    X = ROWS[name]()
    y = targets(X, kind)
    if kind in ("two classes", "ten classes") and len(np.unique(y)) < 2:
        return
    X, y = X.astype(dtype), y.astype(dtype) if y.dtype.kind == "f" else y
    for optimizer in (SAGA(), SVRG()):
        ran(X, y, TARGETS[kind], L2(1e-3), optimizer)


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("name", OPTIONS)
def test_options(name, kind):
    X = ROWS["as they are"]()
    y = targets(X, kind)
    if name == "stratified" and TARGETS[kind] != "log_loss":
        return
    for optimizer in (SAGA(), SVRG()):
        if kind == "labels" and name == "stratified":
            continue
        options = OPTIONS[name]
        is_long = {"epochs": 30} if name == "one by one" else {}
        if is_long:
            result = mb.fit(
                X, y, loss=TARGETS[kind], penalty=L2(1e-3), optimizer=optimizer, **options, epochs=30
            )
            assert np.isfinite(result.coef).all()
        else:
            ran(X, y, TARGETS[kind], L2(1e-3), optimizer, **options)


# Where columns are well conditioned what is called converged is near the optimum, whatever the units.
EXACT = [
    "as they are",
    "one column",
    "constant columns",
    "duplicated columns",
    "tiny and huge columns",
    "shifted by 1e3",
    "nothing but ones",
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", EXACT)
def test_least_squares_in_closed_form(name, dtype):
    """Of the centred columns, by a factorisation of columns in unit length; to 1e-3 of the objective."""
    X = ROWS[name]()
    y = targets(X, "numbers")
    alpha = 1e-3
    _, end = ran(X.astype(dtype), y.astype(dtype), "squared_error", L2(alpha), SAGA())
    Xc, yc = X - X.mean(axis=0), y - y.mean()
    s = np.sqrt((Xc**2).mean(axis=0) + alpha)
    A = np.vstack([Xc / s / np.sqrt(len(X)), np.diag(np.sqrt(alpha) / s)])
    b = np.append(yc / np.sqrt(len(X)), np.zeros(X.shape[1]))
    v = np.linalg.lstsq(A, b, rcond=None)[0]
    best = np.sum((A @ v - b) ** 2) / 2
    assert -1e-5 < end / best - 1 < 1e-3


@pytest.mark.parametrize("kind", [SAGA, SVRG])
@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge", "smooth_hinge", "modified_huber"])
def test_separable_classes_have_no_optimum(loss, kind):
    X, _ = rows()
    y = X[:, 0] > 0
    result, end = ran(X, y, loss, None, kind())
    assert (result.predict(X) == y).all()
    assert end < 0.05


@pytest.mark.parametrize("kind", [SAGA, SVRG])
@pytest.mark.parametrize("d", [1, 5])
def test_empty_rows_and_columns(d, kind):
    X, rng = rows(N, d)
    X[rng.random((N, d)) < 0.7] = 0
    X[:20] = 0
    X[:, d // 2] = 0 if d > 1 else X[:, 0]
    y = targets(X, "numbers")
    for penalty in (None, L2(1e-3), L1(1e-2)):
        result, _ = ran(csr_array(X), y, "squared_error", penalty, kind())
        assert result.coef[d // 2] == 0 or d == 1
    assert np.isfinite(mb.fit(csr_array((N, d)), y, penalty=L2(1e-3)).coef).all()


def test_one_class_is_learned_by_the_intercept():
    X, _ = rows()
    result = mb.fit(X, np.ones(N, int), classes=[0, 1], loss="log_loss", penalty=L2(1e-2), epochs=20)
    assert (result.predict(X) == 1).all()


def test_columns_shifted_by_a_million_in_single_precision():
    """Entries have a 16th left of their last digits: what can be learned of these is learned."""
    X = (rows()[0] + 1e6).astype(np.float32)
    y = targets(X.astype(np.float64), "numbers").astype(np.float32)
    result = mb.fit(X, y, penalty=L2(1e-3), optimizer=SAGA(), epochs=100)
    assert np.isfinite(result.coef).all()


@pytest.mark.parametrize("kind", [SAGA, SVRG])
def test_only_one_row_has_weight(kind):
    X, _ = rows()
    weight = np.zeros(N)
    weight[5] = 1
    y = targets(X, "numbers")
    result = mb.fit(
        X, y, sample_weight=weight, penalty=L2(1e-3), optimizer=kind(), epochs=200, stop=Converged()
    )
    assert result.predict(X)[5] == pytest.approx(y[5], abs=0.05)


def test_fewer_rows_than_columns_keep_their_sketch():
    """A sketch of more rank than there are rows is none."""
    X, _ = rows(30, 100)
    y = X @ np.linspace(-1, 1, 100) / 10
    result = mb.fit(X, y, penalty=L2(1e-4), optimizer=SAGA(preconditioner="nystrom"))
    assert result.solver.preconditioner != "diagonal"


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson", "log_loss"])
@pytest.mark.parametrize("n", [20, 50])
def test_a_single_batch_of_float32(n, loss):
    """The first epoch has the objective of the start again, but for rounding: no reason to go back."""
    for seed in range(40):
        X, rng = rows(n, 5, seed)
        y = X.sum(axis=1) / 2 + rng.normal(size=n)
        y = {"poisson": np.floor(np.exp(np.minimum(y, 3))), "log_loss": y > 0}.get(loss, y)
        how = {"loss": loss, "penalty": L2(1e-2), "epochs": 60}
        single, double = (mb.fit(X.astype(t), y, **how) for t in (np.float32, np.float64))
        ends = [result.history.epoch_loss[-1] for result in (single, double)]
        assert ends[0] == pytest.approx(ends[1], rel=2e-3), f"seed {seed}"


@pytest.mark.parametrize("weight", [None, "some"])
@pytest.mark.parametrize(("shift", "spread"), [(30, 1), (1000, 10), (-300, 50)])
def test_log_cosh_of_targets_far_from_zero(shift, spread, weight):
    """Far away it has no curvature: a run begins at the median."""
    X, rng = rows()
    y = np.column_stack([X[:, 0], -X[:, 1]]) * spread + [shift, -shift] + rng.normal(size=(N, 2))
    s = None if weight is None else rng.integers(3, size=N).astype(float)
    result = mb.fit(X, y, loss="log_cosh", sample_weight=s)
    assert result.stop_reason is mb.StopReason.CONVERGED
    np.testing.assert_allclose(result.coef[[0, 1], [0, 1]], [spread, -spread], atol=0.3)
    np.testing.assert_allclose(result.intercept, [shift, -shift], atol=0.3)
