"""Models beyond linear where data are small, flat, huge or not finite, and arrays of all forms."""

import itertools
import pickle
import random
import re

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from mbgd_rs import losses, optimizers, reference, stopping
from mbgd_rs.models import MLP, FactorizationMachine
from model_cases import flat
from test_models_against_reference import draw

pytestmark = pytest.mark.filterwarnings("ignore:.* cannot reach the targets:UserWarning")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 4)), RNG.normal(size=50)
MODELS = {
    "network": MLP((5, 3), ("relu", "tanh")),
    "dropout": MLP(9, "gelu", dropout=0.4),
    "without layers": MLP(()),
    "machine": FactorizationMachine(3),
}
SGD = optimizers.SGD(0.05)


def of_models(test):
    return pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)(test)


# ---- sizes

WIDTHS = [1, 2, 7, 8, 9, 15, 16, 17, 33, 65]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_outputs", [1, 3, 8, 17])
def test_all_widths_agree_with_the_reference(n_outputs, dtype):
    # Around the numbers of lanes of vectors, of rows of tiles and of leaves.
    tolerance = 2e-4 if dtype == np.float32 else 1e-10
    rng = np.random.default_rng(1)
    for n, d, width in zip((1, 2, 63, 64, 65, 129) * 5, WIDTHS * 3, np.repeat(WIDTHS, 3), strict=True):
        rows = rng.normal(size=(n, d)).astype(dtype)
        y = rng.normal(size=(n, n_outputs))
        for model in (
            MLP(int(width), "tanh"),
            MLP((5, int(width)), "silu"),
            FactorizationMachine(int(width)),
        ):
            options = {"model": model, "optimizer": optimizers.SGD(1e-3), "batch_size": 70, "epochs": 2}
            for X in (rows, sp.csr_array(rows)):
                ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
                theirs = model.join(expected.params, d, n_outputs, dtype)
                np.testing.assert_allclose(flat(ours), theirs, rtol=tolerance, atol=tolerance)


@of_models
@pytest.mark.parametrize("more", [51, 1000, 2**63 - 1, "full"])
def test_a_batch_of_more_than_all_rows_is_all_rows(more, model):
    results = [mb.fit(X, Y, model=model, batch_size=b, optimizer=SGD, epochs=3) for b in (more, 50)]
    assert flat(results[0]).tobytes() == flat(results[1]).tobytes()


@of_models
def test_one_class_is_refused_unless_the_others_are_said(model):
    y = np.ones(50, int)
    with pytest.raises(ValueError, match=re.escape("y must have at least 2 classes, got only [1]")):
        mb.fit(X, y, model=model, loss="log_loss")
    result = mb.fit(
        X, y, model=model, loss="log_loss", classes=[0, 1, 2], epochs=300, optimizer=optimizers.Adam(0.05)
    )
    assert (result.predict(X) == 1).all()


@pytest.mark.parametrize(
    ("model", "error"),
    [
        (MLP(2**60), ValueError),
        (MLP((2**31, 2**31)), ValueError),
        (MLP(2**44), MemoryError),
        (FactorizationMachine(2**50), ValueError),
        (FactorizationMachine(2**45), MemoryError),
    ],
)
def test_huge_models_are_refused(model, error):
    for rows in (X, sp.csr_array(X)):
        with pytest.raises(error, match="at most 2\\*\\*48 parameters, got" if error is ValueError else None):
            mb.fit(rows, Y, model=model, epochs=1)


# ---- columns


@of_models
@pytest.mark.parametrize("size", [1e-300, 1e-30, 1e30, 1e100])
def test_columns_of_any_size_are_one_problem_if_standardized(size, model):
    options = {"model": model, "standardize": True, "epochs": 5, "optimizer": SGD}
    expected = mb.fit(X, Y, **options).predict(X)
    rows = X * [1, size, 1, 1]
    np.testing.assert_allclose(mb.fit(rows, Y, **options).predict(rows), expected, rtol=1e-8, atol=1e-8)


@of_models
def test_flat_columns(model):
    for rows in (np.ones((50, 4)), np.zeros((50, 4)), sp.csr_array((50, 4))):
        for standardize in (False, True):
            result = mb.fit(rows, Y, model=model, standardize=standardize, epochs=200)
            assert np.ptp(result.predict(rows)) == 0
            assert result.predict(rows)[0] == pytest.approx(Y.mean(), abs=0.3)


@pytest.mark.parametrize("model", list(MODELS.values())[1:], ids=list(MODELS)[1:])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_too_large_end_the_run_as_diverged(dtype, model):
    rows = (X * [1, 1e30 if dtype == np.float32 else 1e200, 1, 1]).astype(dtype)
    with pytest.raises(mb.DivergenceError, match="the loss is not finite") as raised:
        mb.fit(rows, Y, model=model, epochs=1)
    assert np.isfinite(flat(raised.value.result)).all()


# ---- numbers that are none

LARGE = np.random.default_rng(2).normal(size=(30_000, 8))
"""So many rows that they are not scanned before the first epoch."""
ACTIVATIONS = ("identity", "relu", "leaky_relu", "tanh", "logistic", "gelu", "silu")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "model",
    [*(MLP(7, name) for name in ACTIVATIONS), MLP((5, 4), dropout=0.9), *list(MODELS.values())[2:]],
    ids=str,
)
def test_entries_that_are_not_finite_do_not_vanish(model, bad):
    # Not in a unit that is off, saturated or dropped, nor where the loss is flat, nor before they are seen.
    y = np.random.default_rng(3).normal(size=len(LARGE))
    cases = [
        {},
        {"batch_size": 4096, "drop_last": True},
        {"stop": stopping.MaxSteps(2), "optimizer": optimizers.Adam(1e-8)},
        {"loss": losses.EpsilonInsensitive(100.0)},
    ]
    for dtype, row, options in itertools.product((np.float32, np.float64), (0, len(LARGE) - 1), cases):
        rows = LARGE.astype(dtype)
        rows[row, 3] = bad
        said = "NaN" if np.isnan(bad) else str(bad)
        with pytest.raises(ValueError, match=f"X must be finite, got {said} at row {row}, column 3"):
            mb.fit(rows, y, model=model, epochs=1, **options)


@of_models
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_other_arguments_that_are_not_finite(bad, model):
    rows, y = X.copy(), Y.copy()
    rows[7, 2], y[3] = bad, bad
    result = mb.fit(X, Y, model=model, epochs=1)
    for act, message in (
        (lambda: mb.fit(sp.csr_array(rows), Y, model=model), "X must be finite"),
        (lambda: mb.fit(X, y, model=model), "y must be finite"),
        (lambda: mb.fit(X, Y, model=model, offset=y), "offset must be finite"),
        (lambda: mb.fit(X, Y, model=model, sample_weight=np.abs(y)), "sample_weight must be finite"),
        (lambda: mb.fit(X, Y, model=model, validation=(rows, Y)), "validation: X must be finite"),
        (lambda: result.predict(rows), "X must be finite"),
        (lambda: mb.gradient(rows, Y, result), "X must be finite"),
    ):
        with pytest.raises(ValueError, match=f"{message}.*, got {'NaN' if np.isnan(bad) else 'inf'} at row"):
            act()


# ---- forms of arrays


def misaligned(rows):
    buffer = np.zeros(rows.nbytes + 1, np.uint8)
    buffer[1:] = np.frombuffer(rows.tobytes(), np.uint8)
    return np.ndarray(rows.shape, rows.dtype, buffer.data, 1)


def read_only(rows):
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


FORMS = {
    "in Fortran's order": np.asfortranarray,
    "every other column": lambda rows: np.repeat(rows, 2, axis=1)[:, ::2],
    "backwards": lambda rows: rows[::-1].copy()[::-1],
    "misaligned": misaligned,
    "read-only": read_only,
    "of other bytes": lambda rows: rows.astype(">f8"),
    "lists": lambda rows: rows.tolist(),
    "objects": lambda rows: rows.astype(object),
    "frame": lambda rows: pd.DataFrame(rows, columns=list("abcd")),
}


@of_models
@pytest.mark.parametrize("form", FORMS)
def test_the_form_of_an_array_does_not_matter(form, model):
    given = FORMS[form](X)
    result, expected = (mb.fit(rows, Y, model=model, epochs=2) for rows in (given, X))
    assert flat(result).tobytes() == flat(expected).tobytes()
    assert result.predict(given).tobytes() == expected.predict(X).tobytes()


@of_models
def test_whole_numbers_are_numbers(model):
    whole = np.round(3 * X)
    expected = flat(mb.fit(whole, Y, model=model, epochs=2)).tobytes()
    for dtype in (np.int8, np.int64, object):
        assert flat(mb.fit(whole.astype(dtype), Y, model=model, epochs=2)).tobytes() == expected


def in_two_parts(rows, rng, dtype):
    """Every entry as two in the same place, in no order."""
    rows = rows.tocsr()
    columns, values, ends = [], [], [0]
    for i in range(rows.shape[0]):
        of_row = slice(rows.indptr[i], rows.indptr[i + 1])
        at = rng.permutation(2 * len(rows.indices[of_row]))
        columns.extend(np.tile(rows.indices[of_row], 2)[at])
        values.extend(np.concatenate([0.25 * rows.data[of_row], 0.75 * rows.data[of_row]])[at])
        ends.append(len(columns))
    return sp.csr_array((np.array(values), np.array(columns, dtype), np.array(ends, dtype)), shape=rows.shape)


@of_models
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_entries_of_the_same_place_add_up(dtype, model):
    # Also where a score has their squares.
    rng = np.random.default_rng(4)
    once = sp.csr_array(X * (rng.random(X.shape) < 0.5))
    twice = in_two_parts(once, rng, dtype)
    for optimizer in (optimizers.SGD(0.05, momentum=0.5), optimizers.Adam(0.02), optimizers.FTRL(0.1)):
        options = {"model": model, "optimizer": optimizer, "batch_size": 7, "epochs": 3, "record": "noise"}
        one, two = mb.fit(once, Y, **options), mb.fit(twice, Y, **options)
        np.testing.assert_allclose(flat(two), flat(one), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(
            two.history.noise_records["trace"], one.history.noise_records["trace"], rtol=1e-9
        )
    np.testing.assert_allclose(two.predict(twice), two.predict(twice.toarray()), rtol=1e-9, atol=1e-12)


# ---- divergence


@of_models
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_run_that_diverges_has_its_last_finite_parameters(kind, model):
    rows = X if kind == "dense" else sp.csr_array(X)
    options = {"model": model, "optimizer": optimizers.SGD(1e6), "batch_size": 5, "epochs": 200}
    with pytest.raises(mb.DivergenceError, match=r"diverged in epoch \d+ at step \d+: ") as raised:
        mb.fit(rows, Y, loss="squared_error", **options)
    result = raised.value.result
    assert result.stop_reason == "diverged"
    assert np.isfinite(flat(result)).all()
    before = mb.fit(rows, Y, **{**options, "stop": stopping.MaxSteps(max(result.n_steps - 1, 1))})
    assert np.isfinite(flat(before)).all()
    with pytest.raises(ValueError, match="resume must be a run that did not diverge"):
        mb.fit(rows, Y, resume=result, **options)
    mb.fit(rows, Y, init=mb.fit(rows, Y, model=model, epochs=1), model=model, epochs=1)


# ---- options together


def same_bits(one, other):
    assert flat(one).tobytes() == flat(other).tobytes()


def check_program(case):
    """A random run, with other threads, in two pieces with a pickle between, and asked what it says."""
    choose = random.Random(case)
    (rows, y), options = draw(case, choose.choice(["float32", "float64"]))
    options |= {
        "epochs": 3,
        "standardize": choose.random() < 0.4,
        "metrics": choose.choice([None, {"share": lambda a, b: float(np.mean(a == b))}]),
        "callback": choose.choice([None, lambda progress: progress.params and None]),
        "n_threads": choose.choice([1, 2, 3]),
    }
    try:
        whole = mb.fit(rows, y, **options)
    except mb.DivergenceError:
        return False
    same_bits(mb.fit(rows, y, **{**options, "n_threads": choose.choice([1, 2, 5])}), whole)
    if whole.n_epochs == 3:
        rules = [
            rule for rule in (options["stop"], stopping.MaxSteps(choose.randint(1, whole.n_steps))) if rule
        ]
        first = mb.fit(rows, y, **{**options, "stop": rules})
        if first.n_epochs < 3:
            rest = {**options, "epochs": 3 - first.n_epochs}
            rest.pop("init", None)
            if rest["batch_size"] == "auto":
                rest["batch_size"] = first.batch_size
            later = mb.fit(rows, y, resume=pickle.loads(pickle.dumps(first)), **rest)
            same_bits(later, whole)
            for name in ("epoch_loss", "step_loss", "path", "full_loss", "validation_loss"):
                np.testing.assert_array_equal(getattr(later.history, name), getattr(whole.history, name))
    if sp.issparse(rows):
        tolerance = 1e-9 if whole.dtype == np.float64 else 1e-3
        scores, dense = (whole.decision_function(of) for of in (rows, rows.toarray()))
        scale = max(1.0, np.abs(dense).max())
        np.testing.assert_allclose(scores, dense, rtol=tolerance, atol=tolerance * scale)
    assert len(whole.predict(rows)) == len(y)
    assert type(whole).__name__ in repr(whole)
    return True


@pytest.mark.filterwarnings("ignore:the learning rate (is 0|has fallen) from:UserWarning")
@pytest.mark.parametrize("part", range(4))
def test_random_programs(part):
    cases = range(part, 600, 4)
    assert sum(map(check_program, cases)) > 0.9 * len(cases)
