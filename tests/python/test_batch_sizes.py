"""Batches that grow from epoch to epoch."""

import pickle

import mbgd_rs as mb
import numpy as np
import pytest
from mbgd_rs import reference
from mbgd_rs.batch_sizes import Growing, PerEpoch
from mbgd_rs.optimizers import SGD, Adam
from mbgd_rs.reference.batch_sizes import batch_size_at

N = 230
SIZES = [
    Growing(7),
    Growing(20, factor=1.5, every=2),
    Growing(64, factor=3.0, max_batch_size=100),
    Growing(500),
    PerEpoch([50]),
    PerEpoch([10, 230, 33, 1, 1000]),
]


def data(dtype="float64", n=N):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 5))
    return X.astype(dtype), (X @ np.arange(5.0) + rng.normal(size=n)).astype(dtype)


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
def test_sizes_are_those_of_the_reference(sizes):
    for epoch in [*range(40), 10**6, 2**40]:
        assert min(sizes(epoch), N) == batch_size_at(sizes, min(epoch, 200), N)
        assert mb.Batches(N, sizes).batch_size(epoch) == min(sizes(epoch), N)


def test_sizes_in_words():
    assert [Growing(32)(k) for k in range(5)] == [32, 64, 128, 256, 512]
    assert [Growing(10, factor=1.5, every=3)(k) for k in range(8)] == [10, 10, 10, 15, 15, 15, 22, 22]
    assert [Growing(10, max_batch_size=25)(k) for k in range(4)] == [10, 20, 25, 25]
    assert Growing(10, factor=1.0)(10**9) == 10
    assert [PerEpoch(np.array([3, 9, 5]))(k) for k in range(5)] == [3, 9, 5, 5, 5]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [{}, {"shuffle": "once"}, {"shuffle": False}, {"replacement": True}])
@pytest.mark.parametrize("sizes", SIZES, ids=repr)
def test_every_step_is_that_of_the_reference(sizes, shuffle, drop_last, dtype):
    X, y = data(dtype)
    options = {"batch_size": sizes, "optimizer": SGD(0.05), "epochs": 6, "drop_last": drop_last,
               "record": ("step", "path"), **shuffle}  # fmt: skip
    ours, expected = mb.fit(X, y, **options), reference.fit(X, y, **options)
    tolerance = 1e-11 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(ours.history.path, expected.history["path"], rtol=0, atol=tolerance)
    np.testing.assert_array_equal(ours.history.batch_size, expected.history["batch_size"])
    assert ours.history.batch_size.dtype.kind == "i"
    assert ours.batch_size == min(sizes(5), N)


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
def test_a_resumed_run_goes_on_bit_for_bit(sizes):
    X, y = data()
    options = {"batch_size": sizes, "optimizer": Adam(0.01)}
    whole = mb.fit(X, y, **options, epochs=7)
    part = mb.fit(X, y, **options, epochs=2)
    part = mb.fit(X, y, **options, epochs=1, resume=pickle.loads(pickle.dumps(part)))
    part = mb.fit(X, y, **options, epochs=4, resume=part)
    np.testing.assert_array_equal(part.coef, whole.coef)
    np.testing.assert_array_equal(part.history.batch_size, whole.history.batch_size)
    np.testing.assert_array_equal(whole.history.batch_size, [min(sizes(k), N) for k in range(7)])
    assert part.n_steps == whole.n_steps == sum(-(-N // min(sizes(k), N)) for k in range(7))


@pytest.mark.parametrize("n_threads", [2, 3])
def test_threads_change_no_bit(n_threads):
    X, y = data(n=40_000)
    options = {"batch_size": Growing(100, factor=8.0), "epochs": 4}
    expected = mb.fit(X, y, **options, n_threads=1)
    np.testing.assert_array_equal(mb.fit(X, y, **options, n_threads=n_threads).coef, expected.coef)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=repr)
def test_batches_of_every_epoch(sizes, drop_last):
    batches = mb.Batches(N, sizes, drop_last=drop_last, seed=4)
    for k in (0, 1, 4, 9):
        same = mb.Batches(N, batches.batch_size(k), drop_last=drop_last, seed=4)
        rows = list(batches.epoch(k))
        assert len(rows) == batches.n_steps(k) == len(same)
        for step, (ours, theirs) in enumerate(zip(rows, same.epoch(k), strict=True)):
            np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(batches.batch(k, step), theirs)
        with pytest.raises(ValueError, match="step must be less than the number of steps"):
            batches.batch(k, batches.n_steps(k))
    assert bool(batches)
    with pytest.raises(TypeError, match=r"ask n_steps\(epoch\)"):
        len(batches)
    again = pickle.loads(pickle.dumps(batches))
    assert repr(again) == repr(batches)
    np.testing.assert_array_equal(again.batch(1, 0), batches.batch(1, 0))


def test_minibatches_and_minimize_grow_too():
    X, y = data()
    sizes = Growing(50, factor=2)
    lengths = [len(b) for b in mb.minibatches(X, batch_size=sizes, epochs=3)]
    assert lengths == [50, 50, 50, 50, 30, 100, 100, 30, 200, 30]

    def fun(w, x, z):
        r = x @ w - z
        return r @ r / 2 / len(z), x.T @ r / len(z)

    options = {"batch_size": sizes, "epochs": 5, "optimizer": SGD(0.1)}
    expected = mb.fit(X, y, fit_intercept=False, **options)
    found = mb.minimize(fun, np.zeros(5), X, y, **options)
    assert found.n_epochs == 5
    assert found.n_steps == expected.n_steps
    np.testing.assert_allclose(found.params, expected.coef, rtol=1e-11)
    options["drop_last"] = True
    assert mb.minimize(fun, np.zeros(5), X, y, **options).n_epochs == 5


def test_a_growing_batch_anneals_as_a_falling_rate_does():
    """Smith et al. 2018: the noise is about learning_rate / batch_size."""
    X, y = data(n=4000)
    optimum = np.linalg.lstsq(np.column_stack([X, np.ones(4000)]), y, rcond=None)[0]

    def distance(**options):
        runs = [mb.fit(X, y, epochs=6, seed=seed, **options) for seed in range(10)]
        return np.mean([((run.coef - optimum[:-1]) ** 2).sum() for run in runs]), runs[0].n_steps

    constant, _ = distance(batch_size=10, optimizer=SGD(0.1))
    growing, n_steps = distance(batch_size=Growing(10), optimizer=SGD(0.1))
    steps = np.concatenate([[0], np.cumsum([400] * 6)])
    falling, n_falling = distance(
        batch_size=10,
        optimizer=SGD(mb.schedules.Piecewise(steps[1:-1], 0.1 / 2.0 ** np.arange(6))),
    )
    assert growing < constant / 5
    assert 1 / 3 < growing / falling < 3
    assert n_steps < n_falling / 2.9


REFUSED = [
    (lambda: Growing(0), ValueError, "batch_size must be >= 1, got 0"),
    (lambda: Growing(2.5), TypeError, "batch_size must be an integer, got 2.5"),
    (lambda: Growing(8, factor=0.5), ValueError, "factor must be finite and >= 1, got 0.5"),
    (lambda: Growing(8, factor=np.inf), ValueError, "factor must be finite and >= 1, got inf"),
    (lambda: Growing(8, every=0), ValueError, "every must be >= 1, got 0"),
    (lambda: Growing(8, max_batch_size=-3), ValueError, "max_batch_size must be >= 1, got -3"),
    (lambda: PerEpoch([]), ValueError, "batch_sizes must be whole numbers >= 1, at least one, got none"),
    (lambda: PerEpoch([4, 0]), ValueError, "batch_sizes must be whole numbers .*, got 0 at entry 1"),
    (lambda: PerEpoch([1.5]), ValueError, "batch_sizes must be whole numbers .*, got 1.5 at entry 0"),
    (lambda: PerEpoch([[1]]), ValueError, "batch_sizes must have 1 dimension"),
    (lambda: mb.Batches(5, Growing), TypeError, "batch_size must be an integer"),
]


@pytest.mark.parametrize(("make", "error", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
