"""Sparse rows: what a dense copy of them gives, at the cost of their entries, from arrays used in place."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import mbgd_rs as mb
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from mbgd_rs import reference
from mbgd_rs.inputs import as_rows
from mbgd_rs.optimizers import FTRL, SGD, SGLD, Adagrad, Adam, AdamW, DoG, Lion, RMSprop, ScheduleFreeSGD
from mbgd_rs.penalties import L1, L2, ElasticNet
from mbgd_rs.schedules import Cosine, InverseScaling, Warmup

N, D = 230, 400  # more columns than a batch of 8 has entries


def data(kind="one", n=N, d=D, density=0.02, dtype=np.float64):
    """Rows of which every 17th is empty, and some columns are; targets of a kind; weights."""
    rng = np.random.default_rng(0)
    X = sp.random(n, d, density, format="lil", random_state=0)
    X[::17] = 0
    X[:, ::23] = 0
    X = X.tocsr().astype(dtype)
    z = np.asarray(X @ rng.normal(size=(d, 3))) + 0.3 * rng.normal(size=(n, 3))
    y = {"one": z[:, 0], "three": z, "two classes": z[:, 0] > 0, "three classes": z.argmax(axis=1)}[kind]
    return X, y.astype(dtype) if y.dtype == float else y, rng.uniform(0, 2, n)


EXACT = {  # optimizers that give on sparse rows what they give on dense ones
    "plain": SGD(0.3),
    "a schedule": SGD(InverseScaling(0.3)),
    "momentum": SGD(0.05, momentum=0.8),
    "nesterov": SGD(0.05, momentum=0.8, nesterov=True),
    "dampening": SGD(0.05, momentum=0.7, dampening=0.5),
    "weight decay": SGD(0.1, weight_decay=0.05),
    "momentum, weight decay": SGD(0.05, momentum=0.5, weight_decay=0.05),
    "momentum, a schedule": SGD(Warmup(Cosine(0.1, 50), 20), momentum=0.7),
    "adagrad": Adagrad(0.1),
    "adagrad, a start": Adagrad(InverseScaling(0.2), lr_decay=0.01, initial_accumulator_value=0.1),
    "adagrad, weight decay": Adagrad(0.1, weight_decay=0.02),
    "ftrl": FTRL(0.3),
    "ftrl, strengths": FTRL(0.3, beta=0.5, l1=0.02, l2=0.3),
    "ftrl, a schedule": FTRL(Warmup(InverseScaling(0.5), 20), l1=0.02),
    "ftrl, strengths, a schedule": FTRL(InverseScaling(0.5), l1=0.02, l2=0.3),
}
WHOLE = {  # those that move all columns in every step
    "dog": DoG(),
    "schedule-free": ScheduleFreeSGD(0.1),
    "sgld": SGLD(0.01, temperature=1e-3),
}
RESTING = {"adam": Adam(0.02), "adamw": AdamW(0.02), "rmsprop": RMSprop(0.01), "lion": Lion(0.01)}
PENALTIES = {
    "none": None,
    "l2": L2(0.05),
    "strong l2": L2(5.0),
    "l1": L1(0.01),
    "elasticnet": ElasticNet(0.02, 0.5),
}
LOSSES = {
    "squared_error": ("squared_error", "one"),
    "squared_error of three": ("squared_error", "three"),
    "log_loss": ("log_loss", "two classes"),
    "softmax": ("log_loss", "three classes"),
    "hinge": ("hinge", "two classes"),
}


def assert_close(got, expected, tolerance):
    """Within `tolerance` of the largest entry, or of 1."""
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(
        got, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max(initial=0))
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("optimizer", EXACT)
def test_as_a_dense_copy(optimizer, penalty, loss):
    name, kind = LOSSES[loss]
    X, y, s = data(kind)
    for batch_size, weights in ((1, None), (8, s), (64, None), ("full", s)):
        for fit_intercept in (True, False):
            options = {"loss": name, "penalty": PENALTIES[penalty], "optimizer": EXACT[optimizer],
                       "batch_size": batch_size, "sample_weight": weights, "fit_intercept": fit_intercept,
                       "epochs": 3}  # fmt: skip
            dense, sparse = mb.fit(X.toarray(), y, **options), mb.fit(X, y, **options)
            assert_close(sparse.coef, dense.coef, 1e-10)
            assert_close(sparse.intercept, dense.intercept, 1e-10)
            assert_close(sparse.history.epoch_loss, dense.history.epoch_loss, 1e-11)
            if name != "hinge":  # whose kinks make a step of a rounding error
                assert np.array_equal(sparse.coef == 0, dense.coef == 0)


@pytest.mark.parametrize("penalty", ["none", "l2", "elasticnet"])
@pytest.mark.parametrize("optimizer", WHOLE)
def test_rules_and_averages_that_need_all_columns(optimizer, penalty):
    X, y, s = data()
    for more in ({"batch_size": 8}, {"batch_size": 5, "accumulate": 3}):
        options = {"penalty": PENALTIES[penalty], "optimizer": WHOLE[optimizer], "sample_weight": s, **more}
        dense, sparse = mb.fit(X.toarray(), y, **options), mb.fit(X, y, **options)
        assert_close(sparse.coef, dense.coef, 1e-9)
        assert_close(sparse.history.epoch_loss, dense.history.epoch_loss, 1e-9)


@pytest.mark.parametrize("optimizer", ["plain", "momentum"])
def test_averages_and_batches_taken_together(optimizer):
    X, y, s = data()
    for more in ({"average": "polyak"}, {"accumulate": 3}, {"average": "ema", "accumulate": 2}):
        options = {"penalty": ElasticNet(0.02), "optimizer": EXACT[optimizer], "sample_weight": s,
                   "batch_size": 5, "record": "full_loss", **more}  # fmt: skip
        dense, sparse = mb.fit(X.toarray(), y, **options), mb.fit(X, y, **options)
        assert_close(sparse.coef, dense.coef, 1e-10)
        assert_close(sparse.history.epoch_loss, dense.history.epoch_loss, 1e-10)
        assert_close(sparse.history.full_loss, dense.history.full_loss, 1e-10)


def test_an_average_of_parameters_that_rest():
    X, y, _ = data()
    options = {"optimizer": Adam(0.02), "batch_size": 7, "record": "path", "epochs": 1}
    path = mb.fit(X, y, **options).history.path
    average = mb.fit(X, y, **options, average="polyak")
    assert_close(average.coef, path.mean(axis=0)[:-1], 1e-12)


@pytest.mark.parametrize("penalty", ["none", "l1", "l2", "elasticnet"])
@pytest.mark.parametrize("optimizer", [*EXACT, *RESTING])
def test_every_step_is_that_of_the_reference(optimizer, penalty):
    X, y, s = data()
    options = {"penalty": PENALTIES[penalty], "optimizer": {**EXACT, **RESTING}[optimizer], "batch_size": 7,
               "sample_weight": s, "epochs": 2, "record": ("step", "path", "full_loss")}  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    for name in ("path", "step_loss", "full_loss", "learning_rate", "gradient_norm", "epoch_loss"):
        assert_close(getattr(ours.history, name), expected.history[name], 1e-11)


@pytest.mark.parametrize("optimizer", ["plain", "momentum", "adam"])
@pytest.mark.parametrize("penalty", ["none", "elasticnet"])
def test_looking_changes_nothing(optimizer, penalty):
    X, y, _ = data()
    options = {"penalty": PENALTIES[penalty], "optimizer": {**EXACT, **RESTING}[optimizer], "batch_size": 7}
    plain = mb.fit(X, y, **options)
    seen = mb.fit(X, y, **options, record=("step", "path", "full_loss"), callback=lambda _: False)
    assert plain.coef.tobytes() == seen.coef.tobytes()
    assert plain.history.epoch_loss.tobytes() == seen.history.epoch_loss.tobytes()


def test_columns_a_batch_does_not_have_rest_with_adam():
    X = sp.csr_array(np.array([[1.0, 0.0, 2.0], [1.0, 3.0, 0.0]]))
    first = mb.fit(X, [1.0, 2.0], optimizer=Adam(0.1), penalty=L2(0.3), batch_size=1, shuffle=False, epochs=1,
                   init=([1.0, 1.0, 1.0], 0.0), record="path")  # fmt: skip
    path = first.history.path
    assert path[0][1] == 1.0  # row 0 has nothing there
    assert path[0][2] == path[1][2] != 1.0
    assert path[0][0] != path[1][0]


def test_resume_is_bit_for_bit():
    for optimizer in {**EXACT, **RESTING}.values():
        for penalty in (None, L2(0.05), ElasticNet(0.02)):
            X, y, s = data()
            options = {"optimizer": optimizer, "penalty": penalty, "batch_size": 7, "sample_weight": s}
            whole = mb.fit(X, y, **options, epochs=5)
            part = mb.fit(X, y, **options, epochs=2)
            rest = mb.fit(X, y, **options, epochs=3, resume=part)
            assert whole.coef.tobytes() == rest.coef.tobytes()
            assert whole.history.epoch_loss.tobytes() == rest.history.epoch_loss.tobytes()


CONTAINERS = {
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csc": sp.csc_matrix,
    "coo": sp.coo_array,
    "bsr": sp.bsr_array,
    "lil": sp.lil_array,
    "dok": sp.dok_array,
    "dia": sp.dia_array,
}


def bits(result):
    return result.coef.dtype, result.coef.tobytes(), np.asarray(result.intercept).tobytes()


def with_indices(X, indices, indptr, data=None):
    """The matrix with arrays of these types, past all checks of SciPy."""
    copy = sp.csr_matrix(X.shape, dtype=X.dtype)
    copy.data = X.data.copy() if data is None else data
    copy.indices, copy.indptr = X.indices.astype(indices), X.indptr.astype(indptr)
    return copy


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("container", CONTAINERS)
def test_formats(container):
    X, y, _ = data(n=40, d=30, density=0.1)
    expected = mb.fit(X, y, batch_size=8)
    assert bits(mb.fit(CONTAINERS[container](X), y, batch_size=8)) == bits(expected)
    assert np.array_equal(expected.predict(CONTAINERS[container](X)), expected.predict(X))


@pytest.mark.parametrize("indices", ["i4", "i8", ">i4", "u2", "u8"])
@pytest.mark.parametrize("indptr", ["i4", "i8"])
def test_types_of_indices(indices, indptr):
    X, y, _ = data()
    expected = mb.fit(X, y, batch_size=8)
    assert bits(mb.fit(with_indices(X, indices, indptr), y, batch_size=8)) == bits(expected)


@pytest.mark.parametrize(("dtype", "precision"), [("f4", "f4"), ("f8", "f8"), (">f8", "f8"), ("f2", "f4"),
                                                  ("i8", "f8"), ("?", "f8"), ("g", "f8")])  # fmt: skip
def test_types_of_values(dtype, precision):
    X, y, _ = data()
    X.data = np.round(X.data * 3)
    values = X.data.astype(dtype)
    expected = X.copy()
    expected.data = values.astype(precision)
    got = mb.fit(with_indices(X, "i4", "i4", values), y, batch_size=8)
    assert got.coef.dtype == precision
    assert bits(got) == bits(mb.fit(expected, y, batch_size=8))


def test_the_arrays_of_the_caller_are_used_in_place_and_not_changed(tmp_path):
    X, y, _ = data()
    arrays = {}
    for name in ("data", "indices", "indptr"):
        np.save(tmp_path / f"{name}.npy", getattr(X, name))
        arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    mapped = sp.csr_matrix(X.shape)
    for name, array in arrays.items():
        setattr(mapped, name, array)
    rows = as_rows(mapped)
    assert all(np.shares_memory(getattr(rows, name), array) for name, array in arrays.items())
    expected = mb.fit(X, y, batch_size=8)
    assert bits(mb.fit(mapped, y, batch_size=8)) == bits(expected)
    before = {name: array.copy() for name, array in arrays.items()}
    assert np.array_equal(expected.predict(mapped), expected.predict(X))
    assert all(np.array_equal(array, before[name]) for name, array in arrays.items())
    for name in arrays:
        frozen = X.copy()
        getattr(frozen, name).flags.writeable = False
        assert bits(mb.fit(frozen, y, batch_size=8)) == bits(expected)


def unsorted_with_duplicates():
    """A matrix whose rows have columns in any order, and some of them in parts; and what it means."""
    X, y, _ = data()
    rng = np.random.default_rng(1)
    coo = X.tocoo()
    half = coo.data / 2
    order = rng.permutation(2 * X.nnz)
    row, column, value = (np.tile(a, 2)[order] for a in (coo.row, coo.col, half))
    by_row = np.argsort(row, kind="stable")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=N))])
    return sp.csr_matrix((value[by_row], column[by_row], indptr), shape=X.shape), X, y


def test_unsorted_and_duplicate_entries_add_up():
    given, X, y = unsorted_with_duplicates()
    before = given.indices.copy(), given.data.copy()
    for options in ({"batch_size": 8}, {"batch_size": 64, "optimizer": Adam(0.1), "penalty": L1(0.01)}):
        expected, got = mb.fit(X, y, **options), mb.fit(given, y, **options)
        assert_close(got.coef, expected.coef, 1e-12)
        assert_close(got.predict(given), expected.predict(X), 1e-12)
    assert np.array_equal(given.indices, before[0])
    assert np.array_equal(given.data, before[1])


def broken(name, position, value):
    def make():
        X = with_indices(sp.csr_matrix(np.arange(12.0).reshape(3, 4) + 1), "i8", "i8")
        getattr(X, name)[position] = value
        return X

    return make


def resized(name, n):
    def make():
        X = with_indices(sp.csr_matrix(np.arange(12.0).reshape(3, 4) + 1), "i4", "i4")
        setattr(X, name, np.resize(getattr(X, name), n))
        return X

    return make


MALFORMED = [
    (broken("indptr", 0, 1), "X.indptr must be 0, got 1 at row 0"),
    (broken("indptr", 0, -1), "X.indptr must be 0, got -1 at row 0"),
    (broken("indptr", 2, 3), "X.indptr must be at least the entry before, got 3 at row 2"),
    (broken("indptr", 1, -3), "X.indptr must be at least the entry before, got -3 at row 1"),
    (broken("indptr", 3, 13), "X.indptr must be at most the length of X.data, got 13 at row 3"),
    (broken("indptr", 1, 2**62), "X.indptr must be at most the length of X.data"),
    (broken("indices", 5, 4), "X.indices must be a column of X.*got 4 at row 1"),
    (broken("indices", 11, -1), "X.indices must be a column of X.*got -1 at row 2"),
    (broken("indices", 0, 2**40), "X.indices must be a column of X.*got 1099511627776 at row 0"),
    (broken("data", 6, np.nan), "X must be finite, got NaN at row 1, column 2"),
    (broken("data", 11, -np.inf), "X must be finite, got -inf at row 2, column 3"),
    (resized("indptr", 3), r"X.indptr must have 4 entries for shape \(3, 4\), got 3"),
    (resized("indptr", 5), r"X.indptr must have 4 entries for shape \(3, 4\), got 5"),
    (resized("indptr", 0), r"X.indptr must have 4 entries for shape \(3, 4\), got 0"),
    (resized("indices", 11), "X.indices must have 12 entries, as X.data, got 11"),
    (resized("data", 13), "X.indices must have 13 entries, as X.data, got 12"),
    (lambda: with_indices(sp.csr_matrix(np.eye(3)), "f8", "i4"), "X.indices must be an array of integers"),
    (lambda: sp.csr_matrix((0, 4)), r"X must have at least one row and one column, got shape \(0, 4\)"),
    (lambda: sp.csr_matrix((3, 0)), r"X must have at least one row and one column, got shape \(3, 0\)"),
    (lambda: sp.csr_matrix(np.eye(3) * 1j), "X must be a matrix of real numbers, got dtype complex128"),
    (lambda: sp.coo_array(np.arange(3.0)), r"X must have 2 dimensions, got shape \(3,\)"),
]


@pytest.mark.parametrize(("make", "message"), MALFORMED)
def test_malformed_matrices_are_refused(make, message):
    model = mb.fit(np.eye(3, 4), np.arange(3.0), optimizer="sgd")
    for call in (
        lambda: mb.fit(make(), np.arange(3.0), optimizer="sgd"),
        lambda: mb.gradient(make(), np.arange(3.0), (np.zeros(4), 0.0)),
        lambda: model.predict(make()),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            call()


def test_other_arguments_must_be_dense():
    X = sp.csr_matrix(np.eye(3))
    for options in ({"y": sp.csr_matrix(np.ones((3, 1)))}, {"sample_weight": sp.csr_matrix(np.ones((1, 3)))}):
        with pytest.raises(TypeError, match=r"must be an array, got a sparse matrix"):
            mb.fit(**{"X": X, "y": np.arange(3.0), **options})


@pytest.mark.parametrize("X", [
    sp.csr_matrix((5, 3)),  # nothing is stored
    sp.csr_matrix((np.zeros(2), [0, 2], [0, 1, 1, 1, 1, 2]), shape=(5, 3)),  # zeros are
    sp.csr_matrix(np.arange(5.0)[:, None]),
    sp.csr_matrix(np.ones((5, 1))),
])  # fmt: skip
def test_small_matrices(X):
    y = np.arange(5.0)
    for optimizer in (SGD(0.1), SGD(0.1, momentum=0.5), Adagrad(0.1), FTRL(0.1, l1=0.1, l2=0.1)):
        for penalty in (None, L1(0.1), ElasticNet(0.1)):
            for batch_size in (1, 2, 5):
                options = {"optimizer": optimizer, "penalty": penalty, "batch_size": batch_size}
                sparse, dense = mb.fit(X, y, **options), mb.fit(X.toarray(), y, **options)
                assert_close(sparse.intercept, dense.intercept, 1e-12)
                assert_close(sparse.coef, dense.coef, 1e-12)
                mb.fit(X, y, **{**options, "optimizer": Adam(0.1)})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_predictions(kind, dtype):
    X, y, _ = data(kind, dtype=dtype)
    model = mb.fit(X, y, loss="log_loss", epochs=20)  # the classes are separable
    dense = X.toarray()
    assert np.array_equal(model.predict(X), model.predict(dense))
    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    assert_close(model.decision_function(X), model.decision_function(dense), tolerance)
    assert_close(model.predict_proba(X), model.predict_proba(dense), tolerance)
    assert model.predict_proba(X.astype(np.float64)).dtype == dtype
    with pytest.raises(ValueError, match="X must have 400 columns"):
        model.predict(X[:, :-1])


@pytest.mark.parametrize("rows", [None, [], [3], [5, 5, 0, 229, 17], list(range(0, N, 3))])
def test_gradient(rows):
    for loss, kind in LOSSES.values():
        X, y, s = data(kind)
        model = mb.fit(X, y, loss=loss, epochs=20)
        options = {"rows": rows, "loss": loss, "penalty": ElasticNet(0.1), "sample_weight": s}
        value, (coef, intercept) = mb.gradient(X, y, model, **options)
        expected, (expected_coef, expected_intercept) = mb.gradient(X.toarray(), y, model, **options)
        assert_close(value, expected, 1e-13)
        assert_close(coef, expected_coef, 1e-13)
        assert_close(intercept, expected_intercept, 1e-13)


def test_a_norm_is_that_of_the_columns_of_the_batch():
    X, y, _ = data()
    for penalty in (None, L1(0.01)):  # which add nothing to the gradient
        options = {"penalty": penalty, "clip_norm": 0.2, "batch_size": 7, "record": "step"}
        options["optimizer"] = SGD(0.01)
        dense, sparse = mb.fit(X.toarray(), y, **options), mb.fit(X, y, **options)
        assert_close(sparse.coef, dense.coef, 1e-12)
        assert_close(sparse.history.gradient_norm, dense.history.gradient_norm, 1e-12)
        assert sparse.history.gradient_norm.max() > 0.2
    sparse = mb.fit(X, y, penalty=L2(0.1), clip_norm=1e-3, batch_size=7, optimizer=SGD(0.01))
    assert np.isfinite(sparse.coef).all()
    assert np.abs(sparse.coef).max() < 1e-2


def test_a_run_that_diverges_keeps_finite_parameters():
    X, y, _ = data()
    for options in ({"penalty": L2(1e9)}, {"optimizer": SGD(1e300)}, {"penalty": L2(1e3), "epochs": 1000}):
        with pytest.raises(mb.DivergenceError) as caught:
            mb.fit(X, y, **{"batch_size": 2, "init": (np.ones(D), 0.0), "optimizer": SGD(0.01), **options})
        assert np.isfinite(caught.value.result.coef).all()


def test_long_epochs_have_stretches():
    """More steps an epoch than are remembered at a time."""
    rng = np.random.default_rng(0)
    n, d = (1 << 16) + 1000, 30
    X = sp.csr_matrix((rng.normal(size=n), rng.integers(0, d, n), np.arange(n + 1)), shape=(n, d))
    y = rng.normal(size=n)
    for penalty in (L2(1e-3), L1(1e-4), ElasticNet(1e-3, 0.5)):
        for optimizer in (SGD(0.01), SGD(0.01, momentum=0.5), Adagrad(0.01), FTRL(0.01, l2=0.1)):
            options = {"penalty": penalty, "optimizer": optimizer, "batch_size": 1, "epochs": 1}
            sparse, dense = mb.fit(X, y, **options), mb.fit(X.toarray(), y, **options)
            assert_close(sparse.coef, dense.coef, 1e-10)
            assert_close(sparse.history.epoch_loss, dense.history.epoch_loss, 1e-10)


def fingerprints(n_threads):
    """SHA-256 of everything computed, by case; batches large enough to be shared, and some that are not."""
    result = {}
    rules = {**{name: EXACT[name] for name in ("momentum", "adagrad", "ftrl")}, "adam": RESTING["adam"]}
    for dtype in (np.float32, np.float64):
        for kind in ("one", "three classes"):
            X, y, s = data(kind, n=3000, d=5000, density=0.01, dtype=dtype)
            for name, optimizer in rules.items():
                for batch_size in (64, 1500, "full"):
                    options = {"loss": "squared_error" if kind == "one" else "log_loss"}
                    r = mb.fit(X, y, **options, optimizer=optimizer, penalty=ElasticNet(1e-3),
                               batch_size=batch_size, epochs=2, sample_weight=s, n_threads=n_threads,
                               record="full_loss")  # fmt: skip
                    before = mb.get_num_threads()
                    mb.set_num_threads(n_threads)
                    value, gradient = mb.gradient(X, y, r, **options)
                    scores = r.decision_function(X) if kind != "one" else r.predict(X)
                    mb.set_num_threads(before)
                    digest = hashlib.sha256()
                    arrays = (r.coef, r.intercept, r.history.epoch_loss, r.history.full_loss, value, scores)
                    for array in (*arrays, *gradient):
                        digest.update(np.ascontiguousarray(array).tobytes())
                    result[f"{kind}, {np.dtype(dtype)}, {name}, {batch_size}"] = digest.hexdigest()
    return result


@pytest.fixture(scope="module")
def expected():
    return fingerprints(1)


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads(expected, n_threads):
    assert fingerprints(n_threads) == expected


@pytest.mark.parametrize("tier", ["scalar", "avx2", "avx512", "neon"])
def test_instruction_sets(expected, tier):
    folder = str(Path(__file__).parent)
    program = f"import json, sys; sys.path.insert(0, {folder!r}); import test_sparse as t\n"
    program += "print(json.dumps(t.fingerprints(3)))"
    path = os.pathsep.join(filter(None, sys.path))
    environment = {**os.environ, "MBGD_RS_SIMD": tier, "PYTHONPATH": path}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "not possible on this processor" in run.stderr:
        pytest.skip(f"no {tier} on this machine")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == expected


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_matrix_is_as_its_dense_copy(draw):
    n, d = draw.draw(st.integers(1, 12)), draw.draw(st.integers(1, 40))
    lengths = draw.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    nnz = sum(lengths)
    columns = draw.draw(st.lists(st.integers(0, d - 1), min_size=nnz, max_size=nnz))
    values = draw.draw(
        st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 3.0]), min_size=nnz, max_size=nnz)
    )
    dtype = draw.draw(st.sampled_from(["i4", "i8"]))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(dtype)
    X = sp.csr_matrix((np.array(values), np.array(columns, dtype), indptr), shape=(n, d))
    y = np.array(draw.draw(st.lists(st.sampled_from([-1.0, 0.5, 2.0]), min_size=n, max_size=n)))
    momentum = draw.draw(st.sampled_from([0.0, 0.5, 0.9]))
    optimizer = SGD(
        draw.draw(st.sampled_from([1e-3, 0.01])), momentum, nesterov=momentum > 0 and draw.draw(st.booleans())
    )
    options = {
        "optimizer": optimizer,
        "penalty": draw.draw(st.sampled_from(list(PENALTIES.values()))),
        "batch_size": draw.draw(st.integers(1, n)),
        "init": (np.linspace(-1, 1, d), 0.1),
        "epochs": 3,
    }
    dense, sparse = mb.fit(X.toarray(), y, **options), mb.fit(X, y, **options)
    assert_close(sparse.coef, dense.coef, 1e-11)
    assert_close(sparse.history.epoch_loss, dense.history.epoch_loss, 1e-11)


@pytest.mark.parametrize("n_first", [1, 20, 29, 57])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("optimizer", [*EXACT, *RESTING])
def test_a_run_cut_within_an_epoch_goes_on_to_the_bit(optimizer, penalty, n_first):
    X, y, s = data("two classes")
    rule = {**EXACT, **RESTING}[optimizer]
    options = {"loss": "log_loss", "penalty": PENALTIES[penalty], "optimizer": rule, "batch_size": 8,
               "sample_weight": s}  # fmt: skip
    whole = mb.fit(X, y, **options, epochs=3)
    first = mb.fit(X, y, **options, epochs=3, stop=mb.stopping.MaxSteps(n_first))
    assert first.n_steps == n_first
    rest = mb.fit(X, y, **options, epochs=3 - first.n_epochs, resume=first)
    assert (rest.coef == whole.coef).all()
    assert rest.intercept == whole.intercept
    assert (rest.history.epoch_loss == whole.history.epoch_loss).all()


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("optimizer", EXACT)
def test_where_columns_are_few_all_move_and_the_result_is_the_same(optimizer, penalty, monkeypatch):
    """Also of a run that was cut within an epoch of steps on the columns of their batches."""
    X, y, s = data("two classes")
    options = {"loss": "log_loss", "penalty": PENALTIES[penalty], "optimizer": EXACT[optimizer],
               "batch_size": 8, "sample_weight": s}  # fmt: skip
    lazy = mb.fit(X, y, **options, epochs=3)
    first = mb.fit(X, y, **options, epochs=3, stop=mb.stopping.MaxSteps(20))
    monkeypatch.delenv("MBGD_RS_COLUMNS_FOR_ENTRY")
    whole = mb.fit(X, y, **options, epochs=3)
    rest = mb.fit(X, y, **options, epochs=3, resume=first)
    for result in (whole, rest):
        assert_close(result.coef, lazy.coef, 1e-10)
        assert_close(result.history.epoch_loss, lazy.history.epoch_loss, 1e-11)


@pytest.mark.alone
def test_an_interrupted_step_leaves_nothing():
    """Signals at any moment, also between the gathering of a batch's columns and their being put back."""
    X, y, _ = data("two classes", n=4000, d=20_000, density=0.005)
    options = {"loss": "log_loss", "penalty": ElasticNet(1e-3, 0.5), "batch_size": 400,
               "optimizer": SGD(0.05, momentum=0.9)}  # fmt: skip
    whole = mb.fit(X, y, **options, epochs=60)
    result, n_cut = None, 0
    while result is None or result.n_epochs < 60:
        timer = threading.Timer(0.06, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            n_left = 60 if result is None else 60 - result.n_epochs
            result = mb.fit(X, y, **options, epochs=n_left, resume=result)
        except KeyboardInterrupt as interrupt:
            result, n_cut = getattr(interrupt, "result", result), n_cut + 1
        finally:
            timer.cancel()
        assert n_cut < 1000
    assert (result.coef == whole.coef).all()
    assert (result.history.epoch_loss == whole.history.epoch_loss).all()


@pytest.mark.parametrize("optimizer", ["plain", "adam", "adagrad"])
def test_validation_rows_are_split_off_as_from_dense_rows(optimizer):
    X, y, s = data("two classes")
    options = {"loss": "log_loss", "optimizer": {**EXACT, **RESTING, **WHOLE}[optimizer], "sample_weight": s,
               "batch_size": 64, "epochs": 4, "validation": 0.3,
               "metrics": {"accuracy": lambda y, p: (y == p).mean()}}  # fmt: skip
    dense, sparse = mb.fit(X.toarray(), y, **options), mb.fit(X, y, **options)
    tolerance = 1e-2 if optimizer == "adam" else 1e-10
    assert_close(sparse.history.validation_loss, dense.history.validation_loss, tolerance)
    if optimizer != "adam":
        assert_close(sparse.coef, dense.coef, tolerance)
        assert (sparse.history.metrics["accuracy"] == dense.history.metrics["accuracy"]).all()
    data_of_its_own = {**options, "validation": (X[:50], y[:50])}
    assert mb.fit(X, y, **data_of_its_own).history.validation_loss.shape == (4,)


@pytest.mark.parametrize(
    "penalty", [mb.penalties.GroupL1(0.01), L1(np.linspace(0, 0.02, D)), L2(np.linspace(0, 1, D))]
)
@pytest.mark.parametrize("kind", ["two classes", "three classes"])
def test_penalties_that_differ_between_columns(kind, penalty):
    X, y, _ = data(kind)
    options = {"loss": "log_loss", "penalty": penalty, "optimizer": SGD(0.2, momentum=0.5), "batch_size": 8,
               "epochs": 3}  # fmt: skip
    assert_close(mb.fit(X, y, **options).coef, mb.fit(X.toarray(), y, **options).coef, 1e-10)


@pytest.mark.parametrize(
    "how",
    [
        {"batch_size": mb.batch_sizes.Growing(4)},
        {"batch_size": 8, "optimizer": SGD(lambda t: 0.3 / (1 + t))},
        {"batch_size": 8, "optimizer": SGD(mb.schedules.Plateau(0.3, n_iter_no_change=1))},
        {"batch_size": 8, "accumulate": 3},
        {"batch_size": 8, "optimizer": Adagrad(lambda t: 0.3 / (1 + t))},
        {"batch_size": 8, "optimizer": FTRL(lambda t: 0.3 / (1 + t) ** 0.5, l1=0.01)},
        {"batch_size": 8, "optimizer": FTRL(mb.schedules.Plateau(0.3, n_iter_no_change=1), l2=0.1)},
        {"batch_size": mb.batch_sizes.Growing(4), "optimizer": FTRL(0.3)},
        {"batch_size": 8, "accumulate": 3, "optimizer": Adagrad(0.3)},
        {"batch_size": 8, "init": (np.linspace(-1, 1, D), 0.1), "optimizer": Adagrad(0.3)},
        {"batch_size": 8, "init": (np.linspace(-1, 1, D), 0.1), "optimizer": FTRL(0.3, l1=0.1, l2=0.1)},
        {"batch_size": 8, "shuffle": mb.sampling.Weighted(np.arange(1.0, N + 1), correct_bias=True)},
        {"batch_size": 8, "shuffle": "stratified"},
        {"batch_size": 8, "class_weight": "balanced"},
        {"batch_size": 8, "clip_value": 0.01},
    ],
    ids=lambda how: " ".join(how),
)
def test_other_ways_of_training(how):
    X, y, _ = data("two classes")
    options = {"loss": "log_loss", "optimizer": SGD(0.3), "penalty": L1(1e-3), "epochs": 4, **how}
    dense, sparse = mb.fit(X.toarray(), y, **options), mb.fit(X, y, **options)
    assert_close(sparse.coef, dense.coef, 1e-10)
    assert_close(sparse.history.epoch_loss, dense.history.epoch_loss, 1e-10)
    first = mb.fit(X, y, **options, stop=mb.stopping.MaxSteps(5))
    again = mb.fit(X, y, **{**options, "init": None, "epochs": 4 - first.n_epochs}, resume=first)
    assert (again.coef == sparse.coef).all()
