"""Whatever the memory of an array looks like, the result is the same, and the array is left alone."""

import tracemalloc

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest

N, D = 60, 5


def data(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)).astype(dtype)
    return X, (X @ np.arange(1, D + 1)).astype(dtype)


def train(X, y, **options):
    return mb.fit(X, y, **{"batch_size": 7, "epochs": 3, "penalty": "elasticnet", **options})


def same_bits(a, b):
    assert a.coef.dtype == b.coef.dtype
    np.testing.assert_array_equal(a.coef, b.coef)
    np.testing.assert_array_equal(a.intercept, b.intercept)
    np.testing.assert_array_equal(a.history.epoch_loss, b.history.epoch_loss)


def strided(X):
    big = np.full((2 * len(X), *(2 * n for n in X.shape[1:])), 7, X.dtype)
    view = big[(slice(None, None, 2),) * X.ndim]
    view[...] = X
    return view


def backwards(X):
    return np.ascontiguousarray(X[::-1])[::-1]


def misaligned(X):
    view = np.zeros(X.nbytes + 1, np.uint8)[1:].view(X.dtype).reshape(X.shape)
    view[...] = X
    assert not view.flags.aligned
    return view


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def big_endian(X):
    return X.astype(X.dtype.newbyteorder(">"))


def column_of_records(X):
    records = np.zeros(len(X), [("tag", "i1"), ("x", X.dtype, X.shape[1:])])
    records["x"] = X
    return records["x"]


class Quacks:
    """Has nothing but NumPy's protocol."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array


LAYOUTS = [
    np.asfortranarray,
    strided,
    backwards,
    misaligned,
    read_only,
    big_endian,
    column_of_records,
    Quacks,
    lambda X: np.broadcast_to(X, X.shape),
    lambda X: X.view(np.ma.MaskedArray).data,
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_same_bits(layout, dtype):
    X, y = data(dtype)
    s = np.linspace(0.5, 2, N).astype(dtype)
    expected = train(X, y, sample_weight=s)
    exotic = [layout(X), layout(y), layout(s)]
    before = [np.array(a) for a in exotic]
    same_bits(train(exotic[0], exotic[1], sample_weight=exotic[2]), expected)
    for array, copy in zip(exotic, before, strict=True):
        np.testing.assert_array_equal(np.asarray(array), copy)
    np.testing.assert_array_equal(expected.predict(exotic[0]), expected.predict(X))
    g, h = (mb.gradient(a, b, expected, sample_weight=c) for a, b, c in ((X, y, s), exotic))
    assert g[0] == h[0]
    np.testing.assert_array_equal(g[1][0], h[1][0])


@pytest.mark.parametrize("as_type", [list, pd.DataFrame, lambda X: X.astype(object), np.longdouble])
def test_other_types_are_float64(as_type):
    X, y = data()
    X = X.round(3)
    converted = as_type(X)
    assert train(converted, y).coef.dtype == np.float64
    same_bits(train(converted, y), train(X, y))


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.uint64, bool, np.float16])
def test_integers_booleans_and_halves(dtype):
    rng = np.random.default_rng(1)
    X = rng.integers(0, 2, size=(N, D)).astype(dtype)
    y = rng.normal(size=N)
    wide = np.float32 if dtype == np.float16 else np.float64
    same_bits(train(X, y), train(X.astype(wide), y))


def test_data_frame_of_mixed_columns_and_index():
    X, y = data()
    frame = pd.DataFrame({"a": X[:, 0], "b": np.arange(N), "c": X[:, 1] > 0}, index=np.arange(N)[::-1])
    plain = np.column_stack([X[:, 0], np.arange(N), X[:, 1] > 0])
    options = {"optimizer": "adam"}
    same_bits(train(frame, pd.Series(y, index=frame.index), **options), train(plain, y, **options))


def test_memory_mapped_read_only(tmp_path):
    X, y = data(np.float32)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    same_bits(train(mapped, y), train(X, y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_native_rows_are_not_copied(dtype):
    X = np.random.default_rng(0).normal(size=(200_000, 10)).astype(dtype)
    y = X[:, 0].copy()
    mb.fit(X, y, epochs=1, shuffle=False)
    tracemalloc.start()
    try:
        mb.fit(X, y, epochs=1, shuffle=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < y.nbytes / 2


def test_strided_labels_are_read_as_such():
    X, y = data()
    labels = np.full(2 * N, 9)
    labels[::2] = y > 0
    np.testing.assert_array_equal(
        train(X, labels[::2], loss="log_loss").coef, train(X, (y > 0).astype(int), loss="log_loss").coef
    )


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_flags_and_contents_stay(loss):
    X, y = data()
    y = np.sign(y)
    arrays = X, y, np.ones(N)
    before = [(a.tobytes(), a.flags.writeable) for a in arrays]
    train(X, y, loss=loss, sample_weight=arrays[2])
    assert [(a.tobytes(), a.flags.writeable) for a in arrays] == before


def test_one_row_one_column():
    assert mb.fit([[2.0]], [1.0], epochs=1).coef.shape == (1,)
    assert mb.fit(np.ones((1, 3), np.float32)[:, ::2], [1.0], epochs=1).coef.shape == (2,)
