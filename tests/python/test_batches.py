"""Batches and minibatches: every row once an epoch, any epoch at any time, copies of any dtype."""

import pickle

import mbgd_rs as mb
import numpy as np
import pandas as pd
import pytest
from mbgd_rs import reference


@pytest.mark.parametrize("shuffle", ["full", "once", False])
@pytest.mark.parametrize(("n", "b"), [(1, 1), (10, 3), (10, 10), (10, 99), (1000, 64), (64, 64)])
@pytest.mark.parametrize("drop_last", [False, True])
def test_every_row_once(n, b, shuffle, drop_last):
    if drop_last and b > n:
        b = n
    batches = mb.Batches(n, b, shuffle=shuffle, drop_last=drop_last, seed=3)
    for k in (0, 5):
        epoch = list(batches.epoch(k))
        assert len(epoch) == len(batches) == (n // b if drop_last else -(-n // b))
        assert all(rows.dtype == np.intp for rows in epoch)
        assert all(len(rows) == min(b, n) for rows in epoch[:-1])
        rows = np.concatenate(epoch)
        assert len(np.unique(rows)) == len(rows) == (len(batches) * b if drop_last else n)
        assert set(rows) <= set(range(n))
        for step, rows in enumerate(epoch):
            np.testing.assert_array_equal(batches.batch(k, step), rows)


def test_orders():
    full, once, none = (mb.Batches(500, 500, shuffle=s, seed=1) for s in ("full", "once", False))
    order = [[next(b.epoch(k)).tolist() for k in range(3)] for b in (full, once, none)]
    assert order[0][0] != order[0][1] != order[0][2]
    assert order[1][0] == order[1][1] == order[1][2] == order[0][0]
    assert order[2] == [list(range(500))] * 3
    assert next(mb.Batches(500, 500, seed=2).epoch(0)).tolist() != order[0][0]
    assert next(mb.Batches(500, 500, seed=2**64 - 1).epoch(2**32 - 1)).tolist() != order[0][0]


def test_replacement():
    batches = mb.Batches(50, 7, replacement=True, seed=4)
    rows = np.concatenate(list(batches.epoch(0)))
    assert len(rows) == 50
    assert len(np.unique(rows)) < 50
    for step, batch in enumerate(batches.epoch(9)):
        np.testing.assert_array_equal(batches.batch(9, step), batch)


def test_they_are_those_of_the_reference_and_of_fit():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = X[:, 0] + 1
    for options in ({}, {"shuffle": "once"}, {"shuffle": False}, {"replacement": True}, {"drop_last": True}):
        order = reference.order_of_epochs(
            options.get("shuffle", "full"), options.get("replacement", False), 5, 40
        )
        batches = mb.Batches(40, 6, **options, seed=5)
        params = np.zeros(4)
        sgd = mb.optimizers.SGD(0.1)
        state = sgd.init(params)
        for k in range(2):
            rows = np.concatenate(list(batches.epoch(k)))
            expected = np.arange(40) if order(k) is None else order(k)
            np.testing.assert_array_equal(rows, expected[: len(rows)])
            for rows in batches.epoch(k):
                _, (coef, intercept) = mb.gradient(X, y, (params[:3], params[3]), rows=rows)
                sgd.step(state, params, np.append(coef, intercept))
        result = mb.fit(X, y, optimizer=sgd, batch_size=6, epochs=2, seed=5, **options)
        np.testing.assert_array_equal(params, np.append(result.coef, result.intercept))


def test_repr_and_pickle():
    batches = mb.Batches(10, 4, shuffle="once", drop_last=True, seed=7)
    again = pickle.loads(pickle.dumps(batches))
    assert repr(again) == repr(batches)
    assert "10" in repr(batches)
    np.testing.assert_array_equal(next(again.epoch(2)), next(batches.epoch(2)))


@pytest.mark.parametrize(("epoch", "step"), [(-1, 0), (0, -1), (0, 3), (2**32, 0), (0.5, 0), (0, True)])
def test_there_is_no_such_batch(epoch, step):
    with pytest.raises((ValueError, TypeError), match="must be"):
        mb.Batches(10, 4).batch(epoch, step)


ARRAYS = [
    np.arange(20, dtype=np.int8),
    np.arange(20, dtype=">i4").reshape(10, 2),
    np.arange(60.0).reshape(10, 2, 3),
    np.asfortranarray(np.arange(60.0).reshape(10, 6)),
    np.arange(40.0)[::-2].reshape(10, 2),
    np.arange(10) > 3,
    np.arange(10) * 1j,
    np.arange(10).astype("U3"),
    np.arange(10).astype("M8[D]"),
    np.array([(i, i / 2) for i in range(10)], [("a", "i1"), ("b", "f8")]),
    np.empty((10, 0)),
    [[i, i] for i in range(10)],
    pd.DataFrame({"a": np.arange(10), "b": np.arange(10) / 2}),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: str(getattr(a, "dtype", type(a).__name__)))
def test_minibatches_are_copies_of_the_rows(array):
    plain = np.asarray(array)
    n = len(plain)
    before = plain.copy()
    epochs = list(mb.minibatches(array, np.arange(n), batch_size=3, epochs=2, seed=1))
    rows = [r for k in range(2) for r in mb.Batches(n, 3, seed=1).epoch(k)]
    assert len(epochs) == len(rows)
    for (batch, numbers), r in zip(epochs, rows, strict=True):
        np.testing.assert_array_equal(numbers, r)
        np.testing.assert_array_equal(batch, plain[r])
        assert batch.dtype == plain.dtype
        assert batch.flags.c_contiguous
        assert batch.flags.writeable
        assert not np.shares_memory(batch, plain)
        batch[...] = np.zeros((), batch.dtype)
    np.testing.assert_array_equal(plain, before)


def test_minibatches_of_X_alone_and_of_many_rows():
    X = np.random.default_rng(0).normal(size=(50_000, 12)).astype(np.float32)
    batches = list(mb.minibatches(X, batch_size=20_000, drop_last=True, seed=2))
    assert [b.shape for b in batches] == [(20_000, 12)] * 2
    for batch, rows in zip(batches, mb.Batches(50_000, 20_000, drop_last=True, seed=2).epoch(0), strict=True):
        np.testing.assert_array_equal(batch, X[rows])


def test_minibatches_are_checked_at_the_call():
    for arguments, message in (
        ((np.eye(3), [1, 2]), "y must have 3 rows"),
        ((3.0,), "X must have at least 1 dimension"),
        (([],), "n must be >= 1"),
    ):
        with pytest.raises(ValueError, match=message):
            mb.minibatches(*arguments, batch_size=2)
    with pytest.raises(TypeError, match="epochs must be an integer"):
        mb.minibatches(np.eye(3), batch_size=2, epochs=1.0)
