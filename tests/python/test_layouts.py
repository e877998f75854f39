"""Whatever way arrays lie in memory, and whatever their dtype: the same result, to the bit, and no change."""

import tracemalloc

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest

N, D = 60, 7
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)).astype(np.float32).astype(np.float64)  # the same numbers in both precisions
Y = (X @ RNG.normal(size=D)).astype(np.float32).astype(np.float64)
WEIGHTS = RNG.integers(1, 9, N) / 4
SMALL = RNG.integers(0, 100, (N, D))  # what an int8 can hold
LABELS = RNG.integers(0, 3, N)


def read_only(array):
    """A copy that cannot be written to."""
    array = array.copy()
    array.flags.writeable = False
    return array


def spaced(array, step):
    """Every `step`-th entry, along every axis, of a larger array full of nonsense."""
    nonsense = np.nan if array.dtype.kind == "f" else -1
    larger = np.full([abs(step) * n for n in array.shape], nonsense, array.dtype)
    view = larger[(slice(None, None, step),) * array.ndim]
    view[...] = array
    return view


def misaligned(array):
    """At an address that is no multiple of the size of an entry."""
    view = np.frombuffer(bytearray(1) + array.tobytes(), array.dtype, offset=1).reshape(array.shape)
    assert not view.flags.aligned
    return view


def mapped(array, tmp_path):
    """In a read-only file."""
    path = tmp_path / "array.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


LAYOUTS = {
    "C order": lambda a, _: a.copy(),
    "Fortran order": lambda a, _: np.asfortranarray(a),
    "every third": lambda a, _: spaced(a, 3),
    "backwards": lambda a, _: spaced(a, -1),
    "every second, backwards": lambda a, _: spaced(a, -2),
    "other byte order": lambda a, _: a.astype(a.dtype.newbyteorder()),
    "misaligned": lambda a, _: misaligned(a),
    "read-only": lambda a, _: read_only(a),
    "memory map": mapped,
    "list": lambda a, _: a.tolist(),
    "tuple": lambda a, _: tuple(a.tolist()),
    "list of arrays": lambda a, _: list(a),
    "objects": lambda a, _: a.astype(object),
    "pandas": lambda a, _: pd.DataFrame(a) if a.ndim == 2 else pd.Series(a, index=range(9, 9 + len(a))),
    "pandas, a block per column": lambda a, _: (
        pd.concat([pd.Series(column) for column in a.T], axis=1) if a.ndim == 2 else pd.Series(a)
    ),
    "matrix": lambda a, _: np.asmatrix(a) if a.ndim == 2 else a,
}
OF_DOUBLE_PRECISION = ("list", "tuple", "objects")  # for Python's numbers are
CASES = [(layout, np.float64) for layout in LAYOUTS]
CASES += [(layout, np.float32) for layout in LAYOUTS if layout not in OF_DOUBLE_PRECISION]


def bits(result):
    """All that a fit learned, as bytes."""
    return result.coef.dtype, result.coef.tobytes(), np.asarray(result.intercept).tobytes()


@pytest.mark.filterwarnings("ignore:.*matrix subclass.*:PendingDeprecationWarning")
@pytest.mark.parametrize(("layout", "dtype"), CASES)
def test_the_layout_does_not_matter(layout, dtype, tmp_path):
    plain = {"X": X.astype(dtype), "y": Y.astype(dtype), "sample_weight": WEIGHTS.astype(dtype)}
    expected = mb.fit(**plain, batch_size=8, epochs=3)
    for name, values in plain.items():
        given = LAYOUTS[layout](values, tmp_path)
        before = np.array(given)
        flags = str(given.flags) if isinstance(given, np.ndarray) else None
        result = mb.fit(**{**plain, name: given}, batch_size=8, epochs=3)
        assert bits(result) == bits(expected), name
        assert np.array_equal(np.array(given), before), f"{name} was changed"
        assert flags is None or str(given.flags) == flags
    given = LAYOUTS[layout](plain["X"], tmp_path)
    assert expected.predict(given).tobytes() == expected.predict(plain["X"]).tobytes()
    params = expected.coef, expected.intercept
    value, (coef, intercept) = mb.gradient(given, plain["y"], params)
    expected_value, (expected_coef, expected_intercept) = mb.gradient(plain["X"], plain["y"], params)
    assert (value, coef.tobytes(), intercept) == (expected_value, expected_coef.tobytes(), expected_intercept)


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "u1", "<i2", ">i4", "i8", "u8", "f2", "f4", ">f4", "f8", "g", "O"]
)
def test_the_dtype_does_not_matter(dtype):
    numbers = SMALL > 50 if dtype == "?" else SMALL
    precision = np.float32 if dtype in ("f2", "f4", ">f4") else np.float64
    rate = mb.optimizers.SGD(learning_rate=1e-5)
    expected = mb.fit(numbers.astype(precision), Y, optimizer=rate)
    result = mb.fit(numbers.astype(dtype), Y, optimizer=rate)
    assert result.coef.dtype == precision
    assert bits(result) == bits(expected)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f4", "f8", ">f8", "O"])
def test_targets_and_weights_of_any_dtype(dtype):
    counts = (LABELS > 0) if dtype == "?" else LABELS
    for x in (X, X.astype(np.float32)):
        how = {"loss": "squared_error"}
        expected = mb.fit(x, counts.astype(np.float64), sample_weight=counts.astype(np.float64), **how)
        result = mb.fit(x, counts.astype(dtype), sample_weight=counts.astype(dtype), **how)
        assert bits(result) == bits(expected)


ALPHABETS = {
    "integers with gaps": np.array([-7, 3, 1000]),
    "unsigned": np.array([1, 2, 2**64 - 1], np.uint64),
    "floats": np.array([-0.5, 0.25, 1e10]),
    "strings": np.array(["a", "bb", "ccc"]),
    "bytes": np.array([b"a", b"bb", b"ccc"]),
    "strings as objects": np.array(["a", "bb", "ccc"], object),
    "integers as objects": np.array([-1, 0, 10**30], object),
    "dates": np.array(["2024-02-29", "2025-01-01", "2026-11-24"], "M8[D]"),
    "variable-width strings": np.array(["a", "bb", "ccc"], np.dtypes.StringDType()),
}
CONTAINERS = {
    "array": np.asarray,
    "column": lambda y: y[:, None],
    "every second": lambda y: np.repeat(y, 2)[::2],
    "backwards": lambda y: y[::-1].copy()[::-1],
    "read-only": read_only,
    "series": pd.Series,
    "categorical": pd.Categorical,
    "categorical series": lambda y: pd.Series(pd.Categorical(y)),
    "list": lambda y: y.tolist(),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_labels_of_any_kind(alphabet, container, n_classes):
    letters, index = ALPHABETS[alphabet], LABELS % n_classes
    y = CONTAINERS[container](letters[index])
    result = mb.fit(X, y, loss="log_loss", batch_size=8, epochs=3)
    expected = mb.fit(X, index, loss="log_loss", batch_size=8, epochs=3)
    assert bits(result) == bits(expected)
    assert result.classes.tolist() == np.asarray(CONTAINERS[container](letters[:n_classes])).ravel().tolist()
    predicted = result.predict(X)
    assert predicted.dtype == result.classes.dtype
    assert predicted.tolist() == result.classes[expected.predict(X)].tolist()


@pytest.mark.parametrize(
    "y", [LABELS > 0, (LABELS > 0).tolist(), pd.Series(LABELS > 0), pd.Series(LABELS > 0, dtype="boolean")]
)
def test_labels_that_are_true_or_false(y):
    result = mb.fit(X, y, loss="hinge")
    assert result.classes.tolist() == [False, True]
    assert bits(result) == bits(mb.fit(X, (LABELS > 0).astype(int), loss="hinge"))


def test_columns_of_several_types():
    frame = pd.DataFrame({"a": SMALL[:, 0], "b": X[:, 1], "c": LABELS > 0})
    plain = np.c_[SMALL[:, 0], X[:, 1], LABELS > 0]
    rate = mb.optimizers.SGD(learning_rate=1e-4)
    assert bits(mb.fit(frame, Y, optimizer=rate)) == bits(mb.fit(plain, Y, optimizer=rate))


@pytest.mark.parametrize("order", ["C", "F"])
def test_several_outputs_of_any_layout(order):
    y = np.c_[Y, -Y, 2 * Y]
    expected = mb.fit(X, y)
    assert bits(mb.fit(X, np.asarray(y, order=order))) == bits(expected)
    assert bits(mb.fit(X, spaced(y, -2))) == bits(expected)
    assert bits(mb.fit(X, pd.DataFrame(y))) == bits(expected)


@pytest.mark.parametrize("layout", ["C order", "Fortran order", "every third", "misaligned", "read-only"])
def test_params_and_rows_of_any_layout(layout, tmp_path):
    rows = np.arange(0, N, 2)
    y = np.c_[Y, -Y]
    coef, intercept = RNG.normal(size=(2, D)), np.array([0.5, -1.0])
    value, (by_coef, by_intercept) = mb.gradient(X, y, (coef, intercept), rows=rows)
    given, chosen = LAYOUTS[layout](coef, tmp_path), LAYOUTS[layout](rows.astype(np.int32), tmp_path)
    again, (by_coef_again, by_intercept_again) = mb.gradient(X, y, (given, intercept), rows=chosen)
    assert value == again
    assert by_coef.tobytes() == by_coef_again.tobytes()
    assert by_intercept.tobytes() == by_intercept_again.tobytes()
    assert bits(mb.fit(X, y, init=(given, intercept))) == bits(mb.fit(X, y, init=(coef, intercept)))


def peak_of(call):
    """Bytes that NumPy and Python had at once, at most, during a call."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_in_c_order_are_used_in_place(dtype):
    rows = np.random.default_rng(0).normal(size=(20_000, 40)).astype(dtype)
    y = rows[:, 0].copy()
    model = mb.fit(rows, y, epochs=1)
    assert peak_of(lambda: mb.fit(rows, y, epochs=1)) < rows.nbytes / 20
    assert peak_of(lambda: mb.fit(read_only(rows)[:10_000], y[:10_000], epochs=1)) < 1.05 * rows.nbytes
    assert peak_of(lambda: mb.gradient(rows, y, model)) < rows.nbytes / 20
    assert peak_of(lambda: model.predict(rows)) < rows.nbytes / 20
    # Anything else is copied, once.
    assert peak_of(lambda: mb.fit(np.asfortranarray(rows), y, epochs=1)) < 2.05 * rows.nbytes
