"""The division of the data into batches, and the iteration over their rows."""

import itertools
import pickle
from collections import Counter

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from scipy.stats import chisquare

# Every chi-square test below errs with this probability for a uniform generator and seeds drawn at random;
# the seeds are fixed, so a test that passes once passes always.
ERROR_RATE = 1e-4
WAYS = {
    "full": {},
    "once": {"shuffle": "once"},
    "as they come": {"shuffle": False},
    "replacement": {"replacement": True},
}
SIZES = [(1, 1), (5, 2), (64, 64), (100, 7), (1000, 999), (5000, 256)]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("n", "size"), SIZES)
def test_an_epoch_is_divided_as_promised(n, size, way, drop_last):
    batches = mb.Batches(n, size, **WAYS[way], drop_last=drop_last, seed=3)
    epoch = list(batches.epoch(4))
    n_full, rest = divmod(n, size)
    assert [len(rows) for rows in epoch] == [size] * n_full + ([rest] if rest and not drop_last else [])
    assert len(batches) == len(epoch)
    assert all(rows.dtype == np.intp for rows in epoch)
    rows = np.concatenate(epoch)
    assert ((rows >= 0) & (rows < n)).all()
    if way == "as they come":
        assert rows.tolist() == list(range(len(rows)))
    elif way != "replacement":
        assert len(set(rows.tolist())) == len(rows)  # with no row dropped, a permutation
    for step, expected in enumerate(epoch):
        assert batches.batch(4, step).tolist() == expected.tolist()


@pytest.mark.parametrize("way", WAYS)
def test_batches_are_those_of_the_reference(way):
    n, size = 1000, 64
    batches = mb.Batches(n, size, **WAYS[way], seed=2**63 + 5)
    arguments = {"shuffle": "full", "replacement": False, **WAYS[way]}
    orders = reference.order_of_epochs(**arguments, seed=2**63 + 5, n=n)
    for k in range(3):
        order = orders(k)
        expected = np.arange(n) if order is None else order
        assert np.concatenate(list(batches.epoch(k))).tolist() == expected.tolist()


def test_epochs_and_seeds_differ_unless_they_are_to_be_equal():
    def order(seed, k, **arguments):
        return tuple(np.concatenate(list(mb.Batches(50, 7, seed=seed, **arguments).epoch(k))).tolist())

    keys = [(seed, k) for seed in (0, 1, 2**32, 2**64 - 1) for k in (0, 1, 2**31)]
    assert len({order(*key) for key in keys}) == len(keys)
    assert order(1, 2) == order(1, 2)
    assert order(1, 0) == order(1, 0, shuffle="once") == order(1, 5, shuffle="once")


@pytest.mark.parametrize("way", WAYS)
def test_the_order_does_not_depend_on_the_batch_size(way):
    by_size = [
        np.concatenate(list(mb.Batches(100, size, **WAYS[way]).epoch(1))).tolist() for size in (1, 7, "full")
    ]
    assert by_size[0] == by_size[1] == by_size[2]


def test_batches_can_be_pickled_and_printed():
    batches = mb.Batches(10, 3, shuffle="once", drop_last=True, seed=8)
    assert repr(batches) == "Batches(10, 3, shuffle='once', replacement=False, drop_last=True, seed=8)"
    again = pickle.loads(pickle.dumps(batches))
    assert repr(again) == repr(batches)
    assert [rows.tolist() for rows in again.epoch(2)] == [rows.tolist() for rows in batches.epoch(2)]


def test_numpy_integers_are_integers():
    batches = mb.Batches(np.int32(10), np.uint8(3), seed=np.uint64(2**64 - 1))
    assert (
        batches.batch(np.int64(1), np.int16(2)).tolist()
        == mb.Batches(10, 3, seed=2**64 - 1).batch(1, 2).tolist()
    )


# ---- chance


def assert_uniform(counts):
    """By Pearson's chi-square test, with both tails: counts that are too even are suspicious as well."""
    p = chisquare(counts).pvalue
    assert ERROR_RATE / 2 < p < 1 - ERROR_RATE / 2


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("by", ["epochs", "seeds"])
def test_every_row_comes_equally_often_at_every_position(by, replacement):
    n, n_orders = 8, 8000
    keys = [(0, k) if by == "epochs" else (k, 0) for k in range(n_orders)]
    orders = np.array(
        [next(mb.Batches(n, "full", replacement=replacement, seed=seed).epoch(k)) for seed, k in keys]
    )
    for position in range(n):
        assert_uniform(np.bincount(orders[:, position], minlength=n))


def test_all_permutations_come_equally_often():
    n, batches = 5, mb.Batches(5, "full", seed=1)
    counts = Counter(tuple(next(batches.epoch(k)).tolist()) for k in range(24_000))
    assert_uniform([counts[order] for order in itertools.permutations(range(n))])


def test_all_pairs_of_draws_come_equally_often():
    n, batches = 6, mb.Batches(6, 2, replacement=True, seed=1)
    counts = Counter(tuple(batches.batch(k, 1).tolist()) for k in range(20_000))
    assert_uniform([counts[pair] for pair in itertools.product(range(n), repeat=2)])


# ---- rows

ARRAYS = {
    "vector": np.arange(23),
    "matrix": np.arange(23 * 5, dtype=np.float32).reshape(23, 5),
    "images": np.arange(23 * 4 * 3 * 2, dtype=np.uint8).reshape(23, 4, 3, 2),
    "bools": np.arange(23) % 3 == 0,
    "complex": np.arange(46, dtype=float).view(complex),
    "dates": np.datetime64("2026-11-24") + np.arange(23),
    "durations": np.arange(46, dtype="m8[ns]").reshape(23, 2),
    "strings": np.array([f"row {i}" for i in range(23)]),
    "bytes": np.array([b"%d" % i for i in range(23)]),
    "records": np.array([(i, i / 2, f"{i}") for i in range(23)], [("a", "i2"), ("b", "f8"), ("c", "U3")]),
    "other byte order": np.arange(23, dtype=">i4"),
    "extended precision": np.arange(23, dtype=np.longdouble),
    "Fortran order": np.asfortranarray(np.arange(23 * 5.0).reshape(23, 5)),
    "backwards": np.arange(23 * 5.0).reshape(23, 5)[::-1, ::-2],
    "nothing in a row": np.empty((23, 0)),
    "float16": np.arange(23, dtype=np.float16),
    "list": [[i, -i] for i in range(23)],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ARRAYS)
def test_minibatches_are_copies_of_rows(name, way):
    values, plain = ARRAYS[name], np.asarray(ARRAYS[name])
    before = plain.copy()
    y = np.arange(23) * 10
    got = list(mb.minibatches(values, y, batch_size=4, **WAYS[way], seed=5, epochs=2))
    batches = mb.Batches(23, 4, **WAYS[way], seed=5)
    expected = [rows for k in range(2) for rows in batches.epoch(k)]
    assert len(got) == len(expected) == 12
    for (X_b, y_b), rows in zip(got, expected, strict=True):
        assert X_b.dtype == plain.dtype
        assert X_b.flags.c_contiguous
        assert X_b.flags.writeable
        assert not np.shares_memory(X_b, plain)
        assert X_b.shape == plain[rows].shape
        assert X_b.tolist() == plain[rows].tolist()
        assert y_b.tolist() == (rows * 10).tolist()
        X_b[...] = X_b[0]
    assert plain.tolist() == before.tolist()


def test_minibatches_without_y_are_arrays():
    got = list(mb.minibatches(np.arange(5), batch_size=2, shuffle=False, drop_last=True, epochs=2))
    assert [X_b.tolist() for X_b in got] == [[0, 1], [2, 3]] * 2


def test_no_epochs_have_no_batches():
    assert list(mb.minibatches(np.arange(5), batch_size=2, epochs=0)) == []


def test_large_rows_are_gathered_on_several_threads():
    X = np.random.default_rng(0).integers(0, 2**62, (2000, 300))
    (got,) = mb.minibatches(X, batch_size="full")
    assert np.array_equal(got, X[mb.Batches(2000, "full").batch(0, 0)])


def test_iterating_is_lazy():
    epochs = mb.minibatches(np.arange(5), batch_size=2, epochs=2**62)
    assert len(next(epochs)) == 2


# ---- the same batches as in fit


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_a_loop_by_hand_over_minibatches_is_a_fit(way, drop_last):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4)), rng.normal(size=50)
    arguments = {"batch_size": 8, "epochs": 3, "seed": 11, "drop_last": drop_last, **WAYS[way]}
    w, b = np.zeros(4), 0.0
    path = []
    for X_b, y_b in mb.minibatches(X, y, **arguments):
        error = X_b @ w + b - y_b
        w, b = w - 0.1 * X_b.T @ error / len(y_b), b - 0.1 * error.mean()
        path.append([*w, b])
    result = mb.fit(X, y, **arguments, optimizer=mb.optimizers.SGD(learning_rate=0.1), record="path")
    np.testing.assert_allclose(result.history.path, path, rtol=1e-12, atol=1e-14)
