"""Labels and numbers of every dtype and layout become what NumPy makes of them."""

import warnings

import numpy as np
import pytest
from mbgd_rs.inputs import as_real_targets
from mbgd_rs.labels import as_classes

INTEGERS = [np.dtype(kind) for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")]
FLOATS = [np.dtype(kind) for kind in ("f2", "f4", "f8", "g")]
N = 5000  # more than are looked at to guess the classes


def swapped(y):
    return y.astype(y.dtype.newbyteorder())


def misaligned(y):
    buffer = np.empty(y.nbytes + 1, np.uint8)[1:]
    copy = buffer.view(y.dtype)
    copy[:] = y
    return copy


def read_only(y):
    y = y.copy()
    y.flags.writeable = False
    return y


RNG = np.random.default_rng(0)


LAYOUTS = {
    "as it is": np.ascontiguousarray,
    "every second": lambda y: np.repeat(y, 2)[::2],
    "backwards": lambda y: y[::-1].copy()[::-1],
    "a column": lambda y: y[:, None],
    "of a matrix": lambda y: np.column_stack([y, y])[:, 1],
    "swapped": swapped,
    "misaligned": misaligned,
    "read-only": read_only,
}


def expected(y, dtype):
    """The classes and targets by np.unique."""
    classes, index = np.unique(np.asarray(y).reshape(-1), return_inverse=True)
    return classes, (np.where(index, 1, -1) if len(classes) == 2 else index).astype(dtype)[:, None]


def check(y, dtype):
    X = np.empty((len(y), 1), dtype)
    before = np.array(y)
    classes, targets = as_classes(y, X)
    of_unique, by_unique = expected(y, dtype)
    assert classes.dtype.newbyteorder("=") == of_unique.dtype.newbyteorder("=")
    np.testing.assert_array_equal(classes, of_unique)
    assert targets.dtype == dtype
    assert targets.shape == (len(y), 1)
    assert targets.flags.c_contiguous
    np.testing.assert_array_equal(targets, by_unique)
    np.testing.assert_array_equal(np.asarray(y), before)
    known, again = as_classes(y, X, of_unique)
    assert known is of_unique
    np.testing.assert_array_equal(again, by_unique)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [np.dtype(bool), *INTEGERS, *FLOATS], ids=str)
def test_labels_are_encoded_as_by_unique(kind, layout):
    for n_classes in (2, 3, 7):
        if kind.kind == "b" and n_classes > 2:
            continue
        y = LAYOUTS[layout](RNG.integers(0, n_classes, N).astype(kind))
        check(y, np.dtype(np.float32))
        check(y, np.dtype(np.float64))


@pytest.mark.parametrize("kind", [*INTEGERS, *FLOATS[1:3]], ids=str)
def test_a_class_may_come_late_and_be_far_away(kind):
    limits = np.iinfo(kind) if kind.kind in "iu" else np.finfo(kind)
    for high in (limits.max, limits.max // 2 if kind.kind in "iu" else limits.tiny):
        for others in ([limits.min, high], [limits.min, kind.type(3), high]):
            y = np.full(N, others[-1], kind)
            y[-len(others) :] = others
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                check(y, np.dtype(np.float32))


@pytest.mark.parametrize(
    "y", [[0.5, 0.25] * 20, [0.5, 1.5, 2.5] * 20, [-0.0, 1.0, 0.0] * 20, [2.0, -0.0, 1.0, 0.0] * 9]
)
def test_floats_that_are_labels(y):
    check(np.array(y), np.dtype(np.float64))
    check(np.array(y, np.float32), np.dtype(np.float32))


@pytest.mark.parametrize("place", [0, 17, N - 1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_labels_that_are_not_finite_are_refused(n_classes, value, place):
    y = np.arange(N) % n_classes + 0.0
    y[place] = value
    with pytest.raises(ValueError, match=f"y must be finite, got {value} at row {place}"):
        as_classes(y, np.empty((N, 1), np.float32))


@pytest.mark.parametrize("kind", [np.dtype(bool), *INTEGERS, *FLOATS], ids=str)
def test_one_class_is_too_few(kind):
    with pytest.raises(ValueError, match="at least 2 classes"):
        as_classes(np.ones(N, kind), np.empty((N, 1), np.float32))
    with pytest.raises(ValueError, match="at least 2 classes"):
        as_classes(np.array([0.0, -0.0]), np.empty((2, 1)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", [np.dtype(bool), *INTEGERS, *FLOATS], ids=str)
def test_numbers_are_cast_as_by_astype(kind, layout):
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        y = RNG.integers(limits.min, limits.max, N, dtype=kind, endpoint=True)
    else:
        y = (100 * RNG.standard_normal(N)).astype(kind)
    y = LAYOUTS[layout](y)
    for dtype in (np.dtype(np.float32), np.dtype(np.float64)):
        targets, is_vector = as_real_targets(y, np.empty((N, 1), dtype))
        assert targets.dtype == dtype
        assert targets.flags.c_contiguous
        assert is_vector == (y.ndim == 1)
        assert targets.tobytes() == y.reshape(N, 1).astype(dtype).tobytes()


@pytest.mark.parametrize("place", [(0, 0), (2500, 1), (N - 1, 2)])
def test_a_number_that_does_not_fit_is_named(place):
    y = np.ones((N, 3))
    y[place] = -1e300
    X = np.empty((N, 1), np.float32)
    with pytest.raises(
        ValueError, match=rf"range of float32.* got -1e\+300 at row {place[0]}, column {place[1]}"
    ):
        as_real_targets(y, X)
    y[place] = np.inf
    assert as_real_targets(y, X)[0][place] == np.inf  # which the core refuses as such
    y[:] = 1e-300
    with pytest.raises(ValueError, match=r"range of float32.* got 1e-300 at most"):
        as_real_targets(y, X)
    y[place] = np.nan
    assert np.isnan(as_real_targets(y, X)[0][place])
